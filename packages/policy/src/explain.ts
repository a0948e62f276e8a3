/**
 * What a denial says to the agent (RULE 45): code, reason, next step, and of the policies only what their
 * authors let out, so that probing teaches an attacker no rules.
 */
import { DENY_CODES, type DenyCode } from './deny-codes.ts';
import type { Evaluation } from './evaluate.ts';

/** A denial or hold as the agent sees it; the plane adds `decisionId`. */
export interface Denial {
  readonly code: DenyCode;
  readonly reason: string;
  /** Ids of policies marked `@explain("full")`, and no others. */
  readonly policies: readonly string[];
  readonly failedLink?: number;
  readonly next: string;
}

/** Returns what may be said of an evaluation that did not allow; undefined for one that did. */
export function denialOf(evaluation: Evaluation): Denial | undefined {
  if (evaluation.verdict === 'allow') return undefined;
  const code = evaluation.code ?? 'policy_error';
  const open = evaluation.explain.filter((note) => note.explain === 'full');
  const advice = open.find((note) => note.advice !== undefined)?.advice;
  const groups = (evaluation.holds ?? []).map(({ group, need }) =>
    need === 1 ? group : `${group} (${need})`,
  );
  return {
    code,
    reason:
      advice ??
      (groups.length > 0 ? `This waits for approval by ${groups.join(', ')}.` : DENY_CODES[code].meaning),
    policies: open.map((note) => note.id),
    // Which link failed tells whose rule it was; only said when the rule itself may be.
    ...(evaluation.failedLink === undefined || open.length === 0
      ? {}
      : { failedLink: evaluation.failedLink }),
    next:
      groups.length > 0
        ? 'Wait for the approval, then call again with the same arguments.'
        : DENY_CODES[code].next,
  };
}
