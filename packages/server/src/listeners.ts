/**
 * Where a plane is reached: the unix socket in its folder, a control and a public listener of its own, or the shared
 * ones of several tenants (DESIGN §10).
 */
import { closeSync, openSync } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { AppOptions } from './app.ts';
import { ServerError } from './errors.ts';
import { tenantPath, type Front } from './front.ts';
import { portOf } from './ports.ts';

/** Name of the unix socket in the data folder. */
export const SOCKET_FILE = 'plane.sock';
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);

export interface ListenOptions {
  /** Port of the control listener; 0 picks one. Absent: none. */
  readonly controlPort?: number;
  /** Port of the public listener; 0 picks one. Absent: none. */
  readonly publicPort?: number;
  /** Address of the control listener. Default 127.0.0.1; any other needs `tls`. */
  readonly controlHost?: string;
  /** Address of the public listener. Default 127.0.0.1. */
  readonly publicHost?: string;
  /** Host header values accepted beside localhost and the addresses, as `name:port`. */
  readonly hosts?: readonly string[];
  readonly tls?: { readonly cert: string | Uint8Array; readonly key: string | Uint8Array };
  /** Whether to listen on `DATA/plane.sock`. Default true. */
  readonly socket?: boolean;
  /** Listeners shared with other tenants' planes, in place of `controlPort` and `publicPort`. */
  readonly shared?: { readonly name: string; readonly fronts: Fronts };
}

/** Listeners that the planes of several tenants share. */
export interface Fronts {
  readonly control?: Front;
  readonly public?: Front;
}

/** Makes the app of a listener. */
export type BuildApp = (
  listener: AppOptions['listener'],
  where: Pick<AppOptions, 'hosts' | 'scheme' | 'base' | 'tls'>,
) => Promise<FastifyInstance>;

/** @throws ServerError `ERR_SERVER_TLS`: beyond loopback and the unix socket the control listener speaks TLS only */
export function requireTls({ controlPort, controlHost, tls }: ListenOptions): void {
  if (controlPort !== undefined && tls === undefined && !LOOPBACK.has(controlHost ?? '127.0.0.1'))
    throw new ServerError('ERR_SERVER_TLS', `${controlHost} is beyond loopback`);
}

/**
 * Listens wherever it is told to; what has to be closed again is added to `closers`.
 * @throws ServerError `ERR_SERVER_LISTEN`
 */
export async function openListeners(
  data: string,
  options: ListenOptions,
  build: BuildApp,
  closers: (() => unknown)[],
): Promise<{ readonly url?: string; readonly publicUrl?: string }> {
  if (options.socket !== false) await listenOnSocket(data, build, closers);
  const { shared, controlHost = '127.0.0.1', publicHost = '127.0.0.1' } = options;
  const own = async (listener: 'control' | 'public', host: string, port: number | undefined) =>
    port === undefined ? undefined : listenOnPort({ listener, host, port, options, build, closers });
  const url =
    shared === undefined
      ? await own('control', controlHost, options.controlPort)
      : await mountOn('control', shared.name, shared.fronts.control, options, build, closers);
  const publicUrl =
    shared === undefined
      ? await own('public', publicHost, options.publicPort)
      : await mountOn('public', shared.name, shared.fronts.public, options, build, closers);
  return { ...(url === undefined ? {} : { url }), ...(publicUrl === undefined ? {} : { publicUrl }) };
}

async function listenOnSocket(data: string, build: BuildApp, closers: (() => unknown)[]): Promise<void> {
  const path = join(data, SOCKET_FILE);
  // Whoever holds the lock is the plane: a socket that is there belongs to one that died.
  await rm(path, { force: true });
  const short = shortSocketPath(data);
  closers.push(() => short.release());
  const hosts = new Set(['localhost']);
  const app = await build('control', { hosts: () => hosts, scheme: 'http', base: '' });
  closers.push(() => app.close());
  await app.listen({ path: short.path }).catch((cause: unknown) => {
    throw new ServerError('ERR_SERVER_LISTEN', `cannot listen on ${short.path}`, { cause });
  });
  await chmod(path, 0o600);
}

interface PortListener {
  readonly listener: 'control' | 'public';
  readonly host: string;
  readonly port: number;
  readonly options: ListenOptions;
  readonly build: BuildApp;
  readonly closers: (() => unknown)[];
}

async function listenOnPort({
  listener,
  host,
  port,
  options,
  build,
  closers,
}: PortListener): Promise<string> {
  const tls = listener === 'control' ? options.tls : undefined;
  const scheme = tls === undefined ? 'http' : 'https';
  let hosts: ReadonlySet<string> = new Set();
  const app = await build(listener, {
    hosts: () => hosts,
    scheme,
    base: '',
    ...(tls === undefined ? {} : { tls }),
  });
  closers.push(() => app.close());
  await app.listen({ host, port }).catch((cause: unknown) => {
    throw new ServerError('ERR_SERVER_LISTEN', `cannot listen on ${host}:${port}`, { cause });
  });
  const bound = portOf(app.server);
  hosts = hostsOf(host, bound, options);
  return `${scheme}://localhost:${bound}`;
}

async function mountOn(
  listener: 'control' | 'public',
  name: string,
  front: Front | undefined,
  options: ListenOptions,
  build: BuildApp,
  closers: (() => unknown)[],
): Promise<string | undefined> {
  if (front === undefined) return undefined;
  const hosts = hostsOf(front.host, front.port, options);
  const base = tenantPath(name);
  const app = await build(listener, { hosts: () => hosts, scheme: front.scheme, base });
  closers.push(() => app.close());
  closers.push(front.mount(name, app));
  return `${front.url}${base}`;
}

function hostsOf(host: string, port: number, { hosts = [] }: ListenOptions): ReadonlySet<string> {
  const literal = host.includes(':') ? `[${host}]` : host;
  const names = ['localhost', '127.0.0.1', '[::1]', literal].map((name) => `${name}:${port}`);
  return new Set([...names, ...hosts].map((name) => name.toLowerCase()));
}

/**
 * Returns a path of the socket that the kernel takes: at most 107 bytes. A deeper folder is named by a descriptor,
 * which Linux follows.
 */
export function shortSocketPath(data: string): { readonly path: string; release(): void } {
  const path = join(data, SOCKET_FILE);
  if (Buffer.byteLength(path) <= 100 || process.platform !== 'linux') return { path, release: () => {} };
  const descriptor = openSync(data, 'r');
  let open = true;
  return {
    path: `/proc/self/fd/${descriptor}/${SOCKET_FILE}`,
    release() {
      if (open) closeSync(descriptor);
      open = false;
    },
  };
}
