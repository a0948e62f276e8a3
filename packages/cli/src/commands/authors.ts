/**
 * `licet authors [list] | key | add | rotate | retire`: whose signatures count on this team's bundles (RULE 20). Each
 * author's key lies in their own state folder; a key that counts lets another in, and the log carries its word.
 */
import type { Command } from 'commander';
import type { AuthorChange, AuthorView } from '@licet/api';
import { tellAnswer } from '../answers.ts';
import { withAttached, type Attached } from '../attach.ts';
import { action, confirm, withPlane, type CommonOptions } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { columns, printable, type Output } from '../output.ts';
import { stateFolderOf } from '../places.ts';

interface ChangeOptions extends CommonOptions {
  readonly yes?: boolean;
  readonly print?: boolean;
}

/** Adds the commands. */
export function addAuthors(program: Command): void {
  const authors = program.command('authors').description("whose signatures count on the team's bundles");
  addList(authors);
  addKey(authors);
  addAdd(authors);
  addRotate(authors);
  addRetire(authors);
}

function addList(authors: Command): void {
  withPlane(authors.command('list', { isDefault: true }))
    .description("the keys of the team's authors: those that count, and those that did")
    .action(
      action(({ options, out }) =>
        withAttached(options, async ({ client }) => {
          const items = await client.authors();
          out.document({ ok: true, authors: items });
          const rows = items.map((one) => [
            `  ${one.id}`,
            printable(one.name ?? one.subject ?? 'pinned in the trust file'),
            one.counts ? out.style('good', 'counts') : 'counts no more',
          ]);
          for (const line of columns(rows)) out.line(line);
          return EXIT.ok;
        }),
      ),
    );
}

function addKey(authors: Command): void {
  withPlane(authors.command('key'))
    .summary('your own author key on this machine, made where there is none')
    .description(
      'Show the author key of this machine, made in your state folder where there is none, and how somebody whose key\n' +
        'counts lets it in. The key itself never leaves the folder.',
    )
    .action(
      action(({ options, out }) =>
        withAttached(options, async ({ client, origin }) => {
          const { ownAuthor } = await import('@licet/server');
          const { id, key } = await ownAuthor(stateFolderOf(), origin);
          const { subject } = await client.me();
          const counts = (await client.authors()).some((one) => one.id === id && one.counts);
          out.document({ ok: true, id, key, counts, subject });
          out.line(`${out.style('name', id)}  ${counts ? 'counts' : 'does not count yet'}`);
          out.line(`  ${key}`);
          if (!counts) out.line(`Next: an author runs licet authors add '${key}' --for ${subject}`);
          return EXIT.ok;
        }),
      ),
    );
}

function addAdd(authors: Command): void {
  withPlane(authors.command('add'))
    .summary("let another author's key in, signed with yours")
    .description(
      'Let the key of another author in, signed with the author key of this machine. The person must have the role\n' +
        'author. A second person may be asked; then run the same command again.',
    )
    .argument('<key>', 'as licet authors key printed it')
    .requiredOption('--for <person>', 'whose key it is')
    .option('--print', 'print the signed change and send nothing')
    .action(
      action<ChangeOptions & { readonly for: string }>(({ options, out }, key) =>
        withAttached(options, async (attached) => {
          const { readAuthor, signAuthorChange } = await import('@licet/server');
          const own = await readAuthor(stateFolderOf(), attached.origin);
          const change = { op: 'add' as const, key: key!, subject: options.for };
          const changes = [signAuthorChange(own, attached.origin, change)];
          return handIn(out, attached, changes, options, `bundles of ${options.for} count`);
        }),
      ),
    );
}

function addRotate(authors: Command): void {
  withPlane(authors.command('rotate'))
    .summary('replace your own author key')
    .description(
      'Make a new author key, let in by the present one, which it then retires; both at once. What the present one signed\n' +
        'stays in force and verifiable. A second person may be asked; then run the same command again.',
    )
    .option('--for <person>', 'whose key it is, where the present one names nobody (default: you)')
    .option('--yes', 'do it without asking')
    .action(
      action<ChangeOptions & { readonly for?: string }>(({ options, out }) =>
        withAttached(options, async (attached) => {
          const { client, origin } = attached;
          const { nextAuthor, readAuthor, signAuthorChange, takeNextAuthor } = await import('@licet/server');
          const state = stateFolderOf();
          const [own, next] = [await readAuthor(state, origin), await nextAuthor(state, origin)];
          const known = await client.authors();
          const counts = (id: string): boolean => known.some((one) => one.id === id && one.counts);
          // Done already, by a run of this command that ended before the new key was in its place.
          if (counts(next.id) && !counts(own.id)) {
            await takeNextAuthor(state, origin);
            out.document({ ok: true, id: next.id });
            out.line(`${out.style('good', '✓')} key ${next.id} signs from now on`);
            return EXIT.ok;
          }
          const before = known.find((one) => one.id === own.id);
          const subject = before?.subject ?? options.for ?? (await client.me()).subject;
          await confirm(out, `Replace author key ${own.id}? It never counts again.`, options.yes);
          const changes = [
            signAuthorChange(own, origin, { op: 'add', key: next.key, subject }),
            signAuthorChange(next, origin, { op: 'retire', key: own.key }),
          ];
          const answer = await client.changeAuthors(changes);
          if (answer.verdict === 'done') await takeNextAuthor(state, origin);
          return tellAnswer(out, answer, `key ${next.id} signs from now on`);
        }),
      ),
    );
}

function addRetire(authors: Command): void {
  withPlane(authors.command('retire'))
    .summary("retire an author's key, signed with yours")
    .description(
      "Retire an author's key, by the word of the author key of this machine. It never counts again for a new bundle;\n" +
        'what it signed before stays in force and verifiable. A second person may be asked; then run it again.',
    )
    .argument('<id>', 'as licet authors list shows it')
    .option('--yes', 'do it without asking')
    .option('--print', 'print the signed change and send nothing')
    .action(
      action<ChangeOptions>(({ options, out }, id) =>
        withAttached(options, async (attached) => {
          const { client, origin } = attached;
          const one = (await client.authors()).find((candidate: AuthorView) => candidate.id === id);
          if (one === undefined) throw new CliError('ERR_CLI_NOT_FOUND', `no author has a key ${id}`);
          const { readAuthor, signAuthorChange } = await import('@licet/server');
          const own = await readAuthor(stateFolderOf(), origin);
          const changes = [signAuthorChange(own, origin, { op: 'retire', key: one.key })];
          if (options.print !== true)
            await confirm(out, `Retire author key ${id}? It never counts again.`, options.yes);
          return handIn(out, attached, changes, options, `author key ${id} is retired`);
        }),
      ),
    );
}

/** Sends them, or prints what the console's page of policies takes. */
async function handIn(
  out: Output,
  { client }: Attached,
  changes: readonly AuthorChange[],
  options: ChangeOptions,
  done: string,
): Promise<ExitCode> {
  if (options.print !== true) return tellAnswer(out, await client.changeAuthors(changes), done);
  process.stdout.write(`${JSON.stringify(changes)}\n`);
  return EXIT.ok;
}
