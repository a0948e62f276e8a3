// Goal: what people do through the plane takes effect, once, and only with their credential. Method: whole flows over
// a real listener: hold and approval, containment and lift, revocation, sign-in with a cookie, the stream of events.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, publicHalf, tokenKey, type FeedEvent } from '@licet/api';
import { aPlane, anIdentity, aRequest, random, raw, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await aPlane();
});
afterAll(() => fixture.close());

const aMove = () => {
  const { workspace } = fixture.folder;
  return aRequest(fixture, {
    action: 'files/move_file',
    arguments: { source: join(workspace, 'a'), destination: join(workspace, 'b') },
  });
};

describe('a hold', () => {
  test('waits for a person, is approved, and starts when its caller is there again', async () => {
    const asked = await fixture.plane.request(aMove());
    if (asked.verdict !== 'hold') throw new Error(asked.verdict);
    expect([asked.code, asked.holds[0]!.group, asked.reason.length > 10, asked.next]).toEqual([
      'policy',
      'operators',
      true,
      expect.stringContaining('again'),
    ]);
    const waiting = fixture.plane.execution(asked.executionId, { waitMs: 5_000, since: 'held' });
    const [held] = await fixture.operator.approvals();
    expect(held!.arguments).toMatchObject({ source: expect.stringContaining('/workspace/a') });
    const approved = await fixture.operator.approve(asked.executionId, {
      hold: held!.hold!.leaf,
      group: 'operators',
      verdict: 'approve',
    });
    expect(approved.complete).toBe(true);
    expect((await waiting).state).toBe('approved');
    // How long it counts is said with it: a quarter of an hour, where the group names no time.
    const [given] = (await fixture.operator.execution(asked.executionId)).hold!.approvals;
    expect(given!.expires! - given!.atMs!).toBe(900_000);
    const again = await fixture.plane.decide(asked.executionId, {
      idempotencyKey: random(),
      instance: random(),
      start: true,
    });
    expect([again.verdict, 'start' in again]).toEqual(['allow', true]);
  });
  test('rule 28: is not approved by the agent, whose key has no role', async () => {
    const asked = await fixture.plane.request(aMove());
    const body = { hold: random(32).replace(/.$/, 'A'), group: 'operators', verdict: 'approve' } as const;
    await expect(fixture.plane.approve(asked.executionId, body)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(fixture.operator.approve(asked.executionId, body)).rejects.toMatchObject({
      code: 'conflict',
    });
  });
  test('that nobody answers is still held when the wait is over', async () => {
    const asked = await fixture.plane.request(aMove());
    const began = performance.now();
    expect((await fixture.plane.execution(asked.executionId, { waitMs: 300, since: 'held' })).state).toBe(
      'held',
    );
    expect(performance.now() - began).toBeGreaterThan(250);
    expect((await fixture.plane.cancel(asked.executionId)).state).not.toBe('held');
  });
});

describe("a person's own token", () => {
  const token = random(32);
  const login = (text: string) => {
    const headers = { 'content-type': 'application/json' };
    return raw(fixture.url, 'POST', '/v1/login', { headers, body: JSON.stringify({ token: text }) });
  };
  let subject: string;
  test('signs in whoever was registered after the start, with their roles and no others', async () => {
    expect((await login(token)).status).toBe(401);
    const keys = [publicHalf(await tokenKey(token))];
    const made = await fixture.operator.register({ kind: 'user', name: 'Ada', roles: ['viewer'], keys });
    subject = made.subject!;
    const entered = await login(token);
    expect(entered.json).toMatchObject({ subject, roles: ['viewer'], method: 'token' });
    const cookie = String(entered.headers['set-cookie']).split(';')[0]!;
    expect((await raw(fixture.url, 'GET', '/v1/bundles', { headers: { cookie } })).status).toBe(200);
    const bearer = { authorization: `Bearer ${token}` };
    expect((await raw(fixture.url, 'GET', '/v1/me', { headers: bearer })).json).toMatchObject({ subject });
    const over = await fixture.plane.as({ token });
    await expect(over.contain({ kind: 'agent', id: 'a-default' })).rejects.toMatchObject({
      code: 'forbidden',
    });
    await over.close();
  });
  test('opens nothing for an agent or a door whose key was made like one', async () => {
    for (const kind of ['agent', 'door'] as const) {
      const text = random(32);
      const keys = [publicHalf(await tokenKey(text))];
      const agent = kind === 'agent' ? { for: 'u-owner', root: { perDay: 1, concurrent: 1 } } : {};
      expect((await fixture.operator.register({ kind, name: 'Robot', keys, ...agent })).verdict).toBe('done');
      expect((await login(text)).status).toBe(401);
    }
  });
  test('is refused at once when the person is revoked, and so is the cookie that it opened', async () => {
    const cookie = String((await login(token)).headers['set-cookie']).split(';')[0]!;
    expect((await fixture.operator.changeIdentity(subject, 'revoke')).verdict).toBe('done');
    expect((await login(token)).status).toBe(401);
    expect((await raw(fixture.url, 'GET', '/v1/me', { headers: { cookie } })).status).toBe(401);
    const bearer = { authorization: `Bearer ${token}` };
    expect((await raw(fixture.url, 'GET', '/v1/me', { headers: bearer })).status).toBe(401);
  });
});

test('rule 6: the same key never mints twice, and another request under it is a conflict', async () => {
  const request = aRequest(fixture);
  const first = await fixture.plane.request(request);
  const again = await fixture.plane.request(request);
  expect(again.executionId).toBe(first.executionId);
  expect(
    again.verdict === 'allow' && first.verdict === 'allow' && again.permit.entry === first.permit.entry,
  ).toBe(true);
  const other = { ...request, arguments: { ...request.arguments, content: 'other' } };
  await expect(fixture.plane.request(other)).rejects.toMatchObject({ code: 'idempotency_conflict' });
  expect(await fixture.plane.request({ ...request, instance: random() })).toMatchObject({
    verdict: 'deny',
    code: 'already_started',
  });
});

test('a containment stops new work at once, and lifting lets it go on', async () => {
  const preview = await fixture.operator.previewContainment({ kind: 'everything', id: '*' });
  expect(preview.agents).toContain('a-default');
  const done = await fixture.operator.contain({ kind: 'everything', id: '*' });
  if (done.verdict !== 'done') throw new Error(done.verdict);
  expect(await fixture.plane.request(aRequest(fixture))).toMatchObject({
    verdict: 'deny',
    code: 'contained',
  });
  expect((await fixture.operator.status()).state).toBe('contained');
  expect((await fixture.operator.containments()).active.map(({ leaf }) => leaf)).toEqual([done.leaf]);
  expect((await fixture.operator.lift(done.leaf!)).verdict).toBe('done');
  expect((await fixture.plane.request(aRequest(fixture))).verdict).toBe('allow');
  await expect(fixture.operator.lift(done.leaf!)).rejects.toMatchObject({ code: 'not_found' });
});

test('revoking an identity ends its sessions and its streams', async () => {
  const { subject, key } = await anIdentity(fixture, 'agent');
  const client = await connect({ url: fixture.url, key, trust: fixture.plane.pinned.trust });
  expect((await client.executions()).items).toEqual([]);
  const heard: FeedEvent[] = [];
  const stream = (async () => {
    for await (const event of client.events({ after: -1, signal: AbortSignal.timeout(10_000) }))
      heard.push(event);
  })();
  const began = performance.now();
  expect((await fixture.operator.changeIdentity(subject, 'revoke')).verdict).toBe('done');
  await expect(client.executions()).rejects.toMatchObject({ code: 'unidentified' });
  await expect(client.request(aRequest(fixture))).rejects.toMatchObject({ code: 'unidentified' });
  await stream;
  expect(performance.now() - began).toBeLessThan(5_000);
});

describe('signing in', () => {
  const login = async () => {
    const answer = await raw(fixture.url, 'POST', '/v1/login', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token: fixture.token }),
    });
    const set = String(answer.headers['set-cookie']);
    return { set, cookie: set.split(';', 1)[0]!, csrf: answer.json['csrf'] as string };
  };
  test('gives a cookie that scripts cannot read and other sites cannot send', async () => {
    const { set, cookie, csrf } = await login();
    expect(set).toMatch(/; HttpOnly; SameSite=Strict/);
    const me = await raw(fixture.url, 'GET', '/v1/me', { headers: { cookie } });
    expect(me.json).toMatchObject({ subject: 'u-operator', csrf });
    expect(set).not.toContain(fixture.token);
  });
  test('a changing call needs the CSRF header beside the cookie', async () => {
    const { cookie, csrf } = await login();
    const call = (headers: Readonly<Record<string, string>>) =>
      raw(fixture.url, 'POST', '/v1/facts', {
        headers: { cookie, 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ name: 'freeze', value: false, forMs: 60_000 }),
      });
    expect((await call({})).status).toBe(401);
    expect((await call({ 'licet-csrf': random(24) })).status).toBe(401);
    expect((await call({ 'licet-csrf': csrf })).status).toBe(200);
    expect(await fixture.operator.facts()).toMatchObject({
      items: [{ name: 'freeze', value: false }],
      declared: [{ name: 'freeze', type: 'boolean' }],
    });
  });
  test('signing out ends it', async () => {
    const { cookie, csrf } = await login();
    const out = await raw(fixture.url, 'POST', '/v1/logout', {
      headers: { cookie, 'licet-csrf': csrf, 'content-type': 'application/json' },
      body: '{}',
    });
    expect(out.status).toBe(200);
    expect((await raw(fixture.url, 'GET', '/v1/me', { headers: { cookie } })).status).toBe(401);
  });
});

