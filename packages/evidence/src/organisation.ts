/**
 * The organisation above a team (RULE 20): whose keys sign its bundle. They are pinned from outside the log, and change
 * only by the word of a key that counts at that moment: `key` entries of purpose `org` carry its signature.
 */
import { base64url, concat, utf8 } from './bytes.ts';
import { canonicalBytes } from './canonical.ts';
import type { Crypto } from './crypto.ts';
import { jwkThumbprint } from './jwk.ts';
import { foldKeyChanges, type KeyChange } from './key-changes.ts';
import { domainTag } from './name.ts';

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

/** Returns the keys that count after these changes, in order, beginning with those that are pinned. */
export async function organisationKeys(
  org: string,
  pinned: readonly Uint8Array[],
  changes: readonly KeyChange[],
  crypto: Pick<Crypto, 'verifyEd25519'>,
): Promise<readonly Uint8Array[]> {
  const counting = await foldKeyChanges(
    new Map(pinned.map((key) => [orgKeyId(key), key])),
    changes,
    {
      idOf: ({ publicKey }) => orgKeyId(publicKey),
      message: ({ op }, { publicKey }) => orgKeySigningBytes({ org, op, publicKey }),
      // The same key stands in many logs, each time under the name of that log.
      fits: () => true,
    },
    crypto,
  );
  return [...counting.values()].map(({ publicKey }) => publicKey);
}
