/**
 * Signed statements (docs/formats/statement.md): what an attester measured, as an Entity Attestation Token (RFC 9711) in
 * a compact JWS (RFC 7515), made for one challenge. Two algorithms and nothing that a token could bring along to be
 * believed by: no embedded key, no address of one, no unknown critical header.
 */
import { fromUtf8, unbase64url, utf8 } from './bytes.ts';
import type { Crypto } from './crypto.ts';
import type { PublicJwk } from './entries.ts';
import { EvidenceError } from './errors.ts';
import { jwkPublicKey, jwkThumbprint } from './jwk.ts';
import { parseJson, type Json } from './json.ts';
import { isObject } from './shape.ts';

/** The header's `typ` of statements that this project's doors make (RFC 9782). */
export const STATEMENT_TYPE = 'eat+jwt';
/** Longest statement, characters. */
export const MAX_STATEMENT = 65_536;

/** A statement, read but not verified. */
export interface Statement {
  readonly alg: 'EdDSA' | 'ES256';
  readonly typ: string | undefined;
  /** Of our doors: the thumbprint of the key that signed. A hint, never a proof. */
  readonly kid: string | undefined;
  readonly claims: { readonly [claim: string]: Json };
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** Headers by which a token would choose what it is verified with. */
const REFUSED_HEADERS = ['crit', 'jwk', 'jku', 'x5c', 'x5u', 'b64', 'zip'];

/** Returns the parts of a compact JWS. Nothing of it is believed yet. @throws EvidenceError `ERR_STATEMENT_FORMAT` */
export function parseStatement(text: string): Statement {
  if (text.length > MAX_STATEMENT) throw malformed('it is too long');
  const [header = '', payload = '', signature = '', ...rest] = text.split('.');
  if (rest.length > 0 || signature === '') throw malformed('it is no compact JWS');
  const head = objectOf(header);
  for (const name of REFUSED_HEADERS)
    if (Object.hasOwn(head, name)) throw malformed(`its header holds ${name}`);
  const { alg, typ, kid } = head;
  // A closed list, and never `none`: the algorithm is the key's, and the header only has to agree with it.
  if (alg !== 'EdDSA' && alg !== 'ES256') throw malformed('its algorithm is neither EdDSA nor ES256');
  if ((typ !== undefined && typeof typ !== 'string') || (kid !== undefined && typeof kid !== 'string'))
    throw malformed('its header is not of texts');
  return {
    alg,
    typ,
    kid,
    claims: objectOf(payload),
    signed: utf8(`${header}.${payload}`),
    signature: bytesOf(signature),
  };
}

/**
 * Returns the thumbprint of the key among `keys` that signed the statement.
 * @throws EvidenceError `ERR_STATEMENT_SIGNATURE`
 */
export async function verifyStatement(
  { alg, signed, signature }: Statement,
  keys: readonly PublicJwk[],
  crypto: Crypto,
): Promise<string> {
  for (const jwk of keys) {
    const key = jwkPublicKey({ ...jwk });
    if (key.alg !== alg) continue;
    const valid =
      alg === 'EdDSA'
        ? await crypto.verifyEd25519(key.bytes, signed, signature)
        : await crypto.verifyEs256(key.bytes, signed, signature);
    if (valid) return jwkThumbprint({ ...jwk });
  }
  throw new EvidenceError('ERR_STATEMENT_SIGNATURE', 'no key of the attester signed this statement');
}

function objectOf(part: string): { readonly [name: string]: Json } {
  let value: Json;
  try {
    value = parseJson(utf8(fromUtf8(bytesOf(part))), { maxBytes: MAX_STATEMENT, maxDepth: 16 });
  } catch (cause) {
    throw new EvidenceError('ERR_STATEMENT_FORMAT', 'a part of it is not JSON', { cause });
  }
  if (!isObject(value)) throw malformed('a part of it is no object');
  return value;
}

function bytesOf(part: string): Uint8Array {
  try {
    return unbase64url(part);
  } catch (cause) {
    throw new EvidenceError('ERR_STATEMENT_FORMAT', 'a part of it is not base64url', { cause });
  }
}

const malformed = (why: string): EvidenceError => new EvidenceError('ERR_STATEMENT_FORMAT', why);
