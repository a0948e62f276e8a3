/** Goal: a permit is spent once, a lease lives only while nothing objects, and what is in doubt is said (RULE 2, 5, 6, 7, 25, 33). */
import { parseEntry, parseNote, parseRenewal } from '@licet/evidence';
import { describe, expect, test } from 'vitest';
import { restartEndsPermits } from '../../store/test/under-test.ts';
import { aBundle, anIdentity, as, aWorld, keyOf, jktOf, publishing, word, type World } from './support.ts';

const contain = (
  world: World,
  kind: 'run' | 'everything' | 'agent' | 'tool' | 'execution' | 'subtree',
  id: string,
) => world.plane.operate(as('operator-1'), { op: 'contain', scope: { kind, id } });
const instance = (n: number): Uint8Array => new Uint8Array(16).fill(n);

describe('redeeming', () => {
  test('rule 2: a permit redeemed twice is refused the second time', async () => {
    const world = await aWorld();
    const permit = await world.permitted();
    expect(word(await world.redeem(permit))).toBe('started');
    expect(word(await world.redeem(permit, { instance: instance(1) }))).toBe('deny:spent');
    expect(await world.all('start')).toHaveLength(2);
  });
  test('rule 6: 64 callers race to redeem one permit: one wins, the others learn that it is spent', async () => {
    const world = await aWorld();
    const permit = await world.permitted();
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, n) => world.redeem(permit, { instance: instance(n) })),
    );
    expect(answers.map(word).filter((one) => one === 'started')).toHaveLength(1);
    expect(answers.map(word).filter((one) => one === 'deny:spent')).toHaveLength(63);
    expect((await world.all('start')).filter(({ exec }) => exec === permit.exec)).toHaveLength(1);
  });
  test('rule 6: the instance that won gets its start again after a lost reply', async () => {
    const world = await aWorld();
    const permit = await world.permitted();
    const first = await world.redeem(permit);
    const again = await world.redeem(permit);
    expect(word(again)).toBe('started');
    expect(again.entries[0]!.bytes).toEqual(first.entries[0]!.bytes);
  });
  test('rule 2: bytes at another index, or unknown bytes, are no permit', async () => {
    const world = await aWorld();
    const permit = await world.permitted();
    expect(word(await world.redeem(permit, { index: permit.index - 1 }))).toBe('conflict:unknown_permit');
    const entry = new TextEncoder().encode('{}');
    expect(word(await world.redeem({ ...permit, entry }))).toBe('conflict:unknown_permit');
  });
  test('rule 2: the permit of another execution, a refusal, a start are no permit of this one', async () => {
    const world = await aWorld();
    const [one, other] = [await world.permitted(), await world.permitted()];
    expect(word(await world.redeem({ ...one, entry: other.entry, index: other.index }))).toBe(
      'conflict:unknown_permit',
    );
    const { entries } = await world.redeem(one);
    const { bytes: entry, index } = entries[0]!;
    expect(word(await world.redeem({ ...other, entry, index }))).toBe('conflict:unknown_permit');
  });
  test('rule 2: a permit that was started with its decision can be redeemed nowhere', async () => {
    const world = await aWorld();
    const permit = await world.started();
    expect(word(await world.redeem(permit, { instance: instance(1) }))).toBe('deny:spent');
  });
  test('a permit is good for 30 seconds', async () => {
    const world = await aWorld();
    const permit = await world.permitted();
    world.later(30_000);
    expect(word(await world.redeem(permit))).toBe('deny:expired');
  });
  test('rule 7: a permit of another incarnation starts nothing', async () => {
    const world = await aWorld();
    const permit = await world.permitted();
    await world.reopen();
    expect(word(await world.redeem(permit))).toBe(restartEndsPermits ? 'deny:expired' : 'started');
  });
  test('rule 27: the door that starts is the one that was decided about', async () => {
    const world = await aWorld();
    const permit = await world.permitted({ grade: 'gateway' });
    expect(word(await world.redeem(permit, { grade: 'in-process' }))).toBe('deny:other_door');
    expect(word(await world.redeem(permit, { confine: 'namespace' }))).toBe('deny:other_door');
  });
  test.each<readonly [string, (world: World) => Promise<unknown>, string]>([
    ['containment', (w) => contain(w, 'everything', '*'), 'deny:contained'],
    [
      'a revoked agent',
      (w) => w.plane.operate(as('operator-1'), anIdentity('agent-1', { change: 'revoke' })),
      'deny:revoked',
    ],
    [
      'a revoked user',
      (w) => w.plane.operate(as('operator-1'), anIdentity('user-1', { change: 'revoke' })),
      'deny:revoked',
    ],
    [
      'a stricter bundle',
      (w) => w.together(publishing(aBundle({ version: 2, policies: [] })), 'author-1', 'operator-1'),
      'deny:policy',
    ],
    [
      'a rotated key',
      (w) =>
        w.plane.operate(
          as('operator-1'),
          anIdentity('agent-1', { change: 'rotate', keys: [keyOf('new')], jkts: [jktOf('new')] }),
        ),
      'deny:revoked',
    ],
  ])('rule 4: %s since the permit refuses the start', async (_, change, expected) => {
    const world = await aWorld();
    const permit = await world.permitted();
    await change(world);
    expect(word(await world.redeem(permit))).toBe(expected);
    expect((await world.all('start')).filter(({ exec }) => exec === permit.exec)).toEqual([]);
  });
});

