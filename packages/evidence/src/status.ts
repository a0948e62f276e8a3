/**
 * Status notes (docs/formats/status-note.md; RULE 9): what a verifier away from the plane must hear, at most five
 * seconds old, before a permit counts: the epoch, the bundles in force and the revoked ranges of the log.
 */
import type { Crypto } from './crypto.ts';
import { digest, origin, time } from './entries.ts';
import { EvidenceError } from './errors.ts';
import type { VerifiedPermit } from './permit.ts';
import { MAX_SKEW_MS } from './proven-entry.ts';
import * as s from './shape.ts';
import { formatFields, parseFields, verifyFields, type FieldsNote } from './signed-fields.ts';
import type { Trust } from './trust.ts';

/** The oldest status note that counts, milliseconds. */
export const MAX_STATUS_AGE_MS = 5_000;

const range: s.Shape<readonly [from: number, to: number]> = {
  describe: 'a range [from, to] of indexes, both included',
  check(value, path, fail) {
    if (!Array.isArray(value) || value.length !== 2) return fail(path, 'a range [from, to]', value);
    const from = s.integer().check(value[0], `${path}[0]`, fail);
    return [from, s.integer(from).check(value[1], `${path}[1]`, fail)];
  },
};

const statusShape = s.object({
  at: time,
  origin,
  size: s.integer(),
  root: digest,
  epoch: s.integer(),
  bundles: s.list(s.object({ layer: s.oneOf('org', 'team'), digest, version: s.integer(1) }), 2),
  /** Indexes of entries that count no more, first and last included, in rising order. */
  revoked: s.list(range, 1_024),
});
/** What a status note says. */
export type Status = s.Of<typeof statusShape>;

const NOTE: FieldsNote<Status> = {
  kind: 'status',
  purpose: 'status',
  shape: statusShape,
  errors: { format: 'ERR_STATUS_FORMAT', signer: 'ERR_STATUS_SIGNER' },
};

/** Returns the text of a status note, to be signed by `<origin>/status`. @throws EvidenceError `ERR_STATUS_FORMAT` */
export const formatStatus = (fields: Status): string => formatFields(NOTE, fields);

/** Returns what a status text says, whoever signed it. @throws EvidenceError `ERR_STATUS_FORMAT` */
export const parseStatus = (text: string): Status => parseFields(NOTE, text);

/**
 * Returns the status when it is signed by the origin's status key and no older than `maxAgeMs`.
 * @throws EvidenceError `ERR_STATUS_FORMAT`, `ERR_STATUS_SIGNER`, `ERR_STATUS_AGE`, `ERR_TRUST_ORIGIN`
 */
export async function verifyStatus(
  note: string,
  context: {
    readonly trust: Trust;
    readonly crypto: Crypto;
    readonly origin: string;
    readonly nowMs: number;
    /** At most and by default 5,000. */
    readonly maxAgeMs?: number;
    /** How far clocks may disagree, milliseconds, at most 5,000. Default 0. */
    readonly skewMs?: number;
  },
): Promise<Status> {
  const status = await verifyFields(NOTE, note, context);
  const maxAgeMs = Math.min(context.maxAgeMs ?? MAX_STATUS_AGE_MS, MAX_STATUS_AGE_MS);
  const skewMs = Math.min(context.skewMs ?? 0, MAX_SKEW_MS);
  const ageMs = context.nowMs - status.at;
  // Written so that a clock or a bound that is no number refuses. RULE 9: the skew never makes a note younger.
  if (!(ageMs >= -skewMs && ageMs <= maxAgeMs)) {
    throw new EvidenceError('ERR_STATUS_AGE', `${ageMs} ms old, at most ${maxAgeMs}`);
  }
  return status;
}

/**
 * Checks a permit against a verified status note: same log, an epoch not above the permit's, not revoked, and
 * decided by the bundles still in force.
 * @throws EvidenceError `ERR_STATUS_ORIGIN`, `ERR_STATUS_EPOCH`, `ERR_STATUS_REVOKED`, `ERR_STATUS_BUNDLE`
 */
export function checkPermitStatus(permit: VerifiedPermit, status: Status): void {
  const { entry, index } = permit;
  if (status.origin !== entry.origin) {
    throw new EvidenceError('ERR_STATUS_ORIGIN', `status of ${status.origin}, permit of ${entry.origin}`);
  }
  // RULE 9: something was contained after this permit was decided.
  if (status.epoch > entry.epoch) {
    throw new EvidenceError('ERR_STATUS_EPOCH', `epoch ${status.epoch} is above the permit's ${entry.epoch}`);
  }
  if (status.revoked.some(([from, to]) => from <= index && index <= to)) {
    throw new EvidenceError('ERR_STATUS_REVOKED', `leaf ${index} is revoked`);
  }
  for (const bundle of entry.bundles) {
    if (
      !status.bundles.some((current) => current.layer === bundle.layer && current.digest === bundle.digest)
    ) {
      throw new EvidenceError(
        'ERR_STATUS_BUNDLE',
        `${bundle.layer} bundle ${bundle.digest} is no longer in force`,
      );
    }
  }
}
