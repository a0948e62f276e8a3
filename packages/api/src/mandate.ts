/** Signing a mandate: done where the giver's key is, never by the plane (RULE 17). */
import { base64url, commitMandateBody, mandateSigningBytes, type Json } from '@licet/evidence';
import type { PrivateJwk } from './proof.ts';

/** What a mandate says. */
export interface MandateTerms {
  /** The plane's log and tenant, as the trust file names them. */
  readonly origin: string;
  readonly tenant: string;
  /** Subjects. */
  readonly from: string;
  readonly to: string;
  /** Leaf of the giver's own mandate: this one then ends with it. */
  readonly parent?: string;
  /** Cedar policies, budgets by limit of the bundle, and how many may act below: what may be done, never more. */
  readonly policies: readonly { readonly name: string; readonly text: string }[];
  readonly limits?: { readonly [limit: string]: { readonly max: number | string } };
  readonly depth?: number;
  /** Milliseconds since the Unix epoch. */
  readonly nbf: number;
  readonly exp: number;
}

/** A mandate that its giver has signed, as `grantMandate` takes it. */
export interface SignedMandate {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly parent?: string;
  readonly body: Json;
  /** Key of the body's commitment, 32 bytes, base64url. */
  readonly key: string;
  readonly nbf: number;
  readonly exp: number;
  readonly sig: string;
}

/** Returns the mandate, signed with the giver's key, under a fresh id. */
export async function signMandate(key: PrivateJwk, terms: MandateTerms): Promise<SignedMandate> {
  const { origin, tenant, from, to, parent, policies, limits, depth, nbf, exp } = terms;
  const id = `m-${base64url(crypto.getRandomValues(new Uint8Array(12)))}`;
  const body = {
    v: 1,
    id,
    policies,
    ...(limits === undefined ? {} : { limits }),
    ...(depth === undefined ? {} : { depth }),
  } as unknown as Json;
  const recordKey = crypto.getRandomValues(new Uint8Array(32));
  const said = { id, from, to, ...(parent === undefined ? {} : { parent }), nbf, exp };
  const { commitment } = commitMandateBody(recordKey, body);
  const bytes = mandateSigningBytes({ origin, tenant, op: 'grant', ...said, body: commitment });
  const signer = await crypto.subtle.importKey('jwk', { ...key }, 'Ed25519', false, ['sign']);
  const sig = await crypto.subtle.sign('Ed25519', signer, bytes as Uint8Array<ArrayBuffer>);
  return { ...said, body, key: base64url(recordKey), sig: base64url(new Uint8Array(sig)) };
}
