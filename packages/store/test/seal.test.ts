/** Goal: sealed records open with their key, at their place, unchanged, and in no other way. */
import { hkdfSync, createDecipheriv } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { seal, unseal } from '../src/seal.ts';

const key = new Uint8Array(32).fill(4);
const value = { path: '/workspace/ä.txt', n: [1, 2, 3] };
const json = JSON.stringify(value);

describe('rule 41: sealing', () => {
  test('a sealed value opens with its key and place', () => {
    expect(unseal(key, 'record:a', seal(key, 'record:a', json))).toEqual(value);
  });

  test('it is AES-256-GCM under HKDF-SHA256(K, "licet/record/v1"), by another implementation', () => {
    const sealed = seal(key, 'record:a', json);
    const derived = new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), 'licet/record/v1', 32));
    const decipher = createDecipheriv('aes-256-gcm', derived, sealed.subarray(1, 13));
    decipher.setAAD(Buffer.from('record:a'));
    decipher.setAuthTag(sealed.subarray(-16));
    const text = decipher.update(sealed.subarray(13, -16), undefined, 'utf8') + decipher.final('utf8');
    expect(JSON.parse(text)).toEqual(value);
  });

  test('the wrong key, another place and each changed byte are refused', () => {
    const sealed = seal(key, 'record:a', json);
    expect(() => unseal(new Uint8Array(32), 'record:a', sealed)).toThrow(/ERR_STORE_CORRUPT/);
    expect(() => unseal(key, 'record:b', sealed)).toThrow(/ERR_STORE_CORRUPT/);
    for (let i = 0; i < sealed.length; i++) {
      const changed = Uint8Array.from(sealed);
      changed[i]! ^= 1;
      expect(() => unseal(key, 'record:a', changed)).toThrow(/ERR_STORE_(CORRUPT|FORMAT)/);
    }
    for (const length of [0, 1, 13, 28]) {
      expect(() => unseal(key, 'record:a', sealed.subarray(0, length))).toThrow(/ERR_STORE_(CORRUPT|FORMAT)/);
    }
  });

  test('no two sealings of one value are alike', () => {
    const all = Array.from({ length: 2_000 }, () => Buffer.from(seal(key, 'r', json)).toString('hex'));
    expect(new Set(all).size).toBe(2_000);
  });
});
