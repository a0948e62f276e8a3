// Goal: layout, folding, time and export of a run, as values: nothing is lost, a liar's parents and cycles end as roots.
// Method: hand-made runs and properties.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Lineage, LineageNode } from '@licet/evidence';
import { FOCUS_MAX, focusGraph } from '../src/surfaces/lineage/focus-layout.ts';
import { densityOf, lanesOf, marksOf } from '../src/surfaces/lineage/lanes.ts';
import { provOf } from '../src/surfaces/lineage/prov.ts';
import { causesOf, kindOf, runTree } from '../src/surfaces/lineage/run-tree.ts';
import { searchRun } from '../src/surfaces/lineage/search-run.ts';
import { momentAt } from '../src/surfaces/lineage/then.ts';
import { timeScale } from '../src/surfaces/lineage/time-scale.ts';
import { firstExpanded, treeRows, withBelow } from '../src/surfaces/lineage/tree-rows.ts';

const node = (exec: string, more: Partial<LineageNode> & { readonly by?: string } = {}): LineageNode => {
  const { by = 'a-1', ...rest } = more;
  return {
    exec,
    chain: [
      { id: 'u-1', identity: 'i' },
      { id: by, identity: 'i' },
    ] as unknown as LineageNode['chain'],
    action: 'files/write_file',
    verdict: 'allow',
    refusals: [],
    approvals: [],
    ...((rest.verdict ?? 'allow') === 'allow'
      ? { permit: { index: 1, leaf: 'L' }, start: { index: 2, leaf: 'L' } }
      : {}),
    atMs: 1_000,
    renewals: 0,
    gaps: [],
    ...rest,
  };
};
const lineage = (...nodes: readonly LineageNode[]): Lineage => ({
  run: nodes[0]?.exec ?? '',
  nodes,
  edges: [],
});

