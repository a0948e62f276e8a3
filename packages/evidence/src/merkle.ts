/**
 * The Merkle tree of RFC 6962 §2.1 (the same tree as RFC 9162's with SHA-256): hashes, proofs, verification.
 * Sizes and indexes are safe integers, so all arithmetic here is by division: bit operators stop at 32 bits.
 */
import { equalBytes } from './bytes.ts';
import { EvidenceError } from './errors.ts';
import { sha256 } from './sha256.ts';

/** Length of every hash in the tree, bytes. */
export const HASH_LENGTH = 32;

/**
 * Gives the root of the complete subtree of 2^level leaves that begins at leaf index * 2^level. Asked only for
 * subtrees that lie within the tree.
 */
export type HashReader = (level: number, index: number) => Uint8Array;

/** What {@link verifyInclusion} checks. */
export interface InclusionClaim {
  /** Position of the leaf, from 0. */
  readonly index: number;
  /** Number of leaves in the tree. */
  readonly size: number;
  /** Leaf hash, 32 bytes. */
  readonly leaf: Uint8Array;
  /** Sibling hashes, the leaf's first. */
  readonly proof: readonly Uint8Array[];
  /** Root of the tree, 32 bytes. */
  readonly root: Uint8Array;
}

/** What {@link verifyConsistency} checks. */
export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly newSize: number;
  readonly oldRoot: Uint8Array;
  readonly newRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

const LEAF_PREFIX = Uint8Array.of(0);
const NODE_PREFIX = Uint8Array.of(1);

/** Returns the RFC 6962 §2.1 leaf hash, 32 bytes, of the entry bytes. */
export function leafHash(entry: Uint8Array): Uint8Array {
  return sha256(LEAF_PREFIX, entry);
}

/** Returns the RFC 6962 §2.1 hash, 32 bytes, of the node above two hashes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(NODE_PREFIX, left, right);
}

/** Returns the root of the tree without leaves: SHA-256 of nothing. */
export function emptyRoot(): Uint8Array {
  return sha256(new Uint8Array(0));
}

/** Returns whether the leaf is in the tree (RFC 9162 §2.1.3.2). Malformed claims are false, never an error. */
export function verifyInclusion(claim: InclusionClaim): boolean {
  const { index, size, leaf, proof, root } = claim;
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  if (!isHash(leaf) || !isHash(root) || !proof.every(isHash)) return false;
  let node = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      hash = nodeHash(sibling, hash);
      while (!isOdd(node) && node !== 0) {
        node = half(node);
        last = half(last);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    node = half(node);
    last = half(last);
  }
  return last === 0 && equalBytes(hash, root);
}

/**
 * Returns whether the new tree begins with the old one (RFC 9162 §2.1.4.2). Equal sizes need equal roots and an
 * empty proof; from the empty tree the proof is empty and the old root must be {@link emptyRoot}. Malformed
 * claims are false, never an error.
 */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  const { oldSize, newSize, oldRoot, newRoot, proof } = claim;
  if (!isCount(oldSize) || !isCount(newSize) || oldSize > newSize) return false;
  if (!isHash(oldRoot) || !isHash(newRoot) || !proof.every(isHash)) return false;
  if (oldSize === newSize) return proof.length === 0 && equalBytes(oldRoot, newRoot);
  if (oldSize === 0) return proof.length === 0 && equalBytes(oldRoot, emptyRoot());
  if (proof.length === 0) return false;

  // A complete old tree is itself the first node of the path.
  const path = isPowerOfTwo(oldSize) ? [oldRoot, ...proof] : proof;
  let node = oldSize - 1;
  let last = newSize - 1;
  while (isOdd(node)) {
    node = half(node);
    last = half(last);
  }
  let oldHash = path[0]!;
  let newHash = path[0]!;
  for (const sibling of path.slice(1)) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      oldHash = nodeHash(sibling, oldHash);
      newHash = nodeHash(sibling, newHash);
      while (!isOdd(node) && node !== 0) {
        node = half(node);
        last = half(last);
      }
    } else {
      newHash = nodeHash(newHash, sibling);
    }
    node = half(node);
    last = half(last);
  }
  return last === 0 && equalBytes(oldHash, oldRoot) && equalBytes(newHash, newRoot);
}

