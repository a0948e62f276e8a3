/**
 * Tiles in this process's hands, and proofs over them: a proof reads hashes synchronously, the database answers later.
 * So a proof is tried with what is here; the tiles that it lacked are fetched together, and it is made.
 */
import { concat, HASH_LENGTH, TILE_HEIGHT, TILE_WIDTH, treeRoot, type HashReader } from '@licet/evidence';
import {
  createTileReader,
  openLogState,
  tileHashes,
  type LogState,
  type StoredHead,
  type TileWrite,
} from '@licet/log';
import { blob, TILES, type Ask } from './postgres-reader.ts';

interface TileName {
  readonly level: number;
  readonly index: number;
}

/** 8 KiB each. */
const MAX_TILES = 1_024;
const NOTHING = new Uint8Array(HASH_LENGTH);

export class PostgresTiles {
  readonly #ask: Ask;
  readonly #tiles = new Map<string, Uint8Array>();
  /** What {@link serveTile} and proofs read from: only what is here. */
  readonly store = { get: (level: number, index: number) => this.#tiles.get(`${level}/${index}`) };
  readonly #nodes = createTileReader(this.store);

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Keeps what a batch wrote: proofs walk near the right edge. */
  keep(tiles: readonly TileWrite[]): void {
    for (const { level, index, hashes } of tiles) this.#put(`${level}/${index}`, hashes);
  }

  /** Returns what `work` makes of node hashes. It may run twice; what it does must follow from its arguments alone. */
  async over<T>(work: (read: HashReader) => T): Promise<T> {
    const missing = new Map<string, TileName>();
    const tried = work((level, index) => {
      try {
        return this.#nodes.read(level, index);
      } catch {
        const tile = tileOf(level, index);
        missing.set(`${tile.level}/${tile.index}`, tile);
        return NOTHING;
      }
    });
    if (missing.size === 0) return tried;
    await this.load([...missing.values()]);
    return work(this.#nodes.read);
  }

  /** Returns the log's state, once frontier, tiles and root agree. @throws LogError `ERR_LOG_FORK`, `ERR_LOG_CORRUPT` */
  async open(head: StoredHead): Promise<LogState> {
    this.clear();
    const { size } = head.frontier;
    const growing: TileName[] = [];
    for (let level = 0; tileHashes(level, size) > 0; level++) {
      const held = tileHashes(level, size);
      if (held % TILE_WIDTH > 0) growing.push({ level, index: Math.floor(held / TILE_WIDTH) });
    }
    await this.load(growing);
    await this.over((read) => treeRoot(size, read));
    return openLogState(head, this.store);
  }

  /** Fetches tiles as they are now. */
  async load(tiles: readonly TileName[]): Promise<void> {
    if (tiles.length === 0) return;
    const found = await this.#ask(TILES, [tiles.map(({ level }) => level), tiles.map(({ index }) => index)]);
    const here = new Set<string>();
    for (const row of found) {
      const name = `${Number(row['level'])}/${Number(row['idx'])}`;
      this.#put(name, blob(row['hashes']));
      here.add(name);
    }
    // The growing tile of level 0 is not stored: its hashes are the leaves beside the entries.
    for (const { level, index } of tiles.filter((tile) => tile.level === 0 && !here.has(`0/${tile.index}`))) {
      const leaves = await this.#ask(
        { name: 'tile-leaves', text: 'SELECT leaf FROM entry WHERE idx >= $1 AND idx < $2 ORDER BY idx' },
        [index * TILE_WIDTH, (index + 1) * TILE_WIDTH],
      );
      if (leaves.length > 0)
        this.#put(`${level}/${index}`, concat(...leaves.map((row) => blob(row['leaf']))));
    }
  }

  clear(): void {
    this.#tiles.clear();
    this.#nodes.clear();
  }

  #put(name: string, hashes: Uint8Array): void {
    const held = this.#tiles.get(name);
    // An answer that was on its way while a batch wrote is shorter than what is here.
    if (held !== undefined && held.length >= hashes.length) return;
    this.#tiles.delete(name);
    if (this.#tiles.size >= MAX_TILES) this.#tiles.delete(this.#tiles.keys().next().value!);
    this.#tiles.set(name, hashes);
  }
}

/** The tile that holds what a node is made of. */
const tileOf = (level: number, index: number): TileName => ({
  level: Math.floor(level / TILE_HEIGHT),
  index: Math.floor((index * 2 ** (level % TILE_HEIGHT)) / TILE_WIDTH),
});
