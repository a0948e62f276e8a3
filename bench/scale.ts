/**
 * `node bench/scale.ts [agents]`: what many agents need, on paper: executions, logs, machines, disks and what a stranger
 * has to check, from the figures of `bench/out/latest.json` where it is there. Prints one table as Markdown, as
 * `docs/SCALE.md` shows it. Nothing here was run at that size; `docs/SCALE.md` says what that leaves open.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchResult, Row } from './result.ts';

/** What a fleet does. */
interface Load {
  readonly agents: number;
  /** Executions per agent and hour, over a day. */
  readonly perHour: number;
  /** The busiest minute over the mean. */
  readonly peak: number;
  /** Seconds that one runs; a lease of 10 s is renewed each third of it. */
  readonly runsForS: number;
}

/** What was measured, and what was taken where nothing was. */
interface Figures {
  /** Microseconds of CPU for a permit with its start over HTTP, with many in flight. */
  readonly startUs: number;
  /** The same for an outcome and for a renewal: a share of it, since no policy is asked twice for an outcome. */
  readonly outcomeUs: number;
  readonly renewalUs: number;
  /** Bytes on disk of one execution: three entries, its record, its rows. */
  readonly bytesPerExecution: number;
  /** Entries that one core hashes into a tree in a second. */
  readonly auditPerSecond: number;
  /** Writes to one log in a second at most: its batches follow one another. */
  readonly startsPerLog: number;
}

const RENEW_EVERY_S = 10 / 3;
/** How full a machine may be at the peak, so that a replica or a log may be lost. */
const FILL = 0.5;
const LATEST = join(import.meta.dirname, 'out/latest.json');

function figuresOf(rows: readonly Row[]): Figures {
  const row = (name: string) => rows.find((one) => one.name === name);
  const startUs = row('start-http-64')?.cpuUsPerRequest ?? 2_613;
  return {
    startUs,
    outcomeUs: startUs * 0.4,
    renewalUs: startUs * 0.7,
    bytesPerExecution: 16_000,
    auditPerSecond: row('audit-tree')?.perSecond ?? 100_000,
    startsPerLog: row('start-http-64')?.perSecond ?? 614,
  };
}

/** What a load needs. */
function needs(load: Load, found: Figures) {
  const perSecond = (load.agents * load.perHour) / 3_600;
  const peak = perSecond * load.peak;
  const renewals = Math.max(0, Math.ceil(load.runsForS / RENEW_EVERY_S) - 1);
  const cpuUs = found.startUs + found.outcomeUs + renewals * found.renewalUs;
  const perDay = perSecond * 86_400;
  return {
    perSecond,
    peak,
    cores: Math.ceil((peak * cpuUs) / 1e6 / FILL),
    // A log takes what its one fence takes; renewals are notes in the same commits.
    logs: Math.ceil((peak * (cpuUs / found.startUs)) / (found.startsPerLog * FILL)),
    gigabytesPerDay: (perDay * found.bytesPerExecution) / 1e9,
    entriesPerDay: perDay * 3,
    auditCoreHours: (perDay * 3) / found.auditPerSecond / 3_600,
    // A halt reaches a running execution with its next renewal when the stream is lost.
    runningAtPeak: peak * load.runsForS,
  };
}

/** Returns the table for these rows; without them the figures of docs/BENCHMARKS.md (2 cores, 2026-11-23). */
export function scaleTable(rows: readonly Row[], agents = 1_000_000): string {
  const fleets: readonly (readonly [words: string, load: Load])[] = [
    ['a team', { agents: 100, perHour: 60, peak: 5, runsForS: 2 }],
    ['a company', { agents: 10_000, perHour: 60, peak: 4, runsForS: 2 }],
    ['many, each a call a minute', { agents, perHour: 60, peak: 3, runsForS: 2 }],
    ['many, long runs', { agents, perHour: 6, peak: 3, runsForS: 60 }],
  ];
  const found = figuresOf(rows);
  const short = (value: number): string => value.toLocaleString('en', { maximumSignificantDigits: 3 });
  const lines = fleets.map(([words, load]) => {
    const need = needs(load, found);
    const figures = [
      need.perSecond,
      need.peak,
      need.runningAtPeak,
      need.cores,
      need.logs,
      need.gigabytesPerDay,
      need.entriesPerDay,
      need.auditCoreHours,
    ];
    const name = `${words} (${load.agents.toLocaleString('en')} agents, ${load.perHour}/h, ${load.runsForS} s)`;
    return `| ${[name, ...figures.map(short)].join(' | ')} |`;
  });
  const head =
    '| fleet | executions/s | at the peak | running at the peak | cores | logs | GB a day | entries a day | core hours to audit a day |';
  return [head, `| --- ${'| ---: '.repeat(8)}|`, ...lines].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const rows = existsSync(LATEST) ? (JSON.parse(readFileSync(LATEST, 'utf8')) as BenchResult).rows : [];
  const agents = process.argv[2];
  console.log(scaleTable(rows, agents === undefined ? undefined : Number(agents)));
}
