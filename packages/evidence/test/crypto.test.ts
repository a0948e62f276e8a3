/**
 * Goal: the three verifiers accept and refuse the same signatures, so that no door opens to what another refuses.
 * Method: honest signatures, bytes flipped, and keys with a small-order part, on which libraries disagree.
 */
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, nobleCrypto, unhex, utf8, type Crypto } from '../src/index.ts';
import { nodeCrypto } from '../src/node.ts';
import { webCrypto } from '../src/web.ts';

const verifiers: readonly Crypto[] = [nodeCrypto, webCrypto, nobleCrypto];
type Method = keyof Crypto;

async function verdict(
  method: Method,
  key: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const all = await Promise.all(verifiers.map((verifier) => verifier[method](key, message, signature)));
  expect(new Set(all).size, `verifiers disagree: ${all.join()}`).toBe(1);
  return all[0]!;
}

const tail = (key: KeyObject, length: number): Uint8Array =>
  new Uint8Array(key.export({ format: 'der', type: 'spki' }).subarray(-length));

const ed = generateKeyPairSync('ed25519');
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ml = generateKeyPairSync('ml-dsa-44');
const schemes = [
  ['verifyEd25519', tail(ed.publicKey, 32), (m: Uint8Array) => sign(null, m, ed.privateKey), 60],
  [
    'verifyEs256',
    tail(ec.publicKey, 65),
    (m: Uint8Array) => sign('sha256', m, { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }),
    60,
  ],
  ['verifyMlDsa44', tail(ml.publicKey, 1312), (m: Uint8Array) => sign(null, m, ml.privateKey), 15],
] as const;

describe.each(schemes)('%s', (method, key, signer, numRuns) => {
  it('accepts what was signed and refuses any flipped bit, the same in all three', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 80 }),
        fc.nat(),
        fc.nat(7),
        async (message, at, bit) => {
          const signature = new Uint8Array(signer(message));
          expect(await verdict(method, key, message, signature)).toBe(true);
          const flipped = [key.slice(), message.slice(), signature.slice()] as const;
          const target = flipped[at % 3]!;
          target[(at >> 2) % target.length]! ^= 1 << bit;
          expect(await verdict(method, ...flipped)).toBe(false);
        },
      ),
      { numRuns },
    );
  });

  it('refuses keys and signatures of any other length without throwing', async () => {
    const message = utf8('m');
    const signature = new Uint8Array(signer(message));
    const longer = (bytes: Uint8Array): Uint8Array => concat(bytes, Uint8Array.of(0));
    for (const k of [key.subarray(1), longer(key), new Uint8Array(0)]) {
      expect(await verdict(method, k, message, signature)).toBe(false);
    }
    for (const s of [
      signature.subarray(1),
      longer(signature),
      new Uint8Array(0),
      new Uint8Array(signature.length),
    ]) {
      expect(await verdict(method, key, message, s)).toBe(false);
    }
  });
});

describe('Ed25519 where implementations differ', () => {
  const { Point } = ed25519;
  const order = Point.Fn.ORDER;
  /** A point of order eight. */
  const torsion = Point.fromBytes(unhex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'));
  const a = 123456789n;
  const r = 987654321n;

  it('a key with a small-order part verifies exactly when the equation holds without the cofactor', async () => {
    const key = Point.BASE.multiply(a).add(torsion).toBytes();
    const seen = new Set<boolean>();
    for (let i = 0; i < 40; i++) {
      const message = utf8(`message ${i}`);
      const rBytes = Point.BASE.multiply(r).toBytes();
      const k = number(sha512(concat(rBytes, key, message))) % order;
      const signature = concat(rBytes, little((r + k * a) % order));
      // Cofactored verification would accept all of these.
      const found = await verdict('verifyEd25519', key, message, signature);
      expect(found).toBe(k % 8n === 0n);
      seen.add(found);
    }
    expect(seen.size).toBe(2);
  });

  it('a small-order key or R verifies nothing, though the equation holds', async () => {
    for (let i = 0n; i < 8n; i++) {
      const small = i === 0n ? Point.ZERO : torsion.multiplyUnsafe(i);
      const key = small.toBytes();
      const message = utf8('anything');
      const k = number(sha512(concat(Point.BASE.toBytes(), key, message))) % order;
      const point = Point.BASE.subtract(small.multiplyUnsafe(k));
      const one = little(1n);
      expect(await verdict('verifyEd25519', key, message, concat(point.toBytes(), one))).toBe(false);
      expect(
        await verdict('verifyEd25519', Point.BASE.multiply(a).toBytes(), message, concat(key, one)),
      ).toBe(false);
    }
  });

  it('y not below p is refused, in key and in R', async () => {
    for (let low = 0xed; low <= 0xff; low++) {
      for (const sign of [0x7f, 0xff]) {
        const bad = new Uint8Array(32).fill(0xff);
        bad[0] = low;
        bad[31] = sign;
        expect(await verdict('verifyEd25519', bad, utf8('m'), concat(bad, little(1n)))).toBe(false);
      }
    }
  });
});

function number(bytes: Uint8Array): bigint {
  return bytes.reduceRight((n, byte) => (n << 8n) | BigInt(byte), 0n);
}

function little(n: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((n >> BigInt(8 * i)) & 0xffn));
}
