/** Goal: whatever fails, nothing passes (P6; DESIGN §8). Method: a table of failures, each at each of its points, with the state after a restart. */
import { FAULT_POINTS, PERSISTED, UNKNOWN, type FaultPoint } from '@licet/store';
import { describe, expect, test } from 'vitest';
import { ControlPlaneError, inThreadEvaluator, type Evaluator } from '../src/index.ts';
import { isInMemory } from '../../store/test/under-test.ts';
import { aBundle, anIdentity, as, aWorld, codeOf, engine, publishing, word, type World } from './support.ts';

/** A world whose store fails once at the armed point. */
async function aFragileWorld(): Promise<{ readonly world: World; arm(point: FaultPoint): void }> {
  let armed: FaultPoint | undefined;
  const world = await aWorld({
    faults: {
      at(point) {
        if (point !== armed) return;
        armed = undefined;
        throw new Error(`disk: ${point}`);
      },
    },
  });
  return { world, arm: (point) => void (armed = point) };
}

// LOST: on SQLite and PostgreSQL the same points are failed by the contract of stores, below the plane; servers and disks
// that really fail are in tests/kill and tests/replicas.
describe.runIf(isInMemory)('the store fails', () => {
  for (const point of FAULT_POINTS) {
    const code = UNKNOWN[point] ? 'ERR_STORE_UNKNOWN_RESULT' : 'ERR_STORE_UNAVAILABLE';
    test(`at ${point}: a decision is no permit until it is durable; the same key then gets ${PERSISTED[point] ? 'that one' : 'a first one'}`, async () => {
      const { world, arm } = await aFragileWorld();
      const { request } = await world.permitted();
      const ask = { ...request, idempotencyKey: `${'B'.repeat(21)}A`, start: true };
      const before = (await world.entries()).length;
      arm(point);
      // While the outcome is in doubt there is no answer to read back, so the first error stands.
      expect(await codeOf(world.plane.decide(as('agent-1'), ask))).toMatch(
        /^ERR_STORE_(UNKNOWN_RESULT|UNAVAILABLE)$/,
      );
      expect(
        await codeOf(world.plane.decide(as('agent-1'), { ...ask, idempotencyKey: `${'C'.repeat(21)}A` })),
      ).toBe('ERR_STORE_UNAVAILABLE');
      await world.reopen();
      const size = (await world.entries()).length - 1;
      expect(size).toBe(before + (PERSISTED[point] ? 2 : 0));
      const again = await world.plane.decide(as('agent-1'), ask);
      expect(again.reply).toMatchObject({ kind: 'permitted', start: 1 });
      expect((await world.all('start')).filter(({ grade }) => grade !== 'verified')).toHaveLength(1);
    });
    test(`at ${point}: a redemption starts at most once, and its instance learns of it`, async () => {
      const { world, arm } = await aFragileWorld();
      const permit = await world.permitted();
      arm(point);
      expect(await codeOf(world.redeem(permit))).toBe(code);
      await world.store.recover();
      expect(word(await world.redeem(permit))).toBe('started');
      expect(word(await world.redeem(permit, { instance: new Uint8Array(16) }))).toBe('deny:spent');
      expect((await world.all('start')).filter(({ exec }) => exec === permit.exec)).toHaveLength(1);
    });
    test(`at ${point}: a containment is not acknowledged, and said once it is asked again`, async () => {
      const { world, arm } = await aFragileWorld();
      arm(point);
      const effect = { op: 'contain', scope: { kind: 'everything', id: '*' } } as const;
      const options = { idempotencyKey: `${'D'.repeat(21)}A` };
      expect(await codeOf(world.plane.operate(as('operator-1'), effect, options))).toBe(code);
      await world.store.recover();
      expect(word(await world.plane.operate(as('operator-1'), effect, options))).toBe('operated');
      expect(await world.all('containment')).toHaveLength(1);
      expect(word(await world.decide())).toBe('deny:contained');
    });
    test(`at ${point}: an execution that was running is in doubt after a restart, and listed`, async () => {
      const { world, arm } = await aFragileWorld();
      const permit = await world.started();
      arm(point);
      await codeOf(world.report(permit));
      await world.reopen();
      world.later(11_000);
      await world.plane.tick();
      const { state } = await world.row(permit.exec);
      expect(state).toBe(PERSISTED[point] ? 'completed' : 'in_doubt');
      expect((await world.plane.state()).inDoubt).toBe(state === 'in_doubt' ? 1 : 0);
      expect((await world.all('start')).filter(({ exec }) => exec === permit.exec)).toHaveLength(1);
    });
  }
  test('a key that was used for another request while the result was unknown is a conflict, not that answer', async () => {
    const { world, arm } = await aFragileWorld();
    const { request } = await world.permitted();
    const one = { ...request, idempotencyKey: `${'B'.repeat(21)}A` };
    arm('unknown-result');
    await codeOf(world.plane.decide(as('agent-1'), one));
    await world.store.recover();
    const other = { ...one, arguments: { path: '/workspace/other.txt' } };
    expect(word(await world.plane.decide(as('agent-1'), other))).toBe('conflict:idempotency_conflict');
  });
  test('a store that does not answer reads permits nothing', async () => {
    const world = await aWorld();
    const permit = await world.permitted();
    await world.store.close();
    const asked = [world.decide(), world.redeem(permit), world.renew(permit), world.plane.tick()];
    for (const code of await Promise.all(asked.map(codeOf))) expect(code).toMatch(/^ERR_STORE_/);
  });
});

