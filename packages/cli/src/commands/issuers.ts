/** `licet issuers list | example | add | update | rotate | revoke | refresh`: by whose tokens agents and people come in. */
import type { Command } from 'commander';
import type { IssuerView } from '@licet/api';
import { tellAnswer } from '../answers.ts';
import { withAttached } from '../attach.ts';
import { action, confirm, withJson, withPlane } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { EXAMPLES } from '../issuer-examples.ts';
import { columns, printable, time, type Output } from '../output.ts';
import { readInput } from '../places.ts';

/** Adds the commands. */
export function addIssuers(program: Command): void {
  const issuers = program
    .command('issuers')
    .description('trusted issuers: by whose tokens agents and people come in');
  withPlane(issuers.command('list', { isDefault: true }))
    .description('issuers that are trusted now, whom they let in, and how old their keys are')
    .action(
      action(({ options, out }) =>
        withAttached(options, async ({ client }) => {
          const items = await client.issuers();
          out.document(items);
          for (const line of columns(items.map((item) => rowOf(out, item)))) out.line(line);
          if (items.length === 0)
            out.line('No issuer is trusted. Next: licet issuers example github > issuer.json');
          return EXIT.ok;
        }),
      ),
    );
  withJson(issuers.command('example'))
    .description('print settings to start from')
    .argument('<profile>', Object.keys(EXAMPLES).join(' | '))
    .action(
      action(async ({ out }, profile) => {
        if (!Object.hasOwn(EXAMPLES, profile!))
          throw new CliError('ERR_CLI_USAGE', `${JSON.stringify(profile)} is no profile`, {
            next: `One of ${Object.keys(EXAMPLES).join(', ')}.`,
          });
        const settings = EXAMPLES[profile as keyof typeof EXAMPLES];
        out.document(settings);
        out.line(JSON.stringify(settings, null, 2));
      }),
    );
  withPlane(issuers.command('add'))
    .description('trust an issuer, as far as its settings say')
    .argument('<name>', 'a name for people')
    .argument('<file>', 'its settings: docs/formats/issuers.md')
    .action(
      action(async ({ options, out }, name, file) => {
        const settings = await settingsIn(file!);
        return withAttached(options, async ({ client }) => {
          const answer = await client.register({ kind: 'issuer', name: name!, settings });
          return tellAnswer(out, answer, `${answer.subject ?? name} is trusted`);
        });
      }),
    );
  addChange(issuers, 'update', 'change its settings; whom it vouched for before stays until that runs out');
  addChange(issuers, 'rotate', 'change its settings, and end everything that it vouched for before');
  withPlane(issuers.command('revoke'))
    .description('trust an issuer no more: whom it vouched for and whom it enrolled stop at their next beat')
    .argument('<subject>')
    .option('--yes', 'revoke without asking')
    .action(
      action<{ readonly yes?: boolean }>(({ options, out }, subject) =>
        withAttached(options, async ({ client }) => {
          const end = 'Everyone whom it let in stops. It cannot be undone; add it again instead.';
          await confirm(out, `Revoke ${subject}? ${end}`, options.yes);
          return tellAnswer(out, await client.changeIdentity(subject!, 'revoke'), `${subject} is revoked`);
        }),
      ),
    );
  withPlane(issuers.command('refresh'))
    .description('ask an issuer for its keys now')
    .argument('<subject>')
    .action(
      action(({ options, out }, subject) =>
        withAttached(options, async ({ client }) => {
          const state = await client.refreshIssuer(subject!);
          out.document(state);
          out.line(
            `${out.style('good', '✓')} ${state.keys === 1 ? '1 usable key' : `${state.keys} usable keys`}`,
          );
          return EXIT.ok;
        }),
      ),
    );
}

function addChange(issuers: Command, change: 'update' | 'rotate', what: string): void {
  withPlane(issuers.command(change))
    .description(what)
    .argument('<subject>')
    .argument('<file>', 'its settings from now on')
    .action(
      action(async ({ options, out }, subject, file) => {
        const settings = await settingsIn(file!);
        return withAttached(options, async ({ client }) =>
          tellAnswer(
            out,
            await client.changeIdentity(subject!, change, { settings }),
            `${subject} has new settings`,
          ),
        );
      }),
    );
}

function rowOf(out: Output, { subject, name, settings, keys, failing, fetchedMs }: IssuerView): string[] {
  const fetched = fetchedMs === undefined ? 'in its settings or not fetched yet' : `of ${time(fetchedMs)}`;
  const rules = [
    [settings.agents?.length ?? 0, 'for agents'],
    [settings.people?.length ?? 0, 'for people'],
  ] as const;
  return [
    subject,
    printable(name),
    settings.profile,
    printable(settings.issuer),
    rules.flatMap(([count, whom]) => (count === 0 ? [] : [`${count} ${whom}`])).join(', '),
    failing ? out.style('bad', 'cannot be reached') : `keys ${fetched}${keys === 0 ? '' : `: ${keys}`}`,
  ];
}

/** The settings in a file, whole. @throws CliError */
async function settingsIn(path: string): Promise<IssuerView['settings']> {
  const { IssuerSettings, misfit } = await import('@licet/api');
  const { parseJson } = await import('@licet/evidence');
  let value: unknown;
  try {
    value = parseJson(await readInput(path));
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError('ERR_CLI_FILE', `${path} is not JSON`, { cause });
  }
  const wrong = misfit(IssuerSettings, value);
  if (wrong !== undefined)
    throw new CliError('ERR_CLI_FILE', `${path} holds no settings of an issuer: ${wrong}`, {
      next: 'licet issuers example github prints some.',
    });
  return value as IssuerView['settings'];
}
