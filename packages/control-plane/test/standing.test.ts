/**
 * Goal: a standing approval lifts holds like the one it was given for, within its scope, count and time, and not once
 * more; each use is an approval in the log that cites it, and ends with it (RULE 4, 22).
 */
import { commitStandingScope, unbase64url, type Json, type StandingScope } from '@licet/evidence';
import { describe, expect, test } from 'vitest';
import { aBundle, anIdentity, as, aWorld, keyOf, PEOPLE, word, type World } from './support.ts';

const FINANCE_2 = anIdentity('finance-2', { roles: ['approver'], groups: ['finance'] });
const POLICY = `
@id("all") permit (principal, action in Action::"licet/governed", resource);
@id("ask") @hold("finance") forbid (principal, action, resource)
when { action == Action::"files/move_file" || action == Action::"bank/pay" }
unless { context.approvals.contains("finance") };`;
const bundle = (more: Parameters<typeof aBundle>[0] = {}) =>
  aBundle({ policies: [{ name: 'p.cedar', text: POLICY }], ...more });
const world = (more: Parameters<typeof aBundle>[0] = {}) =>
  aWorld({ identities: [...PEOPLE, FINANCE_2], bundle: bundle(more) });

const MOVE = { action: 'files/move_file' };
const SCOPE: StandingScope = {
  v: 1,
  action: 'files/move_file',
  agent: 'agent-1',
  within: [{ type: 'Folder', id: '/workspace' }],
};
const KEY = keyOf('scope')['x'] as string;

interface Grant {
  readonly scope?: Partial<StandingScope>;
  readonly count?: number;
  readonly forMs?: number;
  readonly group?: string;
  readonly by?: string;
}
function granting(
  w: World,
  { scope = {}, count = 2, forMs = 3_600_000, group = 'finance', by = 'finance-1' }: Grant = {},
) {
  const whole = { ...SCOPE, ...scope };
  const { commitment } = commitStandingScope(unbase64url(KEY), whole as unknown as Json);
  return w.plane.operate(as(by), {
    op: 'standing',
    change: 'grant',
    group,
    scope: commitment,
    count,
    expMs: w.clock.now + forMs,
    opened: { key: KEY, scope: whole },
  });
}
async function granted(w: World, grant: Grant = {}): Promise<string> {
  const { reply } = await granting(w, grant);
  if (reply.kind !== 'operated') throw new Error(`expected a grant, got ${JSON.stringify(reply)}`);
  return reply.leaf!;
}
const used = async (w: World, leaf: string): Promise<number> =>
  (await w.plane.standing()).find((one) => one.leaf === leaf)!.used;

describe('use', () => {
  test('a covered call is held, approved and permitted in one asking; the count ends it', async () => {
    const w = await world();
    const leaf = await granted(w);
    const permit = await w.permitted(MOVE);
    expect(await w.all('approval')).toMatchObject([
      { by: 'finance-1', method: 'token', standing: leaf, exec: permit.exec, group: 'finance' },
    ]);
    expect((await w.all('permit')).at(-1)).toMatchObject({ prior: (await w.row(permit.exec)).hold!.leaf });
    expect(word(await w.redeem(permit))).toBe('started');
    await w.permitted({ ...MOVE, arguments: { path: '/workspace/b.txt' } });
    expect(await used(w, leaf)).toBe(2);
    expect(word(await w.decide({ ...MOVE, arguments: { path: '/workspace/c.txt' } }))).toBe('hold:policy');
    expect(await used(w, leaf)).toBe(2);
  });
  test('rule 6: a lost reply is answered with the same permit and spends nothing more', async () => {
    const w = await world();
    const leaf = await granted(w);
    const permit = await w.permitted({ ...MOVE, start: true });
    const again = await w.plane.decide(permit.caller, permit.request);
    expect(again.reply).toMatchObject({ kind: 'permitted', exec: permit.exec });
    expect(await used(w, leaf)).toBe(1);
    expect(await w.all('approval')).toHaveLength(1);
  });
  test('rule 4: 64 calls that race for 5 uses get 5', async () => {
    const w = await world();
    const leaf = await granted(w, { count: 5 });
    const words = await Promise.all(
      Array.from({ length: 64 }, (_, at) =>
        w.decide({ ...MOVE, arguments: { path: `/workspace/${at}.txt` } }).then(word),
      ),
    );
    expect(words.filter((one) => one === 'permitted')).toHaveLength(5);
    expect(words.filter((one) => one === 'hold:policy')).toHaveLength(59);
    expect(await used(w, leaf)).toBe(5);
    expect((await w.all('approval')).filter(({ standing }) => standing === leaf)).toHaveLength(5);
  });
  test('two people of a quorum: one in advance and one now', async () => {
    const w = await world({ approvals: { finance: { quorum: 2 } } });
    await granted(w);
    await granted(w);
    const { exec, hold } = await w.held();
    expect((await w.row(exec)).approvals).toHaveLength(1);
    await w.approve(exec, hold, 'finance', 'finance-2');
    expect(word(await w.decide(MOVE))).toBe('permitted');
  });
  test('a hold that is open already is lifted when its caller asks again', async () => {
    const w = await world();
    const { exec } = await w.held();
    await granted(w);
    expect((await w.decide(MOVE)).reply).toMatchObject({ kind: 'permitted', exec });
  });
  test('rebuilt from the log, nothing of it is lost', async () => {
    const w = await world();
    const leaf = await granted(w, { count: 3 });
    await w.permitted(MOVE);
    const before = await w.plane.standing();
    await w.store.rebuild();
    expect(await w.plane.standing()).toEqual(before);
    expect(await used(w, leaf)).toBe(1);
  });
});

