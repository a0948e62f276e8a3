/** Goal: states move only along the table of DESIGN §7. Method: every pair, and every state as a beginning. */
import { expect, test } from 'vitest';
import type { ExecutionState } from '../src/index.ts';
import { isFinal, move } from '../src/core/states.ts';

const STATES: readonly ExecutionState[] = [
  'refused',
  'held',
  'approved',
  'denied',
  'permitted',
  'expired',
  'running',
  'completed',
  'failed',
  'halted',
  'in_doubt',
];
const ALLOWED: ReadonlySet<string> = new Set([
  'held>held',
  'held>approved',
  'held>denied',
  // Approved by policy instead of people: the rule that asked for them may be gone when the caller is there again.
  'held>permitted',
  'approved>permitted',
  'approved>held',
  'approved>denied',
  'permitted>running',
  'permitted>expired',
  'running>completed',
  'running>failed',
  'running>halted',
  'running>in_doubt',
  'in_doubt>completed',
  'in_doubt>failed',
  'in_doubt>halted',
]);

for (const from of STATES) {
  for (const to of STATES) {
    const allowed = ALLOWED.has(`${from}>${to}`);
    test(`${from} ${allowed ? 'may become' : 'never becomes'} ${to}`, () => {
      if (allowed) expect(move(from, to)).toBe(to);
      else expect(() => move(from, to)).toThrow(/cannot go from/);
    });
  }
}

test('an execution begins refused, held or permitted, and in no other state', () => {
  const beginnings = STATES.filter((state) => {
    try {
      return move(undefined, state) === state;
    } catch {
      return false;
    }
  });
  expect(beginnings).toEqual(['refused', 'held', 'permitted']);
});

test('what is final never moves again', () => {
  expect(STATES.filter(isFinal)).toEqual(['refused', 'denied', 'expired', 'completed', 'failed', 'halted']);
});
