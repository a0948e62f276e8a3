/** Whether a process holds more and more: a straight line through what was measured after the warm-up. */

/** One look at a server process. Sizes in bytes. */
export interface Sample {
  readonly atMs: number;
  readonly heap: number;
  readonly rss: number;
  readonly handles: number;
  /** Open file descriptors. */
  readonly descriptors: number;
  readonly delayP99Ms: number;
}

export interface Verdict {
  readonly samples: number;
  readonly heapMb: number;
  readonly heapMbPerMinute: number;
  readonly rssMb: number;
  readonly rssMbPerMinute: number;
  readonly descriptors: readonly [least: number, most: number];
  readonly handles: readonly [least: number, most: number];
  readonly delayP99Ms: number;
  /** What is more than may be; empty when nothing leaks. */
  readonly leaks: readonly string[];
}

/**
 * Rows that are remembered fill caches of fixed size (20,000 rows) at the pace of the load: some kilobytes an execution,
 * and done after about a quarter of an hour of it. What is watched for less long is watched while they fill.
 */
const HEAP_MB_PER_MINUTE = { whileFilling: 4, after: 1 } as const;
const FILLED_AFTER_MS = 10 * 60_000;
/** The first half warms up. */
const WARM = 1 / 2;
/** Connections come and go; what stays open is more than this. */
const DESCRIPTORS = 8;
const MB = 1_048_576;

/** Judges the samples of one process. Fewer than nine after the warm-up show nothing. */
export function verdictOf(samples: readonly Sample[]): Verdict {
  const warm = samples.slice(Math.ceil(samples.length * WARM));
  const leaks: string[] = [];
  if (warm.length < 9) leaks.push(`only ${warm.length} samples after the warm-up`);
  const heap = slope(warm.map(({ atMs, heap: bytes }) => [atMs, bytes]));
  const rss = slope(warm.map(({ atMs, rss: bytes }) => [atMs, bytes]));
  const { whileFilling, after } = HEAP_MB_PER_MINUTE;
  const most = (warm[0]?.atMs ?? 0) < FILLED_AFTER_MS ? whileFilling : after;
  if (!(heap <= most)) leaks.push(`heap: ${heap.toFixed(2)} MB a minute`);
  for (const name of ['descriptors', 'handles'] as const) {
    const [middle, last] = [warm.slice(0, warm.length / 2), warm.slice(warm.length / 2)];
    const more = median(last.map((one) => one[name])) - median(middle.map((one) => one[name]));
    if (!(more <= DESCRIPTORS)) leaks.push(`${name}: ${more} more at the end`);
  }
  const range = (name: 'descriptors' | 'handles'): [number, number] => [
    Math.min(...warm.map((one) => one[name])),
    Math.max(...warm.map((one) => one[name])),
  ];
  return {
    samples: samples.length,
    heapMb: rounded(median(warm.map(({ heap: bytes }) => bytes)) / MB),
    heapMbPerMinute: rounded(heap),
    rssMb: rounded(median(warm.map(({ rss: bytes }) => bytes)) / MB),
    rssMbPerMinute: rounded(rss),
    descriptors: range('descriptors'),
    handles: range('handles'),
    delayP99Ms: median(warm.map(({ delayP99Ms }) => delayP99Ms)),
    leaks,
  };
}

const rounded = (number: number): number => Math.round(number * 100) / 100;

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

/** Megabytes a minute, by least squares. NaN, which no bound admits, where there is no line. */
function slope(points: readonly (readonly [atMs: number, bytes: number])[]): number {
  const mean = (at: 0 | 1): number => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const over = points.reduce((sum, [atMs, bytes]) => sum + (atMs - x) * (bytes - y), 0);
  const under = points.reduce((sum, [atMs]) => sum + (atMs - x) ** 2, 0);
  return (over / under / MB) * 60_000;
}
