/** Goal: what waits for people is decided from the command line: several at once, refused with a reason, and in advance. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Held } from '@licet/api';
import { openPlane, type OpenedPlane } from '@licet/server';
import { aPlace, type Place } from './process.ts';

let place: Place;
let plane: OpenedPlane;
beforeAll(async () => {
  place = await aPlace();
  expect((await place.run('init', '--solo')).code).toBe(0);
  // This process owns the folder; the commands attach to it.
  plane = await openPlane({ data: place.data, stateDir: join(place.folder, 'state'), init: false });
}, 60_000);
afterAll(() => plane.close());

const random = () => randomBytes(16).toString('base64url');
const ask = (name: string) =>
  plane.request({
    action: 'files/move_file',
    arguments: { source: join(place.workspace, name), destination: join(place.workspace, `${name}-2`) },
    idempotencyKey: random(),
    instance: random(),
    door: { grade: 'in-process', confine: 'none' },
  });
async function held(name: string): Promise<Held> {
  const answer = await ask(name);
  if (answer.verdict !== 'hold') throw new Error(JSON.stringify(answer));
  return answer;
}

it('the queue says how far the quorum is, and several are approved in one call', async () => {
  const [one, two] = [await held('a'), await held('b')];
  expect((await place.run('approvals')).stdout).toContain('operators, 0 of 1');
  const ran = await place.run('approve', one.executionId, two.executionId, '--json');
  expect(ran.code, ran.stderr).toBe(0);
  expect(ran.json()).toMatchObject({ verdict: 'approve', ok: true, items: [{ ok: true }, { ok: true }] });
});

it('a refusal carries its reason to the caller that comes back', async () => {
  const { executionId } = await held('c');
  const ran = await place.run(
    'reject',
    executionId,
    '--because',
    'Use the archive.',
    '--code',
    'wrong_place',
  );
  expect(ran.code, ran.stderr).toBe(0);
  const answer = await plane.decide(executionId, { idempotencyKey: random(), instance: random() });
  expect(answer).toMatchObject({
    verdict: 'deny',
    code: 'denied_by_person',
    reason: 'A person rejected it (wrong_place): Use the archive.',
  });
});

it('this one and the next two in its folder; listed, and ended', async () => {
  const { executionId } = await held('d');
  const ran = await place.run(
    'approve',
    executionId,
    '--next',
    '2',
    '--for',
    '10m',
    '--within',
    place.workspace,
    '--json',
  );
  expect(ran.code, ran.stderr).toBe(0);
  const { standing } = ran.json<{ standing: { leaf: string } }>();
  expect((await ask('e')).verdict).toBe('allow');
  const listed = await place.run('approvals', 'standing', '--json');
  expect(listed.json()).toMatchObject([{ leaf: standing.leaf, used: 1, count: 2, revoked: false }]);
  expect((await place.run('approvals', 'standing', 'revoke', standing.leaf)).code).toBe(0);
  expect((await ask('f')).verdict).toBe('hold');
});

it('a grant without an agent, or for more than a day, is none', async () => {
  const base = [
    'approvals',
    'standing',
    'grant',
    '--group',
    'operators',
    '--action',
    'files/move_file',
    '--count',
    '3',
  ];
  for (const [more, code] of [
    [[], 'schema'],
    [['--agent', 'a-1', '--for', '2d'], 'schema'],
  ] as const) {
    const ran = await place.run(...base, ...more, '--json');
    expect([ran.code === 0, ran.error().code], more.join(' ')).toEqual([false, code]);
  }
});
