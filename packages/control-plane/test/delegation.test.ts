/**
 * Goal: whatever is handed down, to whomever, and whatever is taken back meanwhile, nobody gets more than everyone above
 * gave, and every budget adds up (RULE 4, 17, 18, 25). Method: random graphs of people, agents and mandates against the
 * pure core, with an oracle of sets and sums that says of each request what may be let; mandates with real Cedar are held
 * by mandates.test.ts. The seed of a graph is its number.
 */
import { expect, test } from 'vitest';
import type { IdentityRow, MandateRow, MeterRow, Put, ExecutionRow } from '../src/index.ts';
import type { Plant } from './delegation-core.ts';
import { casts, play, TOOLS } from './delegation-graph.ts';

const all = casts(64);
const GRAPHS = Number(process.env['LICET_GRAPHS'] ?? 10_000);

test(
  `rule 17: in ${GRAPHS} random delegation graphs nobody gets more than everyone above, and budgets add up`,
  async () => {
    const counts = await play(GRAPHS, await all);
    console.log(JSON.stringify({ graphs: GRAPHS, ...counts }));
    // A test that only ever denied, or only ever allowed, would show nothing.
    expect(counts.allowed / counts.requests).toBeGreaterThan(0.2);
    expect(counts.denied / counts.requests).toBeGreaterThan(0.2);
    expect(counts.racedAllowed).toBeGreaterThan(counts.raced / 10);
  },
  60_000 + GRAPHS * 50,
);

/** Sees mandates in force, looked up by who gave them to whom, as something else. */
const mandateSeen = (as: (row: MandateRow) => MandateRow | undefined): Plant => ({
  sees: (row) => {
    if (row.kind !== 'mandate' || !row.id.includes(' ')) return row;
    const value = as(row.value as MandateRow);
    return value === undefined ? undefined : { ...row, value };
  },
});
const seen = (kind: Put['kind'], as: (value: never) => Put['value']): Plant => ({
  sees: (row) => (row.kind === kind ? { ...row, value: as(row.value as never) } : row),
});
const withoutDepth = ({ opened, ...row }: MandateRow): MandateRow => {
  const { depth: _, ...body } = opened!.body;
  return { ...row, opened: { key: opened!.key, body } };
};

const withoutParent = (given: MandateRow): MandateRow => {
  const { parent: _, ...row } = given;
  return row;
};
const saysAll = ({ opened, ...row }: MandateRow): MandateRow => {
  const policies = [{ name: 'sets', text: JSON.stringify({ tools: TOOLS, folders: ['/w'] }) }];
  return { ...row, opened: { key: opened!.key, body: { ...opened!.body, policies } } };
};
/** What its executor has reported runs on, as far as the rows say. */
const runsOn = (row: ExecutionRow): ExecutionRow =>
  row.outcome?.by === 'executor' && row.state !== 'in_doubt' ? { ...row, state: 'running' } : row;

test.each<readonly [string, Plant, RegExp]>([
  ['mandates are not looked at', mandateSeen(() => undefined), /although|reads 0 of/],
  ['what mandates say is not asked', mandateSeen(saysAll), /although another (tool|place)/],
  ['a budget is not reserved', { writes: (put) => (put.kind === 'meter' ? undefined : put) }, /reads 0 of/],
  ['a revoked mandate goes on', mandateSeen((row) => ({ ...row, revoked: false })), /although revoked/],
  ['a mandate never ends', mandateSeen((row) => ({ ...row, expMs: Infinity })), /although not its time/],
  ['a mandate begins at once', mandateSeen((row) => ({ ...row, nbfMs: 0 })), /although not its time/],
  ['a mandate outlives its own', mandateSeen(withoutParent), /although what it hung on/],
  ['depth is not looked at', mandateSeen(withoutDepth), /although too deep/],
  [
    'somebody revoked goes on',
    seen('identity', (row: IdentityRow) => ({ ...row, revoked: false })),
    /although (nobody|.* gone)/,
  ],
  [
    'everybody may open a root',
    seen('identity', (row: IdentityRow) => ({ ...row, root: { perDay: 9, concurrent: 9 } })),
    /although no root/,
  ],
  [
    'a parent goes on after its report',
    {
      writes: (put) =>
        put.kind === 'execution' ? { ...put, value: runsOn(put.value as ExecutionRow) } : put,
    },
    /although the parent is over/,
  ],
  [
    'whoever is over has spent nothing',
    {
      writes: (put) =>
        put.kind === 'meter' ? { ...put, value: { ...(put.value as MeterRow), spent: '0' } } : put,
    },
    /reads .* was taken/,
  ],
])('a plane in which %s is found out', async (_, plant, how) => {
  await expect(play(1_000, await all, plant)).rejects.toThrow(how);
});
