/**
 * The frontier of a Merkle tree (its compact range from 0): the roots of the complete subtrees that the binary
 * digits of the size name, largest first. It is all an appender needs: the root, the next frontier and the
 * inclusion proofs of a whole batch follow from it and the new leaves, without reading the tree.
 */
import { concat } from './bytes.ts';
import { EvidenceError } from './errors.ts';
import { emptyRoot, HASH_LENGTH, nodeHash } from './merkle.ts';

/** An immutable frontier. Make one by {@link emptyFrontier}, {@link appendLeaves} or {@link parseFrontier}. */
export interface Frontier {
  /** Number of leaves. */
  readonly size: number;
  /** One 32-byte hash for each binary 1 of the size, the largest subtree's first. */
  readonly hashes: readonly Uint8Array[];
}

/** The tree after a batch, and what can be said of it from the batch alone. */
export interface Batch {
  /** The frontier after the batch. */
  readonly frontier: Frontier;
  /** The root after the batch, 32 bytes. */
  readonly root: Uint8Array;
  /** Returns the proof, leaf sibling first, of the i-th new leaf (index old size + i) in the new tree. */
  proofs(i: number): Uint8Array[];
  /**
   * Returns the complete subtrees of 2^level leaves that the batch finished: the index of the first one and
   * their roots in order. Levels 0, 8, 16 … are what tiles store.
   */
  complete(level: number): { readonly start: number; readonly hashes: readonly Uint8Array[] };
}

/** One level of the new tree, from node `start` to its right edge. */
interface Level {
  readonly start: number;
  readonly nodes: readonly Uint8Array[];
}

/** Returns the frontier of the tree without leaves. */
export function emptyFrontier(): Frontier {
  return { size: 0, hashes: [] };
}

/** Returns the frontier after one more leaf hash. */
export function appendLeaf(frontier: Frontier, leaf: Uint8Array): Frontier {
  return appendLeaves(frontier, [leaf]);
}

/** Returns the frontier after the leaf hashes, in order. Throws ERR_PROOF_RANGE on a hash that is not 32 bytes. */
export function appendLeaves(frontier: Frontier, leaves: readonly Uint8Array[]): Frontier {
  const hashes = [...frontier.hashes];
  let size = frontier.size;
  for (const leaf of leaves) {
    checkLeaf(leaf);
    let hash = leaf;
    // Each trailing 1 of the size is a complete subtree that this leaf's subtree joins on the right.
    for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) hash = nodeHash(hashes.pop()!, hash);
    hashes.push(hash);
    size++;
  }
  if (!Number.isSafeInteger(size))
    throw new EvidenceError('ERR_PROOF_RANGE', 'the tree would exceed 2^53 - 1');
  return { size, hashes };
}

/** Returns the root of the tree, 32 bytes. */
export function frontierRoot(frontier: Frontier): Uint8Array {
  const { hashes } = frontier;
  if (hashes.length === 0) return emptyRoot();
  let root = hashes[hashes.length - 1]!;
  for (let i = hashes.length - 2; i >= 0; i--) root = nodeHash(hashes[i]!, root);
  return root;
}

/** Returns size (8 bytes, big endian) and hashes, largest subtree first. */
export function serializeFrontier(frontier: Frontier): Uint8Array {
  const head = new Uint8Array(8);
  new DataView(head.buffer).setBigUint64(0, BigInt(frontier.size));
  return concat(head, ...frontier.hashes);
}

