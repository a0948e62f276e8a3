/** Goal: one tile, one path; bundles and tiles read back as written. Method: properties; cases in `vectors/tiles`. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  decodeEntryBundle,
  decodeTile,
  encodeEntryBundle,
  encodeTile,
  parseTilePath,
  tilePath,
  tileWidth,
} from '../src/index.ts';

const width = fc.integer({ min: 1, max: 256 });
const level = fc.oneof(fc.integer({ min: 0, max: 63 }), fc.constant('entries' as const));
const index = fc.oneof(fc.nat(5_000), fc.nat({ max: Number.MAX_SAFE_INTEGER }));

it('a path reads back as its tile', () => {
  fc.assert(
    fc.property(fc.record({ level, index, width }), (tile) => {
      expect(parseTilePath(tilePath(tile))).toEqual(tile);
    }),
  );
});

it('no two paths name one tile', () => {
  const text = fc.stringMatching(
    /^tile\/(entries|[0-9]{1,2})\/(x[0-9]{3}\/){0,2}[0-9]{3}(\.p\/[0-9]{1,3})?$/,
  );
  fc.assert(
    fc.property(text, (path) => {
      let tile: ReturnType<typeof parseTilePath>;
      try {
        tile = parseTilePath(path);
      } catch {
        return;
      }
      expect(tilePath(tile)).toBe(path);
    }),
  );
});

it('bundles and tiles read back as written, and no byte can be cut off or added', () => {
  const entries = fc.array(fc.uint8Array({ maxLength: 400 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(entries, (list) => {
      const bytes = encodeEntryBundle(list);
      expect(decodeEntryBundle(bytes, list.length)).toEqual(list);
      expect(() => decodeEntryBundle(bytes.subarray(0, -1), list.length)).toThrow('ERR_TILE_FORMAT');
      expect(() => decodeEntryBundle(new Uint8Array([...bytes, 0]), list.length)).toThrow('ERR_TILE_FORMAT');
    }),
  );
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(fc.array(hash, { minLength: 1, maxLength: 256 }), (hashes) => {
      expect(decodeTile(encodeTile(hashes), hashes.length)).toEqual(hashes);
    }),
  );
});

it('an entry may have 65,535 bytes and not one more; nothing empty is written', () => {
  const longest = new Uint8Array(65_535).fill(7);
  expect(decodeEntryBundle(encodeEntryBundle([longest]), 1)).toEqual([longest]);
  expect(() => encodeEntryBundle([new Uint8Array(65_536)])).toThrow('ERR_TILE_FORMAT');
  expect(() => encodeEntryBundle([])).toThrow('ERR_TILE_FORMAT');
  expect(() => encodeTile([])).toThrow('ERR_TILE_FORMAT');
  expect(() => decodeTile(new Uint8Array(0), 0)).toThrow('ERR_TILE_FORMAT');
});

it("a tree's tiles are as wide as the specification's example says", () => {
  // SPEC: "a tree of size 70,000 will be represented by 273 full level 0 tiles, one partial level 0 tile of width
  // 112, one full level 1 tile, one partial level 1 tile of width 17, and one partial level 2 tile of width 1"
  const widths = (at: number, count: number): number[] =>
    Array.from({ length: count }, (_, n) => tileWidth(at, n, 70_000));
  expect(widths(0, 275)).toEqual([...Array.from({ length: 273 }, () => 256), 112, 0]);
  expect(widths(1, 3)).toEqual([256, 17, 0]);
  expect(widths(2, 2)).toEqual([1, 0]);
  expect([tileWidth(0, 0, 256), tileWidth(1, 0, 256), tileWidth('entries', 0, 3)]).toEqual([256, 1, 3]);
});
