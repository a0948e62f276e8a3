/**
 * Checks made in the visitor's browser: the signature of the newest checkpoint under the visitor's own trust file, its
 * consistency with the largest one this browser has verified (RULE 8), and the inclusion of a leaf in it, recomputed
 * from hash tiles. Loaded when the first proof is asked for.
 */
import {
  base64url,
  equalBytes,
  hasAssurance,
  inclusionProof,
  consistencyProof,
  parseCheckpoint,
  parseNote,
  parseTrust,
  TILE_HEIGHT,
  TILE_WIDTH,
  tilePath,
  tileWidth,
  nodeHash,
  trustedLog,
  treeRoot,
  trustedPolicy,
  unbase64url,
  verifyCheckpoint,
  verifyConsistency,
  verifyInclusion,
  decodeTile,
  type HashReader,
} from '@licet/evidence';
import { webCrypto } from '@licet/evidence/web';
import { getBytes, getText } from './call.ts';
import { nowMs } from './clock.ts';
import type { CheckedHead, CheckedLeaf } from './proof-state.ts';

const MEMORY = 'licet.largest-checkpoint';
const CACHED_TILES = 512;

/** A checkpoint whose tiles are at hand. */
export interface Head {
  readonly checked: CheckedHead;
  readonly size: number;
  readonly root: Uint8Array;
}

const tiles = new Map<string, Promise<Uint8Array>>();

/** Fetches a tile once; full tiles never change, partial ones are named by their width. */
function tile(level: number, index: number, size: number): Promise<Uint8Array> {
  const width = tileWidth(level, index, size);
  const path = tilePath({ level, index, width });
  const known = tiles.get(path);
  if (known !== undefined) return known;
  const fetched = getBytes(`/${path}`).then((bytes) => {
    decodeTile(bytes, width);
    return bytes;
  });
  fetched.catch(() => tiles.delete(path));
  if (tiles.size >= CACHED_TILES) tiles.clear();
  tiles.set(path, fetched);
  return fetched;
}

/** Runs a computation over hashes again and again, fetching the tile it lacked each time. */
async function withTiles<T>(size: number, compute: (reader: HashReader) => T): Promise<T> {
  const held = new Map<string, Uint8Array>();
  for (;;) {
    let missing: readonly [number, number] | undefined;
    const reader: HashReader = (level, index) => {
      const tileLevel = Math.floor(level / TILE_HEIGHT);
      const inside = level % TILE_HEIGHT;
      const span = TILE_WIDTH >> inside;
      const tileIndex = Math.floor(index / span);
      const bytes = held.get(`${tileLevel}/${tileIndex}`);
      if (bytes === undefined) {
        missing ??= [tileLevel, tileIndex];
        throw new Missing();
      }
      const first = (index % span) << inside;
      const hash = (at: number): Uint8Array => bytes.slice(at * 32, at * 32 + 32);
      const node = (height: number, at: number): Uint8Array =>
        height === 0 ? hash(first + at) : nodeHash(node(height - 1, 2 * at), node(height - 1, 2 * at + 1));
      return node(inside, 0);
    };
    try {
      return compute(reader);
    } catch (error) {
      if (!(error instanceof Missing) || missing === undefined) throw error;
      const [level, index] = missing;
      held.set(`${level}/${index}`, await tile(level, index, size));
    }
  }
}

class Missing extends Error {}

/** Checks the newest checkpoint of the plane under the visitor's trust. Never throws for what the plane says. */
export async function checkHead(
  trustFile: string | undefined,
): Promise<{ head?: Head; checked: CheckedHead }> {
  const note = await getText('/checkpoint');
  let claimed: ReturnType<typeof parseCheckpoint>;
  try {
    claimed = parseCheckpoint(parseNote(note).text);
  } catch (error) {
    return {
      checked: { state: 'failed', why: `The checkpoint cannot be read: ${messageOf(error)}`, atMs: nowMs() },
    };
  }
  const { origin, size } = claimed;
  const claim = { origin, size, root: base64url(claimed.root), note, atMs: nowMs() };
  if (trustFile === undefined) {
    const checked: CheckedHead = {
      ...claim,
      state: 'claimed',
      why: 'You named nobody to trust: open your trust file, then the signature can be checked.',
    };
    return { checked, head: { checked, size, root: claimed.root } };
  }
  try {
    const log = trustedLog(parseTrust(trustFile), origin);
    const policy = trustedPolicy(log);
    await verifyCheckpoint(note, policy, webCrypto, { nowMs: nowMs() });
    const forked = await remember(origin, size, claimed.root);
    if (forked !== undefined) return { checked: { ...claim, state: 'failed', why: forked } };
    const reached = (assurance: 'witnessed' | 'anchored'): Promise<boolean> =>
      hasAssurance(note, log, assurance, { crypto: webCrypto, nowMs: nowMs() });
    const state = (await reached('anchored'))
      ? 'anchored'
      : (await reached('witnessed'))
        ? 'witnessed'
        : 'logged';
    const checked: CheckedHead = {
      ...claim,
      state,
      why: `Signed by ${origin}, consistent with the largest checkpoint that this browser has verified.`,
      signers: policy.logs.map(({ key }) => key.vkey),
    };
    return { checked, head: { checked, size, root: claimed.root } };
  } catch (error) {
    return { checked: { ...claim, state: 'failed', why: messageOf(error) } };
  }
}

