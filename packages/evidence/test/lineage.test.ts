/** Goal: a run reads as who caused what, and what is missing has a name. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldLineage, type LineageEntry } from '../src/index.ts';
import { EXEC, tell } from './build/story.ts';

const story = tell();
const entries: readonly LineageEntry[] = story.log.entries.map(({ index, entry, id }) => ({
  index,
  entry,
  leaf: id,
}));
const without = (type: string): readonly LineageEntry[] => entries.filter(({ entry }) => entry.type !== type);

describe('lineage', () => {
  it('tells an execution from hold to outcome, each step with its proof', () => {
    const { run, nodes, edges } = foldLineage(entries, {
      [EXEC]: { resources: [['AAAAAAAAAAAAAAAAAAAAAA', 'path', { type: 'Folder', id: '/workspace' }]] },
    });
    expect([run, edges]).toEqual([EXEC, []]);
    expect(nodes).toHaveLength(1);
    expect(nodes[0]).toMatchObject({
      exec: EXEC,
      action: 'files/write_file',
      verdict: 'allow',
      permit: { index: story.permit.index, leaf: story.permit.id },
      start: { index: story.start.index },
      outcome: { index: story.outcome.index, status: 'completed' },
      resources: { path: { type: 'Folder', id: '/workspace' } },
      renewals: 2,
      gaps: [],
    });
    expect(nodes[0]!.refusals).toEqual([{ index: story.hold.index, leaf: story.hold.id }]);
    expect(nodes[0]!.chain.map(({ id }) => id)).toEqual(['user-1', 'agent-1']);
  });

  it.each([
    ['permit', ['start without a permit']],
    ['start', ['outcome without a start']],
    ['outcome', ['start without an outcome']],
  ] as const)('names the gap when the %s is missing', (type, gaps) => {
    expect(foldLineage(without(type)).nodes[0]?.gaps).toEqual(gaps);
  });

  it('names a second start and a missing decision', () => {
    const twice = tell({ twice: true }).log.entries.map(({ index, entry, id }) => ({
      index,
      entry,
      leaf: id,
    }));
    expect(foldLineage(twice).nodes[0]?.gaps).toContain('started more than once');
    const bare = entries.filter(({ entry }) => entry.type === 'start');
    expect(foldLineage(bare).nodes[0]?.gaps).toEqual([
      'no decision',
      'start without a permit',
      'start without an outcome',
    ]);
  });

  it('draws a child under its parent, and says when the parent is unknown', () => {
    const parent = { exec: '01a0f3b2-0000-7000-8000-00000000000a', start: story.start.id };
    const child = tell({ permit: { parent } }).log.entries.map(({ index, entry, id }) => ({
      index,
      entry,
      leaf: id,
    }));
    const { nodes, edges } = foldLineage(child);
    expect(edges).toEqual([{ kind: 'caused', from: parent.exec, to: EXEC }]);
    expect(nodes[0]?.gaps).toEqual(['parent unknown']);
  });

  it('does not depend on the order of its input', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...entries], { minLength: entries.length }), (shuffled) => {
        expect(foldLineage(shuffled)).toEqual(foldLineage(entries));
      }),
      { numRuns: 20 },
    );
  });

  it('an empty log has no nodes and no run', () => {
    expect(foldLineage([])).toEqual({ nodes: [], edges: [] });
  });
});
