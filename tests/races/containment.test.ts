/**
 * Goal: no start after the acknowledgment. Method: in each round a few permits are redeemed, and executions asked for
 * with `start`, while an operator contains, revokes, takes away a key or publishes a bundle that forbids them; the
 * order of the log decides. What is asked for after the acknowledgment is refused, renewals too. LICET_RACES sets how
 * many rounds.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEntry, permitId, type ScopeKind } from '@licet/evidence';
import type { Answered, Caller, Effect } from '@licet/control-plane';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  aBundle,
  anOrder,
  as,
  identity,
  openTestPlane,
  publishing,
  type InHand,
  type TestPlane,
} from '../support/plane.ts';

const rounds = Number(process.env['LICET_RACES'] ?? 400);
const PERMITS = 2;

const data = mkdtempSync(join(tmpdir(), 'licet-races-'));
let plane: TestPlane;
beforeAll(async () => {
  plane = await openTestPlane(data, ['a-steady']);
});
afterAll(async () => {
  await plane.close();
  rmSync(data, { recursive: true, force: true });
});

/** One way to take the authority away, and how to give it back. */
interface Blow {
  readonly name: string;
  /** Strikes; resolves with the acknowledgment. */
  strike(): Promise<Answered>;
  restore(struck: Answered): Promise<unknown>;
}

let version = 1;
let serial = 0;
let agents = 0;

function contain(kind: ScopeKind, id: string): Blow {
  return {
    name: `contain ${kind}`,
    strike: () => plane.operate({ op: 'contain', scope: { kind, id } }),
    restore: ({ reply }) => plane.operate({ op: 'lift', leaf: reply.kind === 'operated' ? reply.leaf! : '' }),
  };
}

const change = (name: string, effect: Effect, back: Effect | undefined): Blow => ({
  name,
  strike: () => plane.operate(effect),
  restore: async () => (back === undefined ? undefined : plane.operate(back)),
});

/** An order strikes in memory before it is in the log: the acknowledgment is what counts. */
function order(kind: ScopeKind, id: string): Blow {
  return {
    name: `order ${kind}`,
    async strike() {
      serial += 1;
      const { effective, durable } = await plane.plane.order(anOrder({ kind, id }, serial));
      expect([effective, durable]).toEqual([true, true]);
      return { reply: { kind: 'ticked', changed: [] }, entries: [], notes: [] };
    },
    async restore() {
      for (const { leaf } of (await plane.plane.containments()).active)
        await plane.operate({ op: 'lift', leaf });
    },
  };
}

/** The blow of a round: containment most often, publishing rarely, because it loads Cedar anew. */
function blowOf(round: number, agent: string, permits: readonly InHand[]): Blow {
  const one = permits[round % PERMITS]!.exec;
  const turns: readonly (() => Blow)[] = [
    () => contain('agent', agent),
    () => contain('execution', one),
    () => contain('run', one),
    () => contain('tool', 'files/write_file'),
    () => contain('everything', '*'),
    () => contain('subtree', one),
    () => change('revoke', identity(agent, 'revoke'), undefined),
    () => change('rotate', identity(agent, 'rotate', `${agent}-new`), undefined),
    () => order('agent', agent),
    () => order('everything', '*'),
  ];
  if (round % 25 === 24)
    return change('publish', publishing(aBundle((version += 1), true)), publishing(aBundle((version += 1))));
  return turns[round % turns.length]!();
}

const INDEXED = ['containment', 'identity', 'policy'];

/** Index of the entry that took the authority away; of an order, that of the newest containment. */
async function struckAt({ entries }: Answered, before: number): Promise<number> {
  const own = entries.find(({ bytes }) => INDEXED.includes(parseEntry(bytes).type));
  if (own !== undefined) return own.index;
  const { size } = await plane.store.log.checkpoint();
  const found = (await plane.store.log.entries(before, size)).findIndex(
    (bytes) => parseEntry(bytes).type === 'containment',
  );
  if (found < 0) throw new Error('the blow left no entry');
  return before + found;
}

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function round(n: number, tally: Map<string, number>): Promise<void> {
  // An agent whose identity is struck does not come back; the others share one.
  agents += 1;
  const agent = `a-${agents}`;
  await plane.operate(identity(agent));
  const caller: Caller = as(agent);
  const permits = await Promise.all(Array.from({ length: PERMITS }, () => plane.permitted(caller)));
  const blow = blowOf(n, agent, permits);
  const narrow = /execution|run|subtree/.test(blow.name);
  const targets = narrow ? [permits[n % PERMITS]!] : permits;
  const before = (await plane.store.log.checkpoint()).size;

  let acknowledged = false;
  // A redemption asks Cedar first, a blow does not: the blow waits longer, or it would nearly always win.
  const spread = Math.random() * 3;
  const [struck, ...answers] = await Promise.all([
    later(Math.random() * 5 * spread).then(async () => {
      const answer = await blow.strike();
      acknowledged = true;
      return answer;
    }),
    ...targets.map(async (permit) => {
      await later(Math.random() * spread);
      const late = acknowledged;
      return { late, answered: await plane.redeem(caller, permit), permit };
    }),
    ...(narrow ? [] : [0]).map(async () => {
      await later(Math.random() * spread);
      const late = acknowledged;
      return { late, answered: await plane.decide(caller, { start: true }), permit: undefined };
    }),
  ]);
  const at = await struckAt(struck, before);
  const ids = new Set(targets.map(({ entry }) => permitId(entry)));
  const { size } = await plane.store.log.checkpoint();
  (await plane.store.log.entries(before, size)).forEach((bytes, i) => {
    const entry = parseEntry(bytes);
    if (entry.type === 'permit' && entry.chain.some(({ id }) => id === agent)) ids.add(permitId(bytes));
    if (entry.type === 'start' && ids.has(entry.permit) && before + i > at)
      expect.fail(`round ${n}, ${blow.name}: start ${before + i} is after ${at}`);
  });
  for (const { late, answered } of answers) {
    const started = answered.reply.kind === 'started' || answered.reply.kind === 'permitted';
    if (late && started) expect.fail(`round ${n}, ${blow.name}: started after the acknowledgment`);
    const key = `${blow.name}: ${started ? 'started before' : 'refused'}`;
    tally.set(key, (tally.get(key) ?? 0) + 1);
  }
  // After the acknowledgment nothing starts and nothing that runs is renewed.
  for (const permit of targets) {
    const again = await plane.redeem(caller, permit);
    const renewed = await plane.renew(caller, permit);
    // A start whose reply was lost is not handed out again either.
    if (again.reply.kind === 'started' || renewed.reply.kind === 'renewed')
      expect.fail(
        `round ${n}, ${blow.name}: ${again.reply.kind}, ${renewed.reply.kind} after the acknowledgment`,
      );
  }
  await blow.restore(struck);
}

test(
  `rule 4: in ${rounds} races of containment, revocation and publishing with redeem nothing starts after the acknowledgment`,
  async () => {
    const tally = new Map<string, number>();
    for (let n = 0; n < rounds; n += 1) await round(n, tally);
    console.log(JSON.stringify(Object.fromEntries([...tally].toSorted())));
    // Races that one side always wins are none.
    const sum = (what: string): number =>
      [...tally].filter(([key]) => key.endsWith(what)).reduce((total, [, count]) => total + count, 0);
    expect(sum('started before')).toBeGreaterThan(0);
    expect(sum('refused')).toBeGreaterThan(0);
    // What was struck is given back: the plane is not merely dead.
    await plane.permitted(as('a-steady'));
  },
  60_000 + rounds * 1_000,
);
