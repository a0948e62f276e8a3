// Builds the pages when `dist` is missing or older than what they are made of. Plain JavaScript for Node 20, because
// it runs before anything else is there: `node packages/console/bin/build.mjs`.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = join(dirname(fileURLToPath(import.meta.url)), '..');
/** What the pages are made of: their own sources, and the packages that are bundled into them. */
const SOURCES = [
  'src',
  'offline',
  'public',
  'index.html',
  'vite.config.ts',
  'package.json',
  '../evidence/src',
  '../policy/src',
  '../../vectors/evidence',
];

/** Whoever starts it, a test runner too: what is built is what is shipped, and the same bytes every time. */
const ENV = { ...process.env, NODE_ENV: 'production' };

/** Returns the newest change below a path, milliseconds. */
function newest(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return readdirSync(path).reduce((latest, name) => Math.max(latest, newest(join(path, name))), 0);
}

/** Returns whether the pages have to be built. */
function isStale() {
  const page = join(HERE, 'dist', 'index.html');
  if (!existsSync(page)) return true;
  const built = statSync(page).mtimeMs;
  return SOURCES.some((path) => newest(join(HERE, path)) > built);
}

if (process.argv.includes('--force') || isStale()) {
  const vite = join(dirname(fileURLToPath(import.meta.resolve('vite/package.json'))), 'bin', 'vite.js');
  // Built beside and moved into place, so that a plane that serves the pages meanwhile never sees half of them.
  const made = join(HERE, 'out', String(process.pid));
  const { status } = spawnSync(process.execPath, [vite, 'build', '--logLevel', 'warn', '--outDir', made], {
    cwd: HERE,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: ENV,
  });
  // The offline viewer is made from the same sources and lies beside the pages.
  const offline =
    status === 0
      ? spawnSync(process.execPath, [join(HERE, 'offline', 'build.mjs'), join(made, 'licet-proof.html')], {
          cwd: HERE,
          stdio: ['ignore', 'inherit', 'inherit'],
          env: ENV,
        }).status
      : status;
  if (offline === 0) {
    rmSync(join(HERE, 'dist'), { recursive: true, force: true });
    renameSync(made, join(HERE, 'dist'));
  }
  process.exitCode = offline ?? 1;
}
