// `npm run soak`: the tests that CI runs with small numbers, with large ones, and a dated section of what came out in
// docs/RECORD.md. Numbers can be set from outside: `LICET_KILLS=1000 npm run soak`. One part: `npm run soak -- kills`.
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const RECORD = join(ROOT, 'docs', 'RECORD.md');

/** Runs with vitest and a number in the environment, or a program with the number among its arguments. */
type Means =
  /** Each file must read `variable`, or the number would be a lie. */
  | { readonly files: readonly string[]; readonly variable: string }
  | {
      readonly program: string;
      readonly args: (number: number) => readonly string[];
      readonly variable: string;
    };

interface LongRun {
  readonly name: string;
  /** What is shown when it passes, as a sentence; `N` is the number. */
  readonly claim: string;
  readonly by: Means;
  readonly number: number;
}

const onEngine = (engine: string, words: string): LongRun => ({
  name: `stores-${engine}`,
  claim: `Every test that opens a store or a plane holds ${words}, if it can be kept there (N round).`,
  by: { program: 'tests/stores.ts', args: () => [engine], variable: 'LICET_STORES' },
  number: 1,
});

const LONG_RUNS: readonly LongRun[] = [
  {
    name: 'c2sp',
    claim:
      "Go's sumdb/note and sumdb/tlog accept a running server unmodified (notes, tiles, entry bundles, proofs; " +
      'N requests), say the same of a copy of it, and refuse that copy with one bit changed.',
    by: { program: 'tests/c2sp/live.ts', args: (number) => [String(number)], variable: 'LICET_C2SP' },
    number: 1_000,
  },
  onEngine('memory', 'in memory'),
  onEngine('sqlite', 'on SQLite'),
  onEngine('postgresql', 'on PostgreSQL'),
  {
    name: 'kills',
    claim: 'A server killed N times under load loses nothing it acknowledged and permits nothing twice.',
    by: { files: ['tests/kill/kill.test.ts'], variable: 'LICET_KILLS' },
    number: 200,
  },
  {
    name: 'store-kills',
    claim: 'A store killed N times at random moments keeps every entry it acknowledged, with the same bytes.',
    by: { files: ['packages/store/test/kill.test.ts'], variable: 'LICET_KILLS' },
    number: 200,
  },
  {
    name: 'races',
    claim:
      'N races of containment, revocation, rotation, publishing and orders with redeem and start: no start after the acknowledgment.',
    by: { files: ['tests/races/containment.test.ts'], variable: 'LICET_RACES' },
    number: 10_000,
  },
  {
    name: 'replica-races',
    claim:
      'N permits at 1, 2 and 4 replicas each over PostgreSQL, each raced for by 8 redeemers: one start each; limits exact, and what one replica has contained starts nowhere.',
    by: { files: ['tests/replicas/races.test.ts'], variable: 'LICET_REPLICA_RACES' },
    number: 10_000,
  },
  {
    name: 'failovers',
    claim:
      'A primary with a synchronous standby killed under load and promoted, there and back, N times: no acknowledged entry lost, no fork, nothing spent twice.',
    by: { files: ['tests/replicas/failover.test.ts'], variable: 'LICET_FAILOVERS' },
    number: 20,
  },
  {
    name: 'replica-kills',
    claim:
      'N blows to replicas under load (processes killed, connections cut in mid-commit, the primary killed and another promoted, the old one back): no acknowledged entry lost, no fork, nothing spent twice, nobody permitted meanwhile.',
    by: { files: ['tests/replicas/kill.test.ts'], variable: 'LICET_REPLICA_KILLS' },
    number: 30,
  },
  {
    name: 'moves',
    claim:
      'A plane of two people moves from SQLite to PostgreSQL by the documented commands; its server is lost; the dump is read and refused as a plane; a new one is up (N walk).',
    by: { files: ['packages/cli/test/store-lost.test.ts'], variable: 'LICET_MOVES' },
    number: 1,
  },
  {
    name: 'mixed',
    claim:
      'N minutes of mixed load on a server on SQLite and on two replicas over PostgreSQL leak nothing: the heap after a collection grows by less than 1 MB a minute once caches are full (4 before), descriptors and handles stay, the logs are whole.',
    by: {
      program: 'tests/mixed/run.ts',
      args: (number) => [String(number)],
      variable: 'LICET_MIXED_MINUTES',
    },
    number: 30,
  },
  {
    name: 'main-job-postgresql',
    claim: 'The main job runs unchanged on PostgreSQL, N times, every claim holding.',
    by: {
      program: 'tests/replicas/main-job.ts',
      args: (number) => [String(number)],
      variable: 'LICET_MAIN_JOBS',
    },
    number: 3,
  },
  {
    name: 'budget',
    claim:
      'N calls of several processes on one budget, one of them killed: no overspend, and the log adds up to what the plane says.',
    by: { files: ['tests/races/budget.test.ts'], variable: 'LICET_BUDGET_RACES' },
    number: 100_000,
  },
  {
    name: 'storms',
    claim:
      'N random trees of running executions, a person, an agent, a key or a mandate taken away among racing spawns: one beat later none below runs.',
    by: { files: ['packages/control-plane/test/storm.test.ts'], variable: 'LICET_STORMS' },
    number: 1_000,
  },
  {
    name: 'graphs',
    claim:
      'N random delegation graphs against an oracle of sets and sums: nobody gets more than everyone above, whatever is taken back meanwhile, and every budget adds up.',
    by: { files: ['packages/control-plane/test/delegation.test.ts'], variable: 'LICET_GRAPHS' },
    number: 100_000,
  },
  {
    name: 'differential',
    claim: 'Sliced and full policies agree on N random requests, reasons and errors included.',
    by: { files: ['packages/policy/test/slices.test.ts'], variable: 'LICET_DIFFERENTIAL' },
    number: 100_000,
  },
  {
    name: 'approved',
    claim:
      'N random changes of an approved execution (what, on what, by whom, where), and N random approvals of something else, are refused; the execution itself then runs, once.',
    by: { files: ['packages/control-plane/test/approved.test.ts'], variable: 'LICET_APPROVED' },
    number: 10_000,
  },
  {
    name: 'mutations',
    claim:
      'N random mutations of an approval that a passkey signed, its assertion or its subject, are all refused.',
    by: { files: ['packages/control-plane/test/passkeys.test.ts'], variable: 'LICET_MUTATIONS' },
    number: 100_000,
  },
  {
    name: 'simulator',
    claim: 'N seeds of the simulator keep every invariant.',
    by: {
      program: 'simulator/src/main.ts',
      args: (number) => [`--seeds=1..${number}`],
      variable: 'LICET_SEEDS',
    },
    number: 10_000,
  },
];

