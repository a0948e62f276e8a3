/**
 * The check (fsck): the tree computed again from the raw entries and compared with everything that was derived from
 * them: leaf hashes, tiles, the head of every batch, the state. The first thing that is wrong is named.
 */
import {
  appendLeaves,
  base64url,
  emptyFrontier,
  emptyRoot,
  equalBytes,
  frontierRoot,
  leafHash,
  TILE_WIDTH,
  type Frontier,
} from '@licet/evidence';
import { appendBatch, openLogState } from '@licet/log';
import { StoreError } from './errors.ts';

type Soon<T> = T | Promise<T>;

/** What is checked. All methods see one committed state or a later one: what is committed does not change. */
export interface Checked {
  readonly size: number;
  readonly root: Uint8Array;
  readonly frontier: Frontier;
  /** Entries stored at all: more than `size` is an error. */
  readonly count: number;
  entries(
    start: number,
    end: number,
  ): Soon<readonly { readonly index: number; readonly bytes: Uint8Array; readonly leaf: Uint8Array }[]>;
  tile(level: number, index: number): Soon<Uint8Array | undefined>;
  /** Heads with start < size ≤ end, rising. */
  heads(start: number, end: number): Soon<readonly { readonly size: number; readonly root: Uint8Array }[]>;
  /** Lets others work. */
  pause(): Promise<void>;
}

/** Returns the tree that the entries make. @throws StoreError `ERR_STORE_CORRUPT` naming the first bad index */
export async function checkTree(
  log: Checked,
  progress?: (done: number, total: number) => void,
): Promise<{ readonly size: number; readonly root: Uint8Array }> {
  let state = openLogState({ frontier: emptyFrontier(), root: emptyRoot() }, { get: () => undefined });
  for (let start = 0; start < log.size; start += TILE_WIDTH) {
    const end = Math.min(start + TILE_WIDTH, log.size);
    const leaves = await checkEntries(log, start, end);
    const { state: next, tiles } = appendBatch(state, leaves);
    await checkHeads(log, state.frontier, leaves);
    for (const { level, index, hashes, width } of tiles) {
      const stored = await log.tile(level, index);
      if (stored === undefined || !equalBytes(stored.subarray(0, hashes.length), hashes)) {
        const first = level === 0 ? start + firstDifference(stored, hashes) : start;
        throw corrupt(
          `tile ${level}/${index} (${width} hashes) is not that of the entries; first bad index ${first}`,
        );
      }
    }
    state = next;
    progress?.(end, log.size);
    await log.pause();
  }
  if (!equalBytes(state.root, log.root) || !equalBytes(frontierRoot(log.frontier), log.root)) {
    throw corrupt(
      `the entries give root ${base64url(state.root)} at size ${log.size}, the state says ${base64url(log.root)}`,
    );
  }
  if (log.count !== log.size) throw corrupt(`${log.count} entries are stored, the state says ${log.size}`);
  return { size: state.size, root: state.root };
}

async function checkEntries(log: Checked, start: number, end: number): Promise<Uint8Array[]> {
  const entries = await log.entries(start, end);
  return Array.from({ length: end - start }, (_, i) => {
    const index = start + i;
    const entry = entries[i];
    if (entry === undefined || entry.index !== index) throw corrupt(`entry ${index} is missing`);
    const leaf = leafHash(entry.bytes);
    if (!equalBytes(leaf, entry.leaf)) throw corrupt(`entry ${index} does not hash to its leaf`);
    return leaf;
  });
}

async function checkHeads(log: Checked, before: Frontier, leaves: readonly Uint8Array[]): Promise<void> {
  let frontier = before;
  for (const { size, root } of await log.heads(before.size, before.size + leaves.length)) {
    const from = frontier.size;
    frontier = appendLeaves(frontier, leaves.slice(from - before.size, size - before.size));
    if (!equalBytes(frontierRoot(frontier), root)) {
      throw corrupt(
        `the head of size ${size} is not that of the entries; first bad index is in [${from}, ${size})`,
      );
    }
  }
}

function firstDifference(stored: Uint8Array | undefined, hashes: Uint8Array): number {
  let at = 0;
  while (at < hashes.length && stored?.[at] === hashes[at]) at++;
  return Math.floor(at / 32);
}

const corrupt = (what: string): StoreError => new StoreError('ERR_STORE_CORRUPT', what);
