/**
 * Goal: a budget is never overspent and never loses a cent, whoever spends from however many processes, and whoever is
 * killed meanwhile (RULE 4, 21, 25). Method: processes of their own, attached to the owner's socket, spend random
 * amounts, settle some lower, leave some; one is killed in mid-call. Then the log is summed by a plain count of its own.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newPrivateJwk, publicHalf } from '@licet/api';
import { parseCheckpoint, parseNote, type Entry, type Json } from '@licet/evidence';
import type { Bundle } from '@licet/policy';
import {
  openPlane,
  readPlaneFolder,
  readSeed,
  signBundle,
  statePaths,
  type OpenedPlane,
} from '@licet/server';
import { expect, test } from 'vitest';
import { keptBy } from '../../packages/store/test/under-test.ts';
import type { Job } from './budget-child.ts';

const CALLS = Number(process.env['LICET_BUDGET_RACES'] ?? 240);
const PROCESSES = 3;
const MAX = '40';
const CHILD = join(import.meta.dirname, 'budget-child.ts');

const bundleOf = (origin: string, tenant: string): Bundle => ({
  v: 1,
  layer: 'team',
  origin,
  tenant,
  version: 1,
  policies: [
    {
      name: 'policy.cedar',
      text: '@id("pay") permit (principal, action == Action::"bank/pay", resource) when { context.depth < 9 };',
    },
  ],
  actions: {
    'bank/pay': {
      schema: {
        type: 'object',
        properties: { amount: { type: 'string' } },
        required: ['amount'],
        additionalProperties: false,
      },
      resources: {},
      opaque: ['amount'],
      meters: [{ limit: 'budget', cost: { argument: 'amount' } }],
    },
  },
  limits: {
    // Windows keep the race going: each is a budget of its own.
    budget: { kind: 'amount', per: 'tenant', max: MAX, currency: 'EUR', window: '1s', settleLower: true },
  },
  pins: {},
});
const TESTS = {
  'pay.test.json': {
    tests: [
      {
        name: 'agents may pay',
        given: { agent: 'a-1', user: 'u-owner', action: 'bank/pay', args: { amount: '1' } },
        expect: { verdict: 'allow' },
      },
    ],
  },
};

/** Ten-thousandths: the count of this file, which shares no line with the plane's. */
const units = (text: string): number => {
  const [whole = '0', fraction = ''] = text.split('.');
  return Number(whole) * 10_000 + Number(fraction.padEnd(4, '0'));
};

async function publish(plane: OpenedPlane, data: string, stateDir: string): Promise<void> {
  const { origin, tenant, vkeys } = await readPlaneFolder(data);
  const seed = await readSeed(statePaths(stateDir, origin).authorSeed);
  const operator = await plane.as({ token: plane.operatorToken! });
  const signed = signBundle(bundleOf(origin, tenant), seed, vkeys.author);
  const answer = await operator.publish(signed as unknown as Json, TESTS);
  expect(answer).toMatchObject({ verdict: 'done' });
}

