// Goal: the tables of docs/BENCHMARKS.md are what the newest measurement says. Method: a made-up result into the page as
// it is, and the page made again from the result that is kept, where one is.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { madeFrom, scaleFrom } from '../bench/page.ts';
import { rowsOf, type BenchResult, type Round } from '../bench/result.ts';

const ROOT = join(import.meta.dirname, '..');
const LATEST = join(ROOT, 'bench/out/latest.json');
const page = readFileSync(join(ROOT, 'docs/BENCHMARKS.md'), 'utf8');
const scale = readFileSync(join(ROOT, 'docs/SCALE.md'), 'utf8');
const stretch = (perSecond: number) => ({ perSecond, p50Ms: 1, p99Ms: 2, cpuUsPerRequest: 1e6 / perSecond });
const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

test('ratios are those of each round, beside as many in flight; a row that was not measured has none', () => {
  const round: Round = {
    'echo-http-64': stretch(1_000),
    'permit-http-64': stretch(150),
    'permit-inprocess-64-policies-200': stretch(50),
    'plain-gate': stretch(5_000),
  };
  // A slow minute is slow for both.
  const slow: Round = { 'echo-http-64': stretch(100), 'permit-http-64': stretch(15) };
  const rows = rowsOf([round, slow, slow], middle);
  expect(rows.find(({ name }) => name === 'permit-http-64')).toMatchObject({
    perSecond: 15,
    ratioToEcho: 0.15,
  });
  expect(rows.every((row) => row.ratioToCerbos === undefined)).toBe(true);
  expect(rows.find(({ name }) => name === 'permit-inprocess-64-policies-200')?.ratioToEcho).toBeUndefined();
  expect(rows.find(({ name }) => name === 'plain-gate')?.ratioToEcho).toBeUndefined();
});

test('each part has its place in the page, a missed figure is called so, and making it twice changes nothing', async () => {
  const rounds: Round[] = [
    {
      'echo-http-64': stretch(10_000),
      'cerbos-http-64': stretch(2_000),
      'permit-http-64': stretch(1_000),
      'permit-verify': stretch(10_000),
    },
  ];
  const result: BenchResult = {
    machine: 'a machine',
    at: '2026-01-02T03:04:05Z',
    rounds: 1,
    load: [0, 1],
    rows: rowsOf(rounds, middle),
  };
  const made = await madeFrom(JSON.stringify(result), page);
  expect(made.page).toContain('a machine, 2026-01-02');
  expect(made.page).toMatch(/× the bare echo +\| +≥ 0.15 +\| +0.1 +\| \*\*missed\*\*/);
  expect(made.page).toMatch(/verifying a permit[^|]*\| +≤ 0.2 +\| +0.1 +\| met/);
  expect(made.page).toMatch(/in process at 64 in flight, × the plain gate +\| +≥ 10 +\| not measured/);
  expect(made.svg).toContain('>1,000<');
  expect((await madeFrom(JSON.stringify(result), made.page)).page).toBe(made.page);
  expect(await scaleFrom(JSON.stringify(result), scale)).toMatch(/a team[^|]+\| +1.67 +\|/);
});

// LOST: before the first measurement is kept there is nothing that the page could contradict.
test.skipIf(!existsSync(LATEST))(
  'the page and the plot are those of the newest result: npm run docs',
  async () => {
    const made = await madeFrom(readFileSync(LATEST, 'utf8'), page);
    expect(made.page).toBe(page);
    expect(made.svg).toBe(readFileSync(join(ROOT, 'docs/images/bench.svg'), 'utf8'));
  },
);
