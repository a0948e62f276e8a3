/**
 * Sealing of records (RULE 41): AES-256-GCM under HKDF-SHA256(K, info "licet/record/v1"), bound to where it is kept.
 *
 *     0x01 ‖ nonce (12) ‖ ciphertext ‖ tag (16)
 *
 * Destroying K makes the bytes unreadable; the entry's commitments stay.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { StoreError } from './errors.ts';

const VERSION = 1;
const NONCE = 12;
const TAG = 16;

/** Returns the sealed JSON of a value. `place` names where it is kept, and opens it nowhere else. */
export function seal(key: Uint8Array, place: string, value: unknown): Uint8Array {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', recordKey(key), nonce);
  cipher.setAAD(Buffer.from(place, 'utf8'));
  const body = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()]);
  return Buffer.concat([Uint8Array.of(VERSION), nonce, body, cipher.getAuthTag()]);
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

const recordKey = (key: Uint8Array): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), 'licet/record/v1', 32));
