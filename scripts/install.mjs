// Installs what is missing, and nothing else: node_modules when absent or older than the lockfile, then looks
// whether the pinned Node is there. Plain JavaScript, no dependency: it runs on the host's Node (20 or newer).
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute path of the repository. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** The Node that the lockfile pins; everything but the bootstrap scripts runs on it. */
export const PINNED_NODE = join(
  ROOT,
  'node_modules',
  'node',
  'bin',
  process.platform === 'win32' ? 'node.exe' : 'node',
);

const MIN_HOST_MAJOR = 20;

/** Milliseconds since the epoch when the file was last written; 0 when it does not exist. */
function writtenAtMs(file) {
  return existsSync(file) ? statSync(file).mtimeMs : 0;
}

/**
 * True when node_modules does not hold what the lockfile says. npm writes `node_modules/.package-lock.json` last;
 * times alone would mislead after a `git checkout` that rewrites the lockfile, so equal versions count as fresh.
 */
function isStale() {
  const lock = join(ROOT, 'package-lock.json');
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return true;
  if (writtenAtMs(installed) >= writtenAtMs(lock)) return false;
  const wanted = JSON.parse(readFileSync(lock, 'utf8')).packages;
  const present = JSON.parse(readFileSync(installed, 'utf8')).packages;
  return Object.entries(wanted).some(([path, entry]) => {
    if (!path.startsWith('node_modules/') || entry.link || entry.optional) return false;
    return present[path]?.version !== entry.version;
  });
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** True when the pinned Node starts and has the version that the lockfile names. */
function pinnedNodeWorks() {
  if (!existsSync(PINNED_NODE)) return false;
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages[
    'node_modules/node'
  ]?.version;
  const found = spawnSync(PINNED_NODE, ['--version'], { encoding: 'utf8' });
  return found.status === 0 && found.stdout.trim() === `v${wanted}`;
}

function npm(args) {
  const options = { cwd: ROOT, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' };
  const result = spawnSync('npm', args, options);
  if (result.error)
    fail(
      `npm could not be started (${result.error.message}). Install Node ${MIN_HOST_MAJOR} or newer with npm.`,
    );
  return result.status === 0;
}

/** Installs what is missing; ends the process with a sentence when that fails. Output goes to stderr. */
export function install() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < MIN_HOST_MAJOR)
    fail(`Node ${MIN_HOST_MAJOR} or newer is needed to start; this is ${process.version}.`);
  if (isStale()) {
    process.stderr.write('Installing dependencies (npm ci) …\n');
    if (!npm(['ci', '--no-audit', '--no-fund'])) fail('`npm ci` failed; its output above says why.');
  }
  if (pinnedNodeWorks()) return;
  // The `node` package fetches its binary in an install script; some npm settings skip scripts.
  process.stderr.write('The pinned Node is missing; running its install script …\n');
  npm(['rebuild', 'node', '--ignore-scripts=false', '--foreground-scripts']);
  if (!pinnedNodeWorks()) {
    fail(
      'The pinned Node is not in node_modules/node/bin. Its package installs it by a script: check that npm may run ' +
        'scripts (`npm config get ignore-scripts` should print false), remove node_modules and try again.',
    );
  }
}

/**
 * The environment for children: the pinned Node and the installed tools come first on the PATH. What Node compiles is
 * kept beside the dependencies, whose owner could change the code itself: never in a folder that others can write to.
 */
export function environment(extra = {}) {
  const separator = process.platform === 'win32' ? ';' : ':';
  const bin = join(ROOT, 'node_modules', '.bin');
  return {
    ...process.env,
    PATH: [dirname(PINNED_NODE), bin, process.env.PATH ?? ''].join(separator),
    NODE_COMPILE_CACHE: join(ROOT, 'node_modules', '.cache', 'node'),
    ...extra,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) install();
