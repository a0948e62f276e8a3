/**
 * Holds: denials that named approvals would lift (RULE 15). A hold is a claim about the next decision, so it
 * exists only if assuming exactly those approvals turns this decision to allow.
 */
import type { ApprovalSpec } from './bundle.ts';
import type { PolicySet } from './slices.ts';
import { parseDuration } from './terms.ts';

/** An approval that is wanted, and on what terms. Everything but `untilMs` stands in the entry of the hold as it is here. */
export interface Hold {
  readonly group: string;
  /** How many different approvers. */
  readonly need: number;
  /** Milliseconds since the epoch until which it waits; absent: the plane's default. */
  readonly untilMs?: number;
  /** From `at` on (milliseconds since the epoch), members of this other group may approve as well. */
  readonly also?: readonly { readonly group: string; readonly at: number }[];
  /** Each approver stands for another one of these groups. */
  readonly apart?: readonly string[];
  /** Longest life of an approval, milliseconds. */
  readonly ttl?: number;
  /** Who rejects says why. */
  readonly reason?: true;
  readonly method?: 'passkey';
}

/**
 * Returns the approvals that the determining forbids ask for, by group name, or undefined when any of them
 * asks for none: then nothing a person says would lift the denial.
 */
export function holdsOf(
  set: PolicySet,
  forbids: readonly string[],
  approvals: Readonly<Record<string, ApprovalSpec>>,
  nowMs: number,
): readonly Hold[] | undefined {
  const holds = new Map<string, Hold>();
  for (const id of forbids) {
    const ask = set.byId.get(id)?.annotations.hold;
    if (ask === undefined) return undefined;
    const known = holds.get(ask.group);
    const spec = Object.hasOwn(approvals, ask.group) ? approvals[ask.group]! : {};
    const waits = [ask.waitMs, spec.wait === undefined ? undefined : parseDuration(spec.wait)!];
    const ends = [known?.untilMs, ...waits.map((wait) => (wait === undefined ? undefined : nowMs + wait))];
    const end = Math.min(...ends.filter((one) => one !== undefined));
    holds.set(ask.group, {
      group: ask.group,
      need: Math.max(ask.need, spec.quorum ?? 1, known?.need ?? 0),
      ...(Number.isFinite(end) ? { untilMs: end } : {}),
      ...termsOf(spec, nowMs),
    });
  }
  return holds.size === 0 ? undefined : [...holds.values()].sort((a, b) => (a.group < b.group ? -1 : 1));
}

function termsOf(spec: ApprovalSpec, nowMs: number): Omit<Hold, 'group' | 'need' | 'untilMs'> {
  const { escalation = [], apart, ttl, reason, method } = spec;
  return {
    ...(escalation.length === 0
      ? {}
      : { also: escalation.map(({ after, to }) => ({ group: to, at: nowMs + parseDuration(after)! })) }),
    ...(apart === undefined ? {} : { apart }),
    ...(ttl === undefined ? {} : { ttl: parseDuration(ttl)! }),
    ...(reason === undefined ? {} : { reason: true }),
    ...(method === undefined ? {} : { method }),
  };
}
