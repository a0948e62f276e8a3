/** Goal: a hold is lifted by the people it names, over exactly what they saw, and by nobody else (RULE 15, 18, 22, 23, 24). */
import { describe, expect, test } from 'vitest';
import { aBundle, anIdentity, as, aWorld, PEOPLE, publishing, word, type World } from './support.ts';

const MOVE = { action: 'files/move_file' };
const both = async (world: World, exec: string, hold: string): Promise<void> => {
  await world.approve(exec, hold, 'finance', 'finance-1');
  await world.approve(exec, hold, 'legal', 'legal-1');
};

describe('lifting a hold', () => {
  test('finance approves, then legal, and the caller that is there again is permitted', async () => {
    const world = await aWorld();
    const { exec, hold } = await world.held();
    expect((await world.approve(exec, hold, 'finance', 'finance-1')).reply).toMatchObject({
      complete: false,
    });
    expect((await world.approve(exec, hold, 'legal', 'legal-1')).reply).toMatchObject({ complete: true });
    expect((await world.row(exec)).state).toBe('approved');
    const permit = await world.permitted(MOVE);
    expect(permit.exec).toBe(exec);
    const entry = (await world.all('permit')).at(-1)!;
    expect(entry.prior).toBe(hold);
    expect(entry.approvals).toHaveLength(2);
    expect(word(await world.redeem(permit))).toBe('started');
  });
  test('rule 15: finance, then legal: who asks between the two approvals loses neither', async () => {
    const world = await aWorld();
    const { exec, hold } = await world.held();
    await world.approve(exec, hold, 'finance', 'finance-1');
    const before = (await world.entries()).length;
    expect(word(await world.decide(MOVE))).toBe('hold:policy');
    expect(await world.entries()).toHaveLength(before);
    await world.approve(exec, hold, 'legal', 'legal-1');
    expect(word(await world.decide(MOVE))).toBe('permitted');
  });
  test('rule 15: a further hold keeps the approvals that were given, and asks for the rest', async () => {
    const world = await aWorld({
      bundle: aBundle({
        facts: { audit: 'boolean' },
        policies: [
          {
            name: 'a.cedar',
            text: '@id("all") permit (principal, action in Action::"licet/governed", resource);',
          },
          {
            name: 'b.cedar',
            text: '@id("f") @hold("finance") forbid (principal, action == Action::"files/move_file", resource) unless { context.approvals.contains("finance") };',
          },
          {
            name: 'c.cedar',
            text: '@id("l") @hold("legal") forbid (principal, action == Action::"files/move_file", resource) when { context.facts has audit && context.facts.audit } unless { context.approvals.contains("legal") };',
          },
        ],
      }),
    });
    const { exec, hold } = await world.held();
    await world.approve(exec, hold, 'finance', 'finance-1');
    await world.plane.operate(as('operator-1'), {
      op: 'fact',
      name: 'audit',
      value: true,
      expMs: world.clock.now + 600_000,
    });
    const again = await world.decide(MOVE);
    expect(again.reply).toMatchObject({ verdict: 'hold', exec, holds: [{ group: 'legal' }] });
    const second = (await world.row(exec)).hold!.leaf;
    expect(second).not.toBe(hold);
    expect(word(await world.approve(exec, hold, 'finance', 'finance-1'))).toBe('conflict:other_hold');
    await world.approve(exec, second, 'legal', 'legal-1');
    expect(word(await world.decide(MOVE))).toBe('permitted');
    expect((await world.all('permit')).at(-1)).toMatchObject({ prior: second });
  });
  test('rule 22: what was approved under one bundle is not approved under another', async () => {
    const world = await aWorld();
    const { exec, hold } = await world.held();
    await both(world, exec, hold);
    await world.together(publishing(aBundle({ version: 2 })), 'author-1', 'operator-1');
    expect(word(await world.decide(MOVE))).toBe('hold:policy');
    const second = (await world.row(exec)).hold!.leaf;
    expect(second).not.toBe(hold);
    await both(world, exec, second);
    expect(word(await world.decide(MOVE))).toBe('permitted');
  });
  test('rule 22: an approval that ran out before the start does not count', async () => {
    const world = await aWorld();
    const { exec, hold } = await world.held();
    await world.plane.approve(as('finance-1'), exec, {
      hold,
      group: 'finance',
      verdict: 'approve',
      expiresMs: world.clock.now + 10_000,
    });
    await world.approve(exec, hold, 'legal', 'legal-1');
    const permit = await world.permitted(MOVE);
    world.later(10_000);
    expect(word(await world.redeem(permit))).toMatch(/^deny:(approval_expired|policy)$/);
  });
  test('rule 22: an approval lives 15 minutes at most, whatever the approver says', async () => {
    const world = await aWorld();
    const { exec, hold } = await world.held();
    world.later(60_000);
    await both(world, exec, hold);
    world.later(899_999);
    expect(word(await world.decide(MOVE))).toBe('permitted');
    const late = await aWorld();
    const one = await late.held();
    await both(late, one.exec, one.hold);
    late.later(900_000);
    await late.plane.tick();
    expect((await late.row(one.exec)).state).toBe('denied');
    expect(await late.all('refusal')).toMatchObject([{ code: 'policy' }, { code: 'approval_expired' }]);
  });
  test('rule 22: the approver’s role is looked at in the commit that starts', async () => {
    const world = await aWorld();
    const { exec, hold } = await world.held();
    await both(world, exec, hold);
    const permit = await world.permitted(MOVE);
    await world.plane.operate(
      as('operator-1'),
      anIdentity('legal-1', { change: 'update', roles: [], groups: ['legal'] }),
    );
    expect(word(await world.redeem(permit))).toMatch(/^deny:(approval_expired|policy)$/);
  });
  test('rule 22: an approval is consumed by its start: the next call asks again', async () => {
    const world = await aWorld();
    const { exec, hold } = await world.held();
    await both(world, exec, hold);
    const permit = await world.permitted({ ...MOVE, start: true });
    expect(permit.exec).toBe(exec);
    const { reply } = await world.decide(MOVE);
    expect(reply).toMatchObject({ verdict: 'hold' });
    expect(reply).not.toMatchObject({ exec });
  });
  test('rule 24: what was approved goes on being renewed, after the approval’s own time and under new bundles', async () => {
    const world = await aWorld();
    const { exec, hold } = await world.held();
    await world.plane.approve(as('finance-1'), exec, {
      hold,
      group: 'finance',
      verdict: 'approve',
      expiresMs: world.clock.now + 5_000,
    });
    await world.approve(exec, hold, 'legal', 'legal-1');
    const permit = await world.permitted({ ...MOVE, start: true });
    world.later(9_000);
    expect(word(await world.renew(permit, 1))).toBe('renewed');
    await world.together(publishing(aBundle({ version: 2 })), 'author-1', 'operator-1');
    expect(word(await world.renew(permit, 2))).toBe('renewed');
  });
});

