// In doubt: an execution ran out of its lease and nobody had reported how it ended. Only a person's word takes it out of
// that state (RULE 25): a second outcome, which names the one that it resolves.
import type { Effect } from './commands.ts';
import type { Draft } from './draft.ts';
import { settlement } from './meters.ts';

type ResolveEffect = Effect & { readonly op: 'resolve' };

/** Appends a person's word on how it ended; returns the leaf. */
export function appendResolution(draft: Draft, effect: ResolveEffect): string {
  const row = draft.get('execution', effect.exec)!;
  return draft.append('outcome', {
    exec: effect.exec,
    permit: row.permit!.leaf,
    start: row.start!.leaf,
    status: effect.status,
    renewals: row.lease?.counter ?? 0,
    longestGapMs: row.lease?.longestGapMs ?? 0,
    by: 'operator',
    reason: effect.reason,
    resolves: row.outcome!.leaf,
    settled: settlement(row.reserved, []),
  }).leaf;
}

/** Why there is nothing to resolve. */
export const impossibleResolution = (draft: Draft, effect: ResolveEffect): string | undefined =>
  draft.get('execution', effect.exec)?.state === 'in_doubt' ? undefined : 'not_in_doubt';
