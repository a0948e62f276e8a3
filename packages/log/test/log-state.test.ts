/**
 * Goal: whatever the cuts between batches, tiles, roots and proofs are those of the plain tree. Method: append random
 * batches, keep only what the builder says to write, and compare with evidence's own arithmetic over all leaves.
 */
import {
  appendLeaves,
  concat,
  consistencyProof,
  decodeEntryBundle,
  emptyFrontier,
  emptyRoot,
  frontierRoot,
  HASH_LENGTH,
  inclusionProof,
  leafHash,
  nodeHash,
  TILE_WIDTH,
  tilePath,
  tileWidth,
  utf8,
  verifyConsistency,
  verifyInclusion,
  type HashReader,
} from '@licet/evidence';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  appendBatch,
  createTileReader,
  openLogState,
  serveTile,
  type LogState,
  type TileStore,
} from '../src/index.ts';

class Tiles implements TileStore {
  readonly held = new Map<string, Uint8Array>();
  get(level: number, index: number): Uint8Array | undefined {
    return this.held.get(`${level}/${index}`);
  }
}

const leaf = (i: number): Uint8Array => leafHash(utf8(`entry ${i}`));
const emptyState = (): LogState =>
  openLogState({ frontier: emptyFrontier(), root: emptyRoot() }, new Tiles());

function grow(sizes: readonly number[]): { state: LogState; tiles: Tiles; leaves: Uint8Array[] } {
  const tiles = new Tiles();
  const leaves: Uint8Array[] = [];
  let state = emptyState();
  for (const count of sizes) {
    const batch = Array.from({ length: count }, (_, i) => leaf(leaves.length + i));
    leaves.push(...batch);
    const appended = appendBatch(state, batch);
    for (const write of appended.tiles) {
      expect(write.hashes.length).toBe(write.width * HASH_LENGTH);
      tiles.held.set(`${write.level}/${write.index}`, write.hashes);
    }
    for (const i of [0, count - 1]) {
      const claim = {
        index: state.size + i,
        size: appended.state.size,
        leaf: batch[i]!,
        proof: appended.proof(i),
        root: appended.state.root,
      };
      expect(verifyInclusion(claim)).toBe(true);
    }
    state = appended.state;
  }
  return { state, tiles, leaves };
}

const plain = (leaves: readonly Uint8Array[]): HashReader => {
  const read: HashReader = (level, index) =>
    level === 0 ? leaves[index]! : nodeHash(read(level - 1, 2 * index), read(level - 1, 2 * index + 1));
  return read;
};

describe('the batch builder', () => {
  test('gives the same root, tiles and proofs however the leaves are cut into batches', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 6 }),
        fc.nat(),
        fc.nat(),
        (sizes, a, b) => {
          const { state, tiles, leaves } = grow(sizes);
          expect(state.root).toEqual(frontierRoot(appendLeaves(emptyFrontier(), leaves)));
          for (let index = 0; index * TILE_WIDTH < leaves.length; index++) {
            const expected = concat(...leaves.slice(index * TILE_WIDTH, (index + 1) * TILE_WIDTH));
            expect(tiles.get(0, index)).toEqual(expected);
          }
          const reader = createTileReader(tiles);
          const index = a % leaves.length;
          expect(inclusionProof(index, leaves.length, reader.read)).toEqual(
            inclusionProof(index, leaves.length, plain(leaves)),
          );
          const old = b % (leaves.length + 1);
          const proof = consistencyProof(old, leaves.length, reader.read);
          const oldRoot = frontierRoot(appendLeaves(emptyFrontier(), leaves.slice(0, old)));
          expect(
            verifyConsistency({ oldSize: old, newSize: leaves.length, oldRoot, newRoot: state.root, proof }),
          ).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('a tree of 65,536 + 300 leaves has a level-2 tile, and reopens to the same state', () => {
    const { state, tiles } = grow([1_024, ...Array.from({ length: 63 }, () => 1_024), 300]);
    expect(tiles.get(2, 0)?.length).toBe(HASH_LENGTH);
    expect(tiles.get(1, 1)?.length).toBe(HASH_LENGTH);
    const again = openLogState({ frontier: state.frontier, root: state.root }, tiles);
    expect(again).toEqual(state);
    const next = [leaf(1), leaf(2)];
    expect(appendBatch(again, next).state).toEqual(appendBatch(state, next).state);
  });

  test('the state given to a batch stays valid, so that a batch that did not commit can be forgotten', () => {
    const { state } = grow([300]);
    const before = structuredClone(state);
    appendBatch(state, [leaf(900)]);
    expect(state).toEqual(before);
  });
});

describe('the fork guard at start-up', () => {
  test('rule 36: another root than the frontier gives is refused, so nothing is signed', () => {
    const { state, tiles } = grow([300]);
    const root = state.root.slice();
    root[0]! ^= 1;
    expect(() => openLogState({ frontier: state.frontier, root }, tiles)).toThrow(/ERR_LOG_FORK/);
  });

  test('a changed hash in the growing tile is refused', () => {
    const { state, tiles } = grow([300]);
    const tile = tiles.get(0, 1)!.slice();
    tile[5]! ^= 1;
    tiles.held.set('0/1', tile);
    expect(() => openLogState(state, tiles)).toThrow(/ERR_LOG_FORK/);
  });

  test('a missing tile is refused', () => {
    const { state, tiles } = grow([300]);
    tiles.held.delete('1/0');
    expect(() => openLogState(state, tiles)).toThrow(/ERR_LOG_CORRUPT/);
  });
});

describe('publishing', () => {
  const { tiles, leaves } = grow([256, 256, 44]);
  const entries = leaves.map((_, i) => utf8(`entry ${i}`));
  const log = { size: 300, tiles, entries: (start: number, end: number) => entries.slice(start, end) };

  test('every width that a checkpoint could need is served, and nothing beyond the published size', () => {
    for (let width = 1; width <= 44; width++) {
      const path = tilePath({ level: 0, index: 1, width });
      expect(serveTile(path, log)).toEqual(concat(...leaves.slice(256, 256 + width)));
    }
    // The store already holds 556 leaves; the checkpoint says 300.
    expect(serveTile('tile/0/001.p/45', log)).toBeUndefined();
    expect(serveTile('tile/0/001', log)).toBeUndefined();
    expect(serveTile('tile/0/002.p/1', log)).toBeUndefined();
    expect(serveTile('tile/1/000.p/1', log)?.length).toBe(HASH_LENGTH);
    expect(serveTile('tile/1/000.p/2', log)).toBeUndefined();
  });

  test('an entry bundle is the entries with their lengths', () => {
    const bundle = serveTile('tile/entries/001.p/44', log)!;
    expect(decodeEntryBundle(bundle, tileWidth('entries', 1, 300))).toEqual(entries.slice(256, 300));
    expect(serveTile('tile/entries/001', log)).toBeUndefined();
  });

  test('any other path is not here', () => {
    for (const path of [
      '',
      'checkpoint',
      'tile/0/000.p/0',
      'tile/0/000.p/256',
      'tile/0/x000/000',
      '../tile/0/000',
    ]) {
      expect(serveTile(path, log)).toBeUndefined();
    }
  });
});
