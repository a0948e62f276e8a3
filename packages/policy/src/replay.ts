/**
 * Replay: a bundle over recorded decisions, with the list of verdicts that would change (DESIGN §6). What comes
 * out is observation, never authority (RULE 1).
 */
import type { DecisionInput } from './decision-input.ts';
import type { DenyCode } from './deny-codes.ts';
import type { Engine } from './engine.ts';
import { buildInput } from './input.ts';
import type { LoadedBundle } from './load.ts';

/** A decision as it was recorded. `id` is whatever the caller names decisions by. */
export interface RecordedDecision {
  readonly id: string;
  readonly input: DecisionInput;
  readonly verdict: 'allow' | 'deny' | 'hold';
  readonly code?: DenyCode;
  readonly reasons: readonly string[];
}

export interface ReplayedVerdict {
  readonly verdict: 'allow' | 'deny' | 'hold';
  readonly code?: DenyCode;
  readonly reasons: readonly string[];
}

/** One decision that would fall otherwise. */
export interface ReplayChange {
  readonly id: string;
  readonly action: string;
  readonly before: ReplayedVerdict;
  readonly after: ReplayedVerdict;
}

export interface ReplayReport {
  readonly total: number;
  /** Decisions whose verdict or code changes. */
  readonly changed: readonly ReplayChange[];
  /** How many keep their verdict for other reasons. */
  readonly otherReasons: number;
}

/** Returns what this bundle would have decided differently. */
export function replay(
  engine: Engine,
  loaded: LoadedBundle,
  decisions: readonly RecordedDecision[],
): ReplayReport {
  const changed: ReplayChange[] = [];
  let otherReasons = 0;
  for (const { id, input, ...before } of decisions) {
    // The mapping may have changed: a resource list recorded under another mapping is rebuilt, not trusted.
    const after = engine.evaluate(loaded, remapped(loaded, input));
    if (after.verdict !== before.verdict || (after.verdict === 'deny' && after.code !== before.code))
      changed.push({ id, action: input.action, before: verdictOf(before), after: verdictOf(after) });
    else if (after.reasons.join('\n') !== before.reasons.join('\n')) otherReasons++;
  }
  return { total: decisions.length, changed, otherReasons };
}

function remapped(loaded: LoadedBundle, input: DecisionInput): DecisionInput {
  const plan = loaded.actions.get(input.action);
  if (plan === undefined) return input;
  const built = buildInput(plan, input.args);
  return 'deny' in built ? input : { ...input, resources: built.resources };
}

function verdictOf({ verdict, code, reasons }: ReplayedVerdict): ReplayedVerdict {
  return { verdict, reasons, ...(code === undefined ? {} : { code }) };
}