describe('renewing', () => {
  test('rule 5: a renewal is a signed note over start, instance, counter and the caller’s nonce', async () => {
    const world = await aWorld();
    const permit = await world.started();
    world.later(3_000);
    const { reply, notes } = await world.renew(permit, 1);
    const note = parseNote(notes[0]!);
    const renewal = parseRenewal(note.text);
    expect(renewal).toMatchObject({ exec: permit.exec, counter: 1, durationMs: 10_000, at: world.clock.now });
    expect(reply).toMatchObject({ kind: 'renewed', untilMs: world.clock.now + 10_000 });
    expect(note.signatures).toHaveLength(1);
    expect(await world.store.records.notes(permit.exec)).toEqual(notes);
  });
  test('rule 5: an old counter, another instance and another key get no renewal', async () => {
    const world = await aWorld();
    const permit = await world.started();
    await world.renew(permit, 2);
    expect(word(await world.renew(permit, 2))).toBe('conflict:old_counter');
    expect(word(await world.renew({ ...permit, instance: instance(1) }, 3))).toBe('conflict:other_instance');
    expect(word(await world.renew(permit, 3, as('agent-2')))).toBe('conflict:other_instance');
  });
  test('rule 16: running time has a maximum', async () => {
    const world = await aWorld();
    const permit = await world.started();
    for (let n = 1; n <= 6; n += 1) {
      world.later(9_000);
      expect(word(await world.renew(permit, n))).toBe('renewed');
    }
    expect((await world.row(permit.exec)).lease!.untilMs).toBe(
      (await world.row(permit.exec)).start!.atMs + 60_000,
    );
    world.later(6_000);
    expect(word(await world.renew(permit, 7))).toBe('deny:max_time');
  });
  test.each<readonly [string, (world: World, exec: string) => Promise<unknown>, string]>([
    ['containment of everything', (w) => contain(w, 'everything', '*'), 'deny:contained'],
    ['containment of its agent', (w) => contain(w, 'agent', 'agent-1'), 'deny:contained'],
    ['containment of its tool', (w) => contain(w, 'tool', 'files/*'), 'deny:contained'],
    ['containment of its run', (w, exec) => contain(w, 'run', exec), 'deny:contained'],
    ['containment of itself', (w, exec) => contain(w, 'execution', exec), 'deny:contained'],
    [
      'a revoked identity',
      (w) => w.plane.operate(as('operator-1'), anIdentity('user-1', { change: 'revoke' })),
      'deny:revoked',
    ],
    [
      'a stricter bundle',
      (w) => w.together(publishing(aBundle({ version: 2, policies: [] })), 'author-1', 'operator-1'),
      'deny:policy',
    ],
    ['the end of its lease', async (w) => w.later(10_001), 'deny:expired'],
  ])('rule 5: %s refuses the renewal, and the refusal is in the log', async (_, change, expected) => {
    const world = await aWorld();
    const permit = await world.started();
    await change(world, permit.exec);
    expect(word(await world.renew(permit))).toBe(expected);
    expect((await world.all('refusal')).at(-1)).toMatchObject({ exec: permit.exec, code: expected.slice(5) });
  });
  test('rule 39: a clock that steps back a little makes no renewal older than the one before it', async () => {
    const world = await aWorld();
    const permit = await world.started();
    world.later(500);
    const renewed = async (n: number) =>
      parseRenewal(parseNote((await world.renew(permit, n)).notes[0]!).text);
    const first = await renewed(1);
    world.later(-300);
    expect((await renewed(2)).at).toBe(first.at);
    world.later(1_000);
    expect((await renewed(3)).at).toBe(world.clock.now);
  });

  test('an ended parent ends what runs below it at the next renewal', async () => {
    const world = await aWorld();
    const parent = await world.started();
    const child = await world.started({ parent: parent.exec });
    const grandchild = await world.started({ parent: child.exec });
    expect(word(await world.renew(grandchild, 1))).toBe('renewed');
    await world.report(parent);
    expect(word(await world.renew(child, 1))).toBe('deny:parent_ended');
    expect(word(await world.renew(grandchild, 2))).toBe('deny:parent_ended');
  });
});

