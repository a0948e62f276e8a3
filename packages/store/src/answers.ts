/**
 * Committed entries and results as callers get them. Proof texts are made when asked for: a denial's proof is often
 * never read, and its text is the dearest part of a reply.
 */
import { base64url, equalBytes, formatTlogProof, inclusionProof, leafHash } from '@licet/evidence';
import type { Committed } from '@licet/control-plane';
import type { TileReader } from '@licet/log';
import { StoreError } from './errors.ts';

/** A stored entry. */
export interface StoredEntry {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly leaf: Uint8Array;
}

/** Returns the entry with its proof under a signed checkpoint. */
export function committed(
  entry: StoredEntry,
  proof: () => readonly Uint8Array[],
  checkpoint: string,
): Committed {
  let text: string | undefined;
  return {
    bytes: entry.bytes,
    index: entry.index,
    leaf: entry.leaf,
    get proof() {
      return (text ??= formatTlogProof({ index: entry.index, proof: proof(), checkpoint }));
    },
  };
}

/** Returns stored entries with their proofs in the tree of a signed checkpoint. */
export function committedAt(
  entries: readonly StoredEntry[],
  head: { readonly size: number; readonly note: string },
  tiles: Pick<TileReader, 'read'>,
): readonly Committed[] {
  return entries.map((entry) => {
    // At once, so that a tile that is missing fails here and not in the caller's hands.
    const proof = inclusionProof(entry.index, head.size, tiles.read);
    return committed(entry, () => proof, head.note);
  });
}

/** Returns the entry once its bytes have been checked against its leaf again. */
export function checkedEntry(entry: StoredEntry): StoredEntry {
  if (!equalBytes(leafHash(entry.bytes), entry.leaf)) {
    throw new StoreError(
      'ERR_STORE_CORRUPT',
      `entry ${entry.index} does not hash to ${base64url(entry.leaf)}`,
    );
  }
  return entry;
}

/** Returns the range, once it is known to be committed. @throws StoreError `ERR_STORE_QUERY` */
export function checkRange(start: number, end: number, size: number): void {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start > end || end > size) {
    throw new StoreError('ERR_STORE_QUERY', `entries [${start}, ${end}) are not all below the size ${size}`);
  }
}
