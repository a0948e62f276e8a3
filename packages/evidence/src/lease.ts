/**
 * Running time (docs/formats/lease-notes.md; RULE 5): a signed `start` entry opens the lease of a permit, signed
 * renewal notes carry it on. Whatever is unsigned, old, or answers another question is no answer.
 */
import { base64url, utf8 } from './bytes.ts';
import { canonicalBytes } from './canonical.ts';
import type { Crypto } from './crypto.ts';
import { digest, nonce, origin, time, executionId } from './entries.ts';
import { EvidenceError } from './errors.ts';
import { domainTag } from './name.ts';
import type { VerifiedPermit } from './permit.ts';
import { proveEntry, type EntryWithProof, type ProofContext, type ProvenEntry } from './proven-entry.ts';
import { sha256 } from './sha256.ts';
import * as s from './shape.ts';
import { formatFields, parseFields, verifyFields, type FieldsNote } from './signed-fields.ts';
import type { Trust } from './trust.ts';

/** The signed answer to a redemption, with what its permit says about running time. */
export interface VerifiedStart extends ProvenEntry<'start'> {
  readonly lease: { readonly ttlMs: number; readonly maxMs: number };
}

const renewalShape = s.object({
  origin,
  exec: executionId,
  /** The start whose lease goes on: its index and its leaf hash. */
  start: s.object({ index: s.integer(), leaf: digest }),
  /** {@link instanceDigest} of the one process that may go on. */
  instance: digest,
  /** The caller's own count of its renewals, from 1. */
  counter: s.integer(1),
  /** The caller's nonce, so that no earlier answer fits. */
  nonce,
  at: time,
  epoch: s.integer(),
  /** How long the lease runs from when the caller sent its request, milliseconds (RULE 31). */
  durationMs: s.integer(1, 86_400_000),
});
/** What a renewal note says. */
export type Renewal = s.Of<typeof renewalShape>;

const NOTE: FieldsNote<Renewal> = {
  kind: 'renewal',
  purpose: 'lease',
  shape: renewalShape,
  errors: { format: 'ERR_RENEWAL_FORMAT', signer: 'ERR_RENEWAL_SIGNER' },
};

const START_ERRORS = {
  bytes: 'ERR_START_BYTES',
  type: 'ERR_START_TYPE',
  origin: 'ERR_START_ORIGIN',
  tenant: 'ERR_START_TENANT',
  proof: 'ERR_START_PROOF',
  signer: 'ERR_START_SIGNER',
  inclusion: 'ERR_START_INCLUSION',
  time: 'ERR_START_TIME',
} as const;

/** Which way a permit may be started, by its spending place (RULE 2). */
export const VIA_OF_SPEND = { plane: 'redeem', started: 'direct', verifier: 'verifier' } as const;

/** Returns base64url(SHA-256("licet/instance/v1\n" ‖ instance)) of the 128-bit secret of a process (RULE 6). */
export function instanceDigest(instance: Uint8Array): string {
  // A short one could be guessed, and the guesser would get the go.
  if (instance.length !== 16) {
    throw new EvidenceError('ERR_START_INSTANCE', `an instance is 16 bytes, not ${instance.length}`);
  }
  return base64url(sha256(utf8(domainTag('instance')), instance));
}

/** Returns `idem`: base64url(SHA-256("licet/idem/v1\n" ‖ JCS([jkt, key]))) (RULE 6). */
export function idemDigest(jkt: string, key: string): string {
  return base64url(sha256(utf8(domainTag('idem')), canonicalBytes([jkt, key])));
}

/**
 * Returns the start when it gives this process the go for this permit.
 * @throws EvidenceError `ERR_START_…`, one code for each check; `ERR_CHECKPOINT_FORK`, `ERR_CHECKPOINT_UNLINKED`
 */
export async function verifyStart(
  answer: EntryWithProof,
  context: ProofContext & { readonly permit: VerifiedPermit; readonly instance: Uint8Array },
): Promise<VerifiedStart> {
  const { permit, nowMs, skewMs = 0 } = context;
  const { log: _log, ...proven } = await proveEntry('start', answer, context, START_ERRORS);
  const { entry } = proven;
  const granted = permit.entry;
  if (entry.origin !== granted.origin || entry.permit !== permit.id || entry.exec !== granted.exec) {
    throw new EvidenceError('ERR_START_PERMIT', `starts permit ${entry.permit}, expected ${permit.id}`);
  }
  if (proven.index <= permit.index) {
    throw new EvidenceError(
      'ERR_START_PERMIT',
      `leaf ${proven.index} is not after its permit, leaf ${permit.index}`,
    );
  }
  const place = granted.spend.split(':', 1)[0] as keyof typeof VIA_OF_SPEND;
  if (entry.via !== VIA_OF_SPEND[place]) {
    throw new EvidenceError('ERR_START_PERMIT', `spent via ${entry.via}, expected ${VIA_OF_SPEND[place]}`);
  }
  // RULE 6: only the instance that asked gets the go; another process sees the same entry and must not run.
  if (entry.instance !== instanceDigest(context.instance)) {
    throw new EvidenceError('ERR_START_INSTANCE', 'another instance got the go');
  }
  if (entry.jkt !== granted.jkt)
    throw new EvidenceError('ERR_START_KEY', `started by key ${entry.jkt}, not ${granted.jkt}`);
  if (entry.epoch < granted.epoch)
    throw new EvidenceError('ERR_START_EPOCH', `epoch ${entry.epoch} is before the permit's`);
  checkAssurance(entry, permit);
  if (entry.late === true || entry.at < granted.nbf || entry.at >= granted.exp) {
    throw new EvidenceError(
      'ERR_START_TIME',
      `at ${entry.at}, permitted from ${granted.nbf} until ${granted.exp}`,
    );
  }
  if (entry.leaseUntil - entry.at > granted.lease.ttlMs) {
    throw new EvidenceError(
      'ERR_START_TIME',
      `lease of ${entry.leaseUntil - entry.at} ms, permitted ${granted.lease.ttlMs}`,
    );
  }
  if (nowMs >= entry.leaseUntil || nowMs < entry.at - skewMs) {
    throw new EvidenceError(
      'ERR_START_TIME',
      `lease from ${entry.at} until ${entry.leaseUntil}, now ${nowMs}`,
    );
  }
  return { ...proven, lease: granted.lease };
}