describe('the evaluator fails', () => {
  const inner = inThreadEvaluator(engine);
  const failing = (error: () => Error): { evaluator: Evaluator; fail: boolean } => {
    const state = {
      fail: false,
      evaluator: {
        ...inner,
        evaluate: async (
          loaded: Parameters<Evaluator['evaluate']>[0],
          input: Parameters<Evaluator['evaluate']>[1],
          mandates: Parameters<Evaluator['evaluate']>[2],
        ) => {
          if (state.fail) throw error();
          return inner.evaluate(loaded, input, mandates);
        },
      },
    };
    return state;
  };
  test.each([
    ['throws', () => new Error('worker gone')],
    ['is overloaded', () => new ControlPlaneError('ERR_PLANE_OVERLOADED', 'queue full')],
  ])('%s: nothing is decided, started or renewed', async (_, error) => {
    const part = failing(error);
    const world = await aWorld({ evaluator: part.evaluator });
    const [permit, running] = [await world.permitted(), await world.started()];
    const size = (await world.entries()).length;
    part.fail = true;
    const asked = [world.decide(), world.redeem(permit), world.renew(running)];
    for (const code of await Promise.all(asked.map(codeOf))) expect(code).not.toBe('no error');
    expect(await world.entries()).toHaveLength(size);
    // What only stops things needs no policy.
    expect(word(await world.report(running))).toBe('done');
    expect(
      word(
        await world.plane.operate(as('operator-1'), {
          op: 'contain',
          scope: { kind: 'everything', id: '*' },
        }),
      ),
    ).toBe('operated');
  });
  test('overload: nothing is read, resolved or written for what is turned away; what is decided is still answered', async () => {
    let [full, looked] = [false, 0];
    const evaluator: Evaluator = {
      ...inner,
      admit: () => {
        if (full) throw new ControlPlaneError('ERR_PLANE_OVERLOADED', '300 evaluations are before it');
      },
    };
    const confirm = async (): Promise<undefined> => void (looked += 1);
    const world = await aWorld({ evaluator, resolver: { confirm } });
    const ask = { idempotencyKey: `${'B'.repeat(21)}A`, instance: new Uint8Array(16).fill(7) };
    const { reply } = await world.decide(ask);
    const [permit, running] = [await world.permitted(), await world.started()];
    const [size, before] = [(await world.entries()).length, looked];
    full = true;
    const asked = [world.decide(), world.redeem(permit), world.renew(running)];
    for (const code of await Promise.all(asked.map(codeOf))) expect(code).toBe('ERR_PLANE_OVERLOADED');
    expect([(await world.entries()).length, looked]).toEqual([size, before]);
    // RULE 6: the same key gets the same decision, however many wait.
    expect(await world.decide(ask)).toMatchObject({ reply });
    full = false;
    expect(word(await world.renew(running))).toBe('renewed');
  });
  test('a policy that errs at run time denies', async () => {
    const text =
      '@id("all") permit (principal, action in Action::"licet/governed", resource); @id("over") forbid (principal, action == Action::"bank/count", resource) when { context.depth + 9223372036854775807 > 0 && context.depth - 9223372036854775807 - 2 < 0 };';
    const world = await aWorld({ bundle: aBundle({ policies: [{ name: 'p.cedar', text }] }) });
    const parent = await world.started();
    expect(word(await world.decide({ parent: parent.exec, action: 'bank/count', arguments: {} }))).toBe(
      'deny:policy_error',
    );
  });
});

