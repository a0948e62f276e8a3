/**
 * `licet approvals | approve ID | reject ID`: what waits for a person, by deadline, with the exact arguments that would
 * run. What is shown is what is signed over: the hold's leaf commits to it (RULE 22).
 */
import type { Command } from 'commander';
import { canonicalize, type Json } from '@licet/evidence';
import type { ExecutionView, PlaneClient } from '@licet/api';
import { withAttached } from '../attach.ts';
import { action, withPlane } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { duration, printable, time, type Output } from '../output.ts';

/** Adds the commands. */
export function addApprovals(program: Command): void {
  withPlane(program.command('approvals'))
    .description('what waits for a person, the next deadline first')
    .action(
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

function addVerdict(program: Command, verdict: 'approve' | 'reject', description: string): void {
  withPlane(program.command(verdict))
    .description(description)
    .argument('<id>', 'execution id')
    .option('--group <group>', 'the group in whose name; default: the only one asked')
    .action(
      action<{ readonly group?: string }>(({ options, out }, id) =>
        withAttached(options, async ({ client }) => {
          const view = await heldExecution(client, id!);
          const hold = view.hold!;
          const group = options.group ?? onlyGroup(view);
          showHeld(out, view);
          const answer = await client.approve(view.executionId, { hold: hold.leaf, group, verdict });
          out.document({ ok: true, verdict, group, ...answer });
          out.line(
            verdict === 'reject'
              ? `${out.style('good', '✓')} rejected for ${group}; it will not run`
              : `${out.style('good', '✓')} approved for ${group}; ${answer.complete ? 'it may run when the caller is there again' : 'others are still asked'}`,
          );
          return EXIT.ok;
        }),
      ),
    );
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
  for (const { group, need } of view.hold?.groups ?? []) {
    const given = view.hold!.approvals.filter((approval) => approval.group === group);
    const words = given.map(({ by, verdict }) => `${verdict} by ${by}`).join(', ');
    out.line(`  asks       ${printable(group)} ×${need}${words === '' ? '' : ` (${printable(words)})`}`);
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