/** RULE 8: keeps the largest verified checkpoint over visits; another root, or no consistency, is a fork. */
async function remember(origin: string, size: number, root: Uint8Array): Promise<string | undefined> {
  const key = `${MEMORY}.${origin}`;
  const kept = localStorage.getItem(key)?.split(' ') ?? [];
  const oldSize = Number(kept[0] ?? 0);
  const next = `${size} ${base64url(root)}`;
  if (kept.length === 2 && Number.isSafeInteger(oldSize) && oldSize > 0) {
    const oldRoot = unbase64url(kept[1]!);
    if (size === oldSize && !equalBytes(root, oldRoot))
      return `Fork: another root at size ${size} than this browser verified before. Keep both and stop.`;
    const [low, high] =
      size < oldSize
        ? [
            { size, root },
            { size: oldSize, root: oldRoot },
          ]
        : [
            { size: oldSize, root: oldRoot },
            { size, root },
          ];
    if (low.size !== high.size) {
      const proof = await withTiles(high.size, (reader) => consistencyProof(low.size, high.size, reader));
      const claim = { oldSize: low.size, newSize: high.size, oldRoot: low.root, newRoot: high.root, proof };
      if (!verifyConsistency(claim))
        return `Fork: size ${size} is not consistent with size ${oldSize}, which this browser verified before.`;
    }
    if (size <= oldSize) return undefined;
  }
  localStorage.setItem(key, next);
  return undefined;
}

/** Returns the hash of entry `index` in the tree of `size` entries, from hash tiles. @throws CallError, EvidenceError */
export const leafAt = (index: number, size: number): Promise<Uint8Array> =>
  withTiles(size, (reader) => reader(0, index));

/** Returns the root of the first `size` entries, and whether the tree of `head` continues it. @throws as {@link leafAt} */
export async function rootAt(
  size: number,
  head: Head,
): Promise<{ readonly root: string; readonly consistent: boolean }> {
  const root = await withTiles(head.size, (reader) => treeRoot(size, reader));
  const proof = await withTiles(head.size, (reader) => consistencyProof(size, head.size, reader));
  const claim = { oldSize: size, newSize: head.size, oldRoot: root, newRoot: head.root, proof };
  return { root: base64url(root), consistent: verifyConsistency(claim) };
}

/** Checks that `leaf` is entry `index` of the tree of `head`, with a path computed from tiles. */
export async function checkLeaf(head: Head, index: number, leaf: string): Promise<CheckedLeaf> {
  const { checked, size, root } = head;
  const base = { index, leaf, size };
  if (index >= size)
    return {
      ...base,
      state: 'claimed',
      why: `Entry ${index} is newer than the checkpoint of size ${size}.`,
      path: [],
    };
  try {
    const proof = await withTiles(size, (reader) => inclusionProof(index, size, reader));
    const included = verifyInclusion({ index, size, leaf: unbase64url(leaf), proof, root });
    const path = proof.map(base64url);
    if (!included)
      return {
        ...base,
        state: 'failed',
        why: 'The path from this leaf does not lead to the root of the checkpoint.',
        path,
      };
    const why =
      checked.state === 'claimed'
        ? `Included in the tree of size ${size}, whose signature is not checked: ${checked.why}`
        : `Included in the tree of size ${size}; ${checked.why}`;
    return { ...base, state: checked.state, why, path };
  } catch (error) {
    return { ...base, state: 'claimed', why: `Not checked: ${messageOf(error)}`, path: [] };
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
