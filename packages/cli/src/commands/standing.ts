/**
 * `licet approvals standing [list | grant | revoke]`: a word in advance, against fatigue: for calls like one another,
 * within bounds that the plane holds to (docs/formats/standing.md).
 */
import type { Command } from 'commander';
import { canonicalize, type Json, type StandingScope } from '@licet/evidence';
import type { ExecutionView, OperatorAnswer, PlaneClient } from '@licet/api';
import { parseDuration } from '@licet/policy';
import { withAttached } from '../attach.ts';
import { action, withPlane } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { printable, time, type Output } from '../output.ts';

interface GrantOptions {
  readonly group: string;
  readonly action: string;
  readonly agent?: string;
  readonly agents?: string;
  readonly within?: readonly string[];
  readonly max?: readonly string[];
  readonly count: string;
  readonly for: string;
}

/** Adds the commands. */
export function addStanding(approvals: Command): void {
  const standing = approvals.command('standing').description('what was approved in advance');
  withPlane(standing.command('list', { isDefault: true }))
    .description('standing approvals, newest first')
    .action(
      action(({ options, out }) =>
        withAttached(options, async ({ client }) => {
          const items = await client.standing();
          out.document(items);
          for (const { leaf, group, by, used, count, exp, revoked, scope } of items) {
            const left = revoked ? 'ended' : exp <= Date.now() ? 'over' : `until ${time(exp)}`;
            out.line(`${out.style('strong', leaf)}  ${printable(group)} by ${printable(by)}`);
            out.line(`  used       ${used} of ${count}, ${left}`);
            out.line(
              `  covers     ${scope === undefined ? 'erased: nothing' : printable(canonicalize(scope))}`,
            );
          }
          if (items.length === 0) out.line('Nothing was approved in advance.');
        }),
      ),
    );
  withPlane(standing.command('grant'))
    .description('approve calls in advance, in the name of a group of yours')
    .requiredOption('--group <group>', 'the group that holds would ask')
    .requiredOption('--action <server/tool>', 'exactly this action')
    .option('--agent <subject>', 'this agent')
    .option('--agents <group>', 'agents of this group')
    .option('--within <folder...>', 'everything that it touches lies in one of these folders')
    .option('--max <argument=amount...>', 'an argument up to this amount')
    .requiredOption('--count <n>', 'how many calls')
    .option('--for <time>', 'for how long, a day at most', '1h')
    .action(
      action<GrantOptions>(({ options, out }) =>
        withAttached(options, async ({ client }) => {
          const { agent, agents, within } = options;
          const answer = await client.grantStanding({
            group: options.group,
            scope: {
              v: 1,
              action: options.action,
              ...(agent === undefined ? {} : { agent }),
              ...(agents === undefined ? {} : { agents }),
              ...(within === undefined ? {} : { within: within.map((id) => ({ type: 'Folder', id })) }),
              ...maxOf(options.max),
            },
            ...boundsOf(options.count, options.for),
          });
          out.document(answer);
          return showOperated(out, answer, 'approved in advance');
        }),
      ),
    );
  withPlane(standing.command('revoke'))
    .description('end a standing approval, and what it has approved and not started')
    .argument('<leaf>', 'as `list` names it')
    .action(
      action(({ options, out }, leaf) =>
        withAttached(options, async ({ client }) => {
          const answer = await client.revokeStanding(leaf!);
          out.document(answer);
          return showOperated(out, answer, 'ended');
        }),
      ),
    );
}

/** Approves in advance what is like this held call: the same action by the same agent, on the same things or in a folder. */
export function grantLike(
  client: PlaneClient,
  { view, group }: { readonly view: ExecutionView; readonly group: string },
  options: {
    readonly next?: string;
    readonly for?: string;
    readonly within?: string;
    readonly max?: readonly string[];
  },
): Promise<OperatorAnswer> {
  const touched = (view.resources ?? []).map(({ type, id }) => ({ type, id }));
  const scope: StandingScope = {
    v: 1,
    action: view.action,
    agent: view.chain.at(-1)!.id,
    within: options.within === undefined ? touched : [{ type: 'Folder', id: options.within }],
    ...maxOf(options.max),
  };
  return client.grantStanding({ group, scope, ...boundsOf(options.next ?? '', options.for ?? '1h') });
}

/** Says what became of an operator's action; returns the exit code. */
export function showOperated(out: Output, answer: OperatorAnswer, done: string): ExitCode {
  if (answer.verdict === 'done') {
    out.line(`${out.style('good', '✓')} ${done}${answer.leaf === undefined ? '' : `: ${answer.leaf}`}`);
    return EXIT.ok;
  }
  out.line(`${out.style('bad', '✗')} ${printable(answer.reason)} (${answer.code})`);
  return EXIT.denied;
}

function boundsOf(count: string, forTime: string): { readonly count: number; readonly forMs: number } {
  const forMs = parseDuration(forTime);
  if (forMs === undefined)
    throw new CliError('ERR_CLI_USAGE', `--for ${forTime}: expected a time such as 30m or 8h`, {});
  if (!/^[1-9][0-9]{0,3}$/.test(count))
    throw new CliError('ERR_CLI_USAGE', `${count}: expected how many, from 1 to 1000`, {});
  return { count: Number(count), forMs };
}

function maxOf(pairs: readonly string[] | undefined): { readonly max?: Readonly<Record<string, string>> } {
  if (pairs === undefined) return {};
  const max: Record<string, Json> = {};
  for (const pair of pairs) {
    const at = pair.lastIndexOf('=');
    if (at < 1)
      throw new CliError('ERR_CLI_USAGE', `--max ${pair}: expected argument=amount, such as amount=50`, {});
    max[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return { max: max as Readonly<Record<string, string>> };
}
