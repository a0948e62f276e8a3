/**
 * Public keys as JWK (RFC 7517, RFC 8037): the two kinds this project uses, their bytes and their thumbprint.
 */
import { base64url, concat, unbase64url, utf8 } from './bytes.ts';
import { canonicalize } from './canonical.ts';
import { EvidenceError } from './errors.ts';
import { sha256 } from './sha256.ts';

/** The members of a JWK that make its identity; others are ignored. */
export type PublicJwk =
  | { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string }
  | { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string };

/** A public key ready for `Crypto`. */
export type PublicKey =
  | { readonly alg: 'EdDSA'; readonly bytes: Uint8Array }
  | { readonly alg: 'ES256'; readonly bytes: Uint8Array };

/**
 * Returns the key bytes: 32 for Ed25519, the uncompressed point of 65 for P-256. Throws ERR_KEY_FORMAT on any
 * other kind of key, and on one that carries its private part.
 */
export function jwkPublicKey(jwk: { readonly [member: string]: unknown }): PublicKey {
  if (Object.hasOwn(jwk, 'd')) throw malformed('the JWK holds a private key');
  if (jwk['kty'] === 'OKP' && jwk['crv'] === 'Ed25519') {
    return { alg: 'EdDSA', bytes: coordinate(jwk['x'], 'x') };
  }
  if (jwk['kty'] === 'EC' && jwk['crv'] === 'P-256') {
    const point = concat(Uint8Array.of(4), coordinate(jwk['x'], 'x'), coordinate(jwk['y'], 'y'));
    return { alg: 'ES256', bytes: point };
  }
  throw malformed('the JWK is neither OKP Ed25519 nor EC P-256');
}

/** Returns the JWK of key bytes as {@link jwkPublicKey} gives them. */
export function publicKeyJwk(key: PublicKey): PublicJwk {
  if (key.alg === 'EdDSA') return { kty: 'OKP', crv: 'Ed25519', x: base64url(key.bytes) };
  const { bytes } = key;
  return { kty: 'EC', crv: 'P-256', x: base64url(bytes.subarray(1, 33)), y: base64url(bytes.subarray(33)) };
}

/** Returns the RFC 7638 thumbprint, base64url of 32 bytes. Throws as {@link jwkPublicKey}. */
export function jwkThumbprint(jwk: { readonly [member: string]: unknown }): string {
  // RFC 7638 §3.3: required members only, in lexicographic order, no white space. That is JCS of them.
  return base64url(sha256(utf8(canonicalize({ ...publicKeyJwk(jwkPublicKey(jwk)) }))));
}

function coordinate(value: unknown, name: string): Uint8Array {
  if (typeof value !== 'string') throw malformed(`the JWK has no ${name}`);
  let bytes: Uint8Array;
  try {
    bytes = unbase64url(value);
  } catch (cause) {
    throw new EvidenceError('ERR_KEY_FORMAT', `${name} is not canonical base64url`, { cause });
  }
  if (bytes.length !== 32) throw malformed(`${name} has 32 bytes, found ${bytes.length}`);
  return bytes;
}

function malformed(what: string): EvidenceError {
  return new EvidenceError('ERR_KEY_FORMAT', what);
}