/** Returns the frontier of {@link serializeFrontier}'s bytes. Throws ERR_FRONTIER_FORMAT on any other. */
export function parseFrontier(bytes: Uint8Array): Frontier {
  if (bytes.length < 8) throw new EvidenceError('ERR_FRONTIER_FORMAT', 'shorter than its size field');
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0));
  if (!Number.isSafeInteger(size))
    throw new EvidenceError('ERR_FRONTIER_FORMAT', 'the size exceeds 2^53 - 1');
  const expected = 8 + HASH_LENGTH * countOnes(size);
  if (bytes.length !== expected) {
    throw new EvidenceError(
      'ERR_FRONTIER_FORMAT',
      `size ${size} needs ${expected} bytes, found ${bytes.length}`,
    );
  }
  const hashes: Uint8Array[] = [];
  for (let at = 8; at < bytes.length; at += HASH_LENGTH) hashes.push(bytes.slice(at, at + HASH_LENGTH));
  return { size, hashes };
}

/**
 * Returns the tree that the leaf hashes make of the old one, with the proof of each of them. Costs about one
 * hash per leaf and one per level. Throws ERR_PROOF_RANGE on a leaf hash that is not 32 bytes.
 */
export function batchProofs(frontier: Frontier, newLeaves: readonly Uint8Array[]): Batch {
  const next = appendLeaves(frontier, newLeaves);
  const levels = newLeaves.length === 0 ? [] : rightLevels(frontier, newLeaves);
  return {
    frontier: next,
    root: frontierRoot(next),
    proofs: (i) => proofOf(levels, frontier.size, newLeaves.length, i),
    complete: (level) => completeAt(levels, frontier.size, next.size, level),
  };
}

/**
 * Builds each level of the new tree from the leftmost node a new leaf can need. A level whose first new node is
 * a right child takes its left sibling from the frontier: that sibling is complete and old, so it is there.
 */
function rightLevels(frontier: Frontier, newLeaves: readonly Uint8Array[]): readonly Level[] {
  const levels: Level[] = [];
  let unused = frontier.hashes.length;
  let start = frontier.size;
  let nodes: readonly Uint8Array[] = newLeaves;
  for (;;) {
    if (start % 2 === 1) {
      nodes = [frontier.hashes[--unused]!, ...nodes];
      start--;
    }
    levels.push({ start, nodes });
    if (start === 0 && nodes.length === 1) return levels;
    nodes = parents(nodes);
    start /= 2;
  }
}

/** Pairs nodes up; a last one without a partner goes up as it is (RFC 6962: the tree is not padded). */
function parents(nodes: readonly Uint8Array[]): readonly Uint8Array[] {
  const above: Uint8Array[] = [];
  for (let i = 0; i < nodes.length; i += 2) {
    const right = nodes[i + 1];
    above.push(right === undefined ? nodes[i]! : nodeHash(nodes[i]!, right));
  }
  return above;
}

function proofOf(levels: readonly Level[], oldSize: number, count: number, i: number): Uint8Array[] {
  if (!Number.isSafeInteger(i) || i < 0 || i >= count) {
    throw new EvidenceError('ERR_PROOF_RANGE', `leaf ${i} of a batch of ${count}`);
  }
  const proof: Uint8Array[] = [];
  let index = oldSize + i;
  for (const { start, nodes } of levels) {
    const sibling = index % 2 === 1 ? index - 1 : index + 1;
    const hash = nodes[sibling - start];
    if (hash !== undefined) proof.push(hash);
    index = Math.floor(index / 2);
  }
  return proof;
}

function completeAt(
  levels: readonly Level[],
  oldSize: number,
  newSize: number,
  level: number,
): { readonly start: number; readonly hashes: readonly Uint8Array[] } {
  const width = 2 ** level;
  const start = Math.floor(oldSize / width);
  const end = Math.floor(newSize / width);
  const row = levels[level];
  if (row === undefined) return { start, hashes: [] };
  return { start, hashes: row.nodes.slice(start - row.start, end - row.start) };
}

function checkLeaf(leaf: Uint8Array): void {
  if (leaf.length !== HASH_LENGTH) {
    throw new EvidenceError('ERR_PROOF_RANGE', `a leaf hash has 32 bytes, found ${leaf.length}`);
  }
}

function countOnes(n: number): number {
  let ones = 0;
  for (let rest = n; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2;
  return ones;
}