/** Returns the root of the first `size` leaves. Throws ERR_PROOF_RANGE on a size that is no count. */
export function treeRoot(size: number, reader: HashReader): Uint8Array {
  if (!isCount(size)) throw outOfRange(`size ${size}`);
  return size === 0 ? emptyRoot() : rangeHash(0, size, reader);
}

/**
 * Returns the inclusion proof of a leaf in the tree of the first `size` leaves, leaf sibling first (RFC 6962
 * §2.1.1). Throws ERR_PROOF_RANGE unless 0 ≤ index < size.
 */
export function inclusionProof(index: number, size: number, reader: HashReader): Uint8Array[] {
  if (!isCount(index) || !isCount(size) || index >= size) throw outOfRange(`index ${index} of size ${size}`);
  const proof: Uint8Array[] = [];
  let low = 0;
  let high = size;
  while (high - low > 1) {
    const split = low + largestPowerBelow(high - low);
    if (index < split) {
      proof.push(rangeHash(split, high, reader));
      high = split;
    } else {
      proof.push(rangeHash(low, split, reader));
      low = split;
    }
  }
  return proof.reverse();
}

/**
 * Returns the proof that the first `newSize` leaves begin with the first `oldSize` (RFC 6962 §2.1.2); empty when
 * the sizes are equal or the old one is 0. Throws ERR_PROOF_RANGE unless 0 ≤ oldSize ≤ newSize.
 */
export function consistencyProof(oldSize: number, newSize: number, reader: HashReader): Uint8Array[] {
  if (!isCount(oldSize) || !isCount(newSize) || oldSize > newSize) {
    throw outOfRange(`old size ${oldSize}, new size ${newSize}`);
  }
  if (oldSize === 0 || oldSize === newSize) return [];
  const proof: Uint8Array[] = [];
  let low = 0;
  let high = newSize;
  while (high !== oldSize) {
    const split = low + largestPowerBelow(high - low);
    if (oldSize <= split) {
      proof.push(rangeHash(split, high, reader));
      high = split;
    } else {
      proof.push(rangeHash(low, split, reader));
      low = split;
    }
  }
  // The verifier holds the old root, so the old tree's own hash is sent only where it is a part of that tree.
  if (low !== 0) proof.push(rangeHash(low, high, reader));
  return proof.reverse();
}

/** Returns the hash of leaves [low, high), where low is a multiple of the range's enclosing power of two. */
function rangeHash(low: number, high: number, reader: HashReader): Uint8Array {
  let level = 0;
  let width = 1;
  while (width * 2 <= high - low) {
    width *= 2;
    level++;
  }
  const left = reader(level, low / width);
  return low + width === high ? left : nodeHash(left, rangeHash(low + width, high, reader));
}

/** Returns the largest power of two strictly below n; n > 1. */
function largestPowerBelow(n: number): number {
  let power = 1;
  while (power * 2 < n) power *= 2;
  return power;
}

function isPowerOfTwo(n: number): boolean {
  let rest = n;
  while (rest > 1 && !isOdd(rest)) rest /= 2;
  return rest === 1;
}

function isOdd(n: number): boolean {
  return n % 2 === 1;
}

function half(n: number): number {
  return Math.floor(n / 2);
}

function isCount(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0;
}

function isHash(hash: Uint8Array): boolean {
  return hash.length === HASH_LENGTH;
}

function outOfRange(what: string): EvidenceError {
  return new EvidenceError('ERR_PROOF_RANGE', `${what} is out of range`);
}
