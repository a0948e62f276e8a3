// `licet exec`: one command, decided before it runs. The executable is measured first, the permit covers argv, folder,
// environment and the digest of stdin, and exactly that is run, confined, under a lease (RULES 26, 28, 29).
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { base64url, sha256, type Grade, type Json } from '@licet/evidence';
import type { Held } from '@licet/api';
import {
  Denied,
  doorOf,
  openExecution,
  type Door,
  type OpenedExecution,
  type Outcome,
  type TrustedPlane,
} from '@licet/sdk';
import { GatewayError } from '../errors.ts';
import { detectConfinement, type Confinement } from '../runner/confinement.ts';
import { measureExecutable } from '../runner/measure.ts';
import { measureProgram } from './measuring.ts';
import { run, type RunResult } from '../runner/run.ts';
import { snapshotSpec } from '../runner/spec.ts';

/** The action of every command. */
export const EXEC_ACTION = 'shell/exec';

/** One command and how it is to be run. */
export interface ExecOptions {
  readonly plane: Door | TrustedPlane;
  /** The program and its words; no shell. */
  readonly argv: readonly string[];
  /** Default: where this process runs. */
  readonly cwd?: string;
  /** The whole environment of the command. Default: a PATH of system folders only. */
  readonly env?: Readonly<Record<string, string>>;
  /** Committed to by digest; default none. */
  readonly stdin?: Uint8Array;
  /** Files that are measured with the program: an entry script, a lock file. The digest that is bound is then that of all. */
  readonly measure?: readonly string[];
  /** Default: the strongest this host has. A named kind that it does not have is an error. */
  readonly confinement?: Confinement;
  /** Default `in-process`: who can start this door can usually start the command without it (RULE 27). */
  readonly grade?: Grade;
  readonly parent?: string;
  /** Aborts: before the start nothing runs, afterwards the command is halted. */
  readonly signal?: AbortSignal;
  /** Milliseconds, at most 45_000 (RULE 23). */
  readonly holdWaitMs?: number;
  readonly onHold?: (held: Held) => void;
  readonly onStdout?: (chunk: Uint8Array) => void;
  readonly onStderr?: (chunk: Uint8Array) => void;
  readonly maxOutputBytes?: number;
}

/** How a governed command ended. */
export interface ExecEnd extends RunResult {
  readonly executionId: string;
  readonly confinement: Confinement;
  /** Why it was stopped by its lease; undefined when it ended by itself. */
  readonly haltCode?: string;
}

const DEFAULT_ENV: Readonly<Record<string, string>> = { PATH: '/usr/local/bin:/usr/bin:/bin' };
/** Nothing of the command has run when the runner fails with one of these. */
const NOT_STARTED: ReadonlySet<string> = new Set([
  'ERR_RUNNER_SPEC',
  'ERR_RUNNER_CWD',
  'ERR_RUNNER_NOT_FOUND',
  'ERR_RUNNER_NOT_EXECUTABLE',
  'ERR_RUNNER_CHANGED',
  'ERR_RUNNER_CONFINEMENT',
  'ERR_RUNNER_SPAWN',
  'ERR_RUNNER_HALTED',
]);

/**
 * Resolves when the command and everything it started have ended.
 * @throws Denied when it was not permitted; GatewayError when it could not be run as committed
 */
