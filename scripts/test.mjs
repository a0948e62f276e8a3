// `npm test`, which is also what CI runs: installs what is missing, checks the tree, runs every test. The last
// line is `N passed, N failed`, alone on its line. Plain JavaScript, so that it starts on the host's Node.
// `npm test -- --store=postgresql` (or memory, or sqlite) puts every test that opens a store or a plane on that engine.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment, install, PINNED_NODE, ROOT } from './install.mjs';
import { provideTools } from './tools.mjs';

/** The run is meant to take at most twelve minutes on two cores; one that hangs must end as a failure, with its reason. */
const VITEST_LIMIT_MS = Number(process.env.LICET_TEST_LIMIT_MS ?? 45 * 60_000);

install();
provideTools();

const STORE = '--store=';
const store = process.argv.findLast((argument) => argument.startsWith(STORE))?.slice(STORE.length);
const asked = process.argv.slice(2).filter((argument) => !argument.startsWith(STORE));
const env = { ...environment(), ...(store === undefined ? {} : { LICET_TEST_STORE: store }) };
// A thread or a server for each plane is dearer than memory: what CI gives a test is not what it needs there.
const patience = store === undefined ? [] : ['--testTimeout=600000', '--hookTimeout=600000'];

const options = { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] };
const started = performance.now();
/** Runs a script; resolves to whether it succeeded. */
const step = (...args) =>
  new Promise((resolve) => {
    const child = spawn(PINNED_NODE, args, options);
    child.on('error', () => resolve(false)).on('close', (code) => resolve(code === 0));
  });
const COMMAND = join(ROOT, 'node_modules', '.cache', 'licet');

/** The pages that the end-to-end tests open, and then the command that tests start as processes, with the pages in it. */
async function build() {
  const pages = await step('packages/console/bin/build.mjs');
  return [pages, pages && (await step('scripts/pack.ts', '--open', COMMAND))];
}

// Building keeps one core busy; the checks have the other meanwhile.
const [checked, [built, packed]] = await Promise.all([step('scripts/check.ts', '--without-tree'), build()]);

const folder = mkdtempSync(join(tmpdir(), 'licet-test-'));
const report = join(folder, 'report.json');
const ran = spawnSync(
  PINNED_NODE,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...patience,
    ...asked,
  ],
  {
    ...options,
    env: { ...env, LICET_TEST_COMMAND: join(COMMAND, 'bin', 'licet.js') },
    timeout: VITEST_LIMIT_MS,
    killSignal: 'SIGKILL',
  },
);

/** What the report says; a report that is missing or names no test is a failure, never an empty success. */
function counted() {
  try {
    const {
      numPassedTests: passed,
      numFailedTests: failed,
      numPendingTests: skipped,
      success,
      testResults,
    } = JSON.parse(readFileSync(report, 'utf8'));
    const brokenFiles = testResults.filter(
      (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
    );
    return { passed, failed: failed + brokenFiles.length, skipped, complete: success === true && passed > 0 };
  } catch {
    return { passed: 0, failed: 1, skipped: 0, complete: false };
  }
}

const { passed, failed, skipped, complete } = counted();
rmSync(folder, { recursive: true, force: true });

const stepFailures = [checked, built, packed].filter((done) => !done).length;
const unexplained = ran.status !== 0 && failed === 0 ? 1 : 0;
const seconds = Math.round((performance.now() - started) / 1000);
if (!checked) process.stdout.write('`npm run check` failed; it counts as one failure.\n');
if (!built) process.stdout.write('The pages could not be built; it counts as one failure.\n');
if (!packed) process.stdout.write('The command could not be packed; it counts as one failure.\n');
if (ran.error?.code === 'ETIMEDOUT')
  process.stdout.write(`The tests did not end within ${VITEST_LIMIT_MS / 1000} s.\n`);
if (skipped > 0) process.stdout.write(`${skipped} skipped; each names its reason above or in its file.\n`);
process.stdout.write(`Took ${seconds} s.\n`);
const failures = failed + stepFailures + unexplained;
process.stdout.write(`${passed} passed, ${failures} failed\n`);
process.exit(complete && failures === 0 ? 0 : 1);