interface Result {
  readonly run: LongRun;
  readonly number: number;
  /** What it printed as JSON, and of a program its last lines: the figures behind the claim. */
  readonly figures: readonly string[];
  readonly holds: boolean;
  /** Why it does not hold or could not be run. */
  readonly why?: string;
  readonly seconds: number;
}

function reasonNotToRun({ by }: LongRun): string | undefined {
  const files = 'files' in by ? by.files : [by.program];
  const missing = files.find((file) => !existsSync(join(ROOT, file)));
  if (missing !== undefined) return `${missing} does not exist`;
  if (!('files' in by)) return undefined;
  const deaf = files.find((file) => !readFileSync(join(ROOT, file), 'utf8').includes(by.variable));
  return deaf === undefined ? undefined : `${deaf} does not read ${by.variable}`;
}

async function execute(run: LongRun): Promise<Result> {
  const number = Number(process.env[run.by.variable] ?? run.number);
  const why = reasonNotToRun(run);
  if (why !== undefined)
    return { run, number, holds: false, why: `not run: ${why}`, seconds: 0, figures: [] };
  const started = performance.now();
  const result = 'files' in run.by ? await vitest(run.by, number) : await program(run.by, number);
  return { run, number, seconds: Math.round((performance.now() - started) / 1000), ...result };
}

async function program(
  { program: file, args }: Extract<Means, { readonly program: string }>,
  number: number,
): Promise<Pick<Result, 'holds' | 'why' | 'figures'>> {
  const { code, printed } = await spawned([join(ROOT, file), ...args(number)], {});
  const figures = printed.trimEnd().split('\n').slice(-2);
  return code === 0 ? { holds: true, figures } : { holds: false, why: `it ended with ${code}`, figures };
}

async function vitest(
  { files, variable }: Extract<Means, { readonly files: readonly string[] }>,
  number: number,
): Promise<Pick<Result, 'holds' | 'why' | 'figures'>> {
  const folder = mkdtempSync(join(tmpdir(), 'licet-soak-'));
  const report = join(folder, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const runner = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const { code, printed } = await spawned([runner, 'run', ...files, '--testTimeout=0', ...reporters], {
    [variable]: String(number),
  });
  const figures = printed.split('\n').filter((line) => /^\{".*\}$/.test(line));
  try {
    const { numPassedTests, numFailedTests, success } = JSON.parse(readFileSync(report, 'utf8')) as {
      readonly numPassedTests: number;
      readonly numFailedTests: number;
      readonly success: boolean;
    };
    // Fail closed: a runner that ended badly, or ran nothing, has shown nothing.
    const holds = code === 0 && success && numPassedTests > 0 && numFailedTests === 0;
    return holds
      ? { holds, figures }
      : { holds, figures, why: `${numFailedTests} of ${numPassedTests + numFailedTests} tests` };
  } catch {
    return { holds: false, why: `the runner ended with ${code} and left no report`, figures };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs a file with this Node; what it prints is shown and kept. */
async function spawned(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly printed: string }> {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NO_COLOR: '1', ...env },
  });
  let printed = '';
  child.stdout.on('data', (part: Buffer) => {
    process.stdout.write(part);
    printed += part.toString();
  });
  return { code: await new Promise<number | null>((resolve) => child.on('close', resolve)), printed };
}

const outcome = ({ holds, why }: Result): string => (holds ? 'holds' : `FAILED: ${why}`);

/** The commit, and whether the tree differs from it. */
function commit(): string {
  const git = (...args: readonly string[]): string =>
    spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' }).stdout?.trim() ?? '';
  // What an earlier part of the same run appended to the record is no change of what is being shown.
  const record = ':!docs/RECORD.md';
  const dirty = git('status', '--porcelain', '--untracked-files=no', '--', '.', record) !== '';
  return `${git('rev-parse', '--short=12', 'HEAD') || 'no commit'}${dirty ? ' with changes' : ''}`;
}

function section(results: readonly Result[]): string {
  const date = new Date().toISOString().slice(0, 16).replace('T', ' ');
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}, Node ${process.version}`;
  const rows = results.map(
    (result) =>
      `| ${result.run.claim.replaceAll(/\bN\b/g, result.number.toLocaleString('en-US'))} | ${outcome(result)} | ${result.seconds} s |`,
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
process.exit(results.every(({ holds }) => holds) ? 0 : 1);