test('rule 32: a door hears of its own executions only, from where it left off', async () => {
  const one = await fixture.plane.as(await anIdentity(fixture, 'agent'));
  const other = await fixture.plane.as(await anIdentity(fixture, 'agent'));
  const mine = await one.request(aRequest(fixture));
  await other.request(aRequest(fixture));
  const stop = new AbortController();
  const heard: FeedEvent[] = [];
  for await (const event of one.events({ after: -1, signal: stop.signal })) {
    heard.push(event);
    if (event.entry.type === 'start') stop.abort();
  }
  expect(
    heard
      .filter(({ entry }) => entry.type !== 'containment')
      .map(({ entry }) => [entry.type, (entry as { exec?: string }).exec]),
  ).toEqual([
    ['permit', mine.executionId],
    ['start', mine.executionId],
  ]);
  const later = new AbortController();
  setTimeout(() => later.abort(), 200);
  for await (const event of one.events({ after: heard.at(-1)!.index, signal: later.signal }))
    throw new Error(`heard ${event.index} twice`);
});

test('rule 45: a denial tells code, decision, reason and next, and no policy that is not shown', async () => {
  const denial = await fixture.plane.request(
    aRequest(fixture, { arguments: { path: '/etc/passwd', content: '' } }),
  );
  expect(denial).toMatchObject({
    verdict: 'deny',
    code: 'policy',
    policies: [],
    decisionId: expect.stringMatching(/^[\w-]{43}$/),
  });
  if (denial.verdict === 'deny')
    expect([denial.reason, denial.next].every((words) => words.length > 10)).toBe(true);
});

test('rule 13: a path that goes through a symlink is not canonical', async () => {
  const { symlinkSync } = await import('node:fs');
  const link = join(fixture.folder.workspace, 'link');
  symlinkSync('/etc', link);
  const denial = await fixture.plane.request(
    aRequest(fixture, { arguments: { path: join(link, 'passwd'), content: '' } }),
  );
  expect(denial).toMatchObject({ verdict: 'deny', code: 'not_canonical' });
});
