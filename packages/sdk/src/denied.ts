// What a governed call throws instead of running, or when it is stopped. Both are written for the agent that reads
// them: what happened, the id to quote, what to do next (RULE 45).
import type { Denial, Held } from '@licet/api';

/** Codes that the door itself gives; all others are the plane's (`DENY_CODES` of the policy package). */
export const DOOR_CODES = {
  plane_unreachable: 'The plane did not answer in time, so nothing was permitted.',
  unverifiable: 'The answer of the plane does not prove what it says, so nothing was permitted.',
  log: 'The log could not be linked to the one that this door has verified before.',
  not_canonical: 'What the arguments name is not what was permitted: a link lies on the path.',
  arguments: 'The arguments are not plain JSON.',
  held: 'A person has to approve this first.',
  cancelled: 'The caller gave up before the start.',
} as const;

/** What a denial is made of; the plane's `Denial` has all of it. */
export interface DenialParts {
  readonly code: string;
  readonly reason: string;
  readonly next: string;
  readonly decisionId?: string;
  readonly executionId?: string;
  readonly policies?: readonly string[];
  readonly failedLink?: number;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/**
 * The call was not permitted and did not run. `code` is stable; `decisionId` and `executionId` are empty when no
 * decision was made. `next` tells the agent what to do; `String(denied)` has it all in one paragraph.
 */
export class Denied extends Error {
  override readonly name = 'Denied';
  readonly code: string;
  readonly action: string;
  readonly decisionId: string;
  readonly executionId: string;
  readonly reason: string;
  readonly policies: readonly string[];
  readonly next: string;
  readonly failedLink?: number;
  readonly retryAfterMs?: number;

  constructor(action: string, parts: DenialParts) {
    super(
      `${action} was not permitted: ${parts.reason}`,
      parts.cause === undefined ? undefined : { cause: parts.cause },
    );
    this.action = action;
    this.code = parts.code;
    this.reason = parts.reason;
    this.next = parts.next;
    this.decisionId = parts.decisionId ?? '';
    this.executionId = parts.executionId ?? '';
    this.policies = parts.policies ?? [];
    if (parts.failedLink !== undefined) this.failedLink = parts.failedLink;
    if (parts.retryAfterMs !== undefined) this.retryAfterMs = parts.retryAfterMs;
  }

  override toString(): string {
    const id = this.decisionId === '' ? '' : `, decision ${this.decisionId}`;
    const policies = this.policies.length === 0 ? '' : ` Policies: ${this.policies.join(', ')}.`;
    const wait = this.retryAfterMs === undefined ? '' : ` Wait at least ${inWords(this.retryAfterMs)}.`;
    return `Denied ${this.action}: ${this.reason} (code ${this.code}${id}).${policies} Next: ${this.next}${wait}`;
  }
}

/** Returns the plane's denial as what is thrown. */
export function deniedBy(action: string, denial: Denial): Denied {
  return new Denied(action, {
    code: text(denial.code, 'denied'),
    reason: text(denial.reason, 'The plane denied it.'),
    next: text(denial.next, 'Do not repeat the call; ask the operator.'),
    decisionId: text(denial.decisionId, ''),
    executionId: text(denial.executionId, ''),
    policies: Array.isArray(denial.policies) ? denial.policies.filter((id) => typeof id === 'string') : [],
    ...(typeof denial.failedLink === 'number' ? { failedLink: denial.failedLink } : {}),
    ...(typeof denial.retryAfterMs === 'number' ? { retryAfterMs: denial.retryAfterMs } : {}),
  });
}

/** Returns a hold that nobody answered while the door waited (RULE 23). */
export function stillHeld(action: string, held: Held): Denied {
  const groups = held.holds
    .map(({ group, need }) => (need > 1 ? `${need} of ${group}` : group))
    .join(' and ');
  const until = new Date(
    Math.min(...held.holds.map((hold) => hold.until), 8_640_000_000_000_000),
  ).toISOString();
  return new Denied(action, {
    code: 'held',
    reason: `held: ${held.executionId}, by ${groups || 'nobody named'}, until ${until}`,
    next: 'call again with the same arguments once it is approved; do not look for another way.',
    decisionId: held.decisionId,
    executionId: held.executionId,
    policies: held.policies,
  });
}

/** Why a running execution was stopped: a code of the plane, or one of these of the door. */
export type HaltReason = 'lease_ended' | 'clock' | 'cancelled' | 'log' | (string & {});

/**
 * The call was permitted and started, and then stopped. `stopped` tells whether the function was seen to end:
 * false means that it ignored its signal, and the execution ends `in_doubt`.
 */
export class Halted extends Error {
  override readonly name = 'Halted';
  readonly code: HaltReason;
  readonly action: string;
  readonly executionId: string;
  readonly stopped: boolean;

  constructor(
    action: string,
    executionId: string,
    code: HaltReason,
    stopped: boolean,
    options?: ErrorOptions,
  ) {
    super(
      `${action} was stopped (${code}), execution ${executionId}${stopped ? '' : '; its end was not seen'}`,
      options,
    );
    this.action = action;
    this.executionId = executionId;
    this.code = code;
    this.stopped = stopped;
  }

  override toString(): string {
    return `Halted ${this.action}: stopped while running (code ${this.code}, execution ${this.executionId}). Next: do not repeat the call; part of its effect may have happened.`;
  }
}

const text = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);

/** Milliseconds as a person would say them, rounded up: never shorter than they are. */
function inWords(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 120_000) return `${Math.ceil(ms / 1_000)} s`;
  const minutes = Math.ceil(ms / 60_000);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
