/**
 * Changes of keys by their own word (RULE 20): a fold over signed `key` entries, beginning with keys that are pinned
 * outside the log. Planes and verifiers fold the same entries, so that they agree about who may sign.
 */
import { equalBytes, unbase64url } from './bytes.ts';
import type { Crypto } from './crypto.ts';
import type { EntryOf } from './entries.ts';
import { parseVkey, type VerifierKey } from './vkey.ts';

/** One change, as its entry says it. */
export type KeyChange = Pick<EntryOf<'key'>, 'op' | 'key' | 'sig' | 'subject'>;

/** A key that counts. */
export interface CountingKey {
  readonly publicKey: Uint8Array;
  /** Whose it is, where its entry says so. */
  readonly subject?: string;
}

/** What is of one purpose. */
export interface KeyRules {
  /** The id by which signatures name a key. */
  idOf(key: VerifierKey): string;
  /** What a key that counts signs to let this change be. */
  message(change: KeyChange, key: VerifierKey): Uint8Array;
  /** False for a key that can be none of this purpose. */
  fits(key: VerifierKey): boolean;
}

/**
 * Returns the keys that count after these changes, in order, by their ids. A change that no key signed that counted then
 * changes nothing; a key that was retired never comes back, or its old addition could be played again.
 */
export async function foldKeyChanges(
  pinned: ReadonlyMap<string, Uint8Array>,
  changes: readonly KeyChange[],
  rules: KeyRules,
  crypto: Pick<Crypto, 'verifyEd25519'>,
): Promise<ReadonlyMap<string, CountingKey>> {
  const counts = new Map<string, CountingKey>([...pinned].map(([id, publicKey]) => [id, { publicKey }]));
  const retired = new Set<string>();
  for (const change of changes) {
    const { op, key, sig, subject } = change;
    const signer = sig === undefined ? undefined : counts.get(sig.by);
    if (sig === undefined || signer === undefined) continue;
    try {
      const parsed = parseVkey(key);
      if (!rules.fits(parsed)) continue;
      const message = rules.message(change, parsed);
      if (!(await crypto.verifyEd25519(signer.publicKey, message, unbase64url(sig.sig)))) continue;
      const id = rules.idOf(parsed);
      const known = counts.get(id);
      if (op === 'retire') {
        // An id may be short: another key of the same id retires nothing.
        if (known === undefined || !equalBytes(known.publicKey, parsed.publicKey)) continue;
        counts.delete(id);
        retired.add(id);
      } else if (!retired.has(id) && known === undefined) {
        counts.set(id, { publicKey: parsed.publicKey, ...(subject === undefined ? {} : { subject }) });
      }
    } catch {
      // What cannot be read changes nothing: the keys before it go on counting.
    }
  }
  return counts;
}
