// Entries that are in the log already, with fresh proofs: for a request that is asked again, and for evidence.
import { formatTlogProof, leafHash } from '@licet/evidence';
import type { Committed, Store } from './ports.ts';

/** Returns the entries at these indexes, each proven in the newest signed tree. */
export async function provenAt(store: Store, indexes: readonly number[]): Promise<readonly Committed[]> {
  const head = await store.log.checkpoint();
  return Promise.all(
    indexes.map(async (index) => {
      const [bytes] = await store.log.entries(index, index + 1);
      const proof = await store.log.inclusion(index, head.size);
      return {
        bytes: bytes!,
        index,
        leaf: leafHash(bytes!),
        proof: formatTlogProof({ index, proof, checkpoint: head.note }),
      };
    }),
  );
}
