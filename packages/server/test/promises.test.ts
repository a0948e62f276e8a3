// Goal: the promises of the contract that need a whole plane: three ways in with one behaviour, signed answers, linked
// checkpoints, no call to the outside. Method: a real plane, asked in each way; sockets watched at the runtime's own hooks.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  trustedLog,
  unbase64,
  unbase64url,
  utf8,
  verifyBundle,
  verifyConsistency,
  verifyPermit,
  verifyRenewal,
  verifyStart,
  verifyStatus,
} from '@licet/evidence';
import { nodeCrypto } from '@licet/evidence/node';
import { connect, PlaneError, type PinnedPlane, type PlaneClient } from '@licet/api';
import { DEFAULT_AGENT, openPlane, readAgentKey, statePaths } from '../src/index.ts';
import { aFolder, aPlane, aRequest, random, type Fixture } from './fixture.ts';

let fixture: Fixture;
const ways: (readonly [string, PinnedPlane])[] = [];
let closeSecond: () => Promise<void>;
beforeAll(async () => {
  fixture = await aPlane();
  const { stateDir, data } = fixture.folder;
  const key = await readAgentKey(statePaths(stateDir, fixture.plane.origin).agentKey(DEFAULT_AGENT));
  const second = await openPlane({ data, stateDir, deadlineMs: 10_000 });
  closeSecond = () => second.close();
  ways.push(
    ['in process', fixture.plane],
    ['unix socket', second],
    ['http', await connect({ url: fixture.url, key, trust: fixture.plane.pinned.trust })],
  );
});
afterAll(async () => {
  await closeSecond();
  await fixture.close();
});

const trust = () => ({
  trust: fixture.plane.pinned.trust,
  crypto: nodeCrypto,
  nowMs: Date.now(),
  skewMs: 1_000,
});

describe.each([0, 1, 2])('way %i', (way) => {
  const client = (): PlaneClient => ways[way]![1];
  test('rule 5: permit, start and renewal verify offline, and the execution ends with evidence that verifies', async () => {
    const instance = random();
    const answer = await client().request(aRequest(fixture, { instance }));
    if (answer.verdict !== 'allow' || answer.start === undefined) throw new Error(answer.verdict);
    const { jkt, audience } = fixture.plane.pinned;
    const permit = await verifyPermit(
      { entry: utf8(answer.permit.entry), proof: answer.permit.proof },
      {
        ...trust(),
        expect: {
          aud: audience!,
          jkt,
          action: 'files/write_file',
          spend: 'started',
          disclosures: answer.disclosures.arguments,
        },
      },
    );
    const start = await verifyStart(
      { entry: utf8(answer.start.entry), proof: answer.start.proof },
      { ...trust(), permit, instance: unbase64url(instance) },
    );
    const nonce = random();
    const renewed = await client().renew(answer.executionId, { instance, counter: 1, nonce });
    if (renewed.verdict !== 'renewed') throw new Error(renewed.code);
    await verifyRenewal(renewed.note, {
      ...trust(),
      start,
      instance: unbase64url(instance),
      counter: 1,
      nonce,
    });
    const reported = await client().report(answer.executionId, {
      instance,
      status: 'completed',
      result: { ok: true },
    });
    expect([reported.status, reported.late]).toEqual(['completed', false]);
    const report = await verifyBundle(
      await client().evidence(answer.executionId),
      fixture.plane.pinned.trust,
      { crypto: nodeCrypto },
    );
    expect(report.rungs.filter(({ status }) => status === 'fail')).toEqual([]);
  });
  test('rule 6: another instance is not renewed', async () => {
    const answer = await client().request(aRequest(fixture));
    const renewal = client().renew(answer.executionId, { instance: random(), counter: 1, nonce: random() });
    const result = await renewal.catch((error: unknown) => error);
    expect(result instanceof PlaneError ? 'refused' : (result as { verdict: string }).verdict).not.toBe(
      'renewed',
    );
  });
  test('rule 8: a checkpoint is linked to the size the caller has seen', async () => {
    const earlier = await client().status();
    await client().request(aRequest(fixture));
    const later = await client().status({ seen: earlier.size });
    // The note is made at most every quarter second, so it may still be the earlier one.
    const proof = (later.consistency ?? []).map(unbase64);
    const sizes = {
      oldSize: earlier.size,
      newSize: later.size,
      oldRoot: unbase64url(earlier.root),
      newRoot: unbase64url(later.root),
    };
    expect(verifyConsistency({ ...sizes, proof })).toBe(true);
    expect((await client().status({ seen: 1_000_000 })).consistency).toBeUndefined();
  });
  test('rule 9: the status note is signed by the status key and fresh', async () => {
    const { note, size } = await client().status();
    const status = await verifyStatus(note, { ...trust(), origin: fixture.plane.origin });
    expect(status.size).toBe(size);
    expect(trustedLog(fixture.plane.pinned.trust, fixture.plane.origin).keys.status).toHaveLength(1);
  });
  test('bad input is the same problem', async () => {
    const bad = { ...aRequest(fixture), surprise: 1 };
    await expect(client().request(bad)).rejects.toMatchObject({ code: 'schema' });
    await expect(client().execution('nothing')).rejects.toMatchObject({ code: 'not_found' });
    await expect(client().contain({ kind: 'everything', id: '*' })).rejects.toMatchObject({
      code: 'forbidden',
    });
    await expect(
      client().request(aRequest(fixture, { arguments: { path: '\ud800', content: '' } })),
    ).rejects.toMatchObject({ code: 'malformed' });
    await expect(
      client().request(aRequest(fixture, { arguments: { path: '/a', content: 'x'.repeat(1_100_000) } })),
    ).rejects.toMatchObject({ code: 'too_large' });
    expect(await client().tile('0/999')).toBeUndefined();
  });
});

