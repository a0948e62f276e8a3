// The command as given: what a door committed to, checked before anything is started (DESIGN §5 "Exec").

import { isAbsolute } from 'node:path';
import { GatewayError } from '../errors.ts';
import { MARKER_VARIABLE } from './tree.mjs';

/** One command, exactly: argv[0] included, an absolute working directory, the whole environment, bytes for stdin (none: /dev/null). */
export interface RunSpec {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
}

/** Every variable of the product begins so; none of them is for a governed child. */
const OWN_PREFIX = 'LICET_';
const MARKER = /^[A-Za-z0-9_.:-]{8,200}$/;

/**
 * Returns a copy of the command that later changes to the caller's object cannot reach. Throws ERR_RUNNER_SPEC for an
 * empty argv, a NUL, a variable name that is empty, has `=` or begins with `LICET_`, or a marker that is not 8–200 of
 * `A-Za-z0-9_.:-`; ERR_RUNNER_CWD for a relative directory.
 */
export function snapshotSpec(spec: RunSpec, marker: string): RunSpec {
  const argv = [...spec.argv];
  if (argv.length === 0 || argv[0] === '') throw new GatewayError('ERR_RUNNER_SPEC', 'argv is empty');
  if (argv.some((text) => text.includes('\0')))
    throw new GatewayError('ERR_RUNNER_SPEC', 'an argument contains a NUL');
  if (!isAbsolute(spec.cwd) || spec.cwd.includes('\0')) {
    throw new GatewayError('ERR_RUNNER_CWD', `${JSON.stringify(spec.cwd)} is not an absolute path`);
  }
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(spec.env)) {
    if (name === '' || name.includes('=') || name.includes('\0') || value.includes('\0')) {
      throw new GatewayError(
        'ERR_RUNNER_SPEC',
        `the environment variable ${JSON.stringify(name)} cannot be passed`,
      );
    }
    // RULE 28: the plane's socket, folder or token in a variable never reaches a governed child, not even on request.
    if (name.startsWith(OWN_PREFIX)) {
      throw new GatewayError(
        'ERR_RUNNER_SPEC',
        `the environment variable ${name} is reserved and never passed on`,
      );
    }
    Object.defineProperty(env, name, { value, enumerable: true });
  }
  // An empty or short marker would make the sweep match strangers.
  if (!MARKER.test(marker))
    throw new GatewayError('ERR_RUNNER_SPEC', 'the marker is not 8–200 of A-Za-z0-9_.:-');
  Object.defineProperty(env, MARKER_VARIABLE, { value: marker, enumerable: true });
  return { argv, cwd: spec.cwd, env, ...(spec.stdin === undefined ? {} : { stdin: spec.stdin.slice() }) };
}
