/**
 * Verifier keys and key IDs of c2sp.org/signed-note: `name+hex(id)+base64(type || key)`.
 */
import { base64, concat, equalBytes, hex, unbase64, utf8 } from './bytes.ts';
import { ML_DSA_44_KEY_LENGTH } from './crypto.ts';
import { EvidenceError } from './errors.ts';
import { sha256 } from './sha256.ts';

/** Signature type of a note signed with Ed25519. */
export const TYPE_ED25519 = 0x01;
/** Signature type of a timestamped Ed25519 cosignature of a checkpoint. */
export const TYPE_COSIGNATURE = 0x04;
/** Signature type of a timestamped ML-DSA-44 cosignature of a checkpoint or subtree. */
export const TYPE_ML_DSA_44 = 0x06;

/** The types this package verifies. */
export type KeyType = typeof TYPE_ED25519 | typeof TYPE_COSIGNATURE | typeof TYPE_ML_DSA_44;

/** A key that verifies note signatures. Make one by {@link verifierKey} or {@link parseVkey}. */
export interface VerifierKey {
  readonly name: string;
  readonly type: KeyType;
  /** Four bytes. */
  readonly keyId: Uint8Array;
  /** 32 bytes, or 1,312 for ML-DSA-44. */
  readonly publicKey: Uint8Array;
  /** The whole key as text; two keys are the same key when these are equal. */
  readonly vkey: string;
}

const KEY_LENGTHS: Readonly<Record<KeyType, number>> = {
  [TYPE_ED25519]: 32,
  [TYPE_COSIGNATURE]: 32,
  [TYPE_ML_DSA_44]: ML_DSA_44_KEY_LENGTH,
};

/** A name has no plus, no Unicode space and no control character (signed-note, "Format"). */
const KEY_NAME = /^[^+\s\p{White_Space}\p{Cc}]+$/u;

/** Most bytes of a key name: tlog-cosignature counts them in one byte. */
const MAX_NAME_BYTES = 255;

/** Returns whether a text can be a key name. */
export function isKeyName(name: string): boolean {
  return KEY_NAME.test(name) && name.isWellFormed() && utf8(name).length <= MAX_NAME_BYTES;
}

/** Returns the key ID, 4 bytes: SHA-256(name || 0x0A || type || public key), cut. */
export function keyId(name: string, type: KeyType, publicKey: Uint8Array): Uint8Array {
  return sha256(utf8(name), Uint8Array.of(0x0a, type), publicKey).slice(0, 4);
}

/** Returns the key of these parts. Throws ERR_KEY_FORMAT on a bad name or a public key of the wrong length. */
export function verifierKey(name: string, type: KeyType, publicKey: Uint8Array): VerifierKey {
  if (!isKeyName(name)) throw malformed(`${JSON.stringify(name)} cannot be a key name`);
  if (publicKey.length !== KEY_LENGTHS[type]) {
    throw malformed(`a key of type ${type} has ${KEY_LENGTHS[type]} bytes, found ${publicKey.length}`);
  }
  const id = keyId(name, type, publicKey);
  const vkey = `${name}+${hex(id)}+${base64(concat(Uint8Array.of(type), publicKey))}`;
  return { name, type, keyId: id, publicKey: publicKey.slice(), vkey };
}

/** Returns the vkey text of these parts; throws as {@link verifierKey}. */
export function formatVkey(name: string, type: KeyType, publicKey: Uint8Array): string {
  return verifierKey(name, type, publicKey).vkey;
}

/** Returns the key a vkey text names. Throws ERR_KEY_FORMAT on any other text, type or key ID. */
export function parseVkey(text: string): VerifierKey {
  // The base64 may hold pluses of its own, so only the first two separate.
  const first = text.indexOf('+');
  const second = text.indexOf('+', first + 1);
  if (first < 0 || second < 0) throw malformed('a vkey has three parts separated by "+"');
  const material = decoded(text.slice(second + 1));
  const type = material[0];
  if (type !== TYPE_ED25519 && type !== TYPE_COSIGNATURE && type !== TYPE_ML_DSA_44) {
    throw malformed(`signature type ${type ?? 'missing'} is not one of 1, 4 and 6`);
  }
  const key = verifierKey(text.slice(0, first), type, material.subarray(1));
  if (text.slice(first + 1, second) !== hex(key.keyId)) {
    throw malformed(
      `the key ID is ${hex(key.keyId)}, the vkey says ${JSON.stringify(text.slice(first + 1, second))}`,
    );
  }
  return key;
}

/** Returns whether two keys share their public key bytes, whatever their names and types. */
export function samePublicKey(a: VerifierKey, b: VerifierKey): boolean {
  return equalBytes(a.publicKey, b.publicKey);
}

function decoded(text: string): Uint8Array {
  try {
    return unbase64(text);
  } catch (cause) {
    throw new EvidenceError('ERR_KEY_FORMAT', 'the key is not canonical base64', { cause });
  }
}

function malformed(what: string): EvidenceError {
  return new EvidenceError('ERR_KEY_FORMAT', what);
}
