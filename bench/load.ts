/** Closed loop: so many callers, each asking again as soon as it is answered, for so long. */
import { readdirSync, readFileSync } from 'node:fs';

/** Until code and Cedar's WebAssembly are compiled in earnest: a few hundred requests in every thread. */
export const WARM_UP_MS = 4_000;

/** What one stretch of load came to. */
export interface Stretch {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** User and system time of the process that answers, microseconds per answer. */
  readonly cpuUsPerRequest: number;
}

export interface LoadOptions {
  readonly inFlight: number;
  readonly forMs: number;
  /** User and system time so far of the process that answers, microseconds. */
  readonly cpuUs: () => number;
}

/** Calls `once` from `inFlight` callers. A call that rejects ends the measurement: an error is no throughput. */
export async function load(
  once: (n: number) => Promise<unknown>,
  { inFlight, forMs, cpuUs }: LoadOptions,
): Promise<Stretch> {
  const latencies: number[] = [];
  let n = 0;
  const cpuBefore = cpuUs();
  const started = performance.now();
  const untilMs = started + forMs;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (let now = performance.now(); now < untilMs;) {
        await once((n += 1));
        const done = performance.now();
        latencies.push(done - now);
        now = done;
      }
    }),
  );
  const tookMs = performance.now() - started;
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
  return {
    perSecond: (sorted.length / tookMs) * 1_000,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    cpuUsPerRequest: (cpuUs() - cpuBefore) / sorted.length,
  };
}

/** Kernel ticks per second, as Linux shows them to every process. */
const TICKS = 100;

/** User and system time of another process, all of its threads, in microseconds; 10 ms fine. */
export const cpuOf = (pid: number): number => cpuIn(`/proc/${pid}/stat`).us;

/** The same of each of its threads, with the thread's name. */
export const threadsOf = (pid: number): ReadonlyMap<number, { readonly name: string; readonly us: number }> =>
  new Map(readdirSync(`/proc/${pid}/task`).map((id) => [Number(id), cpuIn(`/proc/${pid}/task/${id}/stat`)]));

function cpuIn(path: string): { readonly name: string; readonly us: number } {
  const stat = readFileSync(path, 'utf8');
  // The name stands in brackets and may hold spaces: what follows the last bracket is counted.
  const end = stat.lastIndexOf(')');
  const fields = stat.slice(end + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { name: stat.slice(stat.indexOf('(') + 1, end), us: (ticks / TICKS) * 1_000_000 };
}

/** User and system time of this process, microseconds. */
export function ownCpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Returns the middle value. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
