/**
 * The port through which signatures are verified, and its pure JavaScript implementation. `node.ts` and `web.ts`
 * give faster ones; all three accept and refuse the same signatures, and a test holds them to it.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { equalBytes } from './bytes.ts';
import { strictlyEncoded } from './ed25519-strict.ts';

/**
 * Verifies signatures. Each method resolves to false for whatever does not verify, malformed keys and signatures
 * included; none rejects.
 */
export interface Crypto {
  /** Ed25519 (RFC 8032), strict: 32-byte key, 64-byte signature; see `ed25519-strict.ts`. */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
  /** ML-DSA-44 (FIPS 204), pure, empty context: 1,312-byte key, 2,420-byte signature. */
  verifyMlDsa44(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
  /**
   * ECDSA on P-256 with SHA-256: uncompressed point of 65 bytes (0x04 ‖ x ‖ y), signature r ‖ s of 64 bytes
   * (IEEE P1363). High s is accepted, as JOSE and WebAuthn make it.
   */
  verifyEs256(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

/** Bytes in an ML-DSA-44 public key and signature (FIPS 204 table 2). */
export const ML_DSA_44_KEY_LENGTH = 1312;
/** Bytes in an ML-DSA-44 signature. */
export const ML_DSA_44_SIGNATURE_LENGTH = 2420;

/** Verifies in pure JavaScript: everywhere, and ten times slower than the runtime's own. */
export const nobleCrypto: Crypto = {
  async verifyEd25519(publicKey, message, signature) {
    return (
      strictlyEncoded(publicKey, signature) && orFalse(() => cofactorless(publicKey, message, signature))
    );
  },
  async verifyMlDsa44(publicKey, message, signature) {
    if (publicKey.length !== ML_DSA_44_KEY_LENGTH || signature.length !== ML_DSA_44_SIGNATURE_LENGTH)
      return false;
    return orFalse(() => ml_dsa44.verify(signature, message, publicKey));
  },
  async verifyEs256(publicKey, message, signature) {
    if (!isEs256Input(publicKey, signature)) return false;
    return orFalse(() => p256.verify(signature, message, publicKey, { lowS: false, prehash: true }));
  },
};

/** Returns whether an ES256 key and signature have the one shape accepted here. */
export function isEs256Input(publicKey: Uint8Array, signature: Uint8Array): boolean {
  return publicKey.length === 65 && publicKey[0] === 4 && signature.length === 64;
}

/**
 * Checks encode(S·B − k·A) = R. Noble's own `verify` multiplies by the cofactor, which accepts signatures with a
 * small-order part that OpenSSL and BoringSSL refuse; so the equation is written out here.
 */
function cofactorless(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const r = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32));
  const k = littleEndian(sha512.create().update(r).update(publicKey).update(message).digest());
  const a = ed25519.Point.fromBytes(publicKey);
  const order = ed25519.Point.Fn.ORDER;
  const left = ed25519.Point.BASE.multiplyUnsafe(s);
  const right = a.multiplyUnsafe(k % order);
  return equalBytes(left.subtract(right).toBytes(), r);
}

function littleEndian(bytes: Uint8Array): bigint {
  let n = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) n = (n << 8n) | BigInt(bytes[i]!);
  return n;
}

/** A library that throws on a malformed key or signature has not verified it. */
function orFalse(verify: () => boolean): boolean {
  try {
    return verify();
  } catch {
    return false;
  }
}
