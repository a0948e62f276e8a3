/** Goal: amounts are exact and limits are never overspent (RULE 4, 21, 24, 25). Method: laws of decimals and counters, then races through the plane. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addDecimal,
  compareDecimal,
  formatDecimal,
  parseDecimal,
  subtractDecimal,
} from '../src/core/decimal.ts';
import { exhausted, meterId, reserve, settle, settlement } from '../src/core/meters.ts';
import type { Reservation } from '../src/core/commands.ts';
import type { MeterRow, RowReader } from '../src/core/rows.ts';
import type { Bundle } from '@licet/policy';
import { aBundle, ACTIONS, anIdentity, as, aWorld, PEOPLE, T0, word, type World } from './support.ts';

const value = fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n });
const amount = fc.bigInt({ min: 0n, max: 10n ** 9n }).map(formatDecimal);

describe('decimals', () => {
  test('parse and format are inverse, for every value', () => {
    fc.assert(fc.property(value, (v) => parseDecimal(formatDecimal(v)) === v));
  });
  test('sum and difference are those of integers', () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        const [x, y] = [formatDecimal(a), formatDecimal(b)];
        expect(parseDecimal(addDecimal(x, y))).toBe(a + b);
        expect(subtractDecimal(addDecimal(x, y), y)).toBe(x);
        expect(Math.sign(compareDecimal(x, y))).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
  });
  for (const bad of [
    '',
    ' 1',
    '1e3',
    '0x1',
    '.5',
    '1.',
    '1.00001',
    '+1',
    'NaN',
    '1,5',
    '--1',
    '1'.repeat(19),
  ]) {
    test(`rule 21: ${JSON.stringify(bad)} is no amount, and never counts as zero`, () => {
      expect(() => parseDecimal(bad)).toThrow(/not a decimal/);
    });
  }
  test('rule 21: a tenth added ten times is one, which a float would miss', () => {
    expect(Array.from({ length: 10 }, () => '0.1').reduce(addDecimal, '0')).toBe('1');
  });
});

class Counters implements RowReader {
  readonly rows = new Map<string, MeterRow>();
  get(_: never, id: string): never | undefined {
    return this.rows.get(id) as never;
  }
  version(): number {
    return 0;
  }
  put(rows: readonly MeterRow[]): void {
    for (const row of rows) this.rows.set(row.name, row);
  }
}

const aReservation = (of: string, max = '100', settles = true): Reservation => ({
  meter: meterId('budget', 'user-1', { startMs: 0, settles }),
  name: 'budget',
  per: 'user',
  amount: of,
  max,
  currency: 'EUR',
  kind: 'window',
  settles,
});
const meterOf = ({ meter, amount: of }: Reservation) => ({ name: meter, amount: of, currency: 'EUR' });

describe('counters', () => {
  test('whatever is reserved and settled in whatever order: nothing is lost, nothing exceeds the limit', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(amount, amount, fc.boolean()), { maxLength: 40 }), (steps) => {
        const counters = new Counters();
        let spent = '0';
        const open: { of: string; claim: string }[] = [];
        for (const [of, claim, ends] of steps) {
          const wanted = aReservation(of, '100000');
          if (exhausted(counters, [wanted]) === undefined) {
            counters.put(reserve(counters, [meterOf(wanted)]));
            open.push({ of, claim });
          }
          const done = ends ? open.shift() : undefined;
          if (done !== undefined) {
            const reserved = [meterOf(aReservation(done.of))];
            const settled = settlement(reserved, [{ name: 'budget', amount: done.claim }]);
            expect(compareDecimal(settled[0]!.amount, done.of)).toBeLessThanOrEqual(0);
            spent = addDecimal(spent, settled[0]!.amount);
            counters.put(settle(counters, reserved, settled));
          }
          const [row] = counters.rows.values();
          if (row === undefined) continue;
          expect(row.spent).toBe(spent);
          expect(row.reserved).toBe(open.map((one) => one.of).reduce(addDecimal, '0'));
          expect(compareDecimal(addDecimal(row.spent, row.reserved), '100000')).toBeLessThanOrEqual(0);
        }
      }),
    );
  });
  test('two reservations of one request count together', () => {
    expect(exhausted(new Counters(), [aReservation('60'), aReservation('60')])).toBeDefined();
  });
  test('a negative amount gives nothing back', () => {
    expect(exhausted(new Counters(), [aReservation('-1')])).toBeDefined();
  });
  test('another currency is no amount of this counter', () => {
    const counters = new Counters();
    counters.put(reserve(counters, [meterOf(aReservation('1'))]));
    expect(exhausted(counters, [{ ...aReservation('1'), currency: 'USD' }])).toBeDefined();
  });
  test('rule 25: only a counter that may settles lower, and never more, never below nothing', () => {
    const reserved = [meterOf(aReservation('10'))];
    const fixed = [meterOf(aReservation('10', '100', false))];
    const claim = (of: string) => [{ name: 'budget', amount: of }];
    expect(settlement(reserved, claim('4'))[0]!.amount).toBe('4');
    expect(settlement(reserved, claim('11'))[0]!.amount).toBe('10');
    expect(settlement(reserved, claim('-4'))[0]!.amount).toBe('10');
    expect(settlement(reserved, [])[0]!.amount).toBe('10');
    expect(settlement(fixed, claim('4'))[0]!.amount).toBe('10');
  });
});

describe('through the plane', () => {
  const pay = (amountText: string) => ({ action: 'bank/pay', arguments: { amount: amountText } });

  test('rule 4: 64 callers race for a budget that holds ten: ten are permitted, and not a cent more', async () => {
    const world = await aWorld();
    const answers = await Promise.all(Array.from({ length: 64 }, () => world.decide(pay('10'))));
    expect(answers.filter((answer) => word(answer) === 'permitted')).toHaveLength(10);
    expect(answers.filter((answer) => word(answer) === 'deny:limit')).toHaveLength(54);
    const [row] = await world.store.list({ kind: 'meter', limit: 10 });
    expect(row!.value).toMatchObject({ reserved: '100', spent: '0', currency: 'EUR' });
  });
  test('rule 21: an amount that is no exact decimal is denied', async () => {
    const world = await aWorld();
    for (const bad of ['1e3', '-5', '0.00001', 'ten'])
      expect(word(await world.decide(pay(bad)))).toBe('deny:unmappable');
  });
  test('rule 25: an outcome settles lower where the limit allows it, and frees the rest', async () => {
    const world = await aWorld();
    const permit = await world.started(pay('100'));
    expect(word(await world.decide(pay('1')))).toBe('deny:limit');
    await world.report(permit, { settled: [{ name: 'budget', amount: '40' }] });
    expect(word(await world.decide(pay('60')))).toBe('permitted');
    expect(word(await world.decide(pay('0.01')))).toBe('deny:limit');
  });
  test('a permit that was never used gives its reservation back', async () => {
    const world = await aWorld();
    await world.permitted(pay('100'));
    world.later(31_000);
    await world.plane.tick();
    expect(word(await world.decide(pay('100')))).toBe('permitted');
  });
  test('rule 24: a renewal does not fail on the reservation that its own permit made', async () => {
    const world = await aWorld();
    const permit = await world.started(pay('100'));
    expect(word(await world.renew(permit))).toBe('renewed');
  });
  test('a window opens again when its time has come', async () => {
    const world = await aWorld();
    const ask = { action: 'bank/count', arguments: {} };
    for (let i = 0; i < 10; i += 1) expect(word(await world.decide(ask))).toBe('permitted');
    const { reply } = await world.decide(ask);
    expect(reply).toMatchObject({ code: 'limit', retryAfterMs: 3_600_000 });
    world.later(3_600_000);
    expect(word(await world.decide(ask, as('agent-1')))).toBe('permitted');
  });

  describe('whom a limit counts', () => {
    const count = { action: 'bank/count', arguments: {} };
    const limited = (limits: Bundle['limits'], policies = aBundle().policies): Promise<World> => {
      const meters = Object.keys(limits).map((limit) => ({ limit }));
      const actions = { ...ACTIONS, 'bank/count': { ...ACTIONS['bank/count']!, meters } };
      const budget = aBundle().limits['budget']!;
      return aWorld({
        bundle: aBundle({ actions, limits: { budget, ...limits }, policies }),
        identities: [
          ...PEOPLE,
          anIdentity('agent-3', {
            groups: ['robots'],
            for: 'user-1',
            root: { perDay: 100, concurrent: 100 },
          }),
        ],
      });
    };
    test('a tool: calls of it by anybody count together, others do not', async () => {
      const world = await limited({ busy: { kind: 'count', per: 'tool', max: 2, window: '1h' } });
      expect(word(await world.decide(count))).toBe('permitted');
      expect(word(await world.decide(count, as('agent-3')))).toBe('permitted');
      const { reply } = await world.decide(count, as('agent-3'));
      expect(reply).toMatchObject({
        code: 'limit',
        limit: { name: 'busy', per: 'tool', max: '2', resetsAtMs: T0 + 3_600_000 },
      });
      expect(word(await world.decide())).toBe('permitted');
    });
    test('a group: its agents together; who is not in it is not counted', async () => {
      const world = await limited({ crew: { kind: 'count', per: 'group', group: 'robots', max: 1 } });
      expect(word(await world.decide(count, as('agent-3')))).toBe('permitted');
      expect(word(await world.decide(count, as('agent-3')))).toBe('deny:limit');
      for (let i = 0; i < 3; i += 1) expect(word(await world.decide(count))).toBe('permitted');
    });
    test('fan-out: the children of one parent, or of one run; never given back, and a root is no child', async () => {
      const world = await limited({
        children: { kind: 'fan-out', per: 'execution', max: 2 },
        offspring: { kind: 'fan-out', per: 'run', max: 3 },
      });
      const root = await world.started(count);
      const child = await world.started({ ...count, parent: root.exec });
      await world.report(await world.started({ ...count, parent: root.exec }));
      const third = await world.decide({ ...count, parent: root.exec });
      expect(third.reply).toMatchObject({ code: 'limit', limit: { name: 'children', per: 'execution' } });
      // Another parent of the same run: its own children are few, the run's are not.
      expect(word(await world.decide({ ...count, parent: child.exec }))).toBe('permitted');
      const fourth = await world.decide({ ...count, parent: child.exec });
      expect(fourth.reply).toMatchObject({ code: 'limit', limit: { name: 'offspring', per: 'run' } });
      expect(word(await world.decide(count))).toBe('permitted');
    });
    test('what is used up is seen by policies on every action, also on those that do not use it', async () => {
      const text = `@id("all") permit (principal, action in Action::"licet/governed", resource);
@id("no-files-without-money") forbid (principal, action in Action::"files", resource)
when { context.meters has budget && context.meters.budget.left.lessThan(decimal("1.0")) };`;
      const world = await limited({}, [{ name: 'p.cedar', text }]);
      expect(word(await world.decide())).toBe('permitted');
      expect(word(await world.decide(pay('99.5')))).toBe('permitted');
      expect(word(await world.decide())).toBe('deny:policy');
    });
    test('people see each counter: reserved, spent, left, whom it counts, and when it is there again', async () => {
      const world = await limited({ busy: { kind: 'count', per: 'tool', max: 2, window: '1h' } });
      const running = await world.started(pay('30'));
      await world.decide(pay('20.5'));
      await world.report(running, { settled: [{ name: 'budget', amount: '10' }] });
      await world.decide(count);
      expect(await world.plane.limits()).toEqual([
        {
          name: 'budget',
          kind: 'amount',
          per: 'user',
          whom: 'user-1',
          max: '100',
          currency: 'EUR',
          reserved: '20.5',
          spent: '10',
          left: '69.5',
        },
        {
          name: 'busy',
          kind: 'count',
          per: 'tool',
          whom: 'bank/count',
          max: '2',
          reserved: '1',
          spent: '0',
          left: '1',
          resetsAtMs: T0 + 3_600_000,
        },
      ]);
      world.later(3_600_000);
      expect((await world.plane.limits()).map(({ name }) => name)).toEqual(['budget']);
    });
    test('a fan-out per agent, a group without its name: faults of the bundle', async () => {
      for (const limit of [
        { kind: 'fan-out', per: 'agent', max: 1 },
        { kind: 'count', per: 'group', max: 1 },
        { kind: 'count', per: 'agent', max: 1, group: 'robots' },
      ]) {
        const { ok, problems } = await (
          await aWorld()
        ).plane.check(aBundle({ version: 2, limits: { x: limit as never } }) as never);
        expect(ok).toBe(false);
        expect(problems[0]!.message).toContain('bundle.limits.x');
      }
    });
  });
});
