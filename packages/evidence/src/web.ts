/**
 * The browser side of this package: a `Crypto` on WebCrypto where the browser has the algorithm, on pure
 * JavaScript where it has not (ML-DSA-44 nowhere yet, Ed25519 in older ones, anything outside a secure context).
 */
import { isEs256Input, nobleCrypto, type Crypto } from './crypto.ts';
import { strictlyEncoded } from './ed25519-strict.ts';
import { unhex } from './bytes.ts';

const ED25519 = { name: 'Ed25519' } as const;
const P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const ES256 = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** RFC 8032 §7.1 test 1: a key that every implementation of Ed25519 can import. */
const KNOWN_KEY = unhex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');

let ed25519Support: Promise<boolean> | undefined;

/** Verifies with the browser's own code where there is some. */
export const webCrypto: Crypto = {
  async verifyEd25519(publicKey, message, signature) {
    if (!strictlyEncoded(publicKey, signature)) return false;
    ed25519Support ??= supportsEd25519();
    if (!(await ed25519Support)) return nobleCrypto.verifyEd25519(publicKey, message, signature);
    return verifyWith(ED25519, ED25519, publicKey, message, signature);
  },
  verifyMlDsa44: nobleCrypto.verifyMlDsa44,
  async verifyEs256(publicKey, message, signature) {
    if (!isEs256Input(publicKey, signature)) return false;
    if (globalThis.crypto?.subtle === undefined)
      return nobleCrypto.verifyEs256(publicKey, message, signature);
    return verifyWith(P256, ES256, publicKey, message, signature);
  },
};

async function supportsEd25519(): Promise<boolean> {
  try {
    await globalThis.crypto.subtle.importKey('raw', KNOWN_KEY.slice(), ED25519, false, ['verify']);
    return true;
  } catch {
    return false;
  }
}

/** A key that cannot be imported or an operation that fails has verified nothing. */
async function verifyWith(
  keyAlgorithm: Parameters<SubtleCrypto['importKey']>[2],
  algorithm: Parameters<SubtleCrypto['verify']>[0],
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const { subtle } = globalThis.crypto;
  try {
    // Copies: the caller may change its arrays while the promise is pending.
    const bytes = [publicKey.slice(), signature.slice(), message.slice()] as const;
    const key = await subtle.importKey('raw', bytes[0], keyAlgorithm, false, ['verify']);
    return await subtle.verify(algorithm, key, bytes[1], bytes[2]);
  } catch {
    return false;
  }
}
