/**
 * Where a log can be read from: a plane, an address that serves tlog-tiles, or a folder that was exported. Each gives
 * checkpoints and tiles, and from tiles every consistency proof can be made by whoever wants it (RFC 6962 §2.1.2).
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { consistencyProof, tilePath, tileWidth, unbase64 } from '@licet/evidence';
import { createTileReader } from '@licet/log';
import type { PlaneClient } from '@licet/api';
import { CliError } from './errors.ts';

/** A log as others show it; nothing it says is believed before it is verified. */
export interface LogSource {
  /** For people: where the answers come from. */
  readonly name: string;
  /** The newest signed checkpoint; with the consistency proof from size `seen` when it gives one by itself. */
  checkpoint(seen?: number): Promise<{ readonly note: string; readonly consistency?: readonly Uint8Array[] }>;
  /** The bytes of a tlog-tiles path, undefined when it is not there. */
  tile(path: string): Promise<Uint8Array | undefined>;
}

/** Milliseconds to wait for an answer. */
const DEADLINE_MS = 10_000;
const MAX_NOTE_BYTES = 131_072;
const MAX_TILE_BYTES = 32 * 1_048_576;

/** Returns a source that asks a plane as its client. */
export const planeSource = (client: Pick<PlaneClient, 'checkpoint' | 'tile'>, name: string): LogSource => ({
  name,
  async checkpoint(seen) {
    const { note, consistency } = await client.checkpoint(seen === undefined ? {} : { seen });
    return { note, ...(consistency === undefined ? {} : { consistency: consistency.map(unbase64) }) };
  },
  tile: (path) => client.tile(path),
});

/** Returns a source for an `http(s)://` address or a folder. */
export function sourceAt(place: string): LogSource {
  return /^https?:\/\//.test(place) ? httpSource(place) : folderSource(place);
}

function folderSource(folder: string): LogSource {
  return {
    name: folder,
    async checkpoint() {
      const note = await readFile(join(folder, 'checkpoint'), 'utf8').catch((cause: unknown) => {
        throw new CliError('ERR_CLI_FILE', `${folder} holds no checkpoint`, { cause });
      });
      return { note };
    },
    tile: (path) =>
      readFile(join(folder, path)).then(
        (bytes) => new Uint8Array(bytes),
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOENT') return undefined;
          throw error;
        },
      ),
  };
}

// RULE 47: only an address that the user named on the command line is ever asked.
function httpSource(address: string): LogSource {
  const base = address.replace(/\/+$/, '');
  return {
    name: base,
    async checkpoint() {
      const bytes = await fetchBytes(`${base}/checkpoint`, MAX_NOTE_BYTES);
      if (bytes === undefined) throw new CliError('ERR_CLI_FILE', `${base}/checkpoint is not there`);
      return { note: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
    },
    tile: (path) => fetchBytes(`${base}/${path}`, MAX_TILE_BYTES),
  };
}

/** Returns the body of an address, undefined for 404. Redirects are not followed: what was named is what is asked. */
export async function fetchBytes(url: string, limit: number): Promise<Uint8Array | undefined> {
  let response: Response;
  try {
    response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(DEADLINE_MS) });
  } catch (cause) {
    throw new CliError('ERR_CLI_FILE', `${url} does not answer`, { cause });
  }
  if (response.status === 404) return undefined;
  if (response.status !== 200) throw new CliError('ERR_CLI_FILE', `${url} answered with ${response.status}`);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > limit) throw new CliError('ERR_CLI_FILE', `${url} is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/**
 * Returns the consistency proof between two sizes of a tree of `treeSize` leaves, made from the source's tiles.
 * Only the tiles on the way are fetched.
 */
export async function proofFromTiles(
  source: LogSource,
  {
    oldSize,
    newSize,
    treeSize,
  }: { readonly oldSize: number; readonly newSize: number; readonly treeSize: number },
): Promise<readonly Uint8Array[]> {
  const held = new Map<string, Uint8Array>();
  let wanted: { readonly level: number; readonly index: number } | undefined;
  const reader = createTileReader({
    get(level, index) {
      const bytes = held.get(`${level}/${index}`);
      if (bytes === undefined) wanted = { level, index };
      return bytes;
    },
  });
  for (;;) {
    wanted = undefined;
    try {
      return consistencyProof(oldSize, newSize, reader.read);
    } catch (error) {
      // The reader is synchronous and a source is not: what it missed is fetched, then it is tried again.
      if (wanted === undefined) throw error;
      const { level, index } = wanted as { readonly level: number; readonly index: number };
      held.set(`${level}/${index}`, await fetchTile(source, level, index, treeSize));
    }
  }
}

async function fetchTile(
  source: LogSource,
  level: number,
  index: number,
  treeSize: number,
): Promise<Uint8Array> {
  const width = tileWidth(level, index, treeSize);
  if (width > 0) {
    // A partial tile may have been replaced by the full one since (tlog-tiles).
    for (const asked of width === 256 ? [256] : [width, 256]) {
      const bytes = await source.tile(tilePath({ level, index, width: asked }));
      if (bytes !== undefined && bytes.length >= width * 32) return bytes.subarray(0, width * 32);
    }
  }
  throw new CliError(
    'ERR_CLI_UNLINKED',
    `${source.name} does not serve tile ${level}/${index} of size ${treeSize}`,
  );
}
