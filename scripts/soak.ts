// `npm run soak`: the tests that CI runs with small numbers, with large ones, and a dated section of what came out in
// docs/RECORD.md. Numbers can be set from outside: `LICET_KILLS=1000 npm run soak`. One part: `npm run soak -- kills`.
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const RECORD = join(ROOT, 'docs', 'RECORD.md');

interface LongRun {
  readonly name: string;
  /** What is shown when it passes, as a sentence; `N` is the number. */
  readonly claim: string;
  /** Test files; each must read `variable`, or the number would be a lie. */
  readonly files: readonly string[];
  readonly variable: string;
  readonly number: number;
}

const LONG_RUNS: readonly LongRun[] = [
  {
    name: 'kills',
    claim: 'A server killed N times under load loses nothing it acknowledged and permits nothing twice.',
    files: ['tests/kill/kill.test.ts'],
    variable: 'LICET_KILLS',
    number: 200,
  },
  {
    name: 'store-kills',
    claim: 'A store killed N times at random moments keeps every entry it acknowledged, with the same bytes.',
    files: ['packages/store/test/kill.test.ts'],
    variable: 'LICET_KILLS',
    number: 200,
  },
  {
    name: 'differential',
    claim: 'Sliced and full policies agree on N random requests, reasons and errors included.',
    files: ['packages/policy/test/slices.test.ts'],
    variable: 'LICET_DIFFERENTIAL',
    number: 100_000,
  },
  {
    name: 'interleavings',
    claim:
      'N interleavings of containment, revocation, publish and redeem: no start after the acknowledgment.',
    files: ['packages/control-plane/test/run.test.ts'],
    variable: 'LICET_INTERLEAVINGS',
    number: 10_000,
  },
  {
    name: 'simulator',
    claim: 'N seeds of the simulator keep every invariant.',
    files: ['simulator/test/seeds.test.ts'],
    variable: 'LICET_SEEDS',
    number: 10_000,
  },
];

interface Result {
  readonly run: LongRun;
  readonly number: number;
  /** What the tests themselves printed as JSON, for the figures behind the claim. */
  readonly figures: readonly string[];
  /** Undefined: it could not be run, and why. */
  readonly counts?: { readonly passed: number; readonly failed: number };
  readonly why?: string;
  readonly seconds: number;
}

function reasonNotToRun({ files, variable }: LongRun): string | undefined {
  const missing = files.find((file) => !existsSync(join(ROOT, file)));
  if (missing !== undefined) return `${missing} does not exist`;
  const deaf = files.find((file) => !readFileSync(join(ROOT, file), 'utf8').includes(variable));
  return deaf === undefined ? undefined : `${deaf} does not read ${variable}`;
}

async function execute(run: LongRun): Promise<Result> {
  const number = Number(process.env[run.variable] ?? run.number);
  const why = reasonNotToRun(run);
  if (why !== undefined) return { run, number, why, seconds: 0, figures: [] };
  const folder = mkdtempSync(join(tmpdir(), 'licet-soak-'));
  const report = join(folder, 'report.json');
  const started = performance.now();
  const child = spawn(
    process.execPath,
    [
      join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      ...run.files,
      '--testTimeout=0',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
    {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NO_COLOR: '1', [run.variable]: String(number) },
    },
  );
  let printed = '';
  child.stdout?.on('data', (part: Buffer) => {
    process.stdout.write(part);
    printed += part.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const seconds = Math.round((performance.now() - started) / 1000);
  const figures = printed.split('\n').filter((line) => /^\{".*\}$/.test(line));
  try {
    const { numPassedTests, numFailedTests, success } = JSON.parse(readFileSync(report, 'utf8')) as {
      readonly numPassedTests: number;
      readonly numFailedTests: number;
      readonly success: boolean;
    };
    // Fail closed: a runner that ended badly, or ran nothing, has shown nothing.
    const bad = code !== 0 || !success || numPassedTests === 0;
    return {
      run,
      number,
      counts: { passed: numPassedTests, failed: Math.max(numFailedTests, bad ? 1 : 0) },
      seconds,
      figures,
    };
  } catch {
    return { run, number, why: `the runner ended with ${code} and left no report`, seconds, figures };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function outcome({ counts, why }: Result): string {
  if (counts === undefined) return `not run: ${why}`;
  return counts.failed === 0
    ? `holds (${counts.passed} tests)`
    : `FAILED (${counts.failed} of ${counts.passed + counts.failed} tests)`;
}

/** The commit, and whether the tree differs from it. */
function commit(): string {
  const git = (...args: readonly string[]): string =>
    spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' }).stdout?.trim() ?? '';
  const dirty = git('status', '--porcelain', '--untracked-files=no') !== '';
  return `${git('rev-parse', '--short=12', 'HEAD') || 'no commit'}${dirty ? ' with changes' : ''}`;
}

function section(results: readonly Result[]): string {
  const date = new Date().toISOString().slice(0, 16).replace('T', ' ');
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}, Node ${process.version}`;
  const rows = results.map(
    (result) =>
      `| ${result.run.claim.replace('N', result.number.toLocaleString('en-US'))} | ${outcome(result)} | ${result.seconds} s |`,
  );
  return [
    '',
    `## ${date} UTC, commit ${commit()}`,
    '',
    `${machine}.`,
    '',
    '| claim | result | took |',
    '| --- | --- | --- |',
    ...rows,
    '',
    ...results.flatMap(({ run, figures }) => figures.map((line) => `- ${run.name}: \`${line}\``)),
    '',
  ].join('\n');
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !LONG_RUNS.some((run) => run.name === name));
if (unknown.length > 0) {
  console.error(
    `No such part: ${unknown.join(', ')}. There are: ${LONG_RUNS.map((run) => run.name).join(', ')}.`,
  );
  process.exit(2);
}
const results: Result[] = [];
for (const run of LONG_RUNS) {
  if (asked.length === 0 || asked.includes(run.name)) results.push(await execute(run));
}
appendFileSync(RECORD, section(results));
for (const result of results) console.log(`${result.run.name}: ${outcome(result)} (${result.seconds} s)`);
process.exit(results.every(({ counts }) => counts?.failed === 0) ? 0 : 1);
