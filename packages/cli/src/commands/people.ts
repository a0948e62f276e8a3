/**
 * `licet people invite | add | token | remove-passkey`, `licet operator retire-token`: how people come in, by passkey or
 * by a token of their own, and how the token of the first day goes. A passkey is made in a browser; this command line only
 * opens the way to it.
 */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { Command } from 'commander';
import { publicHalf, tokenKey } from '@licet/api';
import { base64url, jwkThumbprint } from '@licet/evidence';
import { tellAnswer } from '../answers.ts';
import { operatorToken, withAttached } from '../attach.ts';
import { action, confirm, withPlane } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { printable, time, type Output } from '../output.ts';
import { stateFolderOf } from '../places.ts';

interface InviteOptions {
  readonly subject?: string;
  readonly role?: readonly string[];
  readonly group?: readonly string[];
}

/** Adds the commands. */
export function addPeople(program: Command): void {
  const people = program.command('people').description('people and their passkeys');
  withPlane(people.command('invite'))
    .summary('register a person and let them make a passkey')
    .description(
      'Register a person, or name one with --subject, and print a code with which they make a passkey in their own\n' +
        'browser: once, within a day, at the address of the console.',
    )
    .argument('[name]', 'a name for people')
    .option('--subject <id>', 'a person who is registered already')
    .option('--role <role...>', 'viewer, approver, operator, author, auditor (default: approver)')
    .option('--group <group...>', 'groups that holds speak of')
    .action(
      action<InviteOptions>(({ options, out }, name) =>
        withAttached(options, async ({ client }) => {
          if ((name === undefined) === (options.subject === undefined))
            throw new CliError('ERR_CLI_USAGE', 'invite takes a name, or --subject of somebody known');
          let { subject } = options;
          if (name !== undefined) {
            const made = await client.register({
              kind: 'user',
              name,
              roles: options.role ?? ['approver'],
              groups: options.group ?? [],
            });
            if (made.verdict !== 'done' || made.subject === undefined) return tellAnswer(out, made, '');
            subject = made.subject;
          }
          const { invitation, exp } = await client.invite(subject!);
          out.document({ ok: true, subject, invitation, exp });
          out.line(
            `${out.style('good', '✓')} ${subject}${name === undefined ? '' : ` (${printable(name)})`}`,
          );
          out.line(`  open  CONSOLE/you#invitation=${invitation}`);
          out.line(`Once, until ${time(exp)}. Whoever has it becomes this person: give it to nobody else.`);
          return EXIT.ok;
        }),
      ),
    );
  withPlane(people.command('add'))
    .summary('register a person and print a token for them')
    .description(
      'Register a person and print a token of theirs, once: it signs in to the console and, as LICET_TOKEN, lets them use\n' +
        'this command line. The plane keeps only the public key that it stands for. A passkey is better: see invite.',
    )
    .argument('<name>', 'a name for people')
    .option('--role <role...>', 'viewer, approver, operator, author, auditor (default: approver)')
    .option('--group <group...>', 'groups that holds speak of')
    .action(
      action<Omit<InviteOptions, 'subject'>>(({ options, out }, name) =>
        withAttached(options, async ({ client }) => {
          const { token, key } = await newToken();
          const made = await client.register({
            kind: 'user',
            name: name!,
            roles: options.role ?? ['approver'],
            groups: options.group ?? [],
            keys: [key],
          });
          if (made.verdict !== 'done' || made.subject === undefined) return tellAnswer(out, made, '');
          return tellToken(out, made.subject, token);
        }),
      ),
    );
  withPlane(people.command('token'))
    .summary('give a person a new token in place of the old one')
    .description(
      'Replace the keys of a person by the one of a new token, and print it, once. What their old token and keys opened is\n' +
        'closed; passkeys stay.',
    )
    .argument('<id>', 'the person')
    .option('--yes', 'do it without asking')
    .action(
      action<{ readonly yes?: boolean }>(({ options, out }, id) =>
        withAttached(options, async ({ client }) => {
          await confirm(out, `Replace the token and keys of ${id}?`, options.yes);
          const { token, key } = await newToken();
          const answer = await client.changeIdentity(id!, 'rotate', { keys: [key] });
          return answer.verdict === 'done' ? tellToken(out, id!, token) : tellAnswer(out, answer, '');
        }),
      ),
    );
  withPlane(people.command('remove-passkey'))
    .description('take a passkey away: it signs nobody in, and what it approved and has not started ends')
    .argument('<id>', 'as `licet agents list --json` shows it')
    .option('--yes', 'do it without asking')
    .action(
      action<{ readonly yes?: boolean }>(({ options, out }, id) =>
        withAttached(options, async ({ client }) => {
          await confirm(out, `Take passkey ${id} away?`, options.yes);
          return tellAnswer(out, await client.removePasskey(id!), `passkey ${id} is gone`);
        }),
      ),
    );
  const operator = program.command('operator').description("the operator's token");
  withPlane(operator.command('retire-token'))
    .summary('end the token that set the plane up')
    .description(
      'End the operator token: its key leaves the identity, in the log. Refused while its owner has no passkey and no other\n' +
        'key. Afterwards people work in the console; this command line needs another token.',
    )
    .option('--yes', 'do it without asking')
    .action(
      action<{ readonly yes?: boolean }>(({ options, out }) =>
        withAttached(options, async ({ client, origin }) => {
          const jkt = jwkThumbprint({ ...publicHalf(await tokenKey(await operatorToken(origin))) });
          const isToken = (key: object): boolean => jwkThumbprint({ ...key }) === jkt;
          const owner = (await client.identities()).find(({ keys }) => keys.some(isToken));
          if (owner === undefined)
            throw new CliError('ERR_CLI_TOKEN', 'the token belongs to no identity in force');
          const keys = owner.keys.filter((key) => !isToken(key));
          if (keys.length === 0 && (owner.passkeys ?? []).length === 0)
            throw new CliError('ERR_CLI_LAST_KEY', `${owner.subject} would have nothing left to sign in by`, {
              still: 'The token works as before.',
            });
          await confirm(out, `Retire the token of ${owner.subject}? It cannot be brought back.`, options.yes);
          const answer = await client.changeIdentity(owner.subject, 'rotate', { keys });
          if (answer.verdict === 'done' && process.env['LICET_TOKEN'] === undefined) {
            const { statePaths } = await import('@licet/server');
            await rm(statePaths(stateFolderOf(), origin).operatorToken, { force: true });
          }
          return tellAnswer(out, answer, `the token of ${owner.subject} is retired`);
        }),
      ),
    );
}

/** A token, and the key by which the log knows it. */
async function newToken() {
  const token = base64url(new Uint8Array(randomBytes(32)));
  return { token, key: publicHalf(await tokenKey(token)) };
}

function tellToken(out: Output, subject: string, token: string): ExitCode {
  out.document({ ok: true, subject, token });
  out.line(`${out.style('good', '✓')} ${subject}`);
  out.line(`  token  ${token}`);
  out.line('Shown once. Whoever has it acts as this person: hand it over by a way that nobody else reads.');
  return EXIT.ok;
}
