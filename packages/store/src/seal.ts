/**
 * Sealing of records (RULE 41): AES-256-GCM under HKDF-SHA256(K, info "licet/record/v1"), bound to where it is kept.
 *
 *     0x01 ‖ nonce (12) ‖ ciphertext ‖ tag (16)
 *
 * Destroying K makes the bytes unreadable; the entry's commitments stay.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { concat, hmacSha256, utf8 } from '@licet/evidence';
import { systemRandom } from './entropy.ts';
import { StoreError } from './errors.ts';

const VERSION = 1;
const NONCE = 12;
const TAG = 16;
const INFO = concat(utf8('licet/record/v1'), Uint8Array.of(1));

const random = systemRandom();
const derived = new WeakMap<Uint8Array, Uint8Array>();

/** Returns JSON text sealed. `place` names where it is kept, and opens it nowhere else. */
export function seal(key: Uint8Array, place: string, json: string): Uint8Array {
  const nonce = random.bytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', recordKey(key), nonce);
  cipher.setAAD(Buffer.from(place, 'utf8'));
  const body = cipher.update(json, 'utf8');
  // GCM holds nothing back: the end is only asked for so that there is a tag.
  return Buffer.concat([Uint8Array.of(VERSION), nonce, body, cipher.final(), cipher.getAuthTag()]);
}

/**
 * Returns the value of sealed bytes.
 * @throws StoreError `ERR_STORE_CORRUPT` when key, place or bytes are not the ones sealed; `ERR_STORE_FORMAT` on a newer form
 */
export function unseal(key: Uint8Array, place: string, sealed: Uint8Array): unknown {
  if (sealed[0] !== VERSION) {
    throw new StoreError('ERR_STORE_FORMAT', `the sealed form ${sealed[0]} of ${place} is not known`);
  }
  try {
    const decipher = createDecipheriv('aes-256-gcm', recordKey(key), sealed.subarray(1, 1 + NONCE), {
      authTagLength: TAG,
    });
    decipher.setAAD(Buffer.from(place, 'utf8'));
    decipher.setAuthTag(sealed.subarray(-TAG));
    const body =
      decipher.update(sealed.subarray(1 + NONCE, -TAG), undefined, 'utf8') + decipher.final('utf8');
    return JSON.parse(body) as unknown;
  } catch (cause) {
    throw new StoreError('ERR_STORE_CORRUPT', `${place} does not open with its key`, { cause });
  }
}

/**
 * RFC 5869 with an empty salt and one block: two HMACs. Written out, because the runtime's own makes two key objects
 * per call and costs ten times as much. Remembered while the caller holds K.
 */
function recordKey(key: Uint8Array): Uint8Array {
  const known = derived.get(key);
  if (known !== undefined) return known;
  const made = hmacSha256(hmacSha256(new Uint8Array(32), key), INFO);
  derived.set(key, made);
  return made;
}
