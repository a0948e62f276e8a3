// Identifiers that a request has before it has an entry: the digest that its idempotency key is bound to, and the mark by
// which the caller of a hold is recognised (RULE 6, 23).
import {
  base64url,
  canonicalBytes,
  canonicalize,
  hmacSha256,
  sha256,
  unbase64url,
  utf8,
  type Json,
} from '@licet/evidence';

/** Digest that binds an idempotency key to its request, the instance left out (RULE 6). */
export const requestDigest = (request: Json): string =>
  base64url(sha256(utf8('licet/request/v1\n'), canonicalBytes(request)));

/**
 * Recognises the caller of a hold when it is there again (RULE 23): HMAC(tenant key, JCS[jkt, run, chain, action, aud,
 * resolved args, child]). Whoever would be let run below it is part of the question (RULE 18, 22).
 */
export const recognition = (
  tenantKey: Uint8Array,
  of: {
    readonly jkt: string;
    readonly run: string;
    readonly chain: readonly string[];
    readonly action: string;
    readonly aud: string;
    readonly args: Json;
    readonly child?: { readonly agent: string; readonly jkt: string };
  },
): string =>
  base64url(
    hmacSha256(
      tenantKey,
      utf8(
        canonicalize([
          of.jkt,
          of.run,
          of.chain,
          of.action,
          of.aud,
          of.args,
          of.child === undefined ? null : { ...of.child },
        ]),
      ),
    ),
  );

/** True for base64url of at least 16 bytes. */
export function isIdempotencyKey(text: string): boolean {
  try {
    const { length } = unbase64url(text);
    return length >= 16 && length <= 64;
  } catch {
    return false;
  }
}
