/**
 * The permit (docs/formats/permit.md): authority for one execution, which is the bytes of a `permit` entry and
 * their proof of inclusion in a tree that the log signed. A door verifies it offline, before anything runs.
 */
import { canonicalize } from './canonical.ts';
import { unwrapWhole, verifyCommitment, wrapWhole } from './commitments.ts';
import type { Disclosure } from './disclosures.ts';
import { EvidenceError } from './errors.ts';
import type { Json } from './json.ts';
import {
  hasAssurance,
  proveEntry,
  type EntryWithProof,
  type ProofContext,
  type ProvenEntry,
} from './proven-entry.ts';

/** What the door knows about the call in front of it; the permit must be for exactly this. */
export interface PermitExpectation {
  readonly aud: string;
  /** Thumbprint of the key that proved possession (RFC 7638, base64url). */
  readonly jkt: string;
  /** `<server>/<tool>`. */
  readonly action: string;
  /** The spending place that asks: `plane` (default), `started` or `verifier:<set>` (RULE 2). */
  readonly spend?: string;
  /** The arguments about to be run; need `disclosures` beside them. */
  readonly args?: Json;
  /** What opens the permit's `args`; alone, they are the arguments to run. */
  readonly disclosures?: readonly Disclosure[];
  /** The commitment to the arguments, where the door computed it from the salts before. */
  readonly requestDigest?: string;
}

/** What {@link verifyPermit} needs from outside. */
export interface PermitContext extends ProofContext {
  readonly expect: PermitExpectation;
}

/** A permit that holds, here and now. */
export interface VerifiedPermit extends ProvenEntry<'permit'> {
  /** The arguments it binds, when they were disclosed. Run these, no others. */
  readonly args?: Json;
}

/** The longest time from decision to start, skew included, milliseconds. */
export const MAX_START_MS = 60_000;

const ERRORS = {
  bytes: 'ERR_PERMIT_BYTES',
  type: 'ERR_PERMIT_TYPE',
  origin: 'ERR_PERMIT_ORIGIN',
  tenant: 'ERR_PERMIT_TENANT',
  proof: 'ERR_PERMIT_PROOF',
  signer: 'ERR_PERMIT_SIGNER',
  inclusion: 'ERR_PERMIT_INCLUSION',
  time: 'ERR_PERMIT_WINDOW',
} as const;

/**
 * Returns the permit when it authorises exactly what is expected, now. Being spent already is not seen here: that
 * is the spending place's knowledge, keyed by (origin, index) (RULE 2).
 * @throws EvidenceError `ERR_PERMIT_…`, one code for each check; `ERR_CHECKPOINT_FORK`, `ERR_CHECKPOINT_UNLINKED`
 */
export async function verifyPermit(permit: EntryWithProof, context: PermitContext): Promise<VerifiedPermit> {
  const { expect, nowMs, skewMs = 0 } = context;
  const { log, ...proven } = await proveEntry('permit', permit, context, ERRORS);
  const { entry } = proven;
  // RULE 3: the audience is one of those the trust file gives this log, and it is us.
  if (entry.aud !== expect.aud || !log.audiences.includes(entry.aud)) {
    throw new EvidenceError('ERR_PERMIT_AUDIENCE', `for ${entry.aud}, asked by ${expect.aud}`);
  }
  if (entry.jkt !== expect.jkt) {
    throw new EvidenceError('ERR_PERMIT_KEY', `bound to key ${entry.jkt}, presented by ${expect.jkt}`);
  }
  if (entry.action !== expect.action) {
    throw new EvidenceError('ERR_PERMIT_ACTION', `permits ${entry.action}, asked for ${expect.action}`);
  }
  // RULE 2: one spending place; every other refuses.
  const place = expect.spend ?? 'plane';
  if (entry.spend !== place)
    throw new EvidenceError('ERR_PERMIT_SPEND', `is spent at ${entry.spend}, not at ${place}`);
  const args = checkArguments(entry.args, expect);
  // The skew is part of the 60 s: it may open the window earlier, it never keeps it open longer.
  if (entry.exp - Math.min(entry.nbf, entry.at) > MAX_START_MS || entry.exp <= entry.nbf) {
    throw new EvidenceError(
      'ERR_PERMIT_WINDOW',
      `${entry.nbf} to ${entry.exp} is not a window of at most ${MAX_START_MS} ms`,
    );
  }
  if (nowMs < entry.nbf - skewMs)
    throw new EvidenceError('ERR_PERMIT_NOT_YET', `valid from ${entry.nbf}, now ${nowMs}`);
  if (nowMs >= entry.exp)
    throw new EvidenceError('ERR_PERMIT_EXPIRED', `valid until ${entry.exp}, now ${nowMs}`);
  if (!(await hasAssurance(proven.checkpoint, log, entry.assurance, context))) {
    throw new EvidenceError(
      'ERR_PERMIT_QUORUM',
      `${entry.assurance}, but the checkpoint lacks that quorum of witnesses`,
    );
  }
  return { ...proven, ...args };
}

/** RULE 40: exact binding; nothing to compare with is a refusal, not a pass. */
function checkArguments(commitment: string, expect: PermitExpectation): { readonly args?: Json } {
  const { disclosures, requestDigest } = expect;
  if (requestDigest !== undefined && requestDigest !== commitment) {
    throw new EvidenceError('ERR_PERMIT_ARGS', `commits to ${commitment}, the request to ${requestDigest}`);
  }
  if (disclosures === undefined) {
    if (requestDigest === undefined || expect.args !== undefined) {
      throw new EvidenceError('ERR_PERMIT_ARGS', 'no disclosures to compare the arguments with');
    }
    return {};
  }
  let record: Readonly<Record<string, Json>>;
  try {
    record = verifyCommitment('argument', commitment, disclosures);
  } catch (cause) {
    throw new EvidenceError('ERR_PERMIT_ARGS', 'the disclosures do not open the commitment', { cause });
  }
  if (expect.args !== undefined && canonicalize(wrapWhole(expect.args)) !== canonicalize(record)) {
    throw new EvidenceError('ERR_PERMIT_ARGS', 'the arguments differ from those that were permitted');
  }
  return { args: unwrapWhole(record) };
}
