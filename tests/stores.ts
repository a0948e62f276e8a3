// Goal: the tests that open a store or a plane hold on every engine that can keep it. Method: the same files once per
// engine, nothing else changed. Usage: node tests/stores.ts ENGINE. For `npm run soak -- stores-ENGINE`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENGINES, type Engine } from '../packages/store/test/under-test.ts';

const ROOT = join(import.meta.dirname, '..');

/** A plane that several processes open by its folder: memory cannot keep it. */
const PLANES = [
  'packages/server/test/',
  'packages/sdk/test/',
  'packages/gateway/test/',
  'packages/cli/test/',
  'packages/console/test/',
  'tests/kill/',
  'tests/races/',
];
const FILES: Readonly<Record<Engine, readonly string[]>> = {
  memory: [
    'packages/store/test/memory.test.ts',
    'packages/control-plane/test/',
    'tests/races/spend.test.ts',
    'tests/races/containment.test.ts',
    'simulator/test/',
  ],
  sqlite: [
    'packages/store/test/sqlite.test.ts',
    'packages/store/test/files.test.ts',
    'packages/store/test/kill.test.ts',
    'packages/control-plane/test/',
    ...PLANES,
  ],
  postgresql: [
    'packages/store/test/postgres.test.ts',
    'packages/store/test/replicas.test.ts',
    'packages/control-plane/test/',
    ...PLANES,
    'tests/replicas/',
  ],
};

interface Report {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly { readonly name: string; readonly status: string }[];
}

/** Runs the files of one engine; a report that is missing or names no test shows nothing. */
function run(engine: Engine): { readonly holds: boolean; readonly said: Readonly<Record<string, unknown>> } {
  const folder = mkdtempSync(join(tmpdir(), 'licet-stores-'));
  const output = join(folder, 'report.json');
  try {
    const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${output}`];
    // Threads and servers are dearer than memory: what CI gives a test is not what it needs here.
    const more = ['--testTimeout=600000', '--hookTimeout=600000'];
    const { status } = spawnSync(process.execPath, [vitest, 'run', ...FILES[engine], ...reporters, ...more], {
      cwd: ROOT,
      stdio: ['ignore', 2, 2],
      env: { ...process.env, LICET_TEST_STORE: engine },
    });
    const report = JSON.parse(readFileSync(output, 'utf8')) as Report;
    const { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped } = report;
    const broken = report.testResults.filter((file) => file.status === 'failed').map(({ name }) => name);
    const files = report.testResults.length;
    return {
      holds: status === 0 && report.success && passed > 0 && failed === 0 && broken.length === 0,
      said: { store: engine, files, passed, skipped, failed, ...(broken.length > 0 ? { broken } : {}) },
    };
  } catch (error) {
    return { holds: false, said: { store: engine, failed: error instanceof Error ? error.message : error } };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const engine = ENGINES.find((one) => one === process.argv[2]);
if (engine === undefined)
  throw new Error(`no such engine: ${process.argv[2]}; there are: ${ENGINES.join(', ')}`);
const { holds, said } = run(engine);
console.log(JSON.stringify(said));
process.exit(holds ? 0 : 1);
