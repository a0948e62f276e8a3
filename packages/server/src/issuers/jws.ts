/**
 * Signed tokens (RFC 7515, compact form; RFC 8725): the signature is checked with a key that the issuer's settings or
 * its published keys name, and with that key's one algorithm. What a token says about its own keys is not heard.
 */
import { parseJson, unbase64url, type Json } from '@licet/evidence';
import { compactVerify } from 'jose';
import type { KeySet } from './key-set.ts';
import { isMembers } from './members.ts';

/** Longest token, characters. */
export const MAX_TOKEN = 16_384;
/** Headers by which a token brings its own key, or changes what is signed. */
const REFUSED = ['jwk', 'jku', 'x5u', 'x5c', 'crit', 'b64', 'zip'];

export interface Jws {
  readonly header: Readonly<Record<string, Json>>;
  readonly payload: Uint8Array;
}

/** Returns the parts of a token whose signature nobody has checked; undefined when it is none. */
export function readJws(token: string): Jws | undefined {
  if (token.length > MAX_TOKEN) return undefined;
  const parts = token.split('.');
  if (parts.length !== 3 || parts.some((part) => !/^[A-Za-z0-9_-]+$/.test(part))) return undefined;
  try {
    unbase64url(parts[2]!);
    const header = parseJson(unbase64url(parts[0]!), { maxBytes: 4_096, maxDepth: 4 });
    return isMembers(header) ? { header, payload: unbase64url(parts[1]!) } : undefined;
  } catch {
    // Stray bits, duplicate names, numbers that nobody can hold: not a token.
    return undefined;
  }
}

/** Returns the token when one of these keys signed it, and an algorithm of the list was used. */
export async function verifyJws(
  token: string,
  keys: KeySet,
  algorithms: readonly string[],
): Promise<Jws | undefined> {
  const read = readJws(token);
  if (read === undefined) return undefined;
  const { alg, kid } = read.header;
  if (typeof alg !== 'string' || !algorithms.includes(alg)) return undefined;
  if (REFUSED.some((name) => Object.hasOwn(read.header, name))) return undefined;
  const named = kid === undefined ? keys : keys.filter((key) => key.kid === kid);
  const only = named[0];
  // Exactly one: with two that could be meant, a weaker one would do.
  if (only === undefined || named.length !== 1) return undefined;
  if (only.alg !== (alg === 'Ed25519' ? 'EdDSA' : alg)) return undefined;
  try {
    await compactVerify(token, only.key, { algorithms: [alg] });
    return read;
  } catch {
    return undefined;
  }
}
