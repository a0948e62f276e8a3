// `npm run check`: types, lint, format, unused code and the test of the tree; one line per step, what failed in
// full below its line. Everything is run, so that one look shows all that is wrong.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const MODULES = join(ROOT, 'node_modules');

/** What the tools remember between two runs; a fresh clone has nothing of it, and CI starts from nothing. */
const CACHE = join(MODULES, '.cache', 'check');

/** Two at a time: what CI has. TypeScript 7 is parallel in itself. */
const AT_ONCE = 2;

interface Step {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
}

interface Result {
  readonly ok: boolean;
  readonly output: string;
  readonly seconds: string;
}

const bin = (name: string): string => join(MODULES, '.bin', name);

interface TypeConfig {
  readonly extends?: string;
  readonly include: readonly string[];
}
const configOf = (path: string): TypeConfig =>
  JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as TypeConfig;

/** What runs on Node is one program: each of these packages alone would check those that it uses once more. */
const ON_NODE = 'tsconfig.node.json';

/** Every workspace that has a configuration of its own: a package is checked with the library set it may use. */
function typeSteps(): readonly Step[] {
  const folders = [
    '.',
    ...readdirSync(join(ROOT, 'packages'))
      .toSorted()
      .map((name) => join('packages', name)),
    'simulator',
  ].filter((folder) => existsSync(join(ROOT, folder, 'tsconfig.json')));
  const isOnNode = (folder: string): boolean =>
    configOf(join(folder, 'tsconfig.json')).extends?.endsWith(ON_NODE) === true;
  const together = folders.filter(isOnNode).map((folder) => `${folder}/src`.replaceAll('\\', '/'));
  const { include } = configOf(ON_NODE);
  if (together.join() !== include.join())
    throw new Error(`${ON_NODE} must include what extends it: ${together.join(', ')}`);
  return [...folders.filter((folder) => !isOnNode(folder)), ON_NODE].map((folder) => ({
    name: `types ${folder === '.' ? 'of the whole tree' : folder}`,
    file: bin('tsc'),
    args: [
      '-p',
      folder,
      '--incremental',
      '--tsBuildInfoFile',
      join(CACHE, `${folder.replaceAll('/', '-')}.tsbuildinfo`),
    ],
  }));
}

function steps(withTree: boolean): readonly Step[] {
  const tree: Step = {
    name: 'tree',
    file: process.execPath,
    args: [join(MODULES, 'vitest', 'vitest.mjs'), 'run', 'tests/tree.test.ts', '--reporter=dot'],
  };
  return [
    { name: 'lint', file: bin('oxlint'), args: ['.'] },
    {
      name: 'format',
      file: bin('prettier'),
      args: ['--check', '.', '--log-level=warn', '--cache', `--cache-location=${join(CACHE, 'prettier')}`],
    },
    { name: 'unused code', file: bin('knip'), args: ['--no-progress'] },
    ...(withTree ? [tree] : []),
    ...typeSteps(),
  ];
}

function run(step: Step): Promise<Result> {
  const started = performance.now();
  const child = spawn(step.file, step.args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const parts: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  child.stderr.on('data', (part: Buffer) => parts.push(part));
  return new Promise((resolve) => {
    const end = (ok: boolean, last: string): void => {
      const output = Buffer.concat([...parts, Buffer.from(last)]).toString();
      resolve({ ok, output, seconds: ((performance.now() - started) / 1000).toFixed(1) });
    };
    child.on('error', (error) => end(false, error.message));
    child.on('close', (code) => end(code === 0, ''));
  });
}

const waiting = [...steps(!process.argv.includes('--without-tree'))];
const failed: string[] = [];

async function lane(): Promise<void> {
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
    const { ok, output, seconds } = await run(step);
    console.log(`${ok ? 'ok    ' : 'FAILED'} ${step.name} (${seconds} s)`);
    if (ok) continue;
    failed.push(step.name);
    console.log(output.trimEnd().replaceAll(/^/gm, '       '));
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, lane));
console.log(failed.length === 0 ? 'All checks hold.' : `Failed: ${failed.join(', ')}.`);
process.exit(failed.length === 0 ? 0 : 1);
