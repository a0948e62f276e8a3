// The life of an execution (DESIGN §7). The table is the whole truth: a transition that it does not list is a broken
// invariant, whoever asks for it.
import { invariant } from '../errors.ts';
import type { ExecutionState } from './rows.ts';

const NEXT: Readonly<Record<ExecutionState, readonly ExecutionState[]>> = {
  refused: [],
  held: ['held', 'approved', 'denied', 'permitted'],
  approved: ['permitted', 'held', 'denied'],
  denied: [],
  permitted: ['running', 'expired'],
  expired: [],
  running: ['completed', 'failed', 'halted', 'in_doubt'],
  in_doubt: ['completed', 'failed', 'halted'],
  completed: [],
  failed: [],
  halted: [],
};

/** States in which nothing more happens by itself. */
export const isFinal = (state: ExecutionState): boolean => NEXT[state].length === 0;

/** Returns `to`, or breaks: `from` undefined means the execution is new. */
export function move(from: ExecutionState | undefined, to: ExecutionState): ExecutionState {
  const allowed =
    from === undefined
      ? (['refused', 'held', 'permitted'] as const).some((s) => s === to)
      : NEXT[from].includes(to);
  // INVARIANT: states move only along the table; `states.test.ts` walks every pair.
  invariant(allowed, `an execution cannot go from ${from ?? 'nothing'} to ${to}`);
  return to;
}
