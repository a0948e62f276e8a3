/**
 * Tiles and entry bundles, c2sp.org/tlog-tiles: 256 hashes or entries each, partial at the right edge.
 *
 *     tile/<L>/<N>[.p/<W>]           hashes of level 8·L, 32 bytes each
 *     tile/entries/<N>[.p/<W>]       u16 big-endian length || entry, repeated
 *     <N> in groups of three digits, all but the last with an x: 1234067 is x001/x234/067
 */
import { concat } from './bytes.ts';
import { EvidenceError } from './errors.ts';
import { HASH_LENGTH } from './merkle.ts';

/** Hashes in a full tile, entries in a full bundle. */
export const TILE_WIDTH = 256;
/** Tree levels one tile spans. */
export const TILE_HEIGHT = 8;
/** Longest entry, bytes: its length is written in two. */
export const MAX_BUNDLED_ENTRY_BYTES = 65_535;

/** Which tile or entry bundle. */
export interface TileRef {
  /** 0 to 63, or `entries` for a bundle. */
  readonly level: number | 'entries';
  /** Position within the level, from 0. */
  readonly index: number;
  /** Hashes or entries in it: 1 to 255 when partial, 256 when full. */
  readonly width: number;
}

const MAX_LEVEL = 63;
const PATH = /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;

/** Returns the path of a tile, without a leading slash. Throws ERR_TILE_FORMAT on values that name none. */
export function tilePath(tile: TileRef): string {
  checkRef(tile);
  const groups: string[] = [];
  let rest = tile.index;
  do {
    groups.unshift(`${groups.length === 0 ? '' : 'x'}${String(rest % 1000).padStart(3, '0')}`);
    rest = Math.floor(rest / 1000);
  } while (rest > 0);
  const suffix = tile.width === TILE_WIDTH ? '' : `.p/${tile.width}`;
  return `tile/${tile.level}/${groups.join('/')}${suffix}`;
}

/** Returns the tile a path names. Throws ERR_TILE_FORMAT on any path that {@link tilePath} does not make. */
export function parseTilePath(path: string): TileRef {
  const match = path.length <= 128 ? PATH.exec(path) : null;
  if (match === null) throw malformed('the path names no tile');
  const digits = match[2]!.replaceAll(/[x/]/g, '');
  const ref: TileRef = {
    level: match[1] === 'entries' ? 'entries' : Number(match[1]),
    index: Number(digits),
    width: match[3] === undefined ? TILE_WIDTH : Number(match[3]),
  };
  // Refuses leading groups of zeroes and `.p/256`: one tile, one path.
  if (tilePath(ref) !== path) throw malformed('the path is not the canonical one of its tile');
  return ref;
}

/**
 * Returns how many hashes (or entries) of a tile a tree of `size` leaves fills: 0 when the tile is not there yet,
 * 256 when it is full.
 */
export function tileWidth(level: number | 'entries', index: number, size: number): number {
  const nodes = Math.floor(size / TILE_WIDTH ** (level === 'entries' ? 0 : level));
  return Math.min(Math.max(nodes - index * TILE_WIDTH, 0), TILE_WIDTH);
}

/** Returns the bytes of a tile. Throws ERR_TILE_FORMAT unless it has 1 to 256 hashes of 32 bytes. */
export function encodeTile(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length < 1 || hashes.length > TILE_WIDTH) throw malformed(`a tile of ${hashes.length} hashes`);
  if (hashes.some((hash) => hash.length !== HASH_LENGTH)) throw malformed('a hash does not have 32 bytes');
  return concat(...hashes);
}

/** Returns the hashes of a tile of known width. Throws ERR_TILE_FORMAT when the length is another. */
export function decodeTile(bytes: Uint8Array, width: number): Uint8Array[] {
  checkWidth(width);
  if (bytes.length !== width * HASH_LENGTH) {
    throw malformed(`a tile of width ${width} has ${width * HASH_LENGTH} bytes, found ${bytes.length}`);
  }
  return Array.from({ length: width }, (_, i) => bytes.slice(i * HASH_LENGTH, (i + 1) * HASH_LENGTH));
}

/** Returns the bytes of an entry bundle. Throws ERR_TILE_FORMAT on none, over 256, or an entry over 65,535 bytes. */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length < 1 || entries.length > TILE_WIDTH)
    throw malformed(`a bundle of ${entries.length} entries`);
  const parts = entries.flatMap((entry) => {
    if (entry.length > MAX_BUNDLED_ENTRY_BYTES) throw malformed(`an entry of ${entry.length} bytes`);
    return [Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry];
  });
  return concat(...parts);
}

/** Returns the entries of a bundle of known width. Throws ERR_TILE_FORMAT on cut, missing or surplus entries. */
export function decodeEntryBundle(bytes: Uint8Array, width: number): Uint8Array[] {
  checkWidth(width);
  const entries: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; i < width; i++) {
    if (at + 2 > bytes.length) throw malformed(`the bundle ends before entry ${i} of ${width}`);
    const length = (bytes[at]! << 8) | bytes[at + 1]!;
    if (at + 2 + length > bytes.length) throw malformed(`entry ${i} of ${width} is cut short`);
    entries.push(bytes.slice(at + 2, at + 2 + length));
    at += 2 + length;
  }
  if (at !== bytes.length) throw malformed(`the bundle holds more than ${width} entries`);
  return entries;
}

function checkRef({ level, index, width }: TileRef): void {
  const levelGood = level === 'entries' || (Number.isInteger(level) && level >= 0 && level <= MAX_LEVEL);
  if (!levelGood || !Number.isSafeInteger(index) || index < 0) {
    throw malformed(`no tile at level ${level}, index ${index}`);
  }
  checkWidth(width);
}

function checkWidth(width: number): void {
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH)
    throw malformed(`no tile has width ${width}`);
}

function malformed(what: string): EvidenceError {
  return new EvidenceError('ERR_TILE_FORMAT', what);
}
