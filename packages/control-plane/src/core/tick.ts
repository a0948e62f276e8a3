// Tick: time passing. An unspent permit expires, an unanswered hold is denied, and a lease that ran out without a report
// leaves its execution in doubt: never retried, never forgotten (RULE 25).
import type { TickCommand } from './commands.ts';
import { appendDenial } from './denial.ts';
import type { Draft } from './draft.ts';
import { settlement } from './meters.ts';
import type { ExecutionRow } from './rows.ts';
import { SELF } from './rows.ts';
import type { Transition } from './transition.ts';

/** Applies a `tick` command. */
export function tick(draft: Draft, command: TickCommand): Transition {
  const changed: string[] = [];
  for (const exec of command.execs) {
    const row = draft.get('execution', exec);
    if (row === undefined) continue;
    if (lapse(draft, row)) changed.push(exec);
  }
  return draft.reply({ kind: 'ticked', changed });
}

/** Ends an execution whose time is over; true when it did. Whoever comes first finds it so: a timer or a report. */
export function lapse(draft: Draft, row: ExecutionRow): boolean {
  // RULE 39: a clock set back ends every permit and lease of the segment before it.
  const segmentStart = draft.get('clock', SELF)?.segmentStart ?? 0;
  const over = row.decision.index < segmentStart || (row.dueAtMs !== undefined && draft.nowMs >= row.dueAtMs);
  return over && end(draft, row);
}

function end(draft: Draft, row: ExecutionRow): boolean {
  switch (row.state) {
    case 'held':
    case 'approved':
      appendDenial(draft, row, row.hold!.leaf, {
        jkt: row.jkt,
        code: row.state === 'held' ? 'hold_expired' : 'approval_expired',
      });
      return true;
    case 'permitted':
      draft.append('outcome', {
        exec: row.exec,
        permit: row.permit!.leaf,
        status: 'expired',
        renewals: 0,
        longestGapMs: 0,
        by: 'plane',
        // Never started, so nothing was spent: what may settle lower settles at nothing.
        settled: row.reserved.map((meter) => ({ ...meter, amount: '0' })),
      });
      return true;
    case 'running':
      draft.append('outcome', {
        exec: row.exec,
        permit: row.permit!.leaf,
        start: row.start!.leaf,
        status: 'in_doubt',
        renewals: row.lease!.counter,
        longestGapMs: Math.max(row.lease!.longestGapMs, draft.nowMs - row.lease!.atMs),
        leaseUntil: row.lease!.untilMs,
        by: 'plane',
        settled: settlement(row.reserved, []),
      });
      return true;
    default:
      return false;
  }
}
