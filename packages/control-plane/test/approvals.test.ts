/**
 * Goal: how a group approves is said once, in the bundle, stands in the entry of the hold, and is held to under the fence:
 * how many, apart from each other, for how long, when others may speak for it, and that a refusal says why (RULE 22).
 */
import type { ApprovalSpec } from '@licet/policy';
import { describe, expect, test } from 'vitest';
import { aBundle, anIdentity, as, aWorld, PEOPLE, word, type World } from './support.ts';

const person = (subject: string, ...groups: string[]) => anIdentity(subject, { roles: ['approver'], groups });
const PAIR = [
  ...PEOPLE,
  person('finance-2', 'finance', 'treasury'),
  person('finance-3', 'finance', 'treasury'),
  person('finance-4', 'finance', 'controlling'),
  person('chief-1', 'chiefs'),
];
const POLICY = `
@id("all") permit (principal, action in Action::"licet/governed", resource);
@id("ask") @hold("finance") forbid (principal, action == Action::"files/move_file", resource)
unless { context.approvals.contains("finance") };`;

const world = (finance: ApprovalSpec): Promise<World> =>
  aWorld({
    identities: PAIR,
    bundle: aBundle({ policies: [{ name: 'p.cedar', text: POLICY }], approvals: { finance } }),
  });
const MOVE = { action: 'files/move_file' };

describe('quorum', () => {
  test('the bundle’s quorum is asked for, and one person twice does not make it', async () => {
    const w = await world({ quorum: 2 });
    const { exec, hold } = await w.held();
    expect((await w.row(exec)).hold!.groups).toMatchObject([{ group: 'finance', need: 2 }]);
    expect((await w.approve(exec, hold, 'finance', 'finance-1')).reply).toMatchObject({ complete: false });
    expect((await w.approve(exec, hold, 'finance', 'finance-1')).reply).toMatchObject({ complete: false });
    expect(word(await w.decide(MOVE))).toBe('hold:policy');
    expect((await w.approve(exec, hold, 'finance', 'finance-2')).reply).toMatchObject({ complete: true });
    expect(word(await w.decide(MOVE))).toBe('permitted');
  });
  test('a policy that asks for more than the bundle’s quorum gets more', async () => {
    const w = await aWorld({
      identities: PAIR,
      bundle: aBundle({
        policies: [{ name: 'p.cedar', text: POLICY.replace('"finance")', '"finance:3")') }],
        approvals: { finance: { quorum: 2 } },
      }),
    });
    const { exec } = await w.held();
    expect((await w.row(exec)).hold!.groups).toMatchObject([{ need: 3 }]);
  });
  test('apart: two of one department are one; another department makes it two', async () => {
    const w = await world({ quorum: 2, apart: ['treasury', 'controlling'] });
    const { exec, hold } = await w.held();
    await w.approve(exec, hold, 'finance', 'finance-2');
    await w.approve(exec, hold, 'finance', 'finance-3');
    expect((await w.row(exec)).state).toBe('held');
    expect(word(await w.decide(MOVE))).toBe('hold:policy');
    expect((await w.approve(exec, hold, 'finance', 'finance-4')).reply).toMatchObject({ complete: true });
    expect(word(await w.decide(MOVE))).toBe('permitted');
  });
  test('apart: who leaves the department before the start takes the quorum along', async () => {
    const w = await world({ quorum: 2, apart: ['treasury', 'controlling'] });
    const { exec, hold } = await w.held();
    await w.approve(exec, hold, 'finance', 'finance-2');
    await w.approve(exec, hold, 'finance', 'finance-4');
    await w.plane.operate(
      as('operator-1'),
      anIdentity('finance-4', { change: 'update', roles: ['approver'], groups: ['finance', 'treasury'] }),
    );
    expect(word(await w.decide(MOVE))).toBe('hold:policy');
  });
});

describe('separation of duties', () => {
  test('rule 22: the owner of an agent on the chain never approves, also when it acts below another', async () => {
    const w = await aWorld({
      identities: [...PAIR, person('owner-1', 'finance'), anIdentity('agent-5', { for: 'owner-1' })],
      bundle: aBundle({ policies: [{ name: 'p.cedar', text: POLICY }] }),
    });
    const spawn = await w.started({ child: { agent: 'agent-5', jkt: as('agent-5').jkt } });
    const { exec, hold } = await w.held({ parent: spawn.exec }, as('agent-5'));
    expect((await w.row(exec)).chain.map(({ id }) => id)).toEqual(['user-1', 'agent-1', 'agent-5']);
    for (const own of ['user-1', 'owner-1'])
      expect(word(await w.approve(exec, hold, 'finance', own))).toBe('conflict:may_not_approve');
    expect(word(await w.approve(exec, hold, 'finance', 'finance-1'))).toBe('approval');
  });
});

