// From the bundle's limits to the counters of one request: which rows it would use, how much, and until when.
import { base64url, sha256, utf8 } from '@licet/evidence';
import {
  meterCosts,
  parseDuration,
  type ActionPlan,
  type Arguments,
  type InputDenial,
  type LimitSpec,
  type LoadedBundle,
  type MeterFact,
} from '@licet/policy';
import type { Reservation } from './core/commands.ts';
import { addDecimal, compareDecimal, subtractDecimal } from './core/decimal.ts';
import { meterId } from './core/meters.ts';
import type { PlaneContext } from './context.ts';
import type { MandateRow, MeterRow } from './core/rows.ts';
import { policyOf } from './look-up.ts';

/** Whom a limit counts. */
export interface LimitScope {
  readonly run: string;
  readonly exec: string;
  readonly agent: string;
  readonly user: string;
  /** The running execution on whose behalf; none for a root. */
  readonly parent?: string;
  readonly tool: string;
  /** Groups of the acting agent. */
  readonly groups: readonly string[];
}

/** One counter that a request could use: a limit, whom it counts, and the window it is in. */
export interface Counter {
  readonly name: string;
  readonly per: LimitSpec['per'];
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
    const whom = whomOf(limit, scope);
    if (whom === undefined) return [];
    const meter = meterId(name, whom, open ? 'open' : { startMs, settles });
    return [
      {
        name,
        per: limit.per,
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
    const { name, per, meter, max, open, settles, resetsAtMs } = counter;
    return [
      {
        meter,
        name,
        per,
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

/** The name under which a request is counted; undefined when this limit does not count it. */
function whomOf(limit: LimitSpec, scope: LimitScope): string | undefined {
  if (limit.kind === 'fan-out')
    return scope.parent === undefined ? undefined : limit.per === 'run' ? scope.run : scope.parent;
  switch (limit.per) {
    case 'execution':
      return scope.exec;
    case 'run':
      return scope.run;
    case 'agent':
      return scope.agent;
    case 'user':
      return scope.user;
    case 'tool':
      return toolId(scope.tool);
    case 'group':
      return limit.group !== undefined && scope.groups.includes(limit.group) ? 'all' : undefined;
    case 'tenant':
      return 'all';
    default:
      return limit.per satisfies never;
  }
}

/** An action as a counter names it: entries hold ids, which have no slash and are short. */
const toolId = (action: string): string =>
  action.length <= 40
    ? action.replace('/', '@')
    : base64url(sha256(utf8(action)))
        .slice(0, 22)
        .replace(/^[_-]/, '0');

/** A counter as people see it. */
export interface LimitUse {
  readonly name: string;
  readonly kind: LimitSpec['kind'];
  readonly per: LimitSpec['per'] | 'mandate';
  /** Who is counted: an id, an action, a group; `all` for a tenant. */
  readonly whom: string;
  readonly max: string;
  readonly currency?: string;
  readonly reserved: string;
  readonly spent: string;
  readonly left: string;
  readonly resetsAtMs?: number;
}

const MAX_COUNTERS = 1_000;

/** The counters that count now, by limit: what is reserved, spent and left of each, and when its window ends. */
export async function limits({ store, keeper, clock }: PlaneContext): Promise<readonly LimitUse[]> {
  await keeper.ensure(await policyOf(store));
  const { loaded } = keeper;
  if (loaded === undefined) return [];
  const rows = await store.list({ kind: 'meter', limit: MAX_COUNTERS });
  const found = await Promise.all(
    rows.map(async ({ value }) => {
      const row = value as MeterRow;
      const [name = '', window = ''] = [row.name.split(':')[0], row.name.split(':').at(-1)];
      const limit = Object.hasOwn(loaded.limits, name) ? loaded.limits[name] : undefined;
      const scope = row.name.slice(name.length + 1, -window.length - 1);
      if (limit === undefined) return [];
      const mandate = (await store.read([{ kind: 'mandate', id: scope }]))[0]?.value as
        MandateRow | undefined;
      const budget = mandate?.opened?.body.limits?.[name]?.max;
      const windowMs = limit.window === undefined ? undefined : parseDuration(limit.window);
      const startMs = window === 'open' ? 0 : Number.parseInt(window.slice(1), 36);
      const resetsAtMs = mandate !== undefined || windowMs === undefined ? undefined : startMs + windowMs;
      // A window that has ended counts nobody any more.
      if (resetsAtMs !== undefined && resetsAtMs <= clock.nowMs()) return [];
      const max = String(budget ?? limit.max);
      const used = addDecimal(row.reserved, row.spent);
      return [
        {
          name,
          kind: limit.kind,
          per: mandate === undefined ? limit.per : ('mandate' as const),
          whom: whomShown(loaded, limit, scope),
          max,
          ...(row.currency === undefined ? {} : { currency: row.currency }),
          reserved: row.reserved,
          spent: row.spent,
          left: compareDecimal(used, max) >= 0 ? '0' : subtractDecimal(max, used),
          ...(resetsAtMs === undefined ? {} : { resetsAtMs }),
        },
      ];
    }),
  );
  return found.flat().toSorted((a, b) => (`${a.name} ${a.whom}` < `${b.name} ${b.whom}` ? -1 : 1));
}

function whomShown(loaded: LoadedBundle, limit: LimitSpec, scope: string): string {
  if (limit.per === 'group') return limit.group ?? scope;
  if (limit.per !== 'tool') return scope;
  return [...loaded.actions.keys()].find((action) => toolId(action) === scope) ?? scope;
}
