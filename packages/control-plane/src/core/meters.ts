// Limits: reserved by the permit, settled by the outcome, conserved over crashes (RULE 4, 25). A counter's row id says
// what it is: `<limit>:<scope>:<w|s|open><window>`, where `s` marks amounts that may be settled lower.
import type { Meter } from '@licet/evidence';
import type { Reservation } from './commands.ts';
import { addDecimal, compareDecimal, subtractDecimal } from './decimal.ts';
import type { MeterRow, RowReader } from './rows.ts';

/** Row id of a counter. */
export function meterId(
  limit: string,
  scope: string,
  window: { readonly startMs: number; readonly settles: boolean } | 'open',
): string {
  return `${limit}:${scope}:${window === 'open' ? 'open' : `${window.settles ? 's' : 'w'}${window.startMs.toString(36)}`}`;
}

const isOpen = (id: string): boolean => id.endsWith(':open');
const maySettleLower = (id: string): boolean => /:s[0-9a-z]+$/.test(id);

const counter = (rows: RowReader, meter: Pick<Meter, 'name' | 'currency'>): MeterRow =>
  rows.get('meter', meter.name) ?? {
    name: meter.name,
    reserved: '0',
    spent: '0',
    ...(meter.currency === undefined ? {} : { currency: meter.currency }),
  };

/** The first reservation that does not fit, if any. Amounts must be positive or zero and of the counter's currency. */
export function exhausted(rows: RowReader, reservations: readonly Reservation[]): Reservation | undefined {
  const taken = new Map<string, string>();
  for (const reservation of reservations) {
    if (compareDecimal(reservation.amount, '0') < 0) return reservation;
    const row = rows.get('meter', reservation.meter);
    if (row !== undefined && row.currency !== reservation.currency) return reservation;
    const before =
      taken.get(reservation.meter) ?? (row === undefined ? '0' : addDecimal(row.reserved, row.spent));
    const after = addDecimal(before, reservation.amount);
    if (compareDecimal(after, reservation.max) > 0) return reservation;
    taken.set(reservation.meter, after);
  }
  return undefined;
}

/** Counter rows after a permit reserved `meters`. */
export function reserve(rows: RowReader, meters: readonly Meter[]): readonly MeterRow[] {
  return fold(rows, meters, (row, amount) => ({ ...row, reserved: addDecimal(row.reserved, amount) }));
}

/** Counter rows after an outcome settled what the permit had reserved. */
export function settle(
  rows: RowReader,
  reserved: readonly Meter[],
  settled: readonly Meter[],
): readonly MeterRow[] {
  const spent = new Map(settled.map((meter) => [meter.name, meter.amount]));
  return fold(rows, reserved, (row, amount) => ({
    ...row,
    reserved: subtractDecimal(row.reserved, amount),
    spent: isOpen(row.name) ? row.spent : addDecimal(row.spent, spent.get(row.name) ?? amount),
  }));
}

/**
 * What an outcome settles: the full reservation, lower only where the counter allows it and the redeeming instance
 * said so; never more, never negative (RULE 25).
 */
export function settlement(
  reserved: readonly Meter[],
  claimed: readonly { readonly name: string; readonly amount: string }[],
): readonly Meter[] {
  return reserved.map((meter) => {
    const claim = claimed.find(
      (candidate) => candidate.name === meter.name || meter.name.startsWith(`${candidate.name}:`),
    );
    const lower =
      claim !== undefined &&
      maySettleLower(meter.name) &&
      compareDecimal(claim.amount, '0') >= 0 &&
      compareDecimal(claim.amount, meter.amount) < 0;
    return lower ? { ...meter, amount: claim.amount } : meter;
  });
}

function fold(
  rows: RowReader,
  meters: readonly Meter[],
  step: (row: MeterRow, amount: string) => MeterRow,
): readonly MeterRow[] {
  const changed = new Map<string, MeterRow>();
  for (const meter of meters) {
    changed.set(meter.name, step(changed.get(meter.name) ?? counter(rows, meter), meter.amount));
  }
  return [...changed.values()];
}