describe('who may approve', () => {
  test.each([
    ['the user it is done for (separation of duties)', 'finance', 'user-1'],
    ['an approver of another group', 'finance', 'legal-1'],
    ['an operator without the role', 'finance', 'operator-1'],
    ['an agent', 'finance', 'agent-2'],
    ['nobody we know', 'finance', 'agent-9'],
  ])('rule 22: not %s', async (_, group, by) => {
    const world = await aWorld();
    const { exec, hold } = await world.held();
    expect(word(await world.approve(exec, hold, group, by))).toBe('conflict:may_not_approve');
  });
  test('rule 22: not over another hold, nor for a group that was not asked', async () => {
    const world = await aWorld();
    const { exec, hold } = await world.held();
    const other = await world.held({ arguments: { path: '/workspace/b.txt' } });
    expect(word(await world.approve(exec, other.hold, 'finance', 'finance-1'))).toBe('conflict:other_hold');
    expect(word(await world.approve(exec, hold, 'operators', 'finance-1'))).toBe('conflict:other_group');
  });
  test('one person does not make a quorum of two', async () => {
    const world = await aWorld({
      identities: [...PEOPLE, anIdentity('finance-2', { roles: ['approver'], groups: ['finance'] })],
      bundle: aBundle({
        policies: [
          {
            name: 'p.cedar',
            text: '@id("all") permit (principal, action in Action::"licet/governed", resource); @id("two") @hold("finance:2") forbid (principal, action == Action::"bank/count", resource) unless { context.approvals.contains("finance") };',
          },
        ],
      }),
    });
    const ask = { action: 'bank/count', arguments: {} };
    const { exec, hold } = await world.held(ask);
    await world.approve(exec, hold, 'finance', 'finance-1');
    await world.approve(exec, hold, 'finance', 'finance-1');
    expect((await world.row(exec)).state).toBe('held');
    await world.approve(exec, hold, 'finance', 'finance-2');
    expect(word(await world.decide(ask))).toBe('permitted');
  });
  test('a person who refuses ends it, also after another approved', async () => {
    const world = await aWorld();
    const { exec, hold } = await world.held();
    await world.approve(exec, hold, 'finance', 'finance-1');
    await world.approve(exec, hold, 'legal', 'legal-1', 'reject');
    expect(await world.row(exec)).toMatchObject({ state: 'denied', code: 'denied_by_person' });
    expect(word(await world.approve(exec, hold, 'legal', 'legal-1'))).toBe('conflict:not_held');
  });
});