describe('time', () => {
  test('the hold waits as long as the bundle says', async () => {
    const w = await world({ wait: '2h' });
    const { exec, hold } = await w.held();
    w.later(7_199_000);
    expect(word(await w.approve(exec, hold, 'finance', 'finance-1'))).toBe('approval');
    const late = await world({ wait: '1m' });
    const one = await late.held();
    late.later(60_000);
    expect(word(await late.approve(one.exec, one.hold, 'finance', 'finance-1'))).toBe(
      'conflict:hold_expired',
    );
  });
  test('an approval counts as long as the bundle says, never longer', async () => {
    const w = await world({ ttl: '1m' });
    const { exec, hold } = await w.held();
    await w.approve(exec, hold, 'finance', 'finance-1');
    expect((await w.all('approval')).at(-1)).toMatchObject({ expires: w.clock.now + 60_000 });
    w.later(60_000);
    expect(word(await w.decide(MOVE))).toBe('hold:policy');
  });
  test('escalation: the next group may approve from its time on, not before', async () => {
    const w = await world({ escalation: [{ after: '5m', to: 'chiefs' }] });
    const { exec, hold } = await w.held();
    expect((await w.row(exec)).hold!.groups).toMatchObject([
      { group: 'finance', also: [{ group: 'chiefs', at: w.clock.now + 300_000 }] },
    ]);
    w.later(299_999);
    expect(word(await w.approve(exec, hold, 'finance', 'chief-1'))).toBe('conflict:may_not_approve');
    w.later(1);
    expect(word(await w.approve(exec, hold, 'finance', 'chief-1'))).toBe('approval');
    expect(word(await w.decide(MOVE))).toBe('permitted');
  });
});

describe('what the hold asks stands in its entry', () => {
  test('a group that wants a passkey is not approved by a token, and may be refused by one', async () => {
    const w = await world({ method: 'passkey' });
    const { exec, hold } = await w.held();
    expect(word(await w.approve(exec, hold, 'finance', 'finance-1'))).toBe('conflict:passkey_required');
    expect((await w.all('refusal')).at(-1)).toMatchObject({ holds: [{ method: 'passkey' }] });
    expect(word(await w.approve(exec, hold, 'finance', 'finance-1', 'reject'))).toBe('approval');
  });
  test('a group that wants reasons is not refused without one', async () => {
    const w = await world({ reason: 'required' });
    const { exec, hold } = await w.held();
    expect(word(await w.approve(exec, hold, 'finance', 'finance-1', 'reject'))).toBe(
      'conflict:reason_required',
    );
    expect((await w.row(exec)).state).toBe('held');
  });
});

describe('a refusal', () => {
  const reject = (w: World, exec: string, hold: string, text?: string) =>
    w.plane.approve(as('finance-1'), exec, {
      hold,
      group: 'finance',
      verdict: 'reject',
      reason: { code: 'too_much', ...(text === undefined ? {} : { text }) },
    });
  const back = (w: World, exec: string) =>
    w.plane.resume(as('agent-1'), exec, { idempotencyKey: 'B'.repeat(22), instance: new Uint8Array(16) });

  test('ends the call: who comes back for it is denied, and no new hold is opened', async () => {
    const w = await world({});
    const { exec, hold } = await w.held();
    await reject(w, exec, hold, 'Half of it would do.');
    const before = (await w.entries()).length;
    const answer = await back(w, exec);
    expect(answer.reply).toMatchObject({ verdict: 'deny', code: 'denied_by_person', exec });
    expect(answer.explain).toEqual({
      show: 'full',
      advice: 'A person rejected it (too_much): Half of it would do.',
    });
    expect(await w.entries()).toHaveLength(before);
  });
  test('rule 42: its words are in no entry; its code and a commitment are', async () => {
    const w = await world({});
    const { exec, hold } = await w.held();
    await reject(w, exec, hold, 'Half of it would do.');
    const entry = (await w.all('approval')).at(-1)!;
    expect(entry).toMatchObject({
      verdict: 'reject',
      reason: 'too_much',
      note: expect.any(String) as string,
    });
    expect(JSON.stringify(await w.entries())).not.toContain('Half');
    expect((await w.row(exec)).approvals).toMatchObject([
      { reason: 'too_much', note: 'Half of it would do.' },
    ]);
    await w.store.rebuild();
    expect((await w.row(exec)).approvals).toMatchObject([{ note: 'Half of it would do.' }]);
  });
  test('rule 45: where a policy shows only its code, the caller gets no more', async () => {
    const w = await aWorld({
      identities: PAIR,
      bundle: aBundle({ policies: [{ name: 'p.cedar', text: POLICY }], explain: 'code' }),
    });
    const { exec, hold } = await w.held();
    await reject(w, exec, hold, 'Half of it would do.');
    const answer = await back(w, exec);
    expect(answer.reply).toMatchObject({ code: 'denied_by_person' });
    expect(answer.explain).toBeUndefined();
  });
});
