/**
 * Named points at which a test or the simulator makes a commit fail. Each leaves the store as a broken disk would:
 * poisoned until it is recovered or opened again.
 */

/**
 * - `before-commit`: nothing was written; callers are told so.
 * - `torn-batch`: record keys are durable, half the entries are written, the transaction is not; callers are told
 *   nothing was written. The keys are orphans and are swept at the next opening.
 * - `lost-write`: COMMIT reports an error and nothing is durable; callers get an unknown result.
 * - `unknown-result`: COMMIT reports an error although all is durable; callers get an unknown result.
 * - `after-commit-before-reply`: durable, and the reply is lost; callers get an unknown result.
 */
export const FAULT_POINTS = [
  'before-commit',
  'torn-batch',
  'lost-write',
  'unknown-result',
  'after-commit-before-reply',
] as const;
export type FaultPoint = (typeof FAULT_POINTS)[number];

/** Whether what a batch wrote is there after a restart, by point of failure. */
export const PERSISTED: Readonly<Record<FaultPoint, boolean>> = {
  'before-commit': false,
  'torn-batch': false,
  'lost-write': false,
  'unknown-result': true,
  'after-commit-before-reply': true,
};

/** Whether callers are told that the result is unknown, by point of failure. */
export const UNKNOWN: Readonly<Record<FaultPoint, boolean>> = {
  'before-commit': false,
  'torn-batch': false,
  'lost-write': true,
  'unknown-result': true,
  'after-commit-before-reply': true,
};
