/**
 * Goal: what may happen once happens once, and what is limited stays within its limit, however many ask at the same
 * time. Method: 64 callers at once against the plane on SQLite, then the log is read.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEntry, type Entry } from '@licet/evidence';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { as, bytes16, openTestPlane, type TestPlane } from '../support/plane.ts';

const CALLERS = 64;
const data = mkdtempSync(join(tmpdir(), 'licet-spend-'));
let plane: TestPlane;
beforeAll(async () => {
  plane = await openTestPlane(data, ['a-1', 'a-2', 'a-3', 'a-4', 'a-5', 'a-6']);
});
afterAll(async () => {
  await plane.close();
  rmSync(data, { recursive: true, force: true });
});

async function entriesFrom(start: number): Promise<readonly Entry[]> {
  const { size } = await plane.store.log.checkpoint();
  return (await plane.store.log.entries(start, size)).map((bytes) => parseEntry(bytes));
}
const sizeNow = async (): Promise<number> => (await plane.store.log.checkpoint()).size;
const everyone = <T>(work: (n: number) => Promise<T>): Promise<readonly T[]> =>
  Promise.all(Array.from({ length: CALLERS }, (_, n) => work(n)));

test(`rule 2: of ${CALLERS} callers that race to redeem one permit one wins`, async () => {
  for (let round = 0; round < 10; round += 1) {
    const permit = await plane.permitted(as('a-1'));
    const before = await sizeNow();
    const answers = await everyone(() => plane.redeem(as('a-1'), permit, bytes16()));
    const kinds = answers.map(({ reply }) => reply.kind);
    expect(kinds.filter((kind) => kind === 'started')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'refused')).toHaveLength(CALLERS - 1);
    for (const { reply } of answers)
      if (reply.kind === 'refused') expect(['spent', 'contended']).toContain(reply.code);
    const starts = (await entriesFrom(before)).filter(({ type }) => type === 'start');
    expect(starts).toHaveLength(1);
  }
});

test(`rule 6: of ${CALLERS} that ask the same with one key one starts, and there is one permit`, async () => {
  const before = await sizeNow();
  const key = Buffer.from(bytes16()).toString('base64url');
  const answers = await everyone(() =>
    plane.plane.decide(as('a-1'), {
      action: 'files/write_file',
      arguments: { path: '/workspace/b.txt' },
      idempotencyKey: key,
      instance: bytes16(),
      start: true,
      door: { grade: 'gateway', confine: 'none' },
    }),
  );
  expect(answers.filter(({ reply }) => reply.kind === 'permitted')).toHaveLength(1);
  const types = (await entriesFrom(before)).map(({ type }) => type);
  expect(types.filter((type) => type === 'permit')).toHaveLength(1);
  expect(types.filter((type) => type === 'start')).toHaveLength(1);
});

test(`rule 4: ${CALLERS} callers that race for a budget never overspend it`, async () => {
  for (const [n, amount] of ['7', '33.34', '0.01', '100'].entries()) {
    const agent = as(`a-${n + 2}`);
    const before = await sizeNow();
    await everyone(() => plane.decide(agent, { action: 'bank/pay', arguments: { amount }, start: true }));
    const spent = (await entriesFrom(before))
      .filter((entry) => entry.type === 'permit')
      .flatMap(({ meters }) => meters.map((meter) => Math.round(Number(meter.amount) * 100)))
      .reduce((sum, cents) => sum + cents, 0);
    // Never above it, and, since all the rest was there for the taking, as near to it as the amount allows.
    expect(spent).toBeLessThanOrEqual(10_000);
    const cents = Math.round(Number(amount) * 100);
    expect(spent).toBe(Math.min(CALLERS, Math.floor(10_000 / cents)) * cents);
  }
});

test('rule 25: what settles lower gives back exactly the rest, while 64 race for it', async () => {
  const agent = as('a-6');
  const pay = (): ReturnType<TestPlane['decide']> =>
    plane.decide(agent, { action: 'bank/pay', arguments: { amount: '50' }, start: true });
  const held = await Promise.all([
    plane.permitted(agent, { action: 'bank/pay', arguments: { amount: '50' }, start: true }),
    plane.permitted(agent, { action: 'bank/pay', arguments: { amount: '50' }, start: true }),
  ]);
  const before = await sizeNow();
  // One of the two hands 30 of its 50 back while everyone asks for 50: there is never room for one of them.
  const [, ...answers] = await Promise.all([
    plane.plane.report(agent, held[0].exec, {
      instance: held[0].instance,
      status: 'completed',
      settled: [{ name: 'budget', amount: '20' }],
    }),
    ...Array.from({ length: CALLERS }, pay),
  ]);
  expect(answers.every(({ reply }) => reply.kind === 'refused')).toBe(true);
  const last = await plane.decide(agent, { action: 'bank/pay', arguments: { amount: '30' } });
  expect(last.reply.kind).toBe('permitted');
  const one = await plane.decide(agent, { action: 'bank/pay', arguments: { amount: '0.01' } });
  expect(one.reply.kind).toBe('refused');
  expect((await entriesFrom(before)).filter(({ type }) => type === 'permit')).toHaveLength(1);
});
