// Goal: health says what is, in figures of this very run, and never names anybody. Method: a real plane, a few decisions
// of each verdict, the answer compared with what was done; vitals alone with a clock of their own.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { base64url, parseEntry, unbase64url, utf8 } from '@licet/evidence';
import { LATENCY_EDGES_MS, openVitals, SLOT_MS } from '../src/vitals.ts';
import { aPlane, anIdentity, aRequest, random, raw, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await aPlane();
});
afterAll(() => fixture.close());

test('decisions, starts by grade, leases and operations are those of this run', async () => {
  const one = aRequest(fixture);
  const first = await fixture.plane.request(one);
  await fixture.plane.request(aRequest(fixture, { door: { grade: 'gateway', confine: 'none' } }));
  await fixture.plane.request(aRequest(fixture, { arguments: { path: '/etc/x', content: '' } }));
  await fixture.plane.report(first.executionId, { instance: one.instance, status: 'completed' });
  const { json } = await raw(fixture.publicUrl, 'GET', '/health.json');
  const { size } = await fixture.plane.status();
  expect(json).toMatchObject({
    ok: true,
    size,
    decisions: { counted: 3, complete: true, allow: 2, deny: 1, hold: 0 },
    starts: [
      { grade: 'in-process', count: 1 },
      { grade: 'gateway', count: 1 },
      { grade: 'verified', count: 0 },
    ],
    outcomes: { completed: 1, failed: 0 },
    running: 1,
    leases: { running: 1 },
    latency: { total: { allow: 2, deny: 1, hold: 0 } },
  });
  const health = await fixture.plane.health();
  expect(health.leases.untilMs[0]).toBeGreaterThan(health.atMs);
  expect(health.latency.total.latency.reduce((sum, n) => sum + n, 0)).toBe(3);
  expect(health.drill).toBeUndefined();
  expect((await raw(fixture.url, 'GET', '/metrics')).text).toContain(
    'licet_decision_seconds_count{verdict="allow"} 2',
  );
});

test('rule 42: a notice is a governed, logged execution of an operator, and health names only its place', async () => {
  const digest = random(32);
  const answer = await fixture.operator.notice('drill', digest);
  if (answer.verdict !== 'done') throw new Error(answer.code);
  const entry = answer.entries
    .map((proven) => parseEntry(utf8(proven.entry)))
    .find(({ type }) => type === 'notice');
  expect(entry).toMatchObject({ type: 'notice', kind: 'drill', digest });
  const [notice] = await fixture.operator.notices();
  expect(notice).toMatchObject({ kind: 'drill', digest, leaf: answer.leaf });
  const [bytes] = [unbase64url(notice!.leaf)];
  expect(base64url(bytes)).toBe(notice!.leaf);
  // Counted rows are at most a second old.
  await expect
    .poll(async () => (await fixture.plane.health()).drill, { timeout: 5_000 })
    .toEqual({
      passed: true,
      digest,
      index: notice!.index,
      leaf: notice!.leaf,
      atMs: notice!.atMs,
    });
  expect(JSON.stringify(await fixture.plane.health())).not.toMatch(/u-operator|u-owner|a-default/);
});

test('a notice needs an operator; a kind that is no code is refused', async () => {
  const viewer = await fixture.plane.as(await anIdentity(fixture, 'user', ['viewer']));
  await expect(viewer.notice('drill', random(32))).rejects.toMatchObject({ code: 'forbidden' });
  await expect(fixture.operator.notice('Free text', random(32))).rejects.toMatchObject({ code: 'schema' });
  expect((await viewer.notices()).length).toBe(1);
});

test('slots count by time and latency, and the past is never rewritten', () => {
  let now = 50_000;
  const vitals = openVitals({ nowMs: () => now });
  vitals.decided('allow', 1);
  now += SLOT_MS;
  vitals.decided('deny', 9_999);
  now -= 3 * SLOT_MS;
  vitals.decided('hold', 4);
  const slots = vitals.slots(0);
  expect(slots.map(({ at, allow, deny, hold }) => [at, allow, deny, hold])).toEqual([
    [50_000, 1, 0, 0],
    [60_000, 0, 1, 1],
  ]);
  expect(slots[1]!.latency[LATENCY_EDGES_MS.length]).toBe(1);
  expect(vitals.slots(60_000)).toHaveLength(1);
  expect(vitals.total()).toMatchObject({ allow: 1, deny: 1, hold: 1 });
});
