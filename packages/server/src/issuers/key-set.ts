/**
 * The public keys of an issuer (RFC 7517). Each has one algorithm, and a name stands for one key: which algorithm a
 * token is checked with never follows from the token.
 */
import { hex, unbase64url, type Json } from '@licet/evidence';
import { importJWK, type CryptoKey, type JWK } from 'jose';
import { isMembers, type Members } from './members.ts';

/** A key that tokens may be signed with. */
export interface TokenKey {
  readonly kid?: string;
  /** EdDSA stands for both of its names. */
  readonly alg: string;
  readonly key: CryptoKey;
}
export type KeySet = readonly TokenKey[];

const MAX_KEYS = 32;
const CURVES: Readonly<Record<string, string>> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' };
/** Members of a private or symmetric key: whoever publishes these has no key any more. */
const SECRET = ['d', 'k', 'p', 'q', 'dp', 'dq', 'qi', 'oth'];

/** Returns the usable keys among those of an issuer; ambiguous ones are not. */
export async function readKeySet(keys: readonly Json[], algorithms: readonly string[]): Promise<KeySet> {
  const read: TokenKey[] = [];
  for (const jwk of keys.slice(0, MAX_KEYS)) {
    const key = isMembers(jwk) ? await readKey(jwk, algorithms) : undefined;
    if (key !== undefined) read.push(key);
  }
  const names = keys.map((jwk) => (isMembers(jwk) ? jwk['kid'] : undefined));
  // Two keys of one name: which was meant is not for us to guess.
  return read.filter(({ kid }) => kid === undefined || names.filter((name) => name === kid).length === 1);
}

async function readKey(jwk: Members, algorithms: readonly string[]): Promise<TokenKey | undefined> {
  const { kid, use, key_ops: operations } = jwk;
  if (SECRET.some((name) => Object.hasOwn(jwk, name))) return undefined;
  if (use !== undefined && use !== 'sig' && use !== 'jwt-svid') return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return undefined;
  if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > 256)) return undefined;
  const alg = algorithmOf(jwk, algorithms);
  if (alg === undefined || (jwk['kty'] === 'RSA' && !isSoundRsa(jwk))) return undefined;
  try {
    const key = await importJWK(publicMembers(jwk), alg);
    return key instanceof Uint8Array ? undefined : { ...(kid === undefined ? {} : { kid }), alg, key };
  } catch {
    // No key that this library takes: nothing is checked with it.
    return undefined;
  }
}

/** The one algorithm of a key: by its curve; of an RSA key the one it names, or the only one that is allowed. */
function algorithmOf({ kty, crv, alg }: Members, algorithms: readonly string[]): string | undefined {
  const rsa = algorithms.filter((name) => /^[RP]S/.test(name));
  const own =
    kty === 'EC' && typeof crv === 'string'
      ? CURVES[crv]
      : kty === 'OKP' && crv === 'Ed25519'
        ? 'EdDSA'
        : kty === 'RSA'
          ? typeof alg === 'string' && /^[RP]S(256|384|512)$/.test(alg)
            ? alg
            : rsa.length === 1
              ? rsa[0]
              : undefined
          : undefined;
  const named = alg === 'Ed25519' ? 'EdDSA' : alg;
  if (own === undefined || (named !== undefined && named !== own)) return undefined;
  const allowed = own === 'EdDSA' ? ['EdDSA', 'Ed25519'] : [own];
  return allowed.some((name) => algorithms.includes(name)) ? own : undefined;
}

/** Primes by which keys of a faulty generator are known (ROCA, CVE-2017-15361): modulo each, they are powers of 65537. */
const ROCA_PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
];

/** FIPS 186-5 §A.1.1 and RFC 7518 §3.3: long enough, an exponent that signs, and of no generator known to be broken. */
function isSoundRsa({ n, e }: Members): boolean {
  const [modulus, exponent] = [n, e].map(integerOf);
  if (modulus === undefined || exponent === undefined) return false;
  if (modulus >> 2_047n === 0n || modulus >> 8_192n !== 0n) return false;
  if (exponent <= 65_536n || exponent % 2n === 0n || exponent >> 64n !== 0n) return false;
  return !ROCA_PRIMES.every((prime) => {
    const rest = Number(modulus % BigInt(prime));
    for (let power = 1, n = 0; n < prime; n += 1, power = (power * 65_537) % prime)
      if (power === rest) return true;
    return false;
  });
}

function integerOf(value: Json | undefined): bigint | undefined {
  if (typeof value !== 'string' || value.length > 2_048) return undefined;
  try {
    return BigInt(`0x${hex(unbase64url(value))}`);
  } catch {
    return undefined;
  }
}

function publicMembers(jwk: Members): JWK {
  const names = ['kty', 'crv', 'x', 'y', 'n', 'e'];
  return Object.fromEntries(
    names.flatMap((name) => (Object.hasOwn(jwk, name) ? [[name, jwk[name]]] : [])),
  ) as JWK;
}
