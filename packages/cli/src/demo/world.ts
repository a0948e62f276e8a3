// The world of the demo: a workspace with real files, a real plane in its own process, a real MCP server behind the
// gateway, agents with keys of their own. Everything lies in one folder and can be looked at afterwards.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, realpath, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect, newPrivateJwk, publicHalf, readTrustStore, type PrivateJwk } from '@licet/api';
import { NAME, type Trust } from '@licet/evidence';
import { CONTROL_PORT, statePaths } from '@licet/server';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { see } from './claim.ts';

/** One finished run of the command line. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Connected = Awaited<ReturnType<typeof connect>>;

/** An agent of the demo, with its own key. */
export interface Agent {
  readonly subject: string;
  readonly key: PrivateJwk;
  readonly plane: Connected;
}

/** What an MCP tool answered. */
export interface ToolAnswer {
  readonly isError: boolean;
  readonly text: string;
}

/** An MCP client before the gateway, as an agent's host would run it. */
export interface ToolSession {
  call(tool: string, args: Record<string, unknown>): Promise<ToolAnswer>;
  tools(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export interface World {
  readonly folder: string;
  readonly workspace: string;
  readonly data: string;
  readonly env: Readonly<Record<string, string>>;
  readonly plane: PlaneProcess;
  readonly trust: Trust;
  readonly trustPath: string;
  /** What signs the person in at the console. */
  readonly operatorToken: string;
  /** The person at the console. */
  operator(): Promise<Connected>;
  /** Registers an agent in the group of assistants. */
  agent(name: string): Promise<Agent>;
  /** Runs this command line with other words, in a process of its own. */
  cli(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ran>;
  /** Starts this command line and leaves it running. */
  spawnCli(args: readonly string[]): ChildProcess;
  /** An MCP client before `licet mcp`, before the real file server or the given command. */
  toolSession(agent: Agent, server?: readonly string[]): Promise<ToolSession>;
  fileServer(): readonly string[];
  close(): Promise<void>;
}

/** The plane's process. */
export interface PlaneProcess {
  readonly url: string;
  readonly publicUrl: string;
  /** SIGKILL: no goodbye. */
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/** Where this command line itself starts. */
export const ENTRY = process.argv[1]!;

/** Makes the folder, the policy and the plane. */
export async function openWorld(options: {
  readonly folder?: string;
  readonly store?: string;
  readonly port?: number;
}): Promise<World> {
  const folder = await realpath(options.folder ?? (await mkdtemp(join(tmpdir(), `${NAME}-demo-`))));
  const [workspace, data, state, outside] = ['workspace', 'plane', 'state', 'outside'].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  for (const path of [workspace, outside, join(folder, 'bin')]) await mkdir(path, { recursive: true });
  await writeFile(join(workspace, 'notes.txt'), 'Buy oats. Call Ada.\n');
  await writeFile(join(outside, 'secret.txt'), 'not for agents\n');
  const env: Record<string, string> = {
    ...(process.env as Record<string, string>),
    LICET_STATE: state,
    LICET_DATA: data,
  };
  delete env['LICET_TOKEN'];

  const cli = (args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ran> =>
    runCli(args, { ...env, ...more });
  const port = options.port ?? (await freePort());
  const init = await cli([
    'init',
    '--data',
    data,
    '--solo',
    '--workspace',
    workspace,
    '--program',
    join(folder, 'bin', 'busy-tree'),
    ...(options.store === undefined ? [] : ['--store', options.store]),
    // Passkeys are bound to the page's own address, so it is chosen before the plane is made.
    '--rp-origin',
    `http://localhost:${port}`,
    '--json',
  ]);
  see(init.code === 0, `init ended with ${init.code}: ${init.stderr}${init.stdout}`);
  const plane = await startPlane(data, env, port);
  const trust = await readTrustStore(state);
  const { origin } = trust.logs[0]!;
  const paths = statePaths(state, origin);
  const operatorToken = (await readFile(paths.operatorToken, 'utf8')).trim();
  const operator = (): Promise<Connected> => connect({ url: plane.url, trust, token: operatorToken });
  const sessions: ToolSession[] = [];

  return {
    folder,
    workspace,
    data,
    env,
    plane,
    trust,
    trustPath: paths.trust,
    operatorToken,
    operator,
    cli,
    spawnCli: (args) => spawn(process.execPath, [ENTRY, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] }),
    fileServer: () => fileServer(workspace),
    async agent(name) {
      const key = await newPrivateJwk();
      const person = await operator();
      const made = await person.register({
        kind: 'agent',
        name,
        groups: ['assistants'],
        keys: [publicHalf(key)],
        for: 'u-owner',
        root: { perDay: 1_000, concurrent: 64 },
      });
      see(
        made.verdict === 'done' && made.subject !== undefined,
        `registering ${name}: ${JSON.stringify(made)}`,
      );
      await writeFile(paths.agentKey(made.subject), `${JSON.stringify(key)}\n`, { mode: 0o600 });
      return { subject: made.subject, key, plane: await connect({ url: plane.url, trust, key }) };
    },
    async toolSession(agent, server = fileServer(workspace)) {
      const session = await openTools(
        ['mcp', '--data', data, '--agent', agent.subject, '--server', 'files', '--', ...server],
        env,
      );
      sessions.push(session);
      return session;
    },
    async close() {
      await Promise.allSettled(sessions.map((session) => session.close()));
      await plane.kill();
    },
  };
}

/** The usual port, or a free one where that is taken. */
function freePort(): Promise<number> {
  const on = (wanted: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const probe = createServer()
        .once('error', reject)
        .listen(wanted, '127.0.0.1', () => {
          const { port } = probe.address() as AddressInfo;
          probe.close(() => resolve(port));
        });
    });
  return on(CONTROL_PORT).catch(() => on(0));
}

/** The official file server, as a command. */
function fileServer(workspace: string): readonly string[] {
  const require = createRequire(import.meta.url);
  const entry = require.resolve('@modelcontextprotocol/server-filesystem/dist/index.js');
  return [process.execPath, entry, workspace];
}

function runCli(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [ENTRY, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

async function startPlane(
  data: string,
  env: Readonly<Record<string, string>>,
  port: number,
): Promise<PlaneProcess> {
  let child: ChildProcess | undefined;
  let ready = { url: '', publicUrl: '' };
  const start = async (at: number): Promise<void> => {
    const args = ['up', '--data', data, '--json', '--port', String(at)];
    const started = spawn(process.execPath, [ENTRY, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    child = started;
    let stderr = '';
    started.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    ready = await new Promise((resolve, reject) => {
      started.on('exit', (code) =>
        reject(new Error(`the plane ended with ${code} before it was ready: ${stderr}`)),
      );
      createInterface({ input: started.stdout }).once('line', (line) =>
        resolve(JSON.parse(line) as typeof ready),
      );
    });
  };
  await start(port);
  return {
    get url() {
      return ready.url;
    },
    get publicUrl() {
      return ready.publicUrl;
    },
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child!.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    },
    restart: () => start(Number(new URL(ready.url).port)),
  };
}

async function openTools(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<ToolSession> {
  const client = new Client({ name: 'demo-agent', version: '1.0.0' });
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [ENTRY, ...args],
      env: { ...env },
      stderr: 'pipe',
    }),
  );
  return {
    async call(tool, callArguments) {
      const answer = await client.callTool({ name: tool, arguments: callArguments }, undefined, {
        timeout: 60_000,
      });
      const content = answer.content as readonly { readonly type: string; readonly text?: string }[];
      return { isError: answer.isError === true, text: content.map(({ text }) => text ?? '').join('\n') };
    },
    async tools() {
      return (await client.listTools()).tools.map(({ name }) => name);
    },
    close: () => client.close(),
  };
}

/** A person looks at the file server's tools and pins them as they are. */
export async function pinTools(world: Pick<World, 'cli' | 'data' | 'fileServer'>): Promise<void> {
  const pinned = await world.cli([
    'mcp',
    'pin',
    '--data',
    world.data,
    '--server',
    'files',
    '--yes',
    '--json',
    '--',
    ...world.fileServer(),
  ]);
  see(pinned.code === 0, `pinning ended with ${pinned.code}: ${pinned.stderr}${pinned.stdout}`);
}

/** True when the path exists. */
export const there = (path: string): boolean => existsSync(path);