describe('reporting', () => {
  test('only the instance that started says what became of it', async () => {
    const world = await aWorld();
    const permit = await world.started();
    expect(word(await world.report({ ...permit, instance: instance(1) }))).toBe('conflict:other_instance');
    expect(word(await world.report(permit, {}, as('agent-2')))).toBe('conflict:other_instance');
    expect(word(await world.report(permit))).toBe('done');
    expect(word(await world.report({ ...permit, exec: crypto.randomUUID() }))).toBe(
      'conflict:unknown_execution',
    );
  });
  test('a report repeated after a lost reply makes no second outcome', async () => {
    const world = await aWorld();
    const permit = await world.started();
    await world.report(permit);
    expect(word(await world.report(permit))).toBe('done');
    expect((await world.all('outcome')).filter(({ exec }) => exec === permit.exec)).toHaveLength(1);
  });
  test('rule 25: silence ends in doubt and settles in full; a late report moves no state', async () => {
    const world = await aWorld();
    const permit = await world.started({ action: 'bank/pay', arguments: { amount: '30' } });
    world.later(11_000);
    expect(await world.plane.tick()).toEqual([permit.exec]);
    expect((await world.row(permit.exec)).state).toBe('in_doubt');
    const late = await world.report(permit, { settled: [{ name: 'budget', amount: '1' }] });
    expect(late.reply).toMatchObject({ kind: 'done', late: true });
    expect((await world.row(permit.exec)).state).toBe('in_doubt');
    const [meter] = await world.store.list({ kind: 'meter', limit: 1 });
    expect(meter!.value).toMatchObject({ spent: '30', reserved: '0' });
    expect((await world.plane.state()).inDoubt).toBe(1);
  });
  test('rule 25: a report after the lease’s end is late, whether a timer came first or not', async () => {
    const world = await aWorld();
    const permit = await world.started();
    world.later(60_000);
    expect((await world.report(permit)).reply).toMatchObject({ late: true });
    expect((await world.row(permit.exec)).state).toBe('in_doubt');
  });
  test('rule 25: people resolve what is in doubt, once, and get nothing back for it', async () => {
    const world = await aWorld();
    const permit = await world.started({ action: 'bank/pay', arguments: { amount: '30' } });
    world.later(11_000);
    await world.plane.tick();
    const resolve = () =>
      world.plane.operate(as('operator-1'), {
        op: 'resolve',
        exec: permit.exec,
        status: 'failed',
        reason: 'looked',
      });
    expect(word(await resolve())).toBe('operated');
    expect((await world.row(permit.exec)).state).toBe('failed');
    expect(word(await resolve())).toBe('conflict:not_in_doubt');
    const [meter] = await world.store.list({ kind: 'meter', limit: 1 });
    expect(meter!.value).toMatchObject({ spent: '30', reserved: '0' });
  });
  test('rule 25: what never started expires, and is never in doubt', async () => {
    const world = await aWorld();
    const permit = await world.permitted();
    world.later(30_000);
    await world.plane.tick();
    expect((await world.row(permit.exec)).state).toBe('expired');
    expect(await world.plane.tick()).toEqual([]);
  });
  test('an outcome without a start moves nothing: not a permit, and not a hold', async () => {
    const world = await aWorld();
    const permit = await world.permitted();
    expect(word(await world.report(permit))).toBe('deny:not_started');
    expect((await world.row(permit.exec)).state).toBe('permitted');
    const { exec, request } = await world.held();
    expect(word(await world.report({ ...permit, exec, instance: request.instance }))).toBe(
      'deny:not_started',
    );
    expect((await world.row(exec)).state).toBe('held');
  });
});

