/**
 * Serving a log over the paths of c2sp.org/tlog-tiles: `tile/<L>/<N>[.p/<W>]` and `tile/entries/<N>[.p/<W>]`.
 * Partial tiles are not stored: a partial of width W is the first W hashes of what is there now.
 */
import {
  encodeEntryBundle,
  EvidenceError,
  parseTilePath,
  TILE_WIDTH,
  tileWidth,
  type TileRef,
} from '@licet/evidence';
import { readTile, type TileStore } from './tile-store.ts';

/** What the publisher reads from. */
export interface PublishedLog {
  /** Size of the newest signed checkpoint: nothing beyond it is served. */
  readonly size: number;
  readonly tiles: TileStore;
  /** Returns the entries [start, end); only asked for ranges below `size`. */
  entries(start: number, end: number): readonly Uint8Array[];
}

/**
 * Returns the bytes of a tile or entry bundle; undefined for any other path, and for what the tree of `log.size`
 * does not hold in that width.
 * @throws LogError `ERR_LOG_CORRUPT` when the log should hold it and does not
 */
export function serveTile(path: string, log: PublishedLog): Uint8Array | undefined {
  const asked = parsePath(path);
  if (asked === undefined) return undefined;
  const { level, index, width } = asked;
  if (width > tileWidth(level, index, log.size)) return undefined;
  if (level !== 'entries') return readTile(log.tiles, { level, index, width, size: log.size });
  const start = index * TILE_WIDTH;
  return encodeEntryBundle(log.entries(start, start + width));
}

/** A path that names no tile is an ordinary question with the answer "not here". */
function parsePath(path: string): TileRef | undefined {
  try {
    return parseTilePath(path);
  } catch (error) {
    if (error instanceof EvidenceError) return undefined;
    throw error;
  }
}
