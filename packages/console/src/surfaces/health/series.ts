/** Figures over time from slots of the plane, for charts: aggregated, with what is not known left out and never drawn through. Pure. */
import type { HealthReport, HealthSlot } from '@licet/api';

/** Ranges by key; the address names them. */
export const RANGES = [
  ['5m', 300_000],
  ['15m', 900_000],
  ['1h', 3_600_000],
  ['6h', 21_600_000],
  ['24h', 86_400_000],
] as const;
export type RangeName = (typeof RANGES)[number][0];

/** A stretch of time of which the plane has told. */
export interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Everything that this page has heard from `/health.json`. */
export interface Heard {
  readonly slots: ReadonlyMap<number, HealthSlot>;
  readonly spans: readonly Span[];
}

export const NOTHING: Heard = { slots: new Map(), spans: [] };

/** Adds an answer. The figures of another process do not join those of the one before: between them is a gap. */
export function hear(heard: Heard, report: HealthReport, sinceMs: number): Heard {
  const slots = new Map(heard.slots);
  for (const slot of report.latency.slots) slots.set(slot.at, slot);
  const fromMs = Math.max(report.startedMs, sinceMs);
  const span = { fromMs, untilMs: report.atMs };
  const joined: Span[] = [];
  for (const one of [...heard.spans, span].toSorted((a, b) => a.fromMs - b.fromMs)) {
    const last = joined.at(-1);
    if (last !== undefined && one.fromMs <= last.untilMs)
      joined[joined.length - 1] = { fromMs: last.fromMs, untilMs: Math.max(last.untilMs, one.untilMs) };
    else joined.push(one);
  }
  return { slots, spans: joined };
}

/** Columns for a chart; null is "not known". Times in seconds, as uPlot takes them. */
export interface Series {
  readonly at: readonly number[];
  readonly p50: readonly (number | null)[];
  readonly p95: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
  readonly allow: readonly (number | null)[];
  readonly deny: readonly (number | null)[];
  readonly hold: readonly (number | null)[];
  /** Width of one point, milliseconds. */
  readonly stepMs: number;
}

const MAX_POINTS = 180;

/** Returns the series of a range that ends now. */
export function seriesOf(
  { slots, spans }: Heard,
  edgesMs: readonly number[],
  slotMs: number,
  range: number,
  now: number,
): Series {
  const stepMs = Math.max(1, Math.ceil(range / MAX_POINTS / slotMs)) * slotMs;
  const first = Math.ceil((now - range) / stepMs) * stepMs;
  const columns = {
    at: [] as number[],
    p50: [] as (number | null)[],
    p95: [] as (number | null)[],
    p99: [] as (number | null)[],
    allow: [] as (number | null)[],
    deny: [] as (number | null)[],
    hold: [] as (number | null)[],
  };
  for (let at = first; at <= now; at += stepMs) {
    const known = spans.some(({ fromMs, untilMs }) => fromMs < at + stepMs && untilMs > at);
    const sum = { allow: 0, deny: 0, hold: 0, latency: edgesMs.map(() => 0).concat(0) };
    for (let slot = at; slot < at + stepMs; slot += slotMs) {
      const one = slots.get(slot);
      if (one === undefined) continue;
      sum.allow += one.allow;
      sum.deny += one.deny;
      sum.hold += one.hold;
      one.latency.forEach((count, edge) => (sum.latency[edge]! += count));
    }
    columns.at.push(at / 1_000);
    for (const name of ['allow', 'deny', 'hold'] as const) columns[name].push(known ? sum[name] : null);
    columns.p50.push(percentile(sum.latency, edgesMs, 0.5) ?? null);
    columns.p95.push(percentile(sum.latency, edgesMs, 0.95) ?? null);
    columns.p99.push(percentile(sum.latency, edgesMs, 0.99) ?? null);
  }
  return { ...columns, stepMs };
}

/** Returns a percentile in milliseconds, read off the histogram; undefined when nothing was counted. */
export function percentile(
  counts: readonly number[],
  edgesMs: readonly number[],
  share: number,
): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let below = 0;
  for (const [at, count] of counts.entries()) {
    if (count > 0 && below + count >= share * total) {
      const low = at === 0 ? 0 : edgesMs[at - 1]!;
      // Slower than the last edge: the edge is all that is known.
      const high = edgesMs[at] ?? low;
      return low + (high - low) * ((share * total - below) / count);
    }
    below += count;
  }
  return edgesMs.at(-1);
}

/** Returns the share of decisions that kept a limit which is an edge of the histogram. */
export function shareWithin(
  counts: readonly number[],
  edgesMs: readonly number[],
  limitMs: number,
): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  return (
    counts.reduce((sum, count, at) => sum + ((edgesMs[at] ?? Infinity) <= limitMs ? count : 0), 0) / total
  );
}
