/**
 * Proofs of possession (RFC 9449): a JWT signed by the caller's key for one call. It opens sessions, where it also
 * carries the caller's X25519 share, and is accepted in place of a session on every route (DESIGN §10).
 */
import { base64url, jwkThumbprint, sha256, type PublicJwk } from '@licet/evidence';
import { EmbeddedJWK, SignJWT, importJWK, jwtVerify } from 'jose';

/** How far `iat` may be from the server's clock, milliseconds. */
export const PROOF_WINDOW_MS = 60_000;

/** A private Ed25519 key, as an agent keeps it. */
export interface PrivateJwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
  /** The seed, 32 bytes, base64url. */
  readonly d: string;
}

/** What a proof is for. */
export interface ProofClaims {
  readonly method: string;
  /** Scheme, host and path of the call; a query is left out (RFC 9449 §4.2). */
  readonly url: string;
  /** The log origin of the plane that is meant: a proof relayed to another plane is refused there. */
  readonly origin?: string;
  /** The caller's X25519 share, 32 bytes, base64url; only when opening a session. */
  readonly share?: string;
  /** The body the proof goes with; its digest is in the proof. */
  readonly body?: Uint8Array;
}

/** A proof that verified. `jti` must be used once by whoever checks it. */
export interface CheckedProof {
  readonly jkt: string;
  readonly jti: string;
  readonly share?: string;
  /** Whether it covers the body that it came with. */
  readonly covers: boolean;
}

/** Returns the public half. */
export const publicHalf = ({ kty, crv, x }: PrivateJwk): PublicJwk => ({ kty, crv, x });

/** Returns a DPoP proof JWT for one call, made at `nowMs`. */
export async function makeProof(key: PrivateJwk, claims: ProofClaims, nowMs: number): Promise<string> {
  const jti = base64url(crypto.getRandomValues(new Uint8Array(16)));
  const extra = {
    ...(claims.origin === undefined ? {} : { origin: claims.origin }),
    ...(claims.share === undefined ? {} : { share: claims.share }),
    ...(claims.body === undefined ? {} : { bh: base64url(sha256(claims.body)) }),
  };
  return new SignJWT({ htm: claims.method, htu: target(claims.url), jti, ...extra })
    .setProtectedHeader({ typ: 'dpop+jwt', alg: 'EdDSA', jwk: { ...publicHalf(key) } })
    .setIssuedAt(Math.floor(nowMs / 1_000))
    .sign(await importJWK({ ...key }, 'EdDSA'));
}

/**
 * Returns the proof when it is one for exactly this call: signature by the key it names, method, URL, origin, body
 * and time. Undefined otherwise; what is wrong is not told to a stranger.
 */
export async function checkProof(
  jwt: string,
  call: Required<Pick<ProofClaims, 'method' | 'url' | 'origin' | 'body'>>,
  nowMs: number,
): Promise<CheckedProof | undefined> {
  if (jwt.length > 4_096) return undefined;
  try {
    const { payload, protectedHeader } = await jwtVerify(jwt, EmbeddedJWK, {
      typ: 'dpop+jwt',
      algorithms: ['EdDSA', 'Ed25519', 'ES256'],
      currentDate: new Date(nowMs),
    });
    const { htm, htu, jti, iat, origin, share, bh } = payload;
    if (htm !== call.method || typeof htu !== 'string' || target(htu) !== target(call.url)) return undefined;
    // Written so that a time that is no number is refused.
    if (typeof iat !== 'number' || !(Math.abs(iat * 1_000 - nowMs) <= PROOF_WINDOW_MS)) return undefined;
    if (typeof jti !== 'string' || jti.length < 16 || jti.length > 128) return undefined;
    if (origin !== undefined && origin !== call.origin) return undefined;
    if (bh !== undefined && bh !== base64url(sha256(call.body))) return undefined;
    if (share !== undefined && typeof share !== 'string') return undefined;
    const jkt = jwkThumbprint({ ...protectedHeader.jwk });
    return { jkt, jti, covers: bh !== undefined, ...(share === undefined ? {} : { share }) };
  } catch {
    // Fail closed: whatever throws has not proved anything.
    return undefined;
  }
}

function target(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
