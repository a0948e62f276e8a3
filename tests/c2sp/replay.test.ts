/**
 * Goal: our formats are those of C2SP. Method: a real log was read and judged by Go's `sumdb/note` and `sumdb/tlog`
 * (`record.ts`, `verify.go`); here each statement that it made is held against our own verifier over the same bytes.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  appendLeaves,
  base64,
  consistencyProof,
  decodeEntryBundle,
  emptyFrontier,
  formatTlogPolicy,
  frontierRoot,
  inclusionProof,
  leafHash,
  parseEntry,
  parseTlogPolicy,
  parseTlogProof,
  parseVkey,
  tilePath,
  TILE_WIDTH,
  treeRoot,
  verifyCheckpoint,
  verifyConsistency,
  verifyInclusion,
  type VerifiedCheckpoint,
} from '@licet/evidence';
import { nodeCrypto } from '@licet/evidence/node';
import { createTileReader, type TileStore } from '@licet/log';
import { beforeAll, describe, expect, test } from 'vitest';

const FIXTURES = join(import.meta.dirname, 'fixtures');
const bytesOf = (path: string): Uint8Array => readFileSync(join(FIXTURES, path));
const textOf = (path: string): string => readFileSync(join(FIXTURES, path), 'utf8');

type Statement = Readonly<Record<string, string | number>> & { readonly check: string };
const statements = textOf('verdicts')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Statement);
const said = (check: string): readonly Statement[] => {
  const found = statements.filter((statement) => statement.check === check);
  // A check that is missing would otherwise hold of nothing.
  if (found.length === 0) throw new Error(`the Go program said nothing about ${check}`);
  return found;
};

const key = parseVkey(textOf('vkey').trim());
const policy = parseTlogPolicy(
  formatTlogPolicy({ logs: [{ key }], witnesses: [], groups: [], quorum: 'none' }),
);
const opened = (note: string): Promise<VerifiedCheckpoint> => verifyCheckpoint(note, policy, nodeCrypto);

/** The tiles of a tree of this size, as the folder has them. */
function tilesAt(size: number): TileStore {
  return {
    get(level, index) {
      const count = Math.floor(size / TILE_WIDTH ** level) - index * TILE_WIDTH;
      if (count <= 0) return undefined;
      return bytesOf(`log/${tilePath({ level, index, width: Math.min(TILE_WIDTH, count) })}`);
    },
  };
}

function allEntries(size: number): readonly Uint8Array[] {
  const entries: Uint8Array[] = [];
  for (let index = 0; entries.length < size; index += 1) {
    const width = Math.min(TILE_WIDTH, size - entries.length);
    const bundle = bytesOf(`log/${tilePath({ level: 'entries', index, width })}`);
    entries.push(...decodeEntryBundle(bundle, width));
  }
  return entries;
}

describe('what Go said of a real log', () => {
  let newest: VerifiedCheckpoint;
  let entries: readonly Uint8Array[];
  beforeAll(async () => {
    newest = await opened(textOf('log/checkpoint'));
    entries = allEntries(newest.size);
  });

  test('the checkpoint is signed by the log, for this tree', () => {
    const [statement] = said('checkpoint');
    expect(statement).toEqual({
      check: 'checkpoint',
      origin: newest.origin,
      size: newest.size,
      root: base64(newest.root),
    });
    expect(newest.origin).toBe(key.name);
    // A full tile of 256, and a level above it, are part of what is shown.
    expect(newest.size).toBeGreaterThan(2 * TILE_WIDTH);
  });

  test('the tiles give the root of every checkpoint, partial ones included', () => {
    const trees = said('tree-from-tiles');
    expect(trees.map(({ size }) => size)).toContain(newest.size);
    for (const { size, root } of trees) {
      const { read } = createTileReader(tilesAt(Number(size)));
      expect(base64(treeRoot(Number(size), read))).toBe(root);
    }
  });

  test('the raw entries give the root', () => {
    const [statement] = said('tree-from-entries');
    expect(statement).toMatchObject({ size: entries.length, root: base64(newest.root) });
    expect(base64(frontierRoot(appendLeaves(emptyFrontier(), entries.map(leafHash))))).toBe(statement!.root);
    // They are entries of ours, byte for byte, not merely leaves.
    for (const entry of entries) expect(parseEntry(entry).origin).toBe(newest.origin);
  });

  test('every entry is included', () => {
    const [statement] = said('inclusion');
    expect(statement).toMatchObject({ entries: newest.size, size: newest.size });
    const { read } = createTileReader(tilesAt(newest.size));
    entries.forEach((entry, index) => {
      const proof = inclusionProof(index, newest.size, read);
      const claim = { index, size: newest.size, leaf: leafHash(entry), proof, root: newest.root };
      if (!verifyInclusion(claim)) expect.fail(`entry ${index} is not included`);
      // The same proof must not carry its neighbour.
      if (verifyInclusion({ ...claim, index: (index + 1) % newest.size }))
        expect.fail(`entry ${index} is included twice`);
    });
  });

  test('every pair of checkpoints is consistent', async () => {
    const notes = readdirSync(join(FIXTURES, 'saved/checkpoints'));
    const saved = await Promise.all(notes.map((name) => opened(textOf(`saved/checkpoints/${name}`))));
    const roots = new Map([...saved, newest].map(({ size, root }) => [size, root]));
    const pairs = said('consistency');
    expect(pairs).toHaveLength((roots.size * (roots.size - 1)) / 2);
    const { read } = createTileReader(tilesAt(newest.size));
    for (const { old, oldRoot, new: next, newRoot } of pairs) {
      const claim = {
        oldSize: Number(old),
        newSize: Number(next),
        oldRoot: roots.get(Number(old))!,
        newRoot: roots.get(Number(next))!,
        proof: consistencyProof(Number(old), Number(next), read),
      };
      expect([base64(claim.oldRoot), base64(claim.newRoot)]).toEqual([oldRoot, newRoot]);
      expect(verifyConsistency(claim)).toBe(true);
      expect(verifyConsistency({ ...claim, newRoot: claim.oldRoot })).toBe(false);
    }
  });

  test('the proofs that came with permits hold for their entries', async () => {
    const proofs = said('tlog-proof');
    const [{ checkpoints, proofs: count }] = said('all') as [Statement];
    expect(proofs).toHaveLength(Number(count));
    expect(readdirSync(join(FIXTURES, 'saved/checkpoints'))).toHaveLength(Number(checkpoints));
    for (const { index, size, leaf } of proofs) {
      const entry = bytesOf(`saved/proofs/${index}.entry`);
      const proof = parseTlogProof(textOf(`saved/proofs/${index}.tlog-proof`));
      const checkpoint = await opened(proof.checkpoint);
      expect({ index: proof.index, size: checkpoint.size, leaf: base64(leafHash(entry)) }).toEqual({
        index,
        size,
        leaf,
      });
      const claim = {
        index: proof.index,
        size: checkpoint.size,
        leaf: leafHash(entry),
        root: checkpoint.root,
      };
      expect(verifyInclusion({ ...claim, proof: proof.proof })).toBe(true);
      expect(parseEntry(entry).type).toBe('permit');
    }
  });
});
