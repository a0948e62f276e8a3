// From the bundle's limits to the counters of one request: which rows it would use, how much, and until when.
import {
  meterCosts,
  parseDuration,
  type ActionPlan,
  type Arguments,
  type InputDenial,
  type LoadedBundle,
  type MeterFact,
} from '@licet/policy';
import type { Reservation } from './core/commands.ts';
import { addDecimal, compareDecimal, subtractDecimal } from './core/decimal.ts';
import { meterId } from './core/meters.ts';
import type { MeterRow } from './core/rows.ts';

/** Whom a limit counts. */
export interface LimitScope {
  readonly run: string;
  readonly exec: string;
  readonly agent: string;
  readonly user: string;
}

/** One counter that a request could use: a limit, whom it counts, and the window it is in. */
export interface Counter {
  readonly name: string;
  /** Row id. */
  readonly meter: string;
  readonly max: string;
  readonly open: boolean;
  readonly settles: boolean;
  readonly resetsAtMs?: number;
}

/** The counters of every limit as they stand for this request; depth is no counter. */
export function countersOf(loaded: LoadedBundle, scope: LimitScope, nowMs: number): readonly Counter[] {
  return Object.entries(loaded.limits).flatMap(([name, limit]) => {
    if (limit.kind === 'depth') return [];
    const windowMs = limit.window === undefined ? undefined : parseDuration(limit.window);
    const startMs = windowMs === undefined ? 0 : Math.floor(nowMs / windowMs) * windowMs;
    const open = limit.kind === 'concurrency';
    const settles = limit.settleLower === true;
    const meter = meterId(name, scopeId(limit.per, scope), open ? 'open' : { startMs, settles });
    return [
      {
        name,
        meter,
        max: String(limit.max),
        open,
        settles,
        ...(windowMs === undefined ? {} : { resetsAtMs: startMs + windowMs }),
      },
    ];
  });
}

/** The reservations of one request, or the code of a denial. */
export function reservationsOf(
  loaded: LoadedBundle,
  plan: ActionPlan,
  args: Arguments,
  counters: readonly Counter[],
): readonly Reservation[] | InputDenial {
  const costs = meterCosts(plan, loaded.limits, args);
  if ('deny' in costs) return costs;
  return costs.flatMap(({ limit, amount, currency }) => {
    const counter = counters.find(({ name }) => name === limit);
    if (counter === undefined) return [];
    const { name, meter, max, open, settles, resetsAtMs } = counter;
    return [
      {
        meter,
        name,
        amount,
        max,
        ...(currency === undefined ? {} : { currency }),
        kind: open ? ('open' as const) : ('window' as const),
        settles,
        ...(resetsAtMs === undefined ? {} : { resetsAtMs }),
      },
    ];
  });
}

/** True when the request is deeper than a depth limit of its action allows. */
export const tooDeep = (loaded: LoadedBundle, plan: ActionPlan, depth: number): boolean =>
  plan.meters.some(({ limit: name }) => {
    const limit = loaded.limits[name];
    return limit?.kind === 'depth' && depth > limit.max;
  });

/**
 * What policies see of the counters, of every declared limit: a snapshot, never the enforcement (RULE 4). What the
 * execution itself has reserved is left out (RULE 24).
 */
export function meterFacts(
  loaded: LoadedBundle,
  counters: readonly Counter[],
  rows: ReadonlyMap<string, MeterRow>,
  own: ReadonlyMap<string, string>,
): Readonly<Record<string, MeterFact>> {
  const facts: Record<string, MeterFact> = {};
  for (const { meter, name, max } of counters) {
    const row = rows.get(meter);
    const used =
      row === undefined ? '0' : subtractDecimal(addDecimal(row.reserved, row.spent), own.get(meter) ?? '0');
    const left = compareDecimal(used, max) >= 0 ? '0' : subtractDecimal(max, used);
    const exact = loaded.limits[name]?.kind === 'amount';
    facts[name] = exact ? { used, left } : { used: Number(used), left: Number(left) };
  }
  return facts;
}

function scopeId(per: 'execution' | 'run' | 'agent' | 'user' | 'tenant', scope: LimitScope): string {
  switch (per) {
    case 'execution':
      return scope.exec;
    case 'run':
      return scope.run;
    case 'agent':
      return scope.agent;
    case 'user':
      return scope.user;
    case 'tenant':
      return 'all';
    default:
      return per satisfies never;
  }
}
