/**
 * The door's memory of a log (RULE 8): the largest checkpoint it has verified. A checkpoint counts only when it
 * is linked to that one; two that cannot be linked are proof that the log shows two histories.
 */
import { base64url, equalBytes } from './bytes.ts';
import { EvidenceError } from './errors.ts';
import { verifyConsistency } from './merkle.ts';

/** Size and root that a log signed. */
export interface LogHead {
  readonly origin: string;
  /** Number of leaves. */
  readonly size: number;
  /** Root hash, 32 bytes. */
  readonly root: Uint8Array;
}

/** How a checkpoint stands to the remembered one. Remember it when `first` or `newer`. */
export interface CheckpointLink {
  readonly kind: 'first' | 'same' | 'newer' | 'older';
}

/** Thrown with `ERR_CHECKPOINT_FORK`: both heads, to be kept as evidence together with their signed notes. */
export class ForkError extends EvidenceError {
  readonly remembered: LogHead;
  readonly seen: LogHead;
  readonly consistency: readonly Uint8Array[];

  constructor(remembered: LogHead, seen: LogHead, consistency: readonly Uint8Array[]) {
    super(
      'ERR_CHECKPOINT_FORK',
      `${describe(remembered)} and ${describe(seen)} of ${seen.origin} are two histories`,
    );
    this.remembered = remembered;
    this.seen = seen;
    this.consistency = consistency;
  }
}

/**
 * Returns how a verified checkpoint is linked to the remembered one; the proof goes from the smaller to the larger.
 * @throws ForkError `ERR_CHECKPOINT_FORK`: same size with another root, or a proof that fails
 * @throws EvidenceError `ERR_CHECKPOINT_UNLINKED`: no proof was given, or the memory is of another log
 */
export function linkCheckpoint(
  remembered: LogHead | undefined,
  seen: LogHead,
  consistency: readonly Uint8Array[] = [],
): CheckpointLink {
  if (remembered === undefined) return { kind: 'first' };
  if (remembered.origin !== seen.origin) {
    throw new EvidenceError(
      'ERR_CHECKPOINT_UNLINKED',
      `the memory is of ${remembered.origin}, not ${seen.origin}`,
    );
  }
  // RULE 8: the same size with another root is a fork, whatever proof comes with it.
  if (remembered.size === seen.size) {
    if (!equalBytes(remembered.root, seen.root)) throw new ForkError(remembered, seen, consistency);
    return { kind: 'same' };
  }
  const [older, newer] = remembered.size < seen.size ? [remembered, seen] : [seen, remembered];
  if (older.size > 0 && consistency.length === 0) {
    throw new EvidenceError(
      'ERR_CHECKPOINT_UNLINKED',
      `no consistency proof from size ${older.size} to ${newer.size} of ${seen.origin}`,
    );
  }
  const consistent = verifyConsistency({
    oldSize: older.size,
    newSize: newer.size,
    oldRoot: older.root,
    newRoot: newer.root,
    proof: consistency,
  });
  if (!consistent) throw new ForkError(remembered, seen, consistency);
  return { kind: seen.size > remembered.size ? 'newer' : 'older' };
}

const describe = (head: LogHead): string => `size ${head.size} root ${base64url(head.root)}`;