test(`rule 4: ${CALLS} calls of ${PROCESSES} processes on one budget, one of them killed: no overspend, nothing lost`, async () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'licet-budget-')));
  const [data, stateDir] = [join(folder, 'data'), join(folder, 'state')];
  const kept = keptBy(data);
  const plane = await openPlane({ ...kept, data, stateDir, solo: true, starter: false, deadlineMs: 60_000 });
  const children: ChildProcess[] = [];
  try {
    await publish(plane, data, stateDir);
    const operator = await plane.as({ token: plane.operatorToken! });
    const counts: Record<string, number> = {};
    const begin = async (calls: number) => {
      const key = await newPrivateJwk();
      const root = { perDay: 10_000_000, concurrent: 1_000_000 };
      const made = await operator.register({
        kind: 'agent',
        name: 'One',
        for: 'u-owner',
        keys: [publicHalf(key)],
        root,
      });
      expect(made.verdict).toBe('done');
      const job: Job = { data, stateDir, key, calls };
      const child = spawn(process.execPath, [CHILD, JSON.stringify(job)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(child);
      let printed = '';
      child.stdout!.on('data', (part: Buffer) => (printed += part.toString()));
      const done = once(child, 'close').then(() => {
        for (const [word, many] of Object.entries(
          JSON.parse(printed === '' ? '{}' : printed) as Record<string, number>,
        ))
          counts[word] = (counts[word] ?? 0) + many;
      });
      return { child, done, subject: made.verdict === 'done' ? made.subject! : '' };
    };
    const running = await Promise.all(Array.from({ length: PROCESSES }, () => begin(CALLS / PROCESSES)));
    const victim = await begin(1_000_000);
    // It has spent, and is spending: killed between two of its permits.
    const spent = async (): Promise<number> =>
      (await operator.executions({ agent: victim.subject, verdict: 'allow', limit: 2 })).items.length;
    while ((await spent()) < 2) await new Promise((wait) => setTimeout(wait, 20));
    victim.child.kill('SIGKILL');
    await Promise.all([victim.done, ...running.map(({ done }) => done)]);

    const { permits, highest, left } = await audit(operator);
    console.log(JSON.stringify({ calls: CALLS, ...counts, permits, highest: highest / 10_000, max: MAX }));
    expect(highest).toBeLessThanOrEqual(units(MAX));
    expect(counts['limit'] ?? 0).toBeGreaterThan(0);
    expect(permits).toBeGreaterThan(counts['allow'] ?? 0);
    // What the plane says is reserved and spent now is what the log adds up to.
    for (const { whom, reserved, spent, resetsAtMs } of await operator.limits()) {
      expect(whom).toBe('all');
      const window = left.get((resetsAtMs ?? 0) - 1_000) ?? 0;
      expect(units(reserved) + units(spent)).toBe(window);
    }
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await plane.close();
    rmSync(folder, { recursive: true, force: true });
  }
}, 0);

/** Sums the log by itself: per counter, what permits reserved, less what outcomes gave back. */
async function audit(operator: Awaited<ReturnType<OpenedPlane['as']>>): Promise<{
  readonly permits: number;
  /** The most that any counter ever held, in ten-thousandths. */
  readonly highest: number;
  /** What each counter holds at the end, by the start of its window. */
  readonly left: ReadonlyMap<number, number>;
}> {
  const held = new Map<string, { readonly counter: string; readonly amount: number }>();
  const sums = new Map<string, number>();
  let [permits, highest] = [0, 0];
  const add = (counter: string, amount: number): void => {
    sums.set(counter, (sums.get(counter) ?? 0) + amount);
    highest = Math.max(highest, sums.get(counter)!);
  };
  const { size } = parseCheckpoint(parseNote((await operator.checkpoint()).note).text);
  const ending = new AbortController();
  for await (const { entry, index } of operator.events({ after: -1, signal: ending.signal })) {
    take(entry);
    if (index >= size - 1) break;
  }
  ending.abort();
  function take(entry: Entry): void {
    if (entry.type === 'permit' && entry.action === 'bank/pay') {
      permits += 1;
      const { name, amount } = entry.meters[0]!;
      expect(held.has(entry.exec)).toBe(false);
      held.set(entry.exec, { counter: name, amount: units(amount) });
      add(name, units(amount));
    }
    const reserved = entry.type === 'outcome' ? held.get(entry.exec) : undefined;
    if (entry.type !== 'outcome' || reserved === undefined) return;
    const settled = entry.settled[0] === undefined ? 0 : units(entry.settled[0].amount);
    expect(settled).toBeLessThanOrEqual(reserved.amount);
    add(reserved.counter, settled - reserved.amount);
    held.delete(entry.exec);
  }
  const left = new Map(
    [...sums].map(([counter, sum]) => [Number.parseInt(counter.split(':').at(-1)!.slice(1), 36), sum]),
  );
  return { permits, highest, left };
}