/** Returns the text of a renewal, to be signed by `<origin>/lease`. @throws EvidenceError `ERR_RENEWAL_FORMAT` */
export const formatRenewal = (fields: Renewal): string => formatFields(NOTE, fields);

/** Returns what a renewal's text says, whoever signed it. @throws EvidenceError `ERR_RENEWAL_FORMAT` */
export const parseRenewal = (text: string): Renewal => parseFields(NOTE, text);

/** The question that a renewal must answer. */
export interface RenewalContext {
  readonly trust: Trust;
  readonly crypto: Crypto;
  readonly start: VerifiedStart;
  readonly instance: Uint8Array;
  /** The counter the caller sent with this request; each is used once. */
  readonly counter: number;
  /** The nonce the caller sent with this request, base64url. */
  readonly nonce: string;
}

/**
 * Returns the renewal when it answers exactly this request of this instance.
 * @throws EvidenceError `ERR_RENEWAL_…`, one code for each check; `ERR_TRUST_ORIGIN`
 */
export async function verifyRenewal(note: string, context: RenewalContext): Promise<Renewal> {
  const { start } = context;
  // RULE 9: what a verifier started runs for its lease and no longer.
  if (start.entry.via === 'verifier') {
    throw new EvidenceError('ERR_RENEWAL_LEASE', 'a permit spent at a verifier is never renewed');
  }
  const renewal = await verifyFields(NOTE, note, { ...context, origin: start.entry.origin });
  if (
    renewal.exec !== start.entry.exec ||
    renewal.start.index !== start.index ||
    renewal.start.leaf !== start.id ||
    renewal.instance !== instanceDigest(context.instance)
  ) {
    throw new EvidenceError('ERR_RENEWAL_LEASE', 'renews another lease, or another instance');
  }
  // RULE 5: an old or foreign answer is no answer.
  if (renewal.counter !== context.counter) {
    throw new EvidenceError(
      'ERR_RENEWAL_COUNTER',
      `answers request ${renewal.counter}, expected ${context.counter}`,
    );
  }
  if (renewal.nonce !== context.nonce) throw new EvidenceError('ERR_RENEWAL_NONCE', 'answers another nonce');
  checkRenewalTime(renewal, start.entry.at, start.lease, start.entry.epoch);
  return renewal;
}

/**
 * Returns the longest interval between two successive go-aheads, milliseconds: the start and each renewal, in
 * order; 0 when nothing was renewed. An outcome records at least this as `longestGapMs`: it also counts the time from
 * the last go-ahead to its own.
 */
export function longestGapMs(startAtMs: number, renewalsAtMs: readonly number[]): number {
  return renewalsAtMs.reduce(
    (longest, at, i) => Math.max(longest, at - (renewalsAtMs[i - 1] ?? startAtMs)),
    0,
  );
}

/** @throws EvidenceError `ERR_RENEWAL_TIME` when a renewal gives more than its permit allows */
export function checkRenewalTime(
  renewal: Renewal,
  startAtMs: number,
  lease: { readonly ttlMs: number; readonly maxMs: number },
  epoch: number,
): void {
  const ends = renewal.at + renewal.durationMs;
  if (renewal.at < startAtMs || renewal.durationMs > lease.ttlMs || ends > startAtMs + lease.maxMs) {
    throw new EvidenceError(
      'ERR_RENEWAL_TIME',
      `${renewal.durationMs} ms from ${renewal.at} is more than was permitted`,
    );
  }
  if (renewal.epoch < epoch)
    throw new EvidenceError('ERR_RENEWAL_TIME', `epoch ${renewal.epoch} is before the start's`);
}

/** RULE 10: above `logged`, a start through the plane names the cosigned head that its permit waited for. */
function checkAssurance(entry: VerifiedStart['entry'], permit: VerifiedPermit): void {
  if (permit.entry.assurance === 'logged' || entry.via === 'verifier') return;
  if (entry.via !== 'redeem' || entry.witnessed === undefined || entry.witnessed.size <= permit.index) {
    throw new EvidenceError(
      'ERR_START_ASSURANCE',
      `${permit.entry.assurance}, but the start names no witnessed head over its permit`,
    );
  }
}