/** Any run, parents and agents at random, some of them wrong. */
const anyRun = fc
  .array(
    fc.record({
      parent: fc.nat(60),
      by: fc.nat(12),
      at: fc.nat(100_000),
      verdict: fc.constantFrom('allow', 'deny', 'hold'),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((rows) =>
    lineage(
      ...rows.map(({ parent, by, at, verdict }, order) =>
        node(`e${order}`, { parent: `e${parent}`, by: `a${by}`, atMs: at, verdict: verdict as 'allow' }),
      ),
    ),
  );

test('every execution is in the tree exactly once, whatever its parents claim', () => {
  fc.assert(
    fc.property(anyRun, (run) => {
      const tree = runTree(run);
      const rows = treeRows(tree, new Set(tree.items.map(({ at }) => at)));
      expect(rows.map(({ item }) => item).toSorted((a, b) => a - b)).toEqual(tree.items.map(({ at }) => at));
      for (const root of tree.roots) expect(withBelow(tree, root)).toHaveLength(tree.items[root]!.below + 1);
    }),
  );
});

test('every execution is in exactly one lane, however many lanes there may be', () => {
  fc.assert(
    fc.property(anyRun, fc.integer({ min: 1, max: 8 }), (run, max) => {
      const tree = runTree(run);
      const scale = timeScale(tree.items.map(({ node: { atMs } }) => atMs).toSorted((a, b) => a - b));
      const lanes = lanesOf(tree, scale, { max, expanded: new Set() });
      expect(lanes.length).toBeLessThanOrEqual(Math.max(max, 1));
      expect(lanes.flatMap(({ items }) => items).toSorted((a, b) => a - b)).toEqual(
        tree.items.map(({ at }) => at),
      );
      expect(lanes.length + lanes.reduce((sum, { folded }) => sum + folded, 0)).toBe(tree.agents.length);
      const bins = densityOf(tree, scale, 20).flatMap((bin) => Object.values(bin));
      expect(bins.reduce((a, b) => a + b, 0)).toBe(tree.items.length);
    }),
  );
});

test('folded marks hold every execution, and the worst of them shows', () => {
  const tree = runTree(
    lineage(
      ...Array.from({ length: 500 }, (_, at) =>
        node(`e${at}`, { atMs: at, verdict: at === 250 ? 'deny' : 'allow' }),
      ),
    ),
  );
  const scale = timeScale(tree.items.map(({ node: { atMs } }) => atMs));
  const [lane] = lanesOf(tree, scale, { max: 4, expanded: new Set() });
  const marks = marksOf(tree, scale, lane!, 0, { fromU: 0, scale: 300, width: 300 });
  expect(marks.reduce((sum, { first, end }) => sum + end - first, 0)).toBe(500);
  expect(marks.filter(({ kind }) => kind === 'deny')).toHaveLength(1);
  expect(tree.items[marks.find(({ kind }) => kind === 'deny')!.item]!.node.exec).toBe('e250');
});

test('time keeps its order, and a long silence takes little room', () => {
  const hour = 3_600_000;
  const scale = timeScale([0, 100, 200, 300, hour, hour + 100, hour + 300]);
  const idle = scale.stretches.find((one) => one.idle)!;
  expect(idle.toU - idle.fromU).toBeLessThan(0.1);
  fc.assert(
    fc.property(fc.array(fc.nat(10_000_000), { minLength: 2, maxLength: 40 }), (times) => {
      const sorted = times.toSorted((a, b) => a - b);
      const any = timeScale(sorted);
      const us = sorted.map((ms) => any.toU(ms));
      expect(us).toEqual(us.toSorted((a, b) => a - b));
      expect(us.every((u) => u >= 0 && u <= 1)).toBe(true);
      for (const ms of sorted)
        expect(Math.abs(any.toMs(any.toU(ms)) - ms)).toBeLessThanOrEqual(
          Math.max(1, (sorted.at(-1)! - sorted[0]!) * 1e-6),
        );
    }),
  );
});

test('the focus graph never has more than its cap, and counts what it folds', () => {
  const nodes = [
    node('root'),
    ...Array.from({ length: 900 }, (_, at) => node(`c${at}`, { parent: at < 500 ? 'root' : `c${at - 500}` })),
  ];
  const tree = runTree(lineage(...nodes));
  for (const steps of [1, 2, 6]) {
    const graph = focusGraph(tree, 0, { steps });
    expect(graph.boxes.length).toBeLessThanOrEqual(FOCUS_MAX);
    const fold = graph.boxes.find((box) => box.more !== undefined && box.item === 0)!;
    const shown = graph.lines.filter(({ from }) => graph.boxes[from]!.id === 'root').length - 1;
    expect(shown + fold.more!).toBe(500);
  }
  // Its causes stay, however deep it lies.
  const graph = focusGraph(tree, 600);
  expect(graph.boxes.map(({ id }) => id)).toContain('root');
  expect(causesOf(tree, 600)[0]).toBe(0);
});

test('an outcome without a start is a gap, and never looks permitted', () => {
  expect(kindOf(node('e', { gaps: ['outcome without a start'] }))).toBe('gap');
  expect(kindOf(node('e', { gaps: ['start without an outcome'] }))).toBe('allow');
  const { verdict: _, ...unknown } = node('e');
  expect(kindOf({ ...unknown, gaps: [] })).toBe('deny');
});

test('the moment of the scrubber counts what had been decided by then', () => {
  const tree = runTree(
    lineage(
      node('a', { atMs: 10, endMs: 50, outcome: { index: 3, leaf: 'L', status: 'completed' } }),
      node('b', { atMs: 20, verdict: 'deny' }),
      node('c', { atMs: 60 }),
    ),
  );
  expect(momentAt(tree, 5)).toMatchObject({ running: 0, permitted: 0, refused: 0, last: undefined });
  expect(momentAt(tree, 30)).toMatchObject({
    running: 1,
    permitted: 1,
    refused: 1,
    last: 1,
    lastPermitted: 0,
  });
  expect(momentAt(tree, 70)).toMatchObject({ running: 1, permitted: 2, refused: 1, last: 2 });
});

test('PROV-JSON names every execution, its agents on whose behalf, and its entries by index and leaf', () => {
  const run: Lineage = {
    ...lineage(
      node('a', { resources: { path: { type: 'Folder', id: '/w/x' } } }),
      node('b', { parent: 'a', by: 'a-2' }),
    ),
    edges: [{ kind: 'caused', from: 'a', to: 'b' }],
  };
  const prov = provOf(run, 'licet.local/x');
  expect(Object.keys(prov.activity)).toEqual(['exec:a', 'exec:b']);
  expect(Object.values(prov.wasInformedBy)).toEqual([
    { 'prov:informed': 'exec:b', 'prov:informant': 'exec:a', 'licet:edge': 'caused' },
  ]);
  expect(Object.values(prov.actedOnBehalfOf)).toContainEqual({
    'prov:delegate': 'who:a-1',
    'prov:responsible': 'who:u-1',
  });
  expect(prov.entity['log:1']).toMatchObject({ 'licet:index': 1, 'licet:leaf': 'L' });
  expect(Object.values(prov.used)).toContainEqual({
    'prov:activity': 'exec:a',
    'prov:entity': `res:${encodeURIComponent('Folder::/w/x')}`,
  });
});

test('search needs every word, and finds agents by their names', () => {
  const tree = runTree(lineage(node('a', { by: 'a-9' }), node('b', { verdict: 'deny', code: 'policy' })));
  expect(searchRun(tree, 'write ada', (id) => (id === 'a-9' ? 'Ada' : id))).toEqual([0]);
  expect(searchRun(tree, 'deny policy', (id) => id)).toEqual([1]);
  expect(searchRun(tree, '  ', (id) => id)).toBeUndefined();
});

test('a large run is laid out in a moment, and opens with its first levels', () => {
  const nodes = Array.from({ length: 10_000 }, (_, at) =>
    node(`e${at}`, {
      by: `a${at % 300}`,
      atMs: at * 10,
      ...(at === 0 ? {} : { parent: `e${Math.floor(at / 10)}` }),
    }),
  );
  const began = performance.now();
  const tree = runTree(lineage(...nodes));
  const scale = timeScale(nodes.map(({ atMs }) => atMs));
  const lanes = lanesOf(tree, scale, { max: 24, expanded: new Set() });
  for (const [at, lane] of lanes.entries())
    marksOf(tree, scale, lane, at, { fromU: 0, scale: 1_000, width: 1_000 });
  expect(performance.now() - began).toBeLessThan(2_000);
  expect(treeRows(tree, firstExpanded(tree)).length).toBeLessThanOrEqual(300);
});
