/**
 * A real server process, and what a test needs to call it: an agent with a wide root grant, the operator's
 * token, the trust that was pinned when the folder was made. The process can be killed at any moment.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { parseTrust, type Trust } from '@licet/evidence';
import {
  connect,
  newPrivateJwk,
  publicHalf,
  type ConnectOptions,
  type PinnedPlane,
  type PrivateJwk,
} from '@licet/api';
import { keptBy } from '../../packages/store/test/under-test.ts';
import { isPlaneFolder, OWNER, readPlaneFolder, statePaths, type PlaneFolder } from '@licet/server';
import { LICET } from './command.ts';

/** Folders of one plane: its data, the user's state, the workspace that the starter policy names. */
export interface Folders {
  readonly root: string;
  readonly data: string;
  readonly state: string;
  readonly workspace: string;
  /** The database that keeps the plane. Default: what the run says, else SQLite in the data folder. */
  readonly store?: string;
}

/** Makes folders that `remove` takes away again. The path is real: a symlink in it would be refused as a resource. */
export function makeFolders(name: string): Folders & { remove(): void } {
  const root = realpathSync(mkdtempSync(join(tmpdir(), `licet-${name}-`)));
  const workspace = join(root, 'workspace');
  mkdirSync(workspace);
  return {
    root,
    data: join(root, 'data'),
    state: join(root, 'state'),
    workspace,
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

export interface ServerProcess {
  readonly pid: number;
  readonly url: string;
  readonly publicUrl: string;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves when the process has closed everything and is gone. */
  stop(): Promise<void>;
}

/** Starts the server of these folders; resolves when it listens. Fails with what it printed when it ends before. */
export async function startServer(
  { data, state, workspace, store = keptBy(data).store }: Folders,
  nodeArguments: readonly string[] = [],
): Promise<ServerProcess> {
  const where = ['--data', data, '--workspace', workspace, '--port', '0', '--public-port', '0'];
  if (store !== undefined) where.push('--store', store);
  const child = spawn(process.execPath, [...nodeArguments, LICET, 'up', ...where, '--solo', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environmentOf(state),
  });
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const ended = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await gone;
  };
  const { url, publicUrl } = await addresses(child);
  return {
    pid: child.pid!,
    url,
    publicUrl,
    kill: () => ended('SIGKILL'),
    stop: () => ended('SIGTERM'),
  };
}

const environmentOf = (state: string): NodeJS.ProcessEnv => ({ ...process.env, LICET_STATE: state });

/** Runs `licet log fsck`; returns what it says of the log. Fails unless it exits with 0. */
export async function fsck({ data, state }: Folders): Promise<{ readonly size: number }> {
  const args = [LICET, 'log', 'fsck', '--data', data, '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: environmentOf(state) });
  const said = JSON.parse(stdout) as { readonly ok: boolean; readonly size: number };
  if (!said.ok) throw new Error(`fsck: ${stdout}`);
  return said;
}

function addresses(child: ChildProcess): Promise<{ readonly url: string; readonly publicUrl: string }> {
  let complaint = '';
  child.stderr!.on('data', (part: Buffer) => (complaint += part.toString()));
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', (line) => {
      try {
        resolve(JSON.parse(line) as { readonly url: string; readonly publicUrl: string });
      } catch (cause) {
        reject(new Error(`the server's first line is no JSON: ${line}`, { cause }));
      }
    });
    child.once('close', (code) => reject(new Error(`the server ended with ${code}: ${complaint}`)));
  });
}

/** What was pinned and kept when the plane was made. */
export interface Known {
  readonly folder: PlaneFolder;
  readonly trust: Trust;
  readonly operatorToken: string;
  readonly contain: string;
}

/** Reads it from the folders of a plane that has been started once. */
export async function known({ data, state }: Folders): Promise<Known> {
  if (!(await isPlaneFolder(data))) throw new Error(`${data} holds no plane yet`);
  const folder = await readPlaneFolder(data);
  const paths = statePaths(state, folder.origin);
  return {
    folder,
    trust: parseTrust(await readFile(paths.trust)),
    operatorToken: (await readFile(paths.operatorToken, 'utf8')).trim(),
    contain: paths.containSeed,
  };
}

/** Returns a client; which one, the credential says. */
export const clientOf = (
  { trust, folder }: Known,
  url: string,
  credential: Pick<ConnectOptions, 'key' | 'token' | 'deadlineMs'>,
): Promise<PinnedPlane> =>
  // A loaded machine is slow; what is asked here is what the server answers, not how soon.
  connect({
    url,
    trust,
    origin: folder.origin,
    audience: folder.audience,
    deadlineMs: 30_000,
    ...credential,
  });

/** Registers an assistant that may open roots as often as a test likes, and returns its key. */
export async function registerAgent(operator: PinnedPlane, subject: string): Promise<PrivateJwk> {
  const key = await newPrivateJwk();
  const answer = await operator.register({
    subject,
    kind: 'agent',
    name: subject,
    groups: ['assistants'],
    for: OWNER,
    keys: [publicHalf(key)],
    root: { perDay: 10_000_000, concurrent: 10_000_000 },
  });
  if (answer.verdict !== 'done') throw new Error(`${subject} was not registered: ${answer.code}`);
  return key;
}
