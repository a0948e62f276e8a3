/**
 * `licet people invite | remove-passkey`, `licet operator retire-token`: how people come in by passkey, and how the token
 * of the first day goes. A passkey is made in a browser; this command line only opens the way to it.
 */
import { rm } from 'node:fs/promises';
import type { Command } from 'commander';
import { publicHalf, tokenKey } from '@licet/api';
import { jwkThumbprint } from '@licet/evidence';
import { tellAnswer } from '../answers.ts';
import { operatorToken, withAttached } from '../attach.ts';
import { action, confirm, withPlane } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { printable, time } from '../output.ts';
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
