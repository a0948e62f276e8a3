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
import { as, aWorld, word } from './support.ts';

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
});
