// `node scripts/run.mjs FILE args…`: installs what is missing, then runs FILE on the pinned Node.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environment, install, PINNED_NODE, ROOT } from './install.mjs';

/**
 * Runs a file of the repository on the pinned Node; resolves to its exit code, 128 + n after signal n as shells say.
 * Signals that this process gets are passed on, so that a long job can end in its own way.
 */
export function runPinned(file, args) {
  const path = join(ROOT, file);
  if (!existsSync(path)) {
    process.stderr.write(`There is no ${file} in this tree.\n`);
    return Promise.resolve(1);
  }
  const child = spawn(PINNED_NODE, [path, ...args], { stdio: 'inherit', env: environment() });
  const numbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 };
  for (const signal of Object.keys(numbers)) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.on('error', (error) => {
      process.stderr.write(`${file} could not be started: ${error.message}\n`);
      resolve(1);
    });
    child.on('exit', (code, signal) => resolve(code ?? 128 + (numbers[signal] ?? 9)));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file, ...args] = process.argv.slice(2);
  if (file === undefined) {
    process.stderr.write('usage: node scripts/run.mjs FILE [argument…]\n');
    process.exit(2);
  }
  install();
  process.exit(await runPinned(file, args));
}
