/**
 * Goal: proofs that are made verify, proofs that are not made do not. Method: every tree up to 130 leaves, every
 * leaf, every pair of sizes, made from a tree and from a frontier; then bytes flipped at random.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  appendLeaf,
  appendLeaves,
  batchProofs,
  consistencyProof,
  emptyFrontier,
  emptyRoot,
  equalBytes,
  frontierRoot,
  hex,
  inclusionProof,
  leafHash,
  nodeHash,
  parseFrontier,
  serializeFrontier,
  treeRoot,
  utf8,
  verifyConsistency,
  verifyInclusion,
  type HashReader,
} from '../src/index.ts';
import '../src/node.ts';

const MOST = 130;
const leaves = Array.from({ length: MOST }, (_, i) => leafHash(utf8(`entry ${i}`)));
const cache = new Map<string, Uint8Array>();
const reader: HashReader = (level, index) => {
  if (level === 0) return leaves[index]!;
  const key = `${level}/${index}`;
  const known = cache.get(key) ?? nodeHash(reader(level - 1, 2 * index), reader(level - 1, 2 * index + 1));
  cache.set(key, known);
  return known;
};
const roots = Array.from({ length: MOST + 1 }, (_, size) => treeRoot(size, reader));
const frontiers = Array.from({ length: MOST + 1 }, (_, n) =>
  appendLeaves(emptyFrontier(), leaves.slice(0, n)),
);

describe('every tree up to 130 leaves', () => {
  it('every leaf is provably in it, and nowhere else', () => {
    for (let size = 1; size <= MOST; size++) {
      for (let index = 0; index < size; index++) {
        const proof = inclusionProof(index, size, reader);
        const claim = { index, size, leaf: leaves[index]!, proof, root: roots[size]! };
        if (!verifyInclusion(claim)) expect.fail(`leaf ${index} of ${size}`);
        if (verifyInclusion({ ...claim, index: index + 1 }))
          expect.fail(`leaf ${index} of ${size} at the next place`);
        if (verifyInclusion({ ...claim, root: roots[size - 1]! }))
          expect.fail(`leaf ${index} of ${size} under another root`);
      }
    }
  });

  it('every older tree is provably its beginning, and no other root is', () => {
    for (let newSize = 0; newSize <= MOST; newSize++) {
      for (let oldSize = 0; oldSize <= newSize; oldSize++) {
        const proof = consistencyProof(oldSize, newSize, reader);
        const claim = { oldSize, newSize, oldRoot: roots[oldSize]!, newRoot: roots[newSize]!, proof };
        if (!verifyConsistency(claim)) expect.fail(`${oldSize} to ${newSize}`);
        const other = leafHash(utf8('forged'));
        if (verifyConsistency({ ...claim, oldRoot: other }))
          expect.fail(`${oldSize} to ${newSize}, forged old root`);
        // From the empty tree everything is consistent: there is nothing to contradict.
        if (oldSize > 0 && verifyConsistency({ ...claim, newRoot: other })) {
          expect.fail(`${oldSize} to ${newSize}, forged new root`);
        }
      }
    }
  });

  it('frontiers give its root, survive serializing, and prove every batch without the tree', () => {
    for (let size = 0; size <= MOST; size++) {
      expect(hex(frontierRoot(frontiers[size]!))).toBe(hex(roots[size]!));
      expect(parseFrontier(serializeFrontier(frontiers[size]!))).toEqual(frontiers[size]);
      for (let old = 0; old <= size; old++) {
        const batch = batchProofs(frontiers[old]!, leaves.slice(old, size));
        if (!equalBytes(batch.root, roots[size]!)) expect.fail(`root of ${old} + ${size - old}`);
        for (let i = 0; i < size - old; i++) {
          const proof = batch.proofs(i);
          const made = inclusionProof(old + i, size, reader);
          if (proof.length !== made.length || !proof.every((hash, k) => equalBytes(hash, made[k]!))) {
            expect.fail(`proof of leaf ${old + i} in ${old} + ${size - old}`);
          }
        }
        for (const level of [0, 1, 3, 7]) {
          const { start, hashes } = batch.complete(level);
          expect(start + hashes.length).toBe(Math.floor(size / 2 ** level));
          hashes.forEach((hash, k) => {
            if (!equalBytes(hash, reader(level, start + k))) expect.fail(`node ${level}/${start + k}`);
          });
        }
      }
    }
  });
});

describe('tampering', () => {
  const size = fc.integer({ min: 2, max: MOST });

  it('any flipped bit in leaf, proof or root makes inclusion fail', () => {
    fc.assert(
      fc.property(size, fc.nat(), fc.nat(), fc.nat(7), (n, at, byte, bit) => {
        const index = at % n;
        const proof = inclusionProof(index, n, reader).map((hash) => hash.slice());
        const claim = { index, size: n, leaf: leaves[index]!.slice(), proof, root: roots[n]!.slice() };
        const targets = [claim.leaf, claim.root, ...proof];
        targets[byte % targets.length]![(byte >> 3) % 32]! ^= 1 << bit;
        expect(verifyInclusion(claim)).toBe(false);
      }),
    );
  });

  it('any flipped bit in a root or the proof makes consistency fail', () => {
    fc.assert(
      fc.property(size, fc.nat(), fc.nat(), fc.nat(7), (n, at, byte, bit) => {
        const oldSize = 1 + (at % (n - 1));
        const proof = consistencyProof(oldSize, n, reader).map((hash) => hash.slice());
        const claim = {
          oldSize,
          newSize: n,
          oldRoot: roots[oldSize]!.slice(),
          newRoot: roots[n]!.slice(),
          proof,
        };
        const targets = [claim.oldRoot, claim.newRoot, ...proof];
        targets[byte % targets.length]![(byte >> 3) % 32]! ^= 1 << bit;
        expect(verifyConsistency(claim)).toBe(false);
      }),
    );
  });

  it('a proof too short or too long fails', () => {
    fc.assert(
      fc.property(size, fc.nat(), (n, at) => {
        const index = at % n;
        const proof = inclusionProof(index, n, reader);
        const claim = { index, size: n, leaf: leaves[index]!, root: roots[n]! };
        expect(verifyInclusion({ ...claim, proof: proof.slice(1) })).toBe(false);
        expect(verifyInclusion({ ...claim, proof: [...proof, roots[n]!] })).toBe(false);
      }),
    );
  });

  it('sizes and indexes that are no counts verify nothing', () => {
    for (const bad of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(
        verifyInclusion({ index: bad, size: 2, leaf: leaves[0]!, proof: [leaves[1]!], root: roots[2]! }),
      ).toBe(false);
      expect(verifyInclusion({ index: 0, size: bad, leaf: leaves[0]!, proof: [], root: leaves[0]! })).toBe(
        false,
      );
      const roots0 = { oldRoot: emptyRoot(), newRoot: emptyRoot(), proof: [] };
      expect(verifyConsistency({ oldSize: bad, newSize: bad, ...roots0 })).toBe(false);
      expect(() => inclusionProof(bad, 2, reader)).toThrow('ERR_PROOF_RANGE');
      expect(() => consistencyProof(0, bad, reader)).toThrow('ERR_PROOF_RANGE');
      expect(() => treeRoot(bad, reader)).toThrow('ERR_PROOF_RANGE');
    }
  });
});

describe('appending', () => {
  it('the order of leaves fixes the root', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer(), { minLength: 2, maxLength: 20 }),
        fc.nat(),
        fc.nat(),
        (items, a, b) => {
          const hashes = items.map((item) => leafHash(utf8(String(item))));
          const [i, j] = [a % items.length, b % items.length];
          const swapped = hashes.with(i, hashes[j]!).with(j, hashes[i]!);
          const same = equalBytes(
            frontierRoot(appendLeaves(emptyFrontier(), hashes)),
            frontierRoot(appendLeaves(emptyFrontier(), swapped)),
          );
          expect(same).toBe(i === j);
        },
      ),
    );
  });

  it('however leaves are cut into batches, the frontier is the same, and old frontiers do not change', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 12 }), (widths) => {
        let frontier = emptyFrontier();
        let at = 0;
        for (const width of widths) {
          const before = serializeFrontier(frontier);
          const next = batchProofs(frontier, leaves.slice(at, at + width)).frontier;
          expect(serializeFrontier(frontier)).toEqual(before);
          frontier = next;
          at += width;
        }
        const one = leaves.slice(0, at).reduce((f, leaf) => appendLeaf(f, leaf), emptyFrontier());
        expect(frontier).toEqual(one);
      }),
    );
  });

  it('works beyond 32 bits', () => {
    const size = 2 ** 40 + 2 ** 33 + 3;
    const bytes = new Uint8Array(8 + 4 * 32).fill(5);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(size));
    const old = parseFrontier(bytes);
    const batch = batchProofs(old, leaves.slice(0, 7));
    for (let i = 0; i < 7; i++) {
      const claim = {
        index: size + i,
        size: size + 7,
        leaf: leaves[i]!,
        proof: batch.proofs(i),
        root: batch.root,
      };
      expect(verifyInclusion(claim)).toBe(true);
      expect(verifyInclusion({ ...claim, index: claim.index - 2 ** 32 })).toBe(false);
    }
  });

  it('refuses hashes of another length, indexes outside the batch and frontiers that do not add up', () => {
    expect(() => appendLeaf(emptyFrontier(), new Uint8Array(31))).toThrow('ERR_PROOF_RANGE');
    const batch = batchProofs(emptyFrontier(), leaves.slice(0, 3));
    for (const i of [-1, 3, 0.5]) expect(() => batch.proofs(i)).toThrow('ERR_PROOF_RANGE');
    const bytes = serializeFrontier(frontiers[5]!);
    for (const bad of [bytes.subarray(1), bytes.subarray(0, 7), new Uint8Array([...bytes, 0])]) {
      expect(() => parseFrontier(bad)).toThrow('ERR_FRONTIER_FORMAT');
    }
    expect(() => parseFrontier(new Uint8Array(8).fill(255))).toThrow('ERR_FRONTIER_FORMAT');
  });
});
