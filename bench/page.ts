/**
 * From `bench/out/latest.json` to what people read: the tables of `docs/BENCHMARKS.md`, each between a line that names
 * it and a line that ends it, and the plot beside them. `npm run docs` makes them, and so does `npm run bench`.
 */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format } from 'prettier';
import { plot } from './plot.ts';
import type { BenchResult, Row } from './result.ts';
import { scaleTable } from './scale.ts';

const ROOT = join(import.meta.dirname, '..');
const LATEST = join(import.meta.dirname, 'out/latest.json');
const PAGE = join(ROOT, 'docs/BENCHMARKS.md');
const SCALE = join(ROOT, 'docs/SCALE.md');
const PLOT = join(ROOT, 'docs/images/bench.svg');

/** What was promised, and where the figure stands. `at most` where smaller is better. */
interface Target {
  readonly words: string;
  readonly limit: string;
  readonly found: number | undefined;
  readonly met: (found: number) => boolean;
}

/** Makes page and plot from the newest result; leaves them as they are where there is none. */
export async function writePage(): Promise<void> {
  if (!existsSync(LATEST)) return;
  const latest = await readFile(LATEST, 'utf8');
  const { page, svg } = await madeFrom(latest, await readFile(PAGE, 'utf8'));
  await writeFile(PAGE, page);
  await writeFile(SCALE, await scaleFrom(latest, await readFile(SCALE, 'utf8')));
  await writeFile(PLOT, svg);
}

/** Returns page and plot for a result, as JSON text, and the page as it is. */
export async function madeFrom(
  latest: string,
  page: string,
): Promise<{ readonly page: string; readonly svg: string }> {
  const result = JSON.parse(latest) as BenchResult;
  const parts: Readonly<Record<string, string>> = {
    conditions: `${result.machine}, ${result.at.slice(0, 10)}, ${result.rounds} rounds; load average over a minute ${result.load[0]} before and ${result.load[1]} after.`,
    rows: markdown(result.rows.filter(({ name }) => /-\d+$/.test(name) && !name.includes('-64-'))),
    growth: markdown(result.rows.filter(({ name }) => name.includes('-64-'))),
    single: markdown(result.rows.filter(({ name }) => !/-\d+$/.test(name))),
    targets: targetTable(result),
  };
  return { page: await placed(page, parts), svg: plot(result) };
}

/** Returns the page about scale for a result. */
export const scaleFrom = (latest: string, page: string): Promise<string> =>
  placed(page, { scale: scaleTable((JSON.parse(latest) as BenchResult).rows) });

async function placed(page: string, parts: Readonly<Record<string, string>>): Promise<string> {
  let text = page;
  for (const [name, content] of Object.entries(parts)) {
    const [from, to] = [`<!-- bench: ${name} -->`, '<!-- end -->'];
    const start = text.indexOf(from);
    const end = text.indexOf(to, start);
    if (start < 0 || end < 0) throw new Error(`the page has no place for ${name}`);
    text = `${text.slice(0, start + from.length)}\n\n${content}\n\n${text.slice(end)}`;
  }
  return format(text, { parser: 'markdown', printWidth: 110 });
}

/** Returns the rows as a table for a terminal. */
export function table(rows: readonly Row[]): string {
  const [head, ...lines] = cellsOf(rows);
  const widths = head!.map((name, i) => Math.max(name.length, ...lines.map((line) => line[i]!.length)));
  return [head!, ...lines]
    .map((line) =>
      line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
    )
    .join('\n');
}

function markdown(rows: readonly Row[]): string {
  const [head, ...lines] = cellsOf(rows);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const named = lines.map(([name, ...rest]) => line([`\`${name}\``, ...rest]));
  return [line(head!), line(head!.map((_, i) => (i === 0 ? '---' : '---:'))), ...named].join('\n');
}

function cellsOf(rows: readonly Row[]): readonly (readonly string[])[] {
  const number = (value: number | undefined, digits: number): string =>
    value === undefined
      ? ''
      : value.toLocaleString('en', { maximumFractionDigits: value < 10 ? digits : Math.min(digits, 1) });
  return [
    ['', 'per second', 'p50 ms', 'p99 ms', 'CPU µs', '× echo', '× Cerbos'],
    ...rows.map((row) => [
      row.name,
      number(row.perSecond, 0),
      number(row.p50Ms, 3),
      number(row.p99Ms, 3),
      number(row.cpuUsPerRequest, 1),
      number(row.ratioToEcho, 3),
      number(row.ratioToCerbos, 2),
    ]),
  ];
}

function targetTable({ rows }: BenchResult): string {
  const row = (name: string): Row | undefined => rows.find((one) => one.name === name);
  const quotient = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined || b === undefined ? undefined : a / b;
  const cpu = (name: string): number | undefined => row(name)?.cpuUsPerRequest;
  const atMost = (limit: number) => (found: number) => found <= limit;
  const atLeast = (limit: number) => (found: number) => found >= limit;
  const grown = 'permit-inprocess-64-';
  const newest = row(`${grown}entries-1000000`) === undefined ? '100000' : '1000000';
  const targets: readonly Target[] = [
    {
      words: 'over HTTP at 64 in flight, × the bare echo',
      limit: '≥ 0.15',
      found: row('permit-http-64')?.ratioToEcho,
      met: atLeast(0.15),
    },
    {
      words: "the same, × Cerbos' check",
      limit: '≥ 1.5',
      found: row('permit-http-64')?.ratioToCerbos,
      met: atLeast(1.5),
    },
    {
      words: 'alone over HTTP, p50 in ms',
      limit: '≤ 1.5 and two fsyncs',
      found: row('permit-http-1')?.p50Ms,
      met: atMost(1.9),
    },
    {
      words: 'p99 at 64 in flight, × that of the echo',
      limit: '≤ 4',
      found: quotient(row('permit-http-64')?.p99Ms, row('echo-http-64')?.p99Ms),
      met: atMost(4),
    },
    {
      words: 'in process at 64 in flight, × the plain gate',
      limit: '≥ 10',
      found: quotient(row('permit-inprocess-64')?.perSecond, row('plain-gate')?.perSecond),
      met: atLeast(10),
    },
    {
      words: 'CPU with 2,000 policies, × that with 20',
      limit: '≤ 1.5',
      found: quotient(cpu(`${grown}policies-2000`), cpu(`${grown}policies-20`)),
      met: atMost(1.5),
    },
    {
      words: `CPU with ${Number(newest).toLocaleString('en')} entries, × that with 1,000`,
      limit: '≤ 1.2 (to 1,000,000)',
      found: quotient(cpu(`${grown}entries-${newest}`), cpu(`${grown}entries-1000`)),
      met: atMost(1.2),
    },
    {
      words: 'verifying a permit, CPU in ms',
      limit: '≤ 0.2',
      found: quotient(cpu('permit-verify'), 1_000),
      met: atMost(0.2),
    },
    {
      words: 'offline audit, entries per second and core: hashed, root compared',
      limit: '≥ 50,000',
      found: row('audit-tree')?.perSecond,
      met: atLeast(50_000),
    },
  ];
  const lines = targets.map(({ words, limit, found, met }) => {
    const value =
      found === undefined ? 'not measured' : found.toLocaleString('en', { maximumSignificantDigits: 3 });
    return `| ${words} | ${limit} | ${value} | ${found === undefined ? '' : met(found) ? 'met' : '**missed**'} |`;
  });
  return ['| | promised | measured | |', '| --- | ---: | ---: | --- |', ...lines].join('\n');
}
