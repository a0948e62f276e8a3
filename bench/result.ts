/** What a run comes to: rows by name, as `latest.json` holds them and `docs/BENCHMARKS.md` shows them. */
import type { Stretch } from './load.ts';

/** One row: medians over the rounds. */
export interface Row extends Stretch {
  readonly name: string;
  /** Answers per second beside those of the bare echo with as many in flight, in the same round. */
  readonly ratioToEcho?: number;
  /** The same beside Cerbos' check; absent where it could not be measured. */
  readonly ratioToCerbos?: number;
}

export interface BenchResult {
  readonly machine: string;
  readonly at: string;
  readonly rounds: number;
  /** Load average of the machine over a minute, before and after. */
  readonly load: readonly [before: number, after: number];
  readonly rows: readonly Row[];
}

/** What was measured in one round, by name. */
export type Round = Readonly<Record<string, Stretch>>;

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));
const inFlightOf = (name: string): string => /-(\d+)$/.exec(name)?.[1] ?? '1';

/** Returns the rows of these rounds. A row that not every round has is the median of those that have it. */
export function rowsOf(rounds: readonly Round[], median: (values: readonly number[]) => number): Row[] {
  const names = [...new Set(rounds.flatMap((round) => Object.keys(round)))].toSorted(byName);
  return names.map((name): Row => {
    const found = rounds.filter((round) => round[name] !== undefined);
    const of = (field: keyof Stretch): number => median(found.map((round) => round[name]![field]));
    // Of each round its own ratio: the two were measured in the same minute.
    const ratioTo = (yardstick: string): number | undefined => {
      const both = found.filter((round) => round[yardstick] !== undefined);
      return both.length === 0
        ? undefined
        : rounded(median(both.map((one) => one[name]!.perSecond / one[yardstick]!.perSecond)), 3);
    };
    const asks = /^(?:permit|start|echo|cerbos)-.*\d$/.test(name);
    const echo = asks ? ratioTo(`echo-http-${inFlightOf(name)}`) : undefined;
    const cerbos = asks ? ratioTo(`cerbos-http-${inFlightOf(name)}`) : undefined;
    return {
      name,
      perSecond: Math.round(of('perSecond')),
      p50Ms: rounded(of('p50Ms'), 3),
      p99Ms: rounded(of('p99Ms'), 3),
      cpuUsPerRequest: rounded(of('cpuUsPerRequest'), 1),
      ...(echo === undefined ? {} : { ratioToEcho: echo }),
      ...(cerbos === undefined ? {} : { ratioToCerbos: cerbos }),
    };
  });
}

/** By name, and with 1 before 64 before 256. */
function byName(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
