/** `licet agents list | enroll | revoke`: who may act. Enrolling makes a key and keeps it in the state folder. */
import type { Command } from 'commander';
import { newPrivateJwk, publicHalf } from '@licet/api';
import { tellAnswer } from '../answers.ts';
import { attach, withAttached } from '../attach.ts';
import { action, confirm, withPlane } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { columns, printable } from '../output.ts';
import { stateFolderOf } from '../places.ts';

/** Adds the commands. */
export function addAgents(program: Command): void {
  const agents = program.command('agents').description('agents and other identities');
  withPlane(agents.command('list'))
    .description('identities in force')
    .option('--all', 'revoked ones too')
    .action(
      action<{ readonly all?: boolean }>(({ options, out }) =>
        withAttached(options, async ({ client }) => {
          const list = (await client.identities()).filter(({ revoked }) => options.all === true || !revoked);
          out.document(list);
          const rows = list.map(({ subject, kind, name, groups, roles, for: owner, revoked }) => [
            subject,
            revoked ? out.style('bad', 'revoked') : kind,
            printable(name ?? ''),
            printable([...groups, ...roles].join(',')),
            owner === undefined ? '' : `for ${owner}`,
          ]);
          for (const line of columns(rows)) out.line(line);
          return EXIT.ok;
        }),
      ),
    );
  addEnroll(agents);
  withPlane(agents.command('revoke'))
    .description('take an identity away: its sessions end, its running executions halt')
    .argument('<subject>')
    .option('--yes', 'revoke without asking')
    .action(
      action<{ readonly yes?: boolean }>(({ options, out }, subject) =>
        withAttached(options, async ({ client }) => {
          await confirm(out, `Revoke ${subject}? It cannot be undone; enrol again instead.`, options.yes);
          return tellAnswer(out, await client.changeIdentity(subject!, 'revoke'), `${subject} is revoked`);
        }),
      ),
    );
}

interface EnrollOptions {
  readonly group?: readonly string[];
  readonly for?: string;
  readonly perDay?: string;
  readonly concurrent?: string;
  readonly key?: string;
}

function addEnroll(agents: Command): void {
  withPlane(agents.command('enroll'))
    .description('register an agent and make its key')
    .argument('<name>', 'a name for people')
    .option('--group <group...>', 'groups that policies speak of (default: assistants)')
    .option('--for <user>', 'the person it acts for (default: u-owner)')
    .option('--per-day <n>', 'root executions a day (default: 1000)')
    .option('--concurrent <n>', 'root executions at once (default: 16)')
    .option('--key <file>', 'where to keep its private key (default: your state folder)')
    .action(
      action<EnrollOptions>(async ({ options, out }, name) => {
        const root = { perDay: count(options.perDay, 1_000), concurrent: count(options.concurrent, 16) };
        const { OWNER, statePaths, writeAgentKey } = await import('@licet/server');
        const plane = await attach(options);
        try {
          const key = await newPrivateJwk();
          const answer = await plane.client.register({
            kind: 'agent',
            name: name!,
            groups: options.group ?? ['assistants'],
            keys: [publicHalf(key)],
            for: options.for ?? OWNER,
            root,
          });
          if (answer.verdict !== 'done' || answer.subject === undefined) return tellAnswer(out, answer, '');
          const file = options.key ?? statePaths(stateFolderOf(), plane.origin).agentKey(answer.subject);
          await writeAgentKey(file, key);
          out.document({
            ok: true,
            subject: answer.subject,
            name,
            key: file,
            groups: options.group ?? ['assistants'],
          });
          out.line(`${out.style('good', '✓')} ${answer.subject} (${printable(name!)})`);
          out.line(`  key  ${file}`);
          out.line(
            `Next: licet mcp --agent ${answer.subject} -- <server command>, or openPlane({ agent: '${answer.subject}' }).`,
          );
          return EXIT.ok;
        } finally {
          await plane.client.close();
        }
      }),
    );
}

function count(text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new CliError('ERR_CLI_USAGE', `${text} is no count`);
  return value;
}
