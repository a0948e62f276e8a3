/** `licet roles [list] | set SUBJECT [ROLE…]`: who may look, approve, operate, write policy and audit. */
import type { Command } from 'commander';
import { tellAnswer } from '../answers.ts';
import { withAttached } from '../attach.ts';
import { action, withPlane } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { columns, printable } from '../output.ts';

const ROLES = ['viewer', 'approver', 'operator', 'author', 'auditor'] as const;

/** Adds the commands. */
export function addRoles(program: Command): void {
  const roles = program
    .command('roles')
    .description('roles of people: viewer, approver, operator, author, auditor');
  withPlane(roles.command('list', { isDefault: true }))
    .description('people in force, their roles and groups')
    .action(
      action(({ options, out }) =>
        withAttached(options, async ({ client }) => {
          const people = (await client.identities()).filter(
            ({ kind, revoked }) => kind === 'user' && !revoked,
          );
          out.document(
            people.map(({ subject, name, roles: held, groups }) => ({ subject, name, roles: held, groups })),
          );
          const rows = people.map(({ subject, name, roles: held, groups }) => [
            subject,
            printable(name ?? ''),
            held.length === 0 ? out.style('dim', 'no role') : printable(held.join(', ')),
            printable(groups.join(', ')),
          ]);
          for (const line of columns(rows)) out.line(line);
          return EXIT.ok;
        }),
      ),
    );
  withPlane(roles.command('set'))
    .summary('give a person exactly these roles')
    .description(
      'Give a person exactly these roles; none takes all away. It is governed and in the log, and what they approved\n' +
        'counts no longer once the role is gone.',
    )
    .argument('<subject>')
    .argument('[role...]', ROLES.join(', '))
    .option('--group <group...>', 'groups in whose name an approver speaks (default: as they are)')
    .action(
      action<{ readonly group?: readonly string[] }>(({ options, out }, subject, ...given) =>
        withAttached(options, async ({ client }) => {
          const unknown = given.find((role) => !(ROLES as readonly string[]).includes(role));
          if (unknown !== undefined)
            throw new CliError('ERR_CLI_USAGE', `${JSON.stringify(unknown)} is no role`, {
              next: `Roles are ${ROLES.join(', ')}.`,
            });
          const answer = await client.changeIdentity(subject!, 'update', {
            roles: [...new Set(given)],
            ...(options.group === undefined ? {} : { groups: options.group }),
          });
          return tellAnswer(out, answer, `${subject}: ${given.length === 0 ? 'no role' : given.join(', ')}`);
        }),
      ),
    );
}
