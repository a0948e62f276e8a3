// Goal: approvals beside the single word: several at once, in advance, refused with a reason, and in the shape of AuthZEN's
// Access Request. Method: whole flows over a real listener.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Held } from '@licet/api';
import { aPlane, anIdentity, aRequest, proved, random, raw, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await aPlane();
});
afterAll(() => fixture.close());

const aMove = (name = random(6)) => {
  const { workspace } = fixture.folder;
  return aRequest(fixture, {
    action: 'files/move_file',
    arguments: { source: join(workspace, name), destination: join(workspace, `${name}-moved`) },
  });
};
const held = async (name?: string): Promise<Held> => {
  const answer = await fixture.plane.request(aMove(name));
  if (answer.verdict !== 'hold') throw new Error(JSON.stringify(answer));
  return answer;
};
const leafOf = async (executionId: string): Promise<string> =>
  (await fixture.operator.execution(executionId)).hold!.leaf;

describe('several at once', () => {
  test('each word is over its own hold; one that fails leaves the others as they are', async () => {
    const [one, two, three] = [await held(), await held(), await held()];
    const word = { group: 'operators', verdict: 'approve' } as const;
    const done = await fixture.operator.approveMany([
      { executionId: one.executionId, hold: await leafOf(one.executionId), ...word },
      // Another's leaf: what was shown is not what this would approve.
      { executionId: two.executionId, hold: await leafOf(one.executionId), ...word },
      {
        executionId: three.executionId,
        hold: await leafOf(three.executionId),
        group: 'operators',
        verdict: 'reject',
        reason: { code: 'not_now', text: 'After the release.' },
      },
    ]);
    expect(done).toMatchObject([
      { executionId: one.executionId, ok: true, complete: true },
      {
        executionId: two.executionId,
        ok: false,
        code: 'conflict',
        message: expect.stringContaining('other_hold') as string,
      },
      { executionId: three.executionId, ok: true },
    ]);
    expect((await fixture.plane.execution(two.executionId)).state).toBe('held');
  });
});

describe('a refusal', () => {
  test('its reason reaches the caller that comes back, and people', async () => {
    const { executionId } = await held();
    await fixture.operator.approve(executionId, {
      hold: await leafOf(executionId),
      group: 'operators',
      verdict: 'reject',
      reason: { code: 'wrong_folder', text: 'Not into that one.' },
    });
    const answer = await fixture.plane.decide(executionId, { idempotencyKey: random(), instance: random() });
    expect(answer).toMatchObject({
      verdict: 'deny',
      code: 'denied_by_person',
      reason: 'A person rejected it (wrong_folder): Not into that one.',
    });
    const seen = await fixture.operator.execution(executionId);
    expect(seen.hold!.approvals).toMatchObject([{ reason: 'wrong_folder', note: 'Not into that one.' }]);
    expect((await fixture.plane.execution(executionId)).hold!.approvals[0]).not.toHaveProperty('note');
  });
});

describe('in advance', () => {
  test('granted, used, listed, taken back', async () => {
    const { action } = aMove();
    const me = await fixture.plane.execution((await held()).executionId);
    const grant = await fixture.operator.grantStanding({
      group: 'operators',
      scope: {
        v: 1,
        action,
        agent: me.chain.at(-1)!.id,
        within: [{ type: 'Folder', id: fixture.folder.workspace }],
      },
      count: 1,
      forMs: 60_000,
    });
    if (grant.verdict !== 'done') throw new Error(JSON.stringify(grant));
    expect((await fixture.plane.request(aMove())).verdict).toBe('allow');
    expect((await fixture.plane.request(aMove())).verdict).toBe('hold');
    expect(await fixture.operator.standing()).toMatchObject([
      { leaf: grant.leaf, used: 1, count: 1, revoked: false, scope: { action } },
    ]);
    expect((await fixture.operator.revokeStanding(grant.leaf!)).verdict).toBe('done');
    expect(await fixture.operator.standing()).toMatchObject([{ revoked: true }]);
  });
  test('what names nobody, or nothing known, is no grant', async () => {
    const base = { group: 'operators', count: 1, forMs: 60_000 };
    const grant = (scope: object) => fixture.operator.grantStanding({ ...base, scope: scope as never });
    const refused = { code: 'schema' };
    await expect(grant({ v: 1, action: 'files/move_file' })).rejects.toMatchObject(refused);
    await expect(grant({ v: 1, action: 'files/move_file', agent: 'a', wihtin: [] })).rejects.toMatchObject(
      refused,
    );
  });
});