describe('what it does not cover', () => {
  test.each<readonly [string, Partial<StandingScope>]>([
    ['another action', { action: 'files/write_file' }],
    ['another agent', { agent: 'agent-2' }],
    ['a group that the agent is not of', { agents: 'robots' }],
    ['another folder', { within: [{ type: 'Folder', id: '/workspace/a' }] }],
    ['a folder whose name only begins alike', { within: [{ type: 'Folder', id: '/work' }] }],
    ['no resource at all', { within: [] }],
    ['an argument that is no amount', { max: { path: '5' } }],
  ])('%s', async (_, scope) => {
    const w = await world();
    const leaf = await granted(w, { scope });
    expect(word(await w.decide(MOVE))).toBe('hold:policy');
    expect(await used(w, leaf)).toBe(0);
  });
  test('rule 21: amounts up to the bound, exactly', async () => {
    const w = await world();
    const max = { amount: '50.00' };
    const { within: _, ...scope } = { ...SCOPE, action: 'bank/pay', max };
    const { commitment } = commitStandingScope(unbase64url(KEY), scope as unknown as Json);
    await w.plane.operate(as('finance-1'), {
      op: 'standing',
      change: 'grant',
      group: 'finance',
      scope: commitment,
      count: 9,
      expMs: w.clock.now + 60_000,
      opened: { key: KEY, scope },
    });
    const pay = async (amount: string) => word(await w.decide({ action: 'bank/pay', arguments: { amount } }));
    expect(await pay('50')).toBe('permitted');
    expect(await pay('50.0001')).toBe('hold:policy');
    expect(await pay('-1')).not.toBe('permitted');
  });
  test('a group that wants a passkey', async () => {
    const w = await world({ approvals: { finance: { method: 'passkey' } } });
    await granted(w);
    expect(word(await w.decide(MOVE))).toBe('hold:policy');
  });
  test('rule 22: what is done in the granter’s own name', async () => {
    const w = await world();
    await granted(w, { by: 'user-1' });
    expect(word(await w.decide(MOVE))).toBe('hold:policy');
  });
});

describe('its end', () => {
  const ends: Readonly<Record<string, (w: World, leaf: string) => Promise<unknown> | void>> = {
    'its time': (w) => w.later(3_600_000),
    'its granter taking it back': (w, leaf) =>
      w.plane.operate(as('finance-1'), { op: 'standing', change: 'revoke', leaf }),
    'an operator ending it': (w, leaf) =>
      w.plane.operate(as('operator-1'), { op: 'standing', change: 'revoke', leaf }),
    'its granter losing the role': (w) =>
      w.plane.operate(as('operator-1'), anIdentity('finance-1', { change: 'update', groups: ['finance'] })),
    'its granter leaving the group': (w) =>
      w.plane.operate(as('operator-1'), anIdentity('finance-1', { change: 'update', roles: ['approver'] })),
    'its granter being revoked': (w) =>
      w.plane.operate(as('operator-1'), anIdentity('finance-1', { change: 'revoke' })),
  };
  test.each(Object.entries(ends))(
    '%s, for new calls and for what it has approved and not started',
    async (_, end) => {
      const w = await world();
      const leaf = await granted(w, { count: 9 });
      const permit = await w.permitted(MOVE);
      await end(w, leaf);
      expect(word(await w.redeem(permit))).toMatch(/^deny:(approval_expired|policy|expired)$/);
      expect(word(await w.decide({ ...MOVE, arguments: { path: '/workspace/b.txt' } }))).toBe('hold:policy');
    },
  );
});

describe('who may grant and end', () => {
  test('an approver, in the name of a group of theirs, for a day at most', async () => {
    const w = await world();
    expect(word(await granting(w, { by: 'legal-1' }))).toBe('conflict:may_not_approve');
    expect(word(await granting(w, { by: 'agent-1' }))).toBe('deny:role');
    expect(word(await granting(w, { by: 'operator-1' }))).toBe('deny:role');
    expect(word(await granting(w, { group: 'second-person' }))).toBe('conflict:may_not_approve');
    expect(word(await granting(w, { forMs: 86_400_001 }))).toBe('conflict:standing_time');
    expect(word(await granting(w, { forMs: 0 }))).toBe('conflict:standing_time');
    const leaf = await granted(w);
    const revoke = (by: string) => w.plane.operate(as(by), { op: 'standing', change: 'revoke', leaf });
    expect(word(await revoke('legal-1'))).toBe('deny:role');
    expect(word(await revoke('finance-1'))).toBe('operated');
    expect(word(await revoke('finance-1'))).toBe('conflict:unknown_standing');
  });
});