describe('coming back', () => {
  test('rule 23: asking again about a hold that has not changed appends nothing', async () => {
    const world = await aWorld();
    const { exec } = await world.held();
    const before = (await world.entries()).length;
    expect((await world.decide(MOVE)).reply).toMatchObject({ verdict: 'hold', exec });
    expect(await world.entries()).toHaveLength(before);
  });
  test('rule 23: other arguments, another audience or another caller do not come back for it', async () => {
    const world = await aWorld();
    const { exec, hold } = await world.held();
    await both(world, exec, hold);
    expect(word(await world.decide({ ...MOVE, arguments: { path: '/workspace/b.txt' } }))).toBe(
      'hold:policy',
    );
    expect(word(await world.decide({ ...MOVE, audience: 'elsewhere' }))).toBe('hold:policy');
    await world.plane.operate(
      as('operator-1'),
      anIdentity('agent-3', { for: 'user-1', root: { perDay: 5, concurrent: 5 } }),
    );
    expect(word(await world.decide(MOVE, as('agent-3')))).toBe('hold:policy');
    expect(word(await world.decide(MOVE))).toBe('permitted');
  });
  test('rule 23: below a root only the same run lifts its own hold, from any of its executions', async () => {
    const world = await aWorld();
    const [one, other] = [await world.started(), await world.started()];
    const { exec, hold } = await world.held({ parent: one.exec });
    await both(world, exec, hold);
    expect((await world.decide({ ...MOVE, parent: other.exec })).reply).not.toMatchObject({ exec });
    const inner = await world.started({ parent: one.exec });
    const permit = await world.permitted({ ...MOVE, parent: inner.exec });
    expect(permit.exec).toBe(exec);
    expect((await world.all('permit')).at(-1)).toMatchObject({ parent: { exec: inner.exec }, prior: hold });
  });
  test('a held caller resumes by id', async () => {
    const world = await aWorld();
    const { exec, hold } = await world.held();
    await both(world, exec, hold);
    const body = { idempotencyKey: 'A'.repeat(22), instance: new Uint8Array(16), start: true };
    expect(word(await world.plane.resume(as('agent-2'), exec, body))).toBe('conflict:unknown_execution');
    expect((await world.plane.resume(as('agent-1'), exec, body)).reply).toMatchObject({
      kind: 'permitted',
      exec,
    });
  });
  test('rule 23: nobody answers: hold_expired, and then it is asked anew', async () => {
    const world = await aWorld();
    const { exec } = await world.held();
    world.later(900_000);
    const { reply } = await world.decide(MOVE);
    expect(reply).toMatchObject({ verdict: 'hold' });
    expect(reply).not.toMatchObject({ exec });
    expect(await world.plane.tick()).toEqual([exec]);
    expect(await world.row(exec)).toMatchObject({ state: 'denied', code: 'hold_expired' });
    expect(await world.plane.opened((reply as { exec: string }).exec)).toMatchObject({
      arguments: { path: '/workspace/a.txt' },
    });
  });
  test('rule 18: a hold ends no later than its parent can', async () => {
    const world = await aWorld();
    const parent = await world.started();
    const { exec } = await world.held({ parent: parent.exec });
    expect((await world.row(exec)).hold!.untilMs).toBe((await world.row(parent.exec)).start!.atMs + 60_000);
  });
  test('rule 22: a caller that gives up ends its hold; nobody else can', async () => {
    const world = await aWorld();
    const { exec, hold } = await world.held();
    await both(world, exec, hold);
    expect(word(await world.plane.cancel(as('agent-2'), exec))).toBe('conflict:unknown_execution');
    expect(word(await world.plane.cancel(as('agent-1'), exec))).toBe('done');
    expect(await world.row(exec)).toMatchObject({ state: 'denied', code: 'cancelled' });
    expect(word(await world.plane.cancel(as('agent-1'), exec))).toBe('conflict:not_held');
    expect(word(await world.decide(MOVE))).toBe('hold:policy');
  });
});
