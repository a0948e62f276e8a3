/**
 * `licet approvals | approve ID… | reject ID…`: what waits for a person, by deadline, with the exact arguments that would
 * run. What is shown is what is signed over: the hold's leaf commits to it (RULE 22). `approvals standing` is the word in
 * advance.
 */
import type { Command } from 'commander';
import { canonicalize, type Json } from '@licet/evidence';
import type { ApprovedOne, ExecutionView, PlaneClient, Rejection } from '@licet/api';
import { withAttached } from '../attach.ts';
import { addStanding, grantLike, showOperated } from './standing.ts';
import { action, withPlane } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { duration, printable, time, type Output } from '../output.ts';

/** Adds the commands. */
export function addApprovals(program: Command): void {
  const approvals = withPlane(program.command('approvals'));
  addStanding(approvals);
  approvals.description('what waits for a person, the next deadline first').action(
    action(({ options, out }) =>
      withAttached(options, async ({ client }) => {
        const waiting = (await client.approvals()).toSorted((a, b) => deadline(a) - deadline(b));
        out.document(waiting);
        for (const view of waiting) showHeld(out, view);
        if (waiting.length === 0) out.line('Nothing waits for a person.');
      }),
    ),
  );
  addVerdict(program, 'approve', 'lift a hold: this very call may then run, once');
  addVerdict(program, 'reject', 'refuse a held call');
}

interface VerdictOptions {
  readonly group?: string;
  readonly code?: string;
  readonly because?: string;
  readonly next?: string;
  readonly for?: string;
  readonly within?: string;
  readonly max?: readonly string[];
}

function addVerdict(program: Command, verdict: 'approve' | 'reject', description: string): void {
  const command = withPlane(program.command(verdict))
    .description(description)
    .argument('<id...>', 'execution ids')
    .option('--group <group>', 'the group in whose name; default: the only one asked');
  if (verdict === 'reject')
    command
      .option(
        '--because <text>',
        'why, in words; kept beside the log, told to the caller where policies let it',
      )
      .option('--code <code>', 'why, as a code for the log', 'declined');
  else
    command
      .option('--next <count>', 'and approve in advance that many calls like it (see `approvals standing`)')
      .option('--for <time>', 'with --next: for how long, such as 1h', '1h')
      .option(
        '--within <folder>',
        'with --next: anything in this folder; default: exactly what this one touches',
      )
      .option('--max <argument=amount...>', 'with --next: an argument up to this amount');
  command.action(
    action<VerdictOptions>(({ options, out }, ...ids) =>
      withAttached(options, async ({ client }) => {
        const words: Word[] = [];
        for (const id of ids) {
          const view = await heldExecution(client, id);
          showHeld(out, view);
          words.push({ view, group: options.group ?? onlyGroup(view) });
        }
        const done = await say(client, words, {
          verdict,
          ...(verdict === 'approve' ? {} : { reason: reasonOf(options) }),
        });
        for (const one of done) out.line(outcomeOf(out, one, verdict));
        const standing = options.next === undefined ? undefined : await grantLike(client, words[0]!, options);
        const [only] = done;
        out.document({
          verdict,
          // One word is answered as itself, several as a list.
          ...(ids.length === 1
            ? { group: words[0]!.group, ...only! }
            : { ok: done.every(({ ok }) => ok), items: done }),
          ...(standing === undefined ? {} : { standing }),
        });
        const granted = standing === undefined ? EXIT.ok : showOperated(out, standing, 'approved in advance');
        return done.every(({ ok }) => ok) ? granted : EXIT.failed;
      }),
    ),
  );
}

interface Word {
  readonly view: ExecutionView;
  readonly group: string;
}

