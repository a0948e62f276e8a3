// Report: what became of a start. Only the instance that redeemed may say so; what comes late moves no state (RULE 25).
import type { CancelCommand, ReportCommand } from './commands.ts';
import { consequence } from './consequence.ts';
import { appendDenial } from './denial.ts';
import type { Draft } from './draft.ts';
import { settlement } from './meters.ts';
import { lapse } from './tick.ts';
import type { Transition } from './transition.ts';

/** Applies a `report` command. */
export function report(draft: Draft, command: ReportCommand): Transition {
  const found = draft.get('execution', command.exec);
  if (found === undefined)
    return draft.reply({ kind: 'conflict', code: 'unknown_execution', exec: command.exec });
  if (found.start === undefined) return unstarted(draft, command);
  if (found.start.instance !== command.instance || found.jkt !== command.caller.jkt) {
    return draft.reply({ kind: 'conflict', code: 'other_instance', exec: found.exec });
  }
  // RULE 25: what a report means must not hang on whether a timer came first.
  const row = lapse(draft, found) ? draft.get('execution', command.exec)! : found;
  if (row.start === undefined) return unstarted(draft, command);
  const late = row.state !== 'running';
  // The same report again, after a lost reply: the outcome that it made is the answer.
  if (late && row.outcome?.by === 'executor' && row.outcome.status === command.status) {
    return draft.reply({ kind: 'decided', exec: row.exec, sameRequest: true });
  }
  draft.append('outcome', {
    exec: row.exec,
    permit: row.permit!.leaf,
    start: row.start.leaf,
    status: command.status,
    ...(command.result === undefined ? {} : { result: command.result }),
    ...(command.exit === undefined ? {} : { exit: command.exit }),
    ...(command.reason === undefined ? {} : { reason: command.reason }),
    renewals: row.lease?.counter ?? 0,
    longestGapMs: Math.max(row.lease?.longestGapMs ?? 0, draft.nowMs - (row.lease?.atMs ?? draft.nowMs)),
    ...(row.lease === undefined ? {} : { leaseUntil: row.lease.untilMs }),
    by: 'executor',
    settled: late ? [] : settlement(row.reserved, command.settled),
    ...(late ? { late: true as const } : {}),
  });
  return draft.reply({ kind: 'done', exec: row.exec, status: command.status, late });
}

/** An outcome without a start: nothing moves, the claim is on record, and the bundle may contain its run (RULE 33). */
function unstarted(draft: Draft, command: ReportCommand): Transition {
  const row = draft.get('execution', command.exec)!;
  if (row.jkt !== command.caller.jkt)
    return draft.reply({ kind: 'conflict', code: 'other_instance', exec: row.exec });
  const { leaf } = appendDenial(draft, row, row.decision.leaf, {
    jkt: command.caller.jkt,
    code: 'not_started',
  });
  consequence(draft, { rules: command.consequences, on: 'outcome_without_start', exec: row.exec, leaf });
  return draft.reply({
    kind: 'refused',
    exec: row.exec,
    code: 'not_started',
    verdict: 'deny',
    reasons: [],
    holds: [],
  });
}

/** Applies a `cancel` command: a caller that gives up ends its hold (RULE 22). */
export function cancel(draft: Draft, command: CancelCommand): Transition {
  const row = draft.get('execution', command.exec);
  if (row === undefined || row.jkt !== command.caller.jkt) {
    return draft.reply({ kind: 'conflict', code: 'unknown_execution', exec: command.exec });
  }
  if (row.state !== 'held' && row.state !== 'approved')
    return draft.reply({ kind: 'conflict', code: 'not_held', exec: row.exec });
  appendDenial(draft, row, row.hold!.leaf, { jkt: row.jkt, code: 'cancelled' });
  return draft.reply({ kind: 'done', exec: row.exec });
}
