/**
 * Bytes that authors and mandate givers sign, and the digests by which the log knows bundles and what is in force
 * (docs/formats/entries.md). Kept here, because what is signed must be readable without the engine that reads it.
 */
import { base64url, concat, utf8 } from './bytes.ts';
import { canonicalBytes } from './canonical.ts';
import type { EntryOf } from './entries.ts';
import type { Json } from './json.ts';
import { domainTag } from './name.ts';
import { sha256 } from './sha256.ts';

const BUNDLE_TAG = utf8(domainTag('bundle'));

/** Returns the bytes that an author's Ed25519 key signs: "licet/bundle/v1\n" ‖ JCS(bundle). */
export function bundleSigningBytes(bundle: Json): Uint8Array {
  return concat(BUNDLE_TAG, canonicalBytes(bundle));
}

/** Returns a bundle's digest: base64url(SHA-256(what its authors sign)). */
export function bundleDigest(bundle: Json): string {
  return base64url(sha256(bundleSigningBytes(bundle)));
}

/**
 * Returns the bytes that the giver of a mandate signs: "licet/mandate/v1\n" ‖ JCS{origin, tenant, op, id, from, to,
 * parent?, body, nbf, exp}.
 */
export function mandateSigningBytes(
  mandate: Omit<EntryOf<'mandate'>, 'v' | 'type' | 'at' | 'nonce' | 'sig' | 'by'>,
): Uint8Array {
  const { origin, tenant, op, id, from, to, parent, body, nbf, exp } = mandate;
  const signed = {
    origin,
    tenant,
    op,
    id,
    from,
    to,
    body,
    nbf,
    exp,
    ...(parent === undefined ? {} : { parent }),
  };
  return concat(utf8(domainTag('mandate')), canonicalBytes(signed));
}

/** Returns a containment entry's `active`: SHA-256("licet/active/v1\n" ‖ JCS(sorted leaves in force)) (RULE 35). */
export function activeDigest(leaves: readonly string[]): string {
  return base64url(
    sha256(
      utf8(domainTag('active')),
      canonicalBytes(leaves.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))),
    ),
  );
}
