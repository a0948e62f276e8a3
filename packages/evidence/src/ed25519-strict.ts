/**
 * What every Ed25519 verifier here refuses before it computes anything. RFC 8032 §5.1.7 leaves room (cofactored
 * or not, small-order points, non-canonical encodings), and libraries use that room differently; a signature
 * that one door accepts and another refuses is an attack. Ours is the strictest reading, that of `verify_strict`
 * in ed25519-dalek: cofactorless, S < L, canonical points, no point of small order.
 */
import { unhex } from './bytes.ts';

/** Order of the base point, little endian. */
const L = unhex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');
/** The field's prime 2^255 - 19, little endian. */
const P = unhex('edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f');
/** The y coordinates of the eight points whose order divides 8, without the sign bit. */
const SMALL_ORDER_Y: readonly Uint8Array[] = [
  unhex('0000000000000000000000000000000000000000000000000000000000000000'),
  unhex('0100000000000000000000000000000000000000000000000000000000000000'),
  unhex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'),
  unhex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'),
  unhex('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'),
];

/** Returns whether key and signature may go on to the equation: lengths, S < L, canonical, not of small order. */
export function strictlyEncoded(publicKey: Uint8Array, signature: Uint8Array): boolean {
  return (
    publicKey.length === 32 &&
    signature.length === 64 &&
    isBelow(signature.subarray(32), L) &&
    isUsefulPoint(publicKey) &&
    isUsefulPoint(signature.subarray(0, 32))
  );
}

function isUsefulPoint(encoded: Uint8Array): boolean {
  const y = encoded.slice();
  y[31]! &= 0x7f;
  return isBelow(y, P) && !SMALL_ORDER_Y.some((small) => small.every((byte, i) => byte === y[i]));
}

/** Compares little-endian numbers of 32 bytes. */
function isBelow(a: Uint8Array, limit: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    if (a[i]! !== limit[i]!) return a[i]! < limit[i]!;
  }
  return false;
}