describe('the bundle fails', () => {
  test('no bundle: everything is denied, and the state says why', async () => {
    const world = await aWorld({ bundle: null });
    expect(word(await world.decide())).toBe('deny:no_bundle');
    expect(await world.plane.state()).toMatchObject({ state: 'fail-closed' });
  });
  test('a bundle that cannot be loaded any more denies everything: decisions, starts and renewals', async () => {
    let broken = false;
    const inner = inThreadEvaluator(engine);
    const world = await aWorld({
      evaluator: {
        ...inner,
        load: async (layers) => {
          if (broken) throw new Error('worker gone');
          return inner.load(layers);
        },
      },
    });
    const [permit, running] = [await world.permitted(), await world.started()];
    broken = true;
    await world.together(publishing(aBundle({ version: 2 })), 'author-1', 'operator-1');
    expect(word(await world.decide())).toBe('deny:no_bundle');
    expect(word(await world.redeem(permit))).toBe('deny:no_bundle');
    expect(word(await world.renew(running))).toBe('deny:no_bundle');
    broken = false;
    expect(word(await world.decide())).toBe('permitted');
  });
  test('a bundle older than its age decides nothing', async () => {
    const world = await aWorld({ bundle: aBundle({ maxAge: '1h' }) });
    const running = await world.started();
    world.later(3_600_001);
    expect(word(await world.decide())).toBe('deny:bundle_expired');
    expect(word(await world.renew(running))).toMatch(/^deny:/);
  });
  test('a bundle below the floor is not published', async () => {
    const world = await aWorld({ people: 1 });
    await world.plane.operate(as('author-1'), publishing(aBundle({ version: 5 })));
    await world.plane.operate(as('author-1'), { op: 'floor', layer: 'team', floor: 5 });
    expect(word(await world.plane.operate(as('author-1'), publishing(aBundle({ version: 4 }))))).toMatch(
      /^conflict:(version_not_rising|below_floor)$/,
    );
  });
});

test('rebuilt tables are the live tables, and the plane goes on with them', async () => {
  const world = await aWorld({ people: 1, bundle: aBundle({ facts: { x: 'boolean' } }) });
  const parent = await world.started({ action: 'bank/pay', arguments: { amount: '12.5' } });
  await world.renew(parent);
  const { exec, hold } = await world.held({ parent: parent.exec });
  await world.approve(exec, hold, 'finance', 'finance-1');
  await world.plane.operate(as('operator-1'), {
    op: 'fact',
    name: 'x',
    value: true,
    expMs: world.clock.now + 1,
  });
  await world.plane.operate(as('operator-1'), anIdentity('agent-2', { change: 'revoke' }));
  const before = await world.row(exec);
  await world.store.rebuild();
  expect(await world.row(exec)).toEqual(before);
  await world.approve(exec, hold, 'legal', 'legal-1');
  expect(word(await world.decide({ action: 'files/move_file', parent: parent.exec }))).toBe('permitted');
});
