/**
 * Holds: denials that named approvals would lift (RULE 15). A hold is a claim about the next decision, so it
 * exists only if assuming exactly those approvals turns this decision to allow.
 */
import type { PolicySet } from './slices.ts';

/** An approval that is wanted. */
export interface Hold {
  readonly group: string;
  /** How many different approvers. */
  readonly need: number;
  /** Milliseconds since the epoch until which it waits; absent: the plane's default. */
  readonly untilMs?: number;
}

/**
 * Returns the approvals that the determining forbids ask for, by group name, or undefined when any of them
 * asks for none: then nothing a person says would lift the denial.
 */
export function holdsOf(
  set: PolicySet,
  forbids: readonly string[],
  nowMs: number,
): readonly Hold[] | undefined {
  const holds = new Map<string, Hold>();
  for (const id of forbids) {
    const ask = set.byId.get(id)?.annotations.hold;
    if (ask === undefined) return undefined;
    const known = holds.get(ask.group);
    const ends = [known?.untilMs, ask.waitMs === undefined ? undefined : nowMs + ask.waitMs].filter(
      (end) => end !== undefined,
    );
    holds.set(ask.group, {
      group: ask.group,
      need: Math.max(ask.need, known?.need ?? 0),
      ...(ends.length === 0 ? {} : { untilMs: Math.min(...ends) }),
    });
  }
  return holds.size === 0 ? undefined : [...holds.values()].sort((a, b) => (a.group < b.group ? -1 : 1));
}
