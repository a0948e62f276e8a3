/**
 * Tiles of the tree (c2sp.org/tlog-tiles): 256 hashes to a tile, levels 8 apart. A full tile never changes; the
 * growing one at the right edge of each level gets longer. Hashes of all other nodes follow from tiles.
 */
import { HASH_LENGTH, nodeHash, TILE_HEIGHT, TILE_WIDTH, tileWidth, type HashReader } from '@licet/evidence';
import { LogError } from './errors.ts';

/** Where tiles are kept. Reading is synchronous: a tile is at most 8 KiB and near. */
export interface TileStore {
  /**
   * Returns the hashes that tile `index` of level `level` holds now, concatenated: 32 to 8,192 bytes; undefined
   * when there are none. It may hold more than the size that a reader asks about.
   */
  get(level: number, index: number): Uint8Array | undefined;
}

/** One tile as a batch leaves it: the whole content, so that writing it twice changes nothing. */
export interface TileWrite {
  readonly level: number;
  readonly index: number;
  /** Number of hashes, 1 to 256; 256 = full, never written again. */
  readonly width: number;
  readonly hashes: Uint8Array;
}

/** Returns how many hashes level `level` of tiles holds in a tree of `size` leaves. */
export function tileHashes(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/**
 * Returns the first `width` hashes of a tile. `width` defaults to all that a tree of `size` leaves gives it.
 * Undefined when a tree of that size does not hold so many (tlog-tiles: empty tiles are not served).
 * @throws LogError `ERR_LOG_CORRUPT` when the tile should be there and is not.
 */
export function readTile(
  store: TileStore,
  at: { readonly level: number; readonly index: number; readonly width?: number; readonly size: number },
): Uint8Array | undefined {
  const held = tileWidth(at.level, at.index, at.size);
  const width = at.width ?? held;
  if (!(width >= 1) || width > held) return undefined;
  const bytes = store.get(at.level, at.index);
  if (bytes === undefined || bytes.length < width * HASH_LENGTH) {
    throw new LogError('ERR_LOG_CORRUPT', `tile ${at.level}/${at.index} holds fewer than ${width} hashes`);
  }
  return bytes.subarray(0, width * HASH_LENGTH);
}

/** A reader of node hashes that remembers complete nodes, which never change. */
export interface TileReader {
  readonly read: HashReader;
  /** Forgets everything; after a restore or a swap of the store. */
  clear(): void;
}

const MAX_REMEMBERED = 32_768;

/**
 * Returns a hash reader over tiles, for `inclusionProof`, `consistencyProof` and `treeRoot`.
 * It throws LogError `ERR_LOG_CORRUPT` for a node whose tile is missing or too short.
 */
export function createTileReader(store: TileStore): TileReader {
  const remembered = new Map<string, Uint8Array>();
  const read: HashReader = (level, index) => {
    const key = `${level}/${index}`;
    const known = remembered.get(key);
    if (known !== undefined) return known;
    const hash = readNode(store, level, index);
    // The oldest goes first: a proof walks near the nodes of the proof before it.
    if (remembered.size >= MAX_REMEMBERED) remembered.delete(remembered.keys().next().value!);
    remembered.set(key, hash);
    return hash;
  };
  return { read, clear: () => remembered.clear() };
}

function readNode(store: TileStore, level: number, index: number): Uint8Array {
  const tileLevel = Math.floor(level / TILE_HEIGHT);
  const count = 2 ** (level % TILE_HEIGHT);
  const first = index * count;
  const tile = Math.floor(first / TILE_WIDTH);
  const from = (first % TILE_WIDTH) * HASH_LENGTH;
  const bytes = store.get(tileLevel, tile);
  const to = from + count * HASH_LENGTH;
  if (bytes === undefined || bytes.length < to) {
    throw new LogError('ERR_LOG_CORRUPT', `tile ${tileLevel}/${tile} does not hold node ${level}/${index}`);
  }
  // A copy: what is remembered must not pin or follow the store's buffer.
  return foldTile(bytes.slice(from, to));
}

/** Returns the root above a power of two of concatenated hashes. */
export function foldTile(hashes: Uint8Array): Uint8Array {
  let row: Uint8Array[] = [];
  for (let at = 0; at < hashes.length; at += HASH_LENGTH) row.push(hashes.subarray(at, at + HASH_LENGTH));
  while (row.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < row.length; i += 2) above.push(nodeHash(row[i]!, row[i + 1]!));
    row = above;
  }
  return row[0]!;
}