export async function execGoverned(options: ExecOptions): Promise<ExecEnd> {
  const door = doorOf(options.plane);
  const env = options.env ?? DEFAULT_ENV;
  const stdin = options.stdin?.slice();
  const cwd = await realpath(options.cwd ?? process.cwd()).catch((cause: unknown) => {
    throw new GatewayError('ERR_RUNNER_CWD', `${options.cwd} does not exist`, { cause });
  });
  // What cannot be run is not asked for; no permit is spent on it.
  snapshotSpec({ argv: options.argv, cwd, env }, 'before-asking');
  const [program = '', ...words] = options.argv;
  const path = env['PATH'];
  const measured = await measureExecutable(program, { cwd, ...(path === undefined ? {} : { path }) });
  const attested = await measureProgram(measured, {
    cwd,
    path: path ?? DEFAULT_ENV['PATH']!,
    files: options.measure ?? [],
  });
  const confinement = options.confinement ?? (await detectConfinement()).best;
  const execution = await openExecution(door, {
    action: EXEC_ACTION,
    arguments: {
      // The measured file, not the name it was found by, is what policies see and what runs.
      argv: [measured.path, ...words],
      cwd,
      env,
      stdin: stdin === undefined ? null : `sha256:${base64url(sha256(stdin))}`,
    },
    claim: {
      grade: options.grade ?? 'in-process',
      confine: confinement,
      bound: ['input', 'resource', `program:${attested.digest}`],
    },
    measure: () => attested.measure(),
    ...(options.parent === undefined ? {} : { parent: options.parent }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.holdWaitMs === undefined ? {} : { holdWaitMs: options.holdWaitMs }),
    ...(options.onHold === undefined ? {} : { onHold: options.onHold }),
  });
  const stdout = createHash('sha256');
  const stderr = createHash('sha256');
  const bytes = { stdout: 0, stderr: 0 };
  try {
    const handle = await run(
      { ...specOf(execution, measured.path), ...(stdin === undefined ? {} : { stdin }) },
      {
        measured,
        confinement,
        marker: execution.executionId,
        signal: execution.signal,
        ...(options.maxOutputBytes === undefined ? {} : { maxOutputBytes: options.maxOutputBytes }),
        onStdout(chunk) {
          stdout.update(chunk);
          bytes.stdout += chunk.length;
          options.onStdout?.(chunk);
        },
        onStderr(chunk) {
          stderr.update(chunk);
          bytes.stderr += chunk.length;
          options.onStderr?.(chunk);
        },
      },
    );
    attested.started(handle);
    const result = await handle.done;
    await execution.report(
      outcomeOf(execution, result, {
        stdout: { digest: stdout.digest('base64url'), bytes: bytes.stdout },
        stderr: { digest: stderr.digest('base64url'), bytes: bytes.stderr },
      }),
    );
    return {
      ...result,
      executionId: execution.executionId,
      confinement: handle.confinement,
      ...(execution.haltReason === undefined ? {} : { haltCode: execution.haltReason }),
    };
  } catch (error) {
    if (error instanceof GatewayError && NOT_STARTED.has(error.code)) {
      await execution.report({
        status: execution.haltReason === undefined ? 'failed' : 'halted',
        reason: execution.haltReason ?? 'not_started',
      });
    } else {
      // Survivors, or a guardian that was lost: what happened is not known, so nothing is claimed. It ends in doubt.
      execution.halt('in_doubt');
    }
    throw error;
  }
}

/** RULE 26: what is run is read out of the committed arguments, and its program is the one that was measured. */
function specOf(
  execution: OpenedExecution,
  measured: string,
): {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
} {
  const { argv, cwd, env } = execution.args as {
    readonly argv?: Json;
    readonly cwd?: Json;
    readonly env?: Json;
  };
  const words = Array.isArray(argv) ? argv : [];
  const variables = typeof env === 'object' && env !== null && !Array.isArray(env) ? Object.entries(env) : [];
  if (
    words[0] !== measured ||
    !words.every((word) => typeof word === 'string') ||
    typeof cwd !== 'string' ||
    !variables.every(([, value]) => typeof value === 'string')
  ) {
    void execution.report({ status: 'halted', reason: 'not_canonical' });
    throw new Denied(EXEC_ACTION, {
      code: 'not_canonical',
      reason: 'The committed command is not the one that was measured.',
      next: 'Stop and tell the operator.',
      executionId: execution.executionId,
    });
  }
  return {
    argv: words as readonly string[],
    cwd,
    env: Object.fromEntries(variables) as Readonly<Record<string, string>>,
  };
}

function outcomeOf(execution: OpenedExecution, result: RunResult, output: Json): Outcome {
  const exit = result.exit === null ? {} : { exit: result.exit };
  if (result.halted !== undefined) {
    // A guardian that was lost: everything was killed, but how far the command came nobody saw.
    return { status: 'halted', reason: execution.haltReason ?? 'runner', result: output, ...exit };
  }
  if (result.exit === 0) return { status: 'completed', result: output, ...exit };
  return { status: 'failed', reason: result.exit === null ? 'signal' : 'exit', result: output, ...exit };
}
