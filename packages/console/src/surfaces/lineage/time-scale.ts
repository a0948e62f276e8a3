/**
 * Time on a line, with idle compressed: runs work in bursts, and hours of waiting between them would leave each burst
 * a pixel wide. A quiet stretch keeps a small, constant width and is drawn as one. Pure.
 */

/** A stretch of time and where it lies: `u` from 0 to 1. */
export interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
  readonly fromU: number;
  readonly toU: number;
  readonly idle: boolean;
}

export interface TimeScale {
  readonly stretches: readonly Stretch[];
  /** Returns the place of a moment, 0 to 1. */
  toU(ms: number): number;
  /** Returns the moment of a place, whole milliseconds. */
  toMs(u: number): number;
}

/** Width of a compressed stretch beside all active time together. */
const IDLE_SHARE = 0.02;
/** A pause counts as idle above this share of all active time, and above `MIN_IDLE_MS`. */
const IDLE_ABOVE = 0.04;
const MIN_IDLE_MS = 2_000;

/**
 * Returns the scale of the given moments.
 * @param times milliseconds, sorted, at least one
 */
export function timeScale(times: readonly number[]): TimeScale {
  const first = times[0] ?? 0;
  const last = Math.max(times.at(-1) ?? 0, first + 1);
  const gaps: { readonly from: number; readonly to: number }[] = [];
  for (let at = 1; at < times.length; at += 1)
    if (times[at]! - times[at - 1]! >= MIN_IDLE_MS) gaps.push({ from: times[at - 1]!, to: times[at]! });
  const longest = gaps.toSorted((a, b) => b.to - b.from - (a.to - a.from));
  let active = last - first;
  const idle: { readonly from: number; readonly to: number }[] = [];
  // Longest first: taking one out makes the rest of the run shorter, and the next one may then be long beside it.
  for (const gap of longest) {
    if (gap.to - gap.from < IDLE_ABOVE * active || idle.length >= 40) break;
    idle.push(gap);
    active -= gap.to - gap.from;
  }
  active = Math.max(active, 1);
  const idleWidth = IDLE_SHARE * active;
  const whole = active + idle.length * idleWidth;
  const stretches: Stretch[] = [];
  let [ms, u] = [first, 0];
  const add = (toMs: number, width: number, isIdle: boolean): void => {
    if (toMs <= ms) return;
    const toU = u + width / whole;
    stretches.push({ fromMs: ms, toMs, fromU: u, toU, idle: isIdle });
    [ms, u] = [toMs, toU];
  };
  for (const gap of idle.toSorted((a, b) => a.from - b.from)) {
    add(gap.from, gap.from - ms, false);
    add(gap.to, idleWidth, true);
  }
  add(last, last - ms, false);
  const find = (test: (one: Stretch) => boolean): Stretch => {
    let [low, high] = [0, stretches.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (test(stretches[middle]!)) high = middle;
      else low = middle + 1;
    }
    return stretches[low]!;
  };
  const end = stretches.at(-1)!.toU;
  return {
    stretches,
    toU(at) {
      const one = find((stretch) => at <= stretch.toMs);
      const share = (at - one.fromMs) / (one.toMs - one.fromMs);
      return clamp(one.fromU + share * (one.toU - one.fromU), 0, 1) / end;
    },
    toMs(place) {
      const at = clamp(place, 0, 1) * end;
      const one = find((stretch) => at <= stretch.toU);
      const share = clamp((at - one.fromU) / (one.toU - one.fromU), 0, 1);
      return Math.round(one.fromMs + share * (one.toMs - one.fromMs));
    },
  };
}

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));