/** Says it: one word fails as itself, of several each says what became of it. */
async function say(
  client: PlaneClient,
  words: readonly Word[],
  what: { readonly verdict: 'approve' | 'reject'; readonly reason?: Rejection },
): Promise<readonly ApprovedOne[]> {
  const said = words.map(({ view, group }) => ({
    executionId: view.executionId,
    hold: view.hold!.leaf,
    group,
    ...what,
  }));
  const [only] = said;
  if (only === undefined || said.length > 1) return client.approveMany(said);
  const { executionId, ...body } = only;
  return [{ ok: true, ...(await client.approve(executionId, body)) }];
}

const reasonOf = ({ code = 'declined', because }: VerdictOptions): Rejection => ({
  code,
  ...(because === undefined ? {} : { text: because }),
});

function outcomeOf(out: Output, one: ApprovedOne, verdict: 'approve' | 'reject'): string {
  if (!one.ok) return `${out.style('bad', '✗')} ${one.executionId}: ${printable(one.message)}`;
  const what =
    verdict === 'reject'
      ? 'rejected; it will not run'
      : one.complete
        ? 'approved; it may run when the caller is there again'
        : 'approved; others are still asked';
  return `${out.style('good', '✓')} ${one.executionId} ${what}`;
}

async function heldExecution(client: PlaneClient, id: string): Promise<ExecutionView> {
  // The list opens the arguments for those who may approve; what cannot be seen should not be approved blindly.
  const waiting = await client.approvals();
  const view = waiting.find(({ executionId }) => executionId === id) ?? (await client.execution(id));
  if (view.hold === undefined)
    throw new CliError('ERR_CLI_NOT_FOUND', `${id} is not held: it is ${view.state}`, {
      still: 'Nothing was decided.',
    });
  return view;
}

function onlyGroup(view: ExecutionView): string {
  const groups = view.hold!.groups.map(({ group }) => group);
  if (groups.length === 1) return groups[0]!;
  throw new CliError(
    'ERR_CLI_USAGE',
    `${view.executionId} asks ${groups.length} groups: ${groups.join(', ')}`,
    {
      next: 'Say in whose name with --group.',
    },
  );
}

const deadline = (view: ExecutionView): number => view.hold?.untilMs ?? Number.POSITIVE_INFINITY;

function showHeld(out: Output, view: ExecutionView): void {
  const left = deadline(view) - Date.now();
  out.line(`${out.style('strong', view.executionId)}  ${out.style('name', view.action)}`);
  out.line(`  by         ${view.chain.map(({ id, name }) => printable(name ?? id)).join(' → ')}`);
  if (Number.isFinite(left))
    out.line(`  until      ${time(deadline(view))} (${left > 0 ? `${duration(left)} left` : 'over'})`);
  for (const { group, need, also = [], apart, method } of view.hold?.groups ?? []) {
    const given = view.hold!.approvals.filter((approval) => approval.group === group);
    const words = given.map(({ by, verdict }) => `${verdict} by ${by}`).join(', ');
    const people = new Set(given.filter(({ verdict }) => verdict === 'approve').map(({ by }) => by)).size;
    const terms = [
      ...(apart === undefined ? [] : [`each of another one of ${apart.join(', ')}`]),
      ...(method === undefined ? [] : ['with a passkey']),
    ].join(', ');
    out.line(
      `  asks       ${printable(group)}, ${people} of ${need}${words === '' ? '' : ` (${printable(words)})`}${printable(terms === '' ? '' : `; ${terms}`)}`,
    );
    for (const step of also) out.line(`  then       ${printable(step.group)} as well, from ${time(step.at)}`);
  }
  for (const { type, id } of view.resources ?? []) out.line(`  touches    ${type} ${printable(id)}`);
  if (view.arguments === 'erased' || view.arguments === undefined)
    out.line(`  arguments  ${view.arguments ?? 'not shown to you'}`);
  // Canonical, one per line, escaped: two different calls never look the same here.
  else
    for (const [name, value] of Object.entries(view.arguments))
      out.line(`  ${printable(name).padEnd(10)} ${printable(canonicalize(value as Json))}`);
  out.line();
}
