/**
 * Statements of attesters: what was measured, signed with the attester's key for one challenge, as an Entity Attestation
 * Token (RFC 9711) in a compact JWS. `parseStatement` and `appraiseStatement` of `evidence` are the other half.
 */
import { jwkThumbprint, STATEMENT_TYPE, type Json, type PublicJwk } from '@licet/evidence';
import { importJWK, SignJWT } from 'jose';
import { publicHalf, type PrivateJwk } from './proof.ts';

/** What a statement says. */
export interface StatementClaims {
  /** The challenge. */
  readonly nonce: string;
  /** Whom it is about. */
  readonly subject: string;
  /** Log origin of the plane that gave out the challenge. */
  readonly origin: string;
  /** The measurement, by kind: `program`, `tool`, `container` or `package` (docs/formats/statement.md). */
  readonly measured: { readonly [claim: string]: Json };
}

/** Returns the signed statement, made at `nowMs`. */
export async function makeStatement(
  key: PrivateJwk,
  { nonce, subject, origin, measured }: StatementClaims,
  nowMs: number,
): Promise<string> {
  return new SignJWT({ ...measured, eat_nonce: nonce })
    .setProtectedHeader({ typ: STATEMENT_TYPE, alg: 'EdDSA', kid: jwkThumbprint({ ...publicHalf(key) }) })
    .setSubject(subject)
    .setAudience(origin)
    .setIssuedAt(Math.floor(nowMs / 1_000))
    .sign(await importJWK({ ...key }, 'EdDSA'));
}

/** Evidence of one statement: the key beside it, for a key that no identity entry holds because an issuer vouches for it. */
export interface SignedStatement {
  readonly statement: string;
  readonly key: PublicJwk;
}

/** Returns a statement as it is presented. */
export async function signEvidence(
  key: PrivateJwk,
  claims: StatementClaims,
  nowMs: number,
): Promise<SignedStatement> {
  return { statement: await makeStatement(key, claims, nowMs), key: publicHalf(key) };
}
