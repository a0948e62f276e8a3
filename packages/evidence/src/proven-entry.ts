/**
 * An entry with its proof, against a trust file: the bytes are canonical, the leaf is in a tree whose checkpoint
 * the origin's log key signed, and origin, checkpoint, key name and tenant agree (RULE 3). Permits and starts
 * both begin here; what each of them means is checked by `permit.ts` and `lease.ts`.
 */
import { base64url } from './bytes.ts';
import type { Crypto } from './crypto.ts';
import { parseEntry, type Entry, type EntryOf, type EntryType } from './entries.ts';
import { EvidenceError, type EvidenceErrorCode } from './errors.ts';
import { linkCheckpoint, type LogHead } from './memory.ts';
import { leafHash, verifyInclusion } from './merkle.ts';
import { verifyCheckpoint, type TlogPolicy } from './tlog-policy.ts';
import { parseTlogProof } from './tlog-proof.ts';
import { trustedLog, trustedPolicy, type Trust, type TrustedLog } from './trust.ts';

/** What travels: the entry's bytes and a c2sp.org/tlog-proof@v1 text. */
export interface EntryWithProof {
  readonly entry: Uint8Array;
  readonly proof: string;
}

/** What every check of an entry needs from outside. */
export interface ProofContext {
  readonly trust: Trust;
  readonly crypto: Crypto;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** How far clocks may disagree, milliseconds; at most 5,000 (RULE 9). Default 0. */
  readonly skewMs?: number;
  /** The largest checkpoint verified before (RULE 8). */
  readonly memory?: LogHead;
  /** Consistency proof between the memory and this proof's checkpoint. */
  readonly consistency?: readonly Uint8Array[];
}

/** An entry that its log's tree holds. */
export interface ProvenEntry<T extends EntryType> extends LogHead {
  readonly entry: EntryOf<T>;
  /** base64url of the leaf hash. */
  readonly id: string;
  readonly index: number;
  /** The signed checkpoint, verbatim. */
  readonly checkpoint: string;
}

/** Which error says what; each kind of entry has its own. */
export interface ProofErrors {
  readonly bytes: EvidenceErrorCode;
  readonly type: EvidenceErrorCode;
  readonly origin: EvidenceErrorCode;
  readonly tenant: EvidenceErrorCode;
  readonly proof: EvidenceErrorCode;
  readonly signer: EvidenceErrorCode;
  readonly inclusion: EvidenceErrorCode;
  readonly time: EvidenceErrorCode;
}

/** The most that clocks may be allowed to disagree, milliseconds (RULE 9). */
export const MAX_SKEW_MS = 5_000;

/**
 * Returns the entry, proven. A fork is thrown as it is, so that its two heads can be kept.
 * @throws EvidenceError the codes given, `ERR_CHECKPOINT_FORK`, `ERR_CHECKPOINT_UNLINKED`
 */
export async function proveEntry<T extends EntryType>(
  type: T,
  { entry: bytes, proof: proofText }: EntryWithProof,
  context: ProofContext,
  errors: ProofErrors,
): Promise<ProvenEntry<T> & { readonly log: TrustedLog }> {
  const skewMs = context.skewMs ?? 0;
  // A clock that gives no number would make every comparison of times false, and so every check of time a pass.
  if (!Number.isSafeInteger(context.nowMs) || context.nowMs < 0 || !(skewMs >= 0 && skewMs <= MAX_SKEW_MS)) {
    throw new EvidenceError(errors.time, `not usable: now ${context.nowMs} ms, skew ${skewMs} ms`);
  }
  // A copy, so that what is verified cannot be changed by the caller between two awaits.
  const own = bytes.slice();
  const entry = readEntry(own, errors);
  // RULE 1: only the expected type counts; a denial, an observation or a start is never authority.
  if (entry.type !== type) throw new EvidenceError(errors.type, `expected a ${type}, found a ${entry.type}`);
  const log = attempt(errors.origin, `nobody vouches for ${entry.origin}`, () =>
    trustedLog(context.trust, entry.origin),
  );
  // RULE 3: the trust file maps the origin to one tenant; the leaf cannot choose another.
  if (entry.tenant !== log.tenant) {
    throw new EvidenceError(
      errors.tenant,
      `${log.origin} is the log of ${log.tenant}, not of ${entry.tenant}`,
    );
  }
  const proof = attempt(errors.proof, 'not a tlog-proof', () => parseTlogProof(proofText));
  const head = await checkpointOf(proof.checkpoint, trustedPolicy(log), context, errors);
  // RULE 3: leaf origin = checkpoint line 1 = key name.
  if (head.origin !== entry.origin) {
    throw new EvidenceError(
      errors.origin,
      `the entry is of ${entry.origin}, the checkpoint of ${head.origin}`,
    );
  }
  const leaf = leafHash(own);
  if (!verifyInclusion({ index: proof.index, size: head.size, leaf, proof: proof.proof, root: head.root })) {
    throw new EvidenceError(
      errors.inclusion,
      `the entry is not leaf ${proof.index} of the tree of size ${head.size}`,
    );
  }
  // RULE 8: a tree that cannot be linked to the remembered one is another history, however well it is signed.
  if (context.memory !== undefined) linkCheckpoint(context.memory, head, context.consistency ?? []);
  return {
    entry: entry as EntryOf<T>,
    id: base64url(leaf),
    index: proof.index,
    origin: head.origin,
    size: head.size,
    root: head.root,
    checkpoint: proof.checkpoint,
    log,
  };
}

/**
 * Returns whether a checkpoint carries the cosignatures that an assurance asks for. A policy whose quorum is
 * `none` gives no witnesses, and so no assurance above `logged`.
 */
export async function hasAssurance(
  checkpoint: string,
  log: TrustedLog,
  assurance: 'logged' | 'witnessed' | 'anchored',
  { crypto, nowMs }: { readonly crypto: Crypto; readonly nowMs?: number },
): Promise<boolean> {
  if (assurance === 'logged') return true;
  if (assurance === 'anchored' && log.anchored === undefined) return false;
  const policy = trustedPolicy(log, assurance === 'anchored' ? 'anchored' : 'policy');
  const verified = await verifyCheckpoint(checkpoint, policy, crypto, nowMs === undefined ? {} : { nowMs });
  return verified.quorum && verified.witnesses.length > 0;
}

function readEntry(bytes: Uint8Array, errors: ProofErrors): Entry {
  try {
    return parseEntry(bytes);
  } catch (cause) {
    const unknownType =
      cause instanceof EvidenceError &&
      (cause.code === 'ERR_ENTRY_TYPE' || cause.code === 'ERR_ENTRY_VERSION');
    throw new EvidenceError(unknownType ? errors.type : errors.bytes, messageOf(cause), { cause });
  }
}

async function checkpointOf(
  checkpoint: string,
  policy: TlogPolicy,
  { crypto, nowMs }: ProofContext,
  errors: ProofErrors,
): Promise<LogHead> {
  try {
    return await verifyCheckpoint(checkpoint, policy, crypto, { nowMs });
  } catch (cause) {
    const foreign = cause instanceof EvidenceError && cause.code === 'ERR_CHECKPOINT_ORIGIN';
    throw new EvidenceError(
      foreign ? errors.origin : errors.signer,
      `the checkpoint is not signed by a trusted log key: ${messageOf(cause)}`,
      { cause },
    );
  }
}

function attempt<T>(code: EvidenceErrorCode, what: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw new EvidenceError(code, what, { cause });
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
