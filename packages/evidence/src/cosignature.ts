/**
 * Timestamped cosignatures of checkpoints, c2sp.org/tlog-cosignature: type 0x04 (Ed25519) and 0x06 (ML-DSA-44).
 *
 *     blob   = u64 timestamp (seconds) || signature
 *     0x04 signs  "cosignature/v1\ntime <timestamp>\n" || note text
 *     0x06 signs  "subtree/v1\n\0" || name<1..255> || u64 timestamp || origin<1..255> || u64 start || u64 end || hash[32]
 *
 * A 0x04 message does not name the cosigner: one key per cosigner. A 0x06 message does not cover extension lines.
 */
import { concat, utf8 } from './bytes.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { ML_DSA_44_SIGNATURE_LENGTH, type Crypto } from './crypto.ts';
import { EvidenceError } from './errors.ts';
import { HASH_LENGTH } from './merkle.ts';
import { TYPE_COSIGNATURE, TYPE_ML_DSA_44, type VerifierKey } from './vkey.ts';

/** What a 0x06 cosignature is about. */
export interface Subtree {
  /** Key name of the cosigner, 1 to 255 bytes. */
  readonly cosigner: string;
  /** Seconds since the Unix epoch; 0 says nothing about time, and must be 0 unless start is 0. */
  readonly timestampS: number;
  /** Origin of the log, 1 to 255 bytes. */
  readonly origin: string;
  /** First leaf; 0 for a checkpoint. */
  readonly start: number;
  /** One past the last leaf; the size, for a checkpoint. */
  readonly end: number;
  /** Root of the subtree, 32 bytes. */
  readonly hash: Uint8Array;
}

const ED25519_SIGNATURE_LENGTH = 64;
const TIMESTAMP_LENGTH = 8;

/** Returns the bytes a 0x04 cosigner signs for a checkpoint's text. Throws ERR_COSIGNATURE_FORMAT on a bad time. */
export function cosignatureMessage(text: string, timestampS: number): Uint8Array {
  checkCount(timestampS, 'timestamp');
  return utf8(`cosignature/v1\ntime ${timestampS}\n${text}`);
}

/** Returns the bytes a 0x06 cosigner signs. Throws ERR_COSIGNATURE_FORMAT on values the structure cannot hold. */
export function subtreeMessage(subtree: Subtree): Uint8Array {
  const { cosigner, timestampS, origin, start, end, hash } = subtree;
  if (start !== 0 && timestampS !== 0) throw malformed('a subtree that begins after 0 has timestamp 0');
  if (start > end) throw malformed(`the range ${start}..${end} is backwards`);
  if (hash.length !== HASH_LENGTH) throw malformed(`a hash has 32 bytes, found ${hash.length}`);
  return concat(
    utf8('subtree/v1\n\0'),
    counted(cosigner, 'cosigner name'),
    uint64(timestampS, 'timestamp'),
    counted(origin, 'origin'),
    uint64(start, 'start'),
    uint64(end, 'end'),
    hash,
  );
}

/** Returns the blob of a cosignature (what follows the key ID): timestamp and signature. */
export function cosignatureBlob(timestampS: number, signature: Uint8Array): Uint8Array {
  return concat(uint64(timestampS, 'timestamp'), signature);
}

/**
 * Returns the time, in seconds, of a cosignature of this checkpoint text by this key; undefined when it does not
 * verify, which includes texts that are no checkpoint, keys of other types and times beyond 2^53 - 1.
 */
export async function verifyCosignature(
  key: VerifierKey,
  text: string,
  blob: Uint8Array,
  crypto: Crypto,
): Promise<number | undefined> {
  const ml = key.type === TYPE_ML_DSA_44;
  if (!ml && key.type !== TYPE_COSIGNATURE) return undefined;
  const length = ml ? ML_DSA_44_SIGNATURE_LENGTH : ED25519_SIGNATURE_LENGTH;
  if (blob.length !== TIMESTAMP_LENGTH + length) return undefined;
  const timestampS = Number(new DataView(blob.buffer, blob.byteOffset, TIMESTAMP_LENGTH).getBigUint64(0));
  if (!Number.isSafeInteger(timestampS)) return undefined;
  const message = messageFor(key, text, timestampS);
  if (message === undefined) return undefined;
  const signature = blob.subarray(TIMESTAMP_LENGTH);
  const good = ml
    ? await crypto.verifyMlDsa44(key.publicKey, message, signature)
    : await crypto.verifyEd25519(key.publicKey, message, signature);
  return good ? timestampS : undefined;
}

/** Returns what the key signs when it cosigns the text, or undefined when it cannot. */
function messageFor(key: VerifierKey, text: string, timestampS: number): Uint8Array | undefined {
  try {
    const { origin, size, root } = parseCheckpoint(text);
    if (key.type === TYPE_COSIGNATURE) return cosignatureMessage(text, timestampS);
    return subtreeMessage({ cosigner: key.name, timestampS, origin, start: 0, end: size, hash: root });
  } catch (error) {
    if (error instanceof EvidenceError) return undefined;
    throw error;
  }
}

function counted(text: string, what: string): Uint8Array {
  const bytes = utf8(text);
  if (bytes.length < 1 || bytes.length > 255)
    throw malformed(`the ${what} has ${bytes.length} bytes, not 1 to 255`);
  return concat(Uint8Array.of(bytes.length), bytes);
}

function uint64(n: number, what: string): Uint8Array {
  checkCount(n, what);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(n));
  return bytes;
}

function checkCount(n: number, what: string): void {
  if (!Number.isSafeInteger(n) || n < 0) throw malformed(`${what} ${n} is not a count`);
}

function malformed(what: string): EvidenceError {
  return new EvidenceError('ERR_COSIGNATURE_FORMAT', what);
}
