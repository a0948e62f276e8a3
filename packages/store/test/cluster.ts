/**
 * A PostgreSQL server of the test's own: made in a temporary folder, run under a user that is not root, stopped and
 * deleted afterwards. Servers can be killed, promoted and followed, so that failovers are real ones.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';

export interface Cluster {
  readonly port: number;
  readonly folder: string;
  /** Address of a schema in its one database. */
  url(schema: string): string;
  /** Starts it again after {@link kill} or {@link stop}. */
  start(): Promise<void>;
  /** Ends it in order. */
  stop(): Promise<void>;
  /** SIGKILL, to all its processes: no shutdown, no checkpoint. */
  kill(): Promise<void>;
  /** Writes settings and reloads. */
  set(settings: Readonly<Record<string, string>>): Promise<void>;
  /** Runs SQL as the owner. */
  sql(text: string): Promise<readonly Record<string, unknown>[]>;
  /** A standby that follows this server under a name. */
  standby(name: string): Promise<Cluster>;
  /** Makes a standby the primary. */
  promote(): Promise<void>;
  /** Makes a stopped server a standby of another one, from its own files (`pg_rewind`). */
  rejoin(primary: Cluster, name: string): Promise<void>;
  dispose(): Promise<void>;
}

const OWNER = 'licet';
const SETTINGS = {
  shared_buffers: '32MB',
  max_connections: '60',
  wal_level: 'replica',
  hot_standby: 'on',
  wal_log_hints: 'on',
  // A server that comes back needs what was written since it parted.
  wal_keep_size: '512MB',
  unix_socket_directories: '',
  listen_addresses: '127.0.0.1',
  wal_receiver_status_interval: '1s',
  log_min_messages: 'warning',
} as const;

/** Returns the folder of the server's programs; undefined when there is none on this machine. */
export function postgresPrograms(): string | undefined {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).toSorted((a, b) => Number(b) - Number(a)) : [];
  return [
    ...versions.map((version) => join(root, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(':'),
  ].find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

const programs = postgresPrograms();
/** Whether these tests can run; scripts/tools.mjs says what is lost without. */
export const hasPostgres = programs !== undefined;

/** PostgreSQL refuses to run as root. */
function userOf(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (what: string): number => Number(execFileSync('id', [what, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

function run(name: string, args: readonly string[]): void {
  // In a folder that the other user may enter.
  execFileSync(join(programs!, name), [...args], {
    ...userOf(),
    cwd: tmpdir(),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'licet-pg-'));
  const { uid, gid } = userOf();
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
  return folder;
}

const lines = (settings: Readonly<Record<string, string>>): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name} = '${value}'\n`)
    .join('');

/** Starts a server with an empty database. */
export async function startCluster(settings: Readonly<Record<string, string>> = {}): Promise<Cluster> {
  const folder = newFolder();
  const data = join(folder, 'data');
  run('initdb', ['-D', data, '-U', OWNER, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']);
  const port = await freePort();
  appendFileSync(join(data, 'postgresql.conf'), lines({ ...SETTINGS, ...settings, port: String(port) }));
  const cluster = serverIn(folder, port);
  await cluster.start();
  return cluster;
}

function serverIn(folder: string, port: number): Cluster {
  const data = join(folder, 'data');
  let server: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();
  const address = `postgres://${OWNER}@127.0.0.1:${port}/postgres`;
  const lastResort = (): void => void server?.kill('SIGKILL');

  async function sql(text: string): Promise<readonly Record<string, unknown>[]> {
    const client = new Client({ connectionString: address, connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      const result = (await client.query(text)) as { readonly rows?: Record<string, unknown>[] };
      return result.rows ?? [];
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async function untilAnswering(): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        await sql('SELECT 1');
        return;
      } catch (error) {
        if (tries > 300 || server?.exitCode !== null) throw error;
        await sleep(50);
      }
    }
  }

  async function stopBy(signal: NodeJS.Signals): Promise<void> {
    server?.kill(signal);
    await ended;
    server = undefined;
  }

  const cluster: Cluster = {
    port,
    folder,
    url: (schema) => `${address}?schema=${schema}`,
    async start() {
      for (let tries = 0; ; tries++) {
        const child = spawn(join(programs!, 'postgres'), ['-D', data], {
          ...userOf(),
          cwd: folder,
          stdio: ['ignore', 'ignore', 'ignore'],
        });
        server = child;
        ended = new Promise((resolve) => void child.once('exit', () => resolve()));
        try {
          await untilAnswering();
          process.once('exit', lastResort);
          return;
        } catch (error) {
          // After a SIGKILL its children hold the shared memory for a moment.
          if (tries > 40 || child.exitCode === null) throw error;
          await sleep(100);
        }
      }
    },
    stop: () => stopBy('SIGINT'),
    async kill() {
      await stopBy('SIGKILL');
    },
    async set(changed) {
      appendFileSync(join(data, 'postgresql.auto.conf'), lines(changed));
      await sql('SELECT pg_reload_conf()');
      // Reloading is asked for, not done, when the answer comes.
      await sleep(100);
    },
    sql,
    async standby(name) {
      const place = newFolder();
      const own = await freePort();
      const copy = join(place, 'data');
      run('pg_basebackup', ['-D', copy, '-d', address, '-X', 'stream', '-c', 'fast', '--no-sync']);
      await follow(copy, own, port, name);
      const made = serverIn(place, own);
      await made.start();
      return made;
    },
    async promote() {
      await sql('SELECT pg_promote(true, 30)');
    },
    async rejoin(primary, name) {
      // Before its first checkpoint a promoted server of this version names its old timeline, and pg_rewind believes it.
      await primary.sql('CHECKPOINT');
      run('pg_rewind', ['-D', data, '--source-server', `${primary.url('x').split('?')[0]!}`, '--no-sync']);
      await follow(data, port, primary.port, name);
      await cluster.start();
    },
    async dispose() {
      if (server !== undefined) await stopBy('SIGQUIT');
      process.removeListener('exit', lastResort);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return cluster;
}

async function follow(data: string, port: number, primaryPort: number, name: string): Promise<void> {
  appendFileSync(
    join(data, 'postgresql.auto.conf'),
    lines({
      port: String(port),
      primary_conninfo: `host=127.0.0.1 port=${primaryPort} user=${OWNER} application_name=${name}`,
      // A server that is promoted does not wait for the one that it followed.
      synchronous_standby_names: '',
    }),
  );
  appendFileSync(join(data, 'standby.signal'), '');
  const { uid, gid } = userOf();
  if (uid !== undefined && gid !== undefined) chownSync(join(data, 'standby.signal'), uid, gid);
}
