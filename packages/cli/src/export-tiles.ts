/**
 * The log as a folder of static tlog-tiles (C2SP), for any web server or object store. A file is written once, whole, and
 * never changed: `tile/…` of a width is the same for ever. So an export that was cut short goes on where it stopped, and
 * what is copied elsewhere may be kept there without end. `checkpoint` alone changes, and is written last, after the
 * root was computed from the tiles as they lie in the folder: it must not promise what is not there.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  decodeEntryBundle,
  decodeTile,
  encodeTile,
  equalBytes,
  leafHash,
  nodeHash,
  parseCheckpoint,
  parseNote,
  parseTilePath,
  TILE_HEIGHT,
  TILE_WIDTH,
  tilePath,
  tileWidth,
  treeRoot,
  utf8,
  type Checkpoint,
} from '@licet/evidence';
import { createTileReader, type TileStore } from '@licet/log';
import { CliError } from './errors.ts';

/** Where the log comes from: what every plane serves. */
export interface TileSource {
  checkpoint(): Promise<{ readonly note: string }>;
  tile(path: string): Promise<Uint8Array | undefined>;
}

export interface Exported {
  readonly origin: string;
  readonly size: number;
  /** Files of the tree with its checkpoint, and how many of them were written now. */
  readonly files: number;
  readonly written: number;
}

/**
 * Writes into `dir` what it lacks of the log.
 * @throws CliError `ERR_CLI_LOG` when a tile is missing or the tiles are not the checkpoint's tree; `ERR_CLI_FORK` when
 *   the checkpoint that lies there is of another history
 */
export async function exportTiles(
  source: TileSource,
  dir: string,
  options: { readonly entries: boolean; progress(done: number, total: number): void },
): Promise<Exported> {
  const { note } = await source.checkpoint();
  const { origin, size, root } = parseCheckpoint(parseNote(note).text);
  const paths = pathsOf(size, options.entries);
  const before = await checkpointIn(dir);
  requireSameLog(before, origin, dir);
  const written: string[] = [];
  for (const [at, path] of paths.entries()) {
    const file = join(dir, path);
    if (!existsSync(file)) {
      const bytes = await source.tile(path);
      // Fail closed: an export with a hole would look complete.
      if (bytes === undefined)
        throw new CliError('ERR_CLI_LOG', `the plane does not serve ${path} of size ${size}`);
      await writeWhole(file, bytes);
      written.push(path);
    }
    options.progress(at + 1, paths.length);
  }
  for (const path of written) await checkTile(dir, path, size);
  if (!equalBytes(rootOf(dir, size, size), root))
    throw new CliError('ERR_CLI_LOG', `the tiles in ${dir} are not the tree of the checkpoint, size ${size}`);
  requireContinued(before, size, dir);
  await writeWhole(join(dir, 'checkpoint'), utf8(note));
  return { origin, size, files: paths.length + 1, written: written.length + 1 };
}

/** Every tile of a tree of `size` leaves, and its entry bundles; what others are checked by comes first. */
function pathsOf(size: number, entries: boolean): readonly string[] {
  const paths: string[] = [];
  const levels: (number | 'entries')[] = [];
  for (let level = 0, nodes = size; nodes > 0; level++, nodes = Math.floor(nodes / TILE_WIDTH))
    levels.push(level);
  if (entries) levels.push('entries');
  for (const level of levels)
    for (let index = 0; ; index++) {
      const width = tileWidth(level, index, size);
      if (width === 0) break;
      paths.push(tilePath({ level, index, width }));
    }
  return paths;
}

/** Under its name there is the whole file or none, after a power cut too. */
async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const beside = `${file}.new`;
  const handle = await open(beside, 'w');
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(beside, file);
}

/** The tiles of a folder, as they are for a tree of `size`. */
const tilesIn = (dir: string, size: number): TileStore => ({
  get(level, index) {
    const width = tileWidth(level, index, size);
    const file = join(dir, tilePath({ level, index, width: Math.max(1, width) }));
    return width > 0 && existsSync(file) ? readFileSync(file) : undefined;
  },
});

/** Holds a new tile against what lies below it: each of its hashes is that of a full tile, or of an entry. */
async function checkTile(dir: string, path: string, size: number): Promise<void> {
  const { level, index, width } = parseTilePath(path);
  const bytes = await readFile(join(dir, path));
  const tiles = tilesIn(dir, size);
  if (level === 'entries') {
    const leaves = decodeEntryBundle(bytes, width).map(leafHash);
    requireTree(equalBytes(encodeTile(leaves), tiles.get(0, index) ?? new Uint8Array()), path);
  } else if (level > 0) {
    const below = createTileReader({ get: (_, at) => tiles.get(level - 1, at) });
    const above = decodeTile(bytes, width).map((hash, at) => {
      const first = 2 * (index * TILE_WIDTH + at);
      return equalBytes(
        hash,
        nodeHash(below.read(TILE_HEIGHT - 1, first), below.read(TILE_HEIGHT - 1, first + 1)),
      );
    });
    requireTree(above.every(Boolean), path);
  } else requireTree(decodeTile(bytes, width).length === width, path);
}

function requireTree(holds: boolean, path: string): void {
  if (!holds) throw new CliError('ERR_CLI_LOG', `${path} is not the tile of what lies below it`);
}

/** The checkpoint of an earlier export. */
async function checkpointIn(dir: string): Promise<Checkpoint | undefined> {
  const file = join(dir, 'checkpoint');
  return existsSync(file) ? parseCheckpoint(parseNote(await readFile(file, 'utf8')).text) : undefined;
}

/** Before anything is written: two logs in one folder would be none. */
function requireSameLog(before: Checkpoint | undefined, origin: string, dir: string): void {
  if (before === undefined || before.origin === origin) return;
  throw new CliError('ERR_CLI_EXISTS', `${dir} holds ${before.origin}, not ${origin}`, {
    still: 'It was not touched.',
    next: 'Name another folder.',
  });
}

/** The tree that lies here now goes on from the one that was promised here before. */
function requireContinued(before: Checkpoint | undefined, size: number, dir: string): void {
  if (before === undefined) return;
  if (before.size <= size && equalBytes(rootOf(dir, before.size, size), before.root)) return;
  throw new CliError('ERR_CLI_FORK', `${dir}/checkpoint names another tree of ${before.size} entries`, {
    still: 'It was kept.',
    next: 'Keep it, and the tiles beside it: together with the log they prove the fork.',
  });
}

const rootOf = (dir: string, size: number, of: number): Uint8Array =>
  treeRoot(size, createTileReader(tilesIn(dir, of)).read);