describe('AuthZEN, Access Request', () => {
  const call = async (key: string, body: object, more: Readonly<Record<string, string>> = {}) => {
    const { key: who } = await stranger;
    const target = '/access/v1/access-requests';
    const headers = { 'content-type': 'application/json', 'idempotency-key': key, ...more };
    return raw(fixture.url, 'POST', target, {
      headers: { ...headers, ...(await proved(who, fixture.url, 'POST', target)) },
      body: JSON.stringify(body),
    });
  };
  let stranger: ReturnType<typeof anIdentity>;
  beforeAll(async () => {
    stranger = anIdentity(fixture, 'agent');
    await stranger;
  });
  test('a held denial says where to ask; the task follows the hold; approval does not permit by itself', async () => {
    const { key } = await stranger;
    const client = await fixture.plane.as({ key });
    const asked = await client.request(aMove());
    if (asked.verdict !== 'hold') throw new Error(JSON.stringify(asked));
    const { evaluation_id, access_request } = asked.context!;
    expect(access_request.endpoint).toBe('/access/v1/access-requests');
    expect(new Date(access_request.expires_at).getTime()).toBe(asked.holds[0]!.until);
    const body = {
      subject: { type: 'agent', id: 'me' },
      action: { name: 'files/move_file' },
      denial: { evaluation_id, expires_at: access_request.expires_at },
    };
    const made = await call('key-1', body);
    expect(made.json).toEqual({
      task: {
        id: asked.executionId,
        status: 'pending',
        status_endpoint: `/access/v1/access-requests/${asked.executionId}`,
        expires_at: access_request.expires_at,
      },
    });
    expect((await call('key-1', body)).json).toEqual(made.json);
    await fixture.operator.approve(asked.executionId, {
      hold: await leafOf(asked.executionId),
      group: 'operators',
      verdict: 'approve',
    });
    expect((await call('key-1', body)).json).toMatchObject({ task: { status: 'approved' } });
    expect((await fixture.operator.execution(asked.executionId)).state).toBe('approved');
    const again = await client.decide(asked.executionId, { idempotencyKey: random(), instance: random() });
    expect(again.verdict).toBe('allow');
  });
  test('one key is for one request, and nobody follows what is another’s', async () => {
    const { key } = await stranger;
    const client = await fixture.plane.as({ key });
    const [one, two] = [await client.request(aMove()), await client.request(aMove())];
    const denial = (of: typeof one) => ({ denial: { evaluation_id: (of as Held).context!.evaluation_id } });
    await call('key-2', denial(one));
    expect((await call('key-2', denial(two))).json).toMatchObject({ code: 'idempotency_conflict' });
    expect((await call('key-3', { ...denial(two), action: { name: 'files/write_file' } })).status).toBe(400);
    expect((await call('key-4', denial(await held()))).status).toBe(404);
    expect((await call('', denial(one))).status).toBe(400);
  });
  test.each([
    [
      'denied',
      (exec: string, hold: string) =>
        fixture.operator.approve(exec, { hold, group: 'operators', verdict: 'reject' }),
    ],
    [
      'cancelled',
      async (exec: string) => (await fixture.plane.as({ key: (await stranger).key })).cancel(exec),
    ],
  ] as const)('%s is said as it is', async (status, end) => {
    const client = await fixture.plane.as({ key: (await stranger).key });
    const asked = (await client.request(aMove())) as Held;
    await end(asked.executionId, await leafOf(asked.executionId));
    const body = { denial: { evaluation_id: asked.context!.evaluation_id } };
    expect((await call(random(8), body)).json).toMatchObject({ task: { status } });
  });
});
