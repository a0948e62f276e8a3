/**
 * The organisation above a team (RULE 20): whose keys sign its bundle. They are pinned from outside the log, and change
 * only by the word of a key that counts at that moment: `key` entries of purpose `org` carry its signature.
 */
import { base64url, concat, unbase64url, utf8 } from './bytes.ts';
import { canonicalBytes } from './canonical.ts';
import type { Crypto } from './crypto.ts';
import type { EntryOf } from './entries.ts';
import { jwkThumbprint } from './jwk.ts';
import { domainTag } from './name.ts';
import { parseVkey } from './vkey.ts';

/** One change of the organisation's keys, as its entry says it. */
export type OrgKeyChange = Pick<EntryOf<'key'>, 'op' | 'key' | 'sig'>;

/** Returns the id by which a signature names a key of the organisation: the RFC 7638 thumbprint of its JWK. */
export const orgKeyId = (publicKey: Uint8Array): string =>
  jwkThumbprint({ kty: 'OKP', crv: 'Ed25519', x: base64url(publicKey) });

/**
 * Returns what a key of the organisation signs to change its keys: "licet/org-key/v1\n" ‖ JCS{org, op, key}, the key as
 * 32 bytes in base64url. It names no log: one signature changes it for every tenant.
 */
export const orgKeySigningBytes = (change: {
  readonly org: string;
  readonly op: 'add' | 'retire';
  readonly publicKey: Uint8Array;
}): Uint8Array =>
  concat(
    utf8(domainTag('org-key')),
    canonicalBytes({ org: change.org, op: change.op, key: base64url(change.publicKey) }),
  );

/**
 * Returns the keys that count after these changes, in order, beginning with those that are pinned. A change that no key
 * signed that counted then changes nothing; a key that was retired never comes back, or its old addition could be
 * played again.
 */
export async function organisationKeys(
  org: string,
  pinned: readonly Uint8Array[],
  changes: readonly OrgKeyChange[],
  crypto: Pick<Crypto, 'verifyEd25519'>,
): Promise<readonly Uint8Array[]> {
  const counts = new Map(pinned.map((key) => [orgKeyId(key), key]));
  const retired = new Set<string>();
  for (const { op, key, sig } of changes) {
    const signer = sig === undefined ? undefined : counts.get(sig.by);
    if (sig === undefined || signer === undefined) continue;
    try {
      const { publicKey } = parseVkey(key);
      const message = orgKeySigningBytes({ org, op, publicKey });
      if (!(await crypto.verifyEd25519(signer, message, unbase64url(sig.sig)))) continue;
      const id = orgKeyId(publicKey);
      if (op === 'retire') {
        counts.delete(id);
        retired.add(id);
      } else if (!retired.has(id)) counts.set(id, publicKey);
    } catch {
      // What cannot be read changes nothing: the keys before it go on counting.
    }
  }
  return [...counts.values()];
}
