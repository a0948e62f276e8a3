// Measuring: which file a command names, and the digest of that file, before anyone is asked for a permit (RULES 29).

import { closeSync, constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { GatewayError } from '../errors.ts';
import { ImageRefusal, openImage } from './image.mjs';

/** Where bare names are looked for when the caller gives no PATH; never the runner's own PATH, which the command could have had a hand in. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

/** What a command would execute: the real absolute path (no symbolic links left) and base64url SHA-256 of the file. */
export interface Measured {
  readonly path: string;
  readonly digest: string;
}

/** Where to look: the absolute directory of the command, and its PATH (default `/usr/local/bin:/usr/bin:/bin`). */
export interface MeasureOptions {
  readonly cwd: string;
  readonly path?: string;
}

/**
 * Returns the file that `argv0` names, resolved as the C library would (a name with a slash against `cwd`, a bare name
 * against PATH) and hashed. Empty and relative PATH entries are passed over: they would let the working directory choose
 * the program. For a script the digest is the script's; its interpreter and libraries are not measured.
 * Throws ERR_RUNNER_SPEC, ERR_RUNNER_CWD, ERR_RUNNER_NOT_FOUND, ERR_RUNNER_NOT_EXECUTABLE.
 */
export async function measureExecutable(argv0: string, options: MeasureOptions): Promise<Measured> {
  if (argv0 === '' || argv0.includes('\0')) {
    throw new GatewayError('ERR_RUNNER_SPEC', 'the name of the executable is empty or contains a NUL');
  }
  if (!isAbsolute(options.cwd))
    throw new GatewayError('ERR_RUNNER_CWD', `${options.cwd} is not an absolute path`);
  const path = await locate(argv0, options);
  try {
    const real = await realpath(path);
    const image = openImage(real);
    closeSync(image.file);
    return { path: real, digest: image.digest };
  } catch (cause) {
    throw refusal(path, cause);
  }
}

async function locate(argv0: string, { cwd, path = DEFAULT_PATH }: MeasureOptions): Promise<string> {
  if (argv0.includes('/')) return resolve(cwd, argv0);
  for (const directory of path.split(':')) {
    if (!isAbsolute(directory)) continue;
    const candidate = resolve(directory, argv0);
    if (await isExecutableFile(candidate)) return candidate;
  }
  throw new GatewayError('ERR_RUNNER_NOT_FOUND', `no executable named ${argv0} in ${path}`);
}

async function isExecutableFile(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

function refusal(path: string, cause: unknown): GatewayError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') {
    return new GatewayError('ERR_RUNNER_NOT_FOUND', `${path} or its interpreter does not exist`, { cause });
  }
  const why = cause instanceof ImageRefusal ? cause.message : `${path} cannot be read: ${String(code)}`;
  return new GatewayError('ERR_RUNNER_NOT_EXECUTABLE', why, { cause });
}