test('what the caller changes after asking in process changes nothing', async () => {
  const request = aRequest(fixture);
  const mutable = request.arguments as { path: string };
  const asked = fixture.plane.request(request);
  mutable.path = '/etc/passwd';
  expect((await asked).verdict).toBe('allow');
});

test('rule 28: custody and grade are in every permit', async () => {
  const answer = await fixture.plane.request(aRequest(fixture));
  if (answer.verdict !== 'allow') throw new Error(answer.verdict);
  expect(JSON.parse(answer.permit.entry)).toMatchObject({
    custody: 'same-user',
    grade: 'in-process',
    confine: 'none',
  });
});

test('rule 34: a plane that is not solo holds a lift for a second person', async () => {
  const two = await aPlane({ solo: false });
  const done = await two.operator.contain({ kind: 'agent', id: DEFAULT_AGENT });
  if (done.verdict !== 'done') throw new Error(done.verdict);
  expect(await two.operator.lift(done.leaf!)).toMatchObject({
    verdict: 'hold',
    holds: [{ group: 'second-person', need: 1 }],
  });
  expect((await two.plane.status()).people).toBe(2);
  await two.close();
});

test('rule 47: from the first start to the end, nothing is connected to beyond this machine', async () => {
  const outside: string[] = [];
  const seen = (message: unknown): void => {
    const { socket } = message as {
      readonly socket: { readonly remoteAddress?: string; once(event: string, listener: () => void): void };
    };
    socket.once('connect', () => {
      const address = socket.remoteAddress;
      if (address !== undefined && !['127.0.0.1', '::1', '::ffff:127.0.0.1'].includes(address))
        outside.push(address);
    });
    socket.once('lookup', () => outside.push('a name was looked up'));
  };
  subscribe('net.client.socket', seen);
  const folder = aFolder();
  const plane = await openPlane({ ...folder, controlPort: 0, publicPort: 0 });
  await plane.request(aRequest({ folder }));
  await new Promise((done) => setTimeout(done, 600));
  await plane.close();
  folder.remove();
  unsubscribe('net.client.socket', seen);
  expect(outside).toEqual([]);
});
