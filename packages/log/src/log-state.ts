/**
 * The appender's state and one batch of appending. Everything a batch needs (root, proofs of the new leaves, tiles
 * to write) follows from the frontier, the growing tiles and the batch itself: the tree is not read.
 */
import {
  batchProofs,
  concat,
  equalBytes,
  frontierRoot,
  HASH_LENGTH,
  TILE_HEIGHT,
  TILE_WIDTH,
  treeRoot,
  type Batch,
  type Frontier,
} from '@licet/evidence';
import { LogError } from './errors.ts';
import { createTileReader, readTile, tileHashes, type TileStore, type TileWrite } from './tile-store.ts';

/** An immutable state. Make one by {@link openLogState} or {@link appendBatch}. */
export interface LogState {
  readonly frontier: Frontier;
  readonly size: number;
  /** Root of the tree, 32 bytes. */
  readonly root: Uint8Array;
  /** Content of the growing tile of each level, from level 0; empty where the level ends on a full tile. */
  readonly edges: readonly Uint8Array[];
}

/** What a batch makes of a state. Nothing of it may leave before it is durable. */
export interface Appended {
  readonly state: LogState;
  /** Tiles whose content changed, each whole. */
  readonly tiles: readonly TileWrite[];
  /** Returns the inclusion proof, leaf sibling first, of the i-th new leaf in the new tree. */
  proof(i: number): readonly Uint8Array[];
}

/** What a store says of its tree. */
export interface StoredHead {
  readonly frontier: Frontier;
  readonly root: Uint8Array;
}

/**
 * Returns the state from which to append, once frontier, tiles and root agree: the fork guard of DESIGN §8.
 * Costs a few tiles, whatever the size.
 * @throws LogError `ERR_LOG_FORK` when they describe different trees, `ERR_LOG_CORRUPT` when a tile is missing
 */
export function openLogState(head: StoredHead, store: TileStore): LogState {
  const { size } = head.frontier;
  const fromFrontier = frontierRoot(head.frontier);
  if (!equalBytes(fromFrontier, head.root)) {
    throw new LogError('ERR_LOG_FORK', `the frontier of size ${size} gives another root than the stored one`);
  }
  const fromTiles = treeRoot(size, createTileReader(store).read);
  if (!equalBytes(fromTiles, head.root)) {
    throw new LogError('ERR_LOG_FORK', `the tiles of size ${size} give another root than the stored one`);
  }
  const edges: Uint8Array[] = [];
  for (let level = 0; tileHashes(level, size) > 0; level++) {
    const index = Math.floor(tileHashes(level, size) / TILE_WIDTH);
    edges.push(readTile(store, { level, index, size })?.slice() ?? new Uint8Array(0));
  }
  return { frontier: head.frontier, size, root: head.root, edges };
}

/** Returns the tree after the leaf hashes, in order. The state given stays valid: nothing is changed in place. */
export function appendBatch(state: LogState, leaves: readonly Uint8Array[]): Appended {
  const batch = batchProofs(state.frontier, leaves);
  const tiles: TileWrite[] = [];
  const edges: Uint8Array[] = [];
  for (let level = 0; tileHashes(level, batch.frontier.size) > 0; level++) {
    edges.push(growLevel(level, state.edges[level] ?? new Uint8Array(0), batch, tiles));
  }
  return {
    state: { frontier: batch.frontier, size: batch.frontier.size, root: batch.root, edges },
    tiles,
    proof: (i) => batch.proofs(i),
  };
}

/** Adds the tiles of one level that the batch changed to `tiles`; returns the growing one's content. */
function growLevel(level: number, edge: Uint8Array, batch: Batch, tiles: TileWrite[]): Uint8Array {
  const added = batch.complete(level * TILE_HEIGHT);
  if (added.hashes.length === 0) return edge;
  const hashes = concat(edge, ...added.hashes);
  let index = Math.floor(added.start / TILE_WIDTH);
  let at = 0;
  while (at < hashes.length) {
    const content = hashes.slice(at, at + TILE_WIDTH * HASH_LENGTH);
    tiles.push({ level, index, width: content.length / HASH_LENGTH, hashes: content });
    at += content.length;
    index++;
    if (content.length < TILE_WIDTH * HASH_LENGTH) return content;
  }
  return new Uint8Array(0);
}
