// What of a command is measured, before it starts and at each beat while it runs: the file on disk, further files that
// were named, and the image that its first process executes (docs/ATTESTATION.md, "executable").
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { basename, isAbsolute, resolve } from 'node:path';
import { programDigest, type Json } from '@licet/evidence';
import type { Measure } from '@licet/sdk';
import { GatewayError } from '../errors.ts';
import { measureExecutable, type Measured } from '../runner/measure.ts';
import type { RunHandle } from '../runner/run.ts';

/** A program with all that is measured of it. */
export interface MeasuredProgram {
  /** The digest that the door binds and a bundle may list. */
  readonly digest: string;
  readonly measure: Measure;
  /** From here on what it executes is looked at too. */
  started(handle: Pick<RunHandle, 'imageDigest'>): void;
}

/**
 * Returns the program with its further files, measured once.
 * @throws GatewayError `ERR_RUNNER_NOT_FOUND` when a file cannot be read
 */
export async function measureProgram(
  measured: Measured,
  options: { readonly cwd: string; readonly path: string; readonly files: readonly string[] },
): Promise<MeasuredProgram> {
  const paths = await Promise.all(
    options.files.map((file) => realpath(resolve(options.cwd, file)).catch(() => refuse(file))),
  );
  const interpreters = await interpretersOf(measured.path, options);
  const now = async (): Promise<{ readonly [claim: string]: Json }> => {
    const { digest } = await measureExecutable(measured.path, options);
    const files = await Promise.all(paths.map(async (path) => ({ path, digest: await digestOf(path) })));
    return files.length === 0 ? { digest } : { digest, files };
  };
  const first = await now();
  let handle: Pick<RunHandle, 'imageDigest'> | undefined;
  return {
    digest: programDigest(first)!,
    async measure() {
      const program = await now();
      const running = handle?.imageDigest();
      const expected = running === undefined || [program['digest'], ...interpreters].includes(running);
      return [
        {
          kind: 'executable',
          digest: `${programDigest(program)}${expected ? '' : ` runs ${running}`}`,
          claims: {
            program: {
              ...program,
              ...(interpreters.length === 0 ? {} : { interpreters }),
              ...(running === undefined ? {} : { running }),
            },
          },
        },
      ];
    },
    started(started) {
      handle = started;
    },
  };
}

/** Digests of what may execute in a script's place: the interpreter of its first line, and what `env` finds for it. */
async function interpretersOf(
  file: string,
  options: { readonly cwd: string; readonly path: string },
): Promise<readonly string[]> {
  const line = (await readFile(file).catch(() => refuse(file)))
    .subarray(0, 256)
    .toString('latin1')
    .split('\n', 1)[0]!;
  if (!line.startsWith('#!')) return [];
  const [interpreter = '', word] = line
    .slice(2)
    .trim()
    .split(/[ \t]+/);
  if (!isAbsolute(interpreter)) return [];
  const own = await measureExecutable(interpreter, options);
  const further = await interpretersOf(own.path, options);
  const found =
    basename(interpreter) === 'env' && word !== undefined && !word.startsWith('-')
      ? [(await measureExecutable(word, options)).digest]
      : [];
  return [own.digest, ...found, ...further];
}

async function digestOf(path: string): Promise<string> {
  const sum = createHash('sha256');
  for await (const chunk of createReadStream(path)) sum.update(chunk as Uint8Array);
  return sum.digest('base64url');
}

function refuse(file: string): never {
  throw new GatewayError('ERR_RUNNER_NOT_FOUND', `${file} cannot be measured: it cannot be read`);
}
