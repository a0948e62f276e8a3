/**
 * A team's authors (RULE 20): whose keys sign its bundles. The trust file pins the first; the log carries the word by
 * which they change: `key` entries of purpose `author`, signed by an author's key that counts at that moment.
 */
import { base64url, concat, hex, utf8 } from './bytes.ts';
import { canonicalBytes } from './canonical.ts';
import type { Crypto } from './crypto.ts';
import { foldKeyChanges, type CountingKey, type KeyChange } from './key-changes.ts';
import { domainTag } from './name.ts';
import { TYPE_ED25519, type VerifierKey } from './vkey.ts';

/** Returns the id by which a signature names its author: the key id of the note key, 8 hex digits. */
export const authorId = (keyId: Uint8Array): string => hex(keyId);

/**
 * Returns what an author's key signs to change the authors of a log: "licet/author-key/v1\n" ‖ JCS{origin, op, key,
 * subject?}, the key as 32 bytes in base64url.
 */
export const authorKeySigningBytes = (change: {
  readonly origin: string;
  readonly op: 'add' | 'retire';
  readonly publicKey: Uint8Array;
  /** Whose key it is, of an addition. */
  readonly subject?: string | undefined;
}): Uint8Array =>
  concat(
    utf8(domainTag('author-key')),
    canonicalBytes({
      origin: change.origin,
      op: change.op,
      key: base64url(change.publicKey),
      ...(change.subject === undefined ? {} : { subject: change.subject }),
    }),
  );

/** Returns the authors' keys of a log that count after these changes, in order, by {@link authorId}. */
export const authorKeys = (
  origin: string,
  pinned: readonly VerifierKey[],
  changes: readonly KeyChange[],
  crypto: Pick<Crypto, 'verifyEd25519'>,
): Promise<ReadonlyMap<string, CountingKey>> =>
  foldKeyChanges(
    new Map(pinned.map(({ keyId, publicKey }) => [authorId(keyId), publicKey])),
    changes,
    {
      idOf: ({ keyId }) => authorId(keyId),
      message: ({ op, subject }, { publicKey }) => authorKeySigningBytes({ origin, op, publicKey, subject }),
      fits: ({ type, name }) => type === TYPE_ED25519 && name === `${origin}/author`,
    },
    crypto,
  );
