/**
 * SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104), synchronous. The default is pure JavaScript; `node.ts`
 * installs the runtime's own, which is several times faster.
 */
import { sha256 as noble } from '@noble/hashes/sha2.js';
import { concat, equalBytes, unhex, utf8 } from './bytes.ts';
import { EvidenceError } from './errors.ts';

/** A SHA-256 of the parts in order, as one fresh array of 32 bytes. */
export type Sha256 = (parts: readonly Uint8Array[]) => Uint8Array;

/** Inputs and digests every implementation must reproduce: FIPS 180-4's "abc" and the empty string. */
const KNOWN_ANSWERS: readonly (readonly [string, string])[] = [
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
];

const BLOCK = 64;

let implementation: Sha256 = (parts) => noble(parts.length === 1 ? parts[0]! : concat(...parts));

/** Returns the SHA-256 of the parts in order, 32 bytes. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return implementation(parts);
}

/** Puts another implementation in place, for the whole process, once it has passed the known answers. */
export function useSha256(candidate: Sha256): void {
  for (const [text, digest] of KNOWN_ANSWERS) {
    const bytes = utf8(text);
    const whole = candidate([bytes]);
    const split = candidate([bytes.subarray(0, 1), bytes.subarray(1)]);
    if (!equalBytes(whole, unhex(digest)) || !equalBytes(split, unhex(digest))) {
      throw new EvidenceError('ERR_HASH_SELF_TEST', `wrong SHA-256 for ${JSON.stringify(text)}`);
    }
  }
  implementation = candidate;
}

/** Returns HMAC-SHA-256 of the parts in order, 32 bytes. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const inner = new Uint8Array(BLOCK).fill(0x36);
  const outer = new Uint8Array(BLOCK).fill(0x5c);
  const padded = key.length > BLOCK ? sha256(key) : key;
  for (let i = 0; i < padded.length; i++) {
    inner[i]! ^= padded[i]!;
    outer[i]! ^= padded[i]!;
  }
  return sha256(outer, sha256(inner, ...parts));
}
