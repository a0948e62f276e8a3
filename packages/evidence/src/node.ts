/**
 * The Node side of this package: importing it makes hashing use the runtime's SHA-256, and gives a `Crypto` and
 * signers on OpenSSL. ML-DSA-44 is native from Node 24.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  hash,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { concat, unhex, useEncoder, utf8 } from './bytes.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { cosignatureBlob, cosignatureMessage, subtreeMessage } from './cosignature.ts';
import { isEs256Input, ML_DSA_44_KEY_LENGTH, type Crypto } from './crypto.ts';
import { strictlyEncoded } from './ed25519-strict.ts';
import { EvidenceError } from './errors.ts';
import { signatureLine, type NoteSigner } from './note.ts';
import { useSha256 } from './sha256.ts';
import { TYPE_COSIGNATURE, TYPE_ED25519, TYPE_ML_DSA_44, verifierKey } from './vkey.ts';

/** DER up to the raw key in SubjectPublicKeyInfo and PKCS #8 of each algorithm. */
const SPKI = {
  ed25519: unhex('302a300506032b6570032100'),
  es256: unhex('3059301306072a8648ce3d020106082a8648ce3d030107034200'),
  mlDsa44: unhex('30820532300b06096086480165030403110382052100'),
} as const;
const PKCS8 = {
  ed25519: unhex('302e020100300506032b657004220420'),
  mlDsa44: unhex('3034020100300b060960864801650304031104228020'),
} as const;

/** Joining costs less than a hash object up to about this many bytes. */
const JOIN_LIMIT = 16_384;
const joint = new Uint8Array(JOIN_LIMIT);
const DIGEST_LENGTH = 32;
/** Parsed keys kept; a verifier sees few. */
const CACHE_LIMIT = 256;

useSha256((parts) => {
  // One call is about twice as fast as a hash object, also when small parts have to be joined first.
  const whole = parts.length === 1 ? parts[0]! : joined(parts);
  const text =
    whole === undefined
      ? parts.reduce((h, part) => h.update(part), createHash('sha256')).digest('binary')
      : hash('sha256', whole, 'binary');
  // A digest that comes as a buffer has memory of its own outside the heap: three times the cost of the hash.
  const digest = new Uint8Array(DIGEST_LENGTH);
  for (let i = 0; i < DIGEST_LENGTH; i++) digest[i] = text.charCodeAt(i);
  return digest;
});

useEncoder({
  utf8(text) {
    // Short ones share a pooled buffer, which is what makes it cheaper than an array of their own.
    const bytes = Buffer.from(text, 'utf8');
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  },
  base64: (bytes) => bufferOf(bytes).toString('base64'),
  base64url: (bytes) => bufferOf(bytes).toString('base64url'),
});

const keys = new Map<string, KeyObject>();

/** Verifies with OpenSSL. */
export const nodeCrypto: Crypto = {
  async verifyEd25519(publicKey, message, signature) {
    if (!strictlyEncoded(publicKey, signature)) return false;
    return orFalse(() => verify(null, message, importKey('ed25519', publicKey), signature));
  },
  async verifyMlDsa44(publicKey, message, signature) {
    if (publicKey.length !== ML_DSA_44_KEY_LENGTH) return false;
    return orFalse(() => verify(null, message, importKey('mlDsa44', publicKey), signature));
  },
  async verifyEs256(publicKey, message, signature) {
    if (!isEs256Input(publicKey, signature)) return false;
    return orFalse(() => {
      const key = importKey('es256', publicKey);
      return verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature);
    });
  },
};

/** Cosigns checkpoint texts with one key. */
export interface Cosigner {
  readonly name: string;
  readonly vkey: string;
  /** Returns the signature line (with its newline) of the checkpoint text at a time in seconds. */
  cosign(text: string, timestampS: number): string;
}

/** Returns a signer of notes (type 0x01) for a 32-byte Ed25519 seed. */
export function ed25519NoteSigner(
  name: string,
  seed: Uint8Array,
): NoteSigner & Required<Pick<NoteSigner, 'signSync'>> {
  const { privateKey, publicKey } = importSeed('ed25519', seed);
  const key = verifierKey(name, TYPE_ED25519, publicKey);
  const signSync = (text: string): string =>
    signatureLine(name, key.keyId, sign(null, utf8(text), privateKey));
  return { name, vkey: key.vkey, signSync, sign: async (text) => signSync(text) };
}

/** Returns a cosigner of type 0x04 for a 32-byte Ed25519 seed. */
export function ed25519Cosigner(name: string, seed: Uint8Array): Cosigner {
  const { privateKey, publicKey } = importSeed('ed25519', seed);
  const key = verifierKey(name, TYPE_COSIGNATURE, publicKey);
  return {
    name,
    vkey: key.vkey,
    cosign: (text, timestampS) => {
      parseCheckpoint(text);
      const signature = sign(null, cosignatureMessage(text, timestampS), privateKey);
      return signatureLine(name, key.keyId, cosignatureBlob(timestampS, signature));
    },
  };
}

/** Returns a cosigner of type 0x06 for a 32-byte ML-DSA-44 seed. A log signs its own checkpoints with it too. */
export function mlDsa44Cosigner(name: string, seed: Uint8Array): Cosigner {
  const { privateKey, publicKey } = importSeed('mlDsa44', seed);
  const key = verifierKey(name, TYPE_ML_DSA_44, publicKey);
  return {
    name,
    vkey: key.vkey,
    cosign: (text, timestampS) => {
      const { origin, size, root } = parseCheckpoint(text);
      const message = subtreeMessage({ cosigner: name, timestampS, origin, start: 0, end: size, hash: root });
      const signature = sign(null, message, privateKey);
      return signatureLine(name, key.keyId, cosignatureBlob(timestampS, signature));
    },
  };
}

function importKey(kind: keyof typeof SPKI, publicKey: Uint8Array): KeyObject {
  const id = `${kind}:${Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.length).toString('binary')}`;
  const known = keys.get(id);
  if (known !== undefined) return known;
  const key = createPublicKey({
    key: Buffer.from(concat(SPKI[kind], publicKey)),
    format: 'der',
    type: 'spki',
  });
  if (keys.size >= CACHE_LIMIT) keys.clear();
  keys.set(id, key);
  return key;
}

function importSeed(
  kind: keyof typeof PKCS8,
  seed: Uint8Array,
): { readonly privateKey: KeyObject; readonly publicKey: Uint8Array } {
  if (seed.length !== 32)
    throw new EvidenceError('ERR_KEY_FORMAT', `a seed has 32 bytes, found ${seed.length}`);
  const der = Buffer.from(concat(PKCS8[kind], seed));
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return { privateKey, publicKey: new Uint8Array(spki.subarray(SPKI[kind].length)) };
}

/** OpenSSL throws on malformed keys and signatures; what throws has not verified. */
function orFalse(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}

/** The parts in one view that the next call overwrites; hashing is over by then. */
function joined(parts: readonly Uint8Array[]): Uint8Array | undefined {
  let length = 0;
  for (const part of parts) length += part.length;
  if (length > JOIN_LIMIT) return undefined;
  let at = 0;
  for (const part of parts) {
    joint.set(part, at);
    at += part.length;
  }
  return joint.subarray(0, length);
}

function bufferOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}