describe('rule 33: containment by consequence', () => {
  const ruled = (
    on: 'outcome_without_start' | 'foreign_permit' | 'replayed_permit' | 'unpinned_tool' | 'denials',
    scope: 'run' | 'agent' = 'run',
    more = {},
  ) => aBundle({ containment: [{ id: 'rule', on, scope, ...more }], pins: {} });
  const active = async (world: World) => (await world.plane.containments()).active;

  test('an outcome without a start contains the run', async () => {
    const world = await aWorld({ bundle: ruled('outcome_without_start') });
    const permit = await world.permitted();
    await world.report(permit);
    expect(await active(world)).toMatchObject([{ scope: { kind: 'run', id: permit.exec }, cause: 'rule' }]);
    expect(word(await world.redeem(permit))).toBe('deny:contained');
  });
  test('a foreign permit contains who presents it, and not its owner', async () => {
    const world = await aWorld({ bundle: ruled('foreign_permit', 'agent') });
    const permit = await world.permitted();
    expect(word(await world.redeem(permit, { caller: as('agent-2') }))).toBe('deny:foreign_permit');
    expect(await active(world)).toMatchObject([{ scope: { kind: 'agent', id: 'agent-2' } }]);
    expect(word(await world.redeem(permit))).toBe('started');
  });
  test('a replayed permit contains the run', async () => {
    const world = await aWorld({ bundle: ruled('replayed_permit') });
    const permit = await world.permitted();
    await world.redeem(permit);
    await world.redeem(permit, { instance: instance(1) });
    expect(await active(world)).toMatchObject([{ scope: { kind: 'run', id: permit.exec } }]);
    expect(word(await world.renew(permit))).toBe('deny:contained');
  });
  test('an unpinned tool contains the agent where the rule says so', async () => {
    const bundle = { ...ruled('unpinned_tool', 'agent'), pins: { 'files/write_file': 'A'.repeat(43) } };
    const world = await aWorld({ bundle });
    expect(word(await world.decide())).toBe('deny:unpinned');
    expect(await active(world)).toMatchObject([{ scope: { kind: 'agent', id: 'agent-1' } }]);
  });
  test('so many denials of one run within so long contain it; fewer, or slower, do not', async () => {
    const bundle = ruled('denials', 'run', { count: 3, within: '10s' });
    const world = await aWorld({ bundle });
    const parent = await world.started();
    const deny = () => world.decide({ parent: parent.exec, arguments: { path: '/etc/passwd' } });
    await deny();
    await deny();
    expect(await active(world)).toEqual([]);
    world.later(9_999);
    await deny();
    expect(await active(world)).toMatchObject([{ scope: { kind: 'run', id: parent.exec } }]);
    const slow = await aWorld({ bundle });
    const root = await slow.started();
    for (let n = 0; n < 5; n += 1) {
      await slow.decide({ parent: root.exec, arguments: { path: '/etc/passwd' } });
      slow.later(5_000);
      await slow.renew(root, n + 1);
    }
    expect(await active(slow)).toEqual([]);
  });
});

test('containment acknowledged, no start after it: redeem, decide-and-start and publish race it in every order', async () => {
  const rounds = Number(process.env['LICET_INTERLEAVINGS'] ?? 72);
  const world = await aWorld({ people: 1 });
  for (let round = 0; round < rounds; round += 1) {
    const permits = await Promise.all(Array.from({ length: 4 }, () => world.permitted()));
    const acts: (() => Promise<unknown>)[] = [
      ...permits.slice(0, 3).map((permit) => () => world.redeem(permit)),
      () => world.started().catch(() => undefined),
    ];
    if (round % 8 === 3)
      acts.push(() => world.plane.operate(as('author-1'), publishing(aBundle({ version: round + 2 }))));
    let acknowledged: number | undefined;
    // The containment begins at every place among them, and after every number of turns.
    const turns = Math.floor(round / 6) % 12;
    acts.splice(round % 6, 0, async () => {
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      await contain(world, 'everything', '*');
      acknowledged = (await world.store.log.checkpoint()).size;
    });
    await Promise.all(acts.map(async (act) => act()));
    expect(word(await world.redeem(permits[3]!))).toBe('deny:contained');
    const after = await world.store.log.entries(acknowledged!, (await world.store.log.checkpoint()).size);
    const starts = after.map((bytes) => parseEntry(bytes)).filter(({ type }) => type === 'start');
    // What operators do to the plane is not contained: somebody has to be able to lift.
    expect(starts.filter((start) => start.type === 'start' && start.grade !== 'verified')).toEqual([]);
    for (const { leaf } of (await world.plane.containments()).active)
      await world.plane.operate(as('operator-1'), { op: 'lift', leaf });
    world.later(31_000);
    await world.plane.tick();
  }
}, 300_000);
