/**
 * Tokens for people (DESIGN §10). A token stands for a key: the Ed25519 key whose seed is
 * SHA-256("licet/token/v1\n" ‖ token). The identity lists its public half, so that the log alone says whose token it
 * is, and a rebuild keeps it.
 */
import { base64url, concat, domainTag, sha256, unhex, utf8 } from '@licet/evidence';
import type { PrivateJwk } from './proof.ts';

/** DER of PKCS #8 up to the seed of an Ed25519 key (RFC 8410). */
const PKCS8 = unhex('302e020100300506032b657004220420');

/** Returns the key that a token stands for. */
export const tokenKey = (token: string): Promise<PrivateJwk> =>
  fromSeed(sha256(utf8(domainTag('token')), utf8(token)));

/** Returns a fresh private key. */
export const newPrivateJwk = (): Promise<PrivateJwk> => fromSeed(crypto.getRandomValues(new Uint8Array(32)));

async function fromSeed(seed: Uint8Array): Promise<PrivateJwk> {
  const der = concat(PKCS8, seed) as Uint8Array<ArrayBuffer>;
  const key = await crypto.subtle.importKey('pkcs8', der, 'Ed25519', true, ['sign']);
  const { x } = await crypto.subtle.exportKey('jwk', key);
  if (x === undefined) throw new Error('Ed25519 gave no public key');
  return { kty: 'OKP', crv: 'Ed25519', x, d: base64url(seed) };
}
