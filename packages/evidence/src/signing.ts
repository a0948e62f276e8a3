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

/** Returns what an author's Ed25519 key signs, 32 bytes: SHA-256("licet/bundle/v1\n" ‖ JCS(bundle)). */
export function bundleHash(bundle: Json): Uint8Array {
  return sha256(BUNDLE_TAG, canonicalBytes(bundle));
}

/** Returns {@link bundleHash} in base64url: the bundle's name in entries. */
export function bundleDigest(bundle: Json): string {
  return base64url(bundleHash(bundle));
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

/**
 * Returns a containment entry's `active`: SHA-256("licet/containment/v1\n" ‖ JCS(sorted leaves)) of the other
 * containments that are in force once it is appended (an entry cannot hold its own leaf; RULE 35).
 */
export function activeDigest(leaves: readonly string[]): string {
  return base64url(
    sha256(
      utf8(domainTag('containment')),
      canonicalBytes(leaves.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))),
    ),
  );
}
