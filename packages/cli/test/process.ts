/** Runs `licet` as a process of its own, as a shell would: arguments in; exit code, stdout and stderr out. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LICET } from '../../../tests/support/command.ts';
import { keptBy } from '../../store/test/under-test.ts';

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout, which must be one JSON document. */
  json<T = Record<string, unknown>>(): T;
  /** The error on stderr under `--json`. */
  error(): {
    readonly code: string;
    readonly message: string;
    readonly next: string;
    readonly still?: string;
  };
}

/** A place of its own: state folder, data folder, workspace. */
export interface Place {
  readonly folder: string;
  readonly data: string;
  readonly workspace: string;
  readonly env: NodeJS.ProcessEnv;
  run(...args: readonly string[]): Promise<Ran>;
  /** The same with another state folder: somebody else on this machine. */
  runAs(state: string, ...args: readonly string[]): Promise<Ran>;
  /** The same with more in the environment. */
  runWith(more: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<Ran>;
  start(...args: readonly string[]): ChildProcess;
}

export async function aPlace(): Promise<Place> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'licet-cli-')));
  const data = join(folder, 'data');
  const { LICET_TOKEN: _token, NO_COLOR: _colour, ...inherited } = process.env;
  const { store } = keptBy(data);
  const env = {
    ...inherited,
    LICET_STATE: join(folder, 'state'),
    LICET_DATA: data,
    ...(store === undefined ? {} : { LICET_STORE: store }),
  };
  return {
    folder,
    data,
    workspace: join(folder, 'workspace'),
    env,
    run: (...args) => runProcess(args, env, folder),
    runAs: (state, ...args) => runProcess(args, { ...env, LICET_STATE: join(folder, state) }, folder),
    runWith: (more, ...args) => runProcess(args, { ...env, ...more }, folder),
    start: (...args) =>
      spawn(process.execPath, [LICET, ...args], { env, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] }),
  };
}

export function runProcess(args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [LICET, ...args], { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({
        code,
        stdout,
        stderr,
        json: <T>() => {
          if (stdout.trimEnd().includes('\n')) throw new Error(`more than one line: ${stdout.slice(0, 300)}`);
          return JSON.parse(stdout) as T;
        },
        error: () =>
          (JSON.parse(stderr.trim().split('\n').at(-1)!) as { error: ReturnType<Ran['error']> }).error,
      }),
    );
  });
}
