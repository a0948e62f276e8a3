/**
 * One listener for several tenants (DESIGN §10): `/t/<tenant>/…` goes to that tenant's own app, which knows no other.
 * Nothing is looked at here but the first two segments of the path; who may do what is for the tenant's plane alone.
 */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { FastifyInstance } from 'fastify';
import { PlaneError } from '@licet/api';
import { LIMITS, refuseBytes } from './app.ts';
import { ServerError } from './errors.ts';
import { portOf } from './ports.ts';
import { problemOf } from './problems.ts';

/** A tenant's name as it stands in paths and as a folder's name: one segment, no case, no dots. */
export const TENANT_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const TENANT_PATH = /^\/t\/([^/?#]{1,63})([/?].*)?$/s;
/** The same files for every tenant: of the build, not of a plane. */
const SHARED_FILE = /^\/(?:assets\/[^/?]+|licet\.svg)$/;

export interface FrontOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: { readonly cert: string | Uint8Array; readonly key: string | Uint8Array };
}

/** A listener that several planes share. */
export interface Front {
  /** `http://localhost:PORT`. */
  readonly url: string;
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** Serves a plane below its path until the returned function is called. */
  mount(tenant: string, app: FastifyInstance): () => void;
  close(): Promise<void>;
}

/** Path below which a tenant is served. */
export const tenantPath = (tenant: string): string => `/t/${tenant}`;

/** Opens the listener. It answers `unavailable` for tenants that are known to nobody yet. @throws ServerError `ERR_SERVER_LISTEN` */
export async function openFront({ host, port, tls }: FrontOptions): Promise<Front> {
  const apps = new Map<string, FastifyInstance>();
  const answer: RequestListener = (request, response) => {
    const target = request.url ?? '/';
    const [, tenant, rest = '/'] = TENANT_PATH.exec(target) ?? [];
    const app = tenant === undefined ? sharedApp(apps, request) : apps.get(tenant);
    if (app === undefined) {
      refuse(response, tenant === undefined ? noTenant() : notServed());
      return;
    }
    if (tenant !== undefined) {
      // What was signed is the whole path: proofs and MACs are checked against it.
      (request as IncomingMessage & { originalUrl?: string }).originalUrl = target;
      request.url = rest.startsWith('/') ? rest : `/${rest}`;
    }
    app.routing(request, response);
  };
  const limits = {
    maxHeaderSize: LIMITS.headerBytes,
    requestTimeout: LIMITS.requestMs,
    headersTimeout: LIMITS.requestMs,
    keepAliveTimeout: 10_000,
    connectionsCheckingInterval: 1_000,
  } as const;
  const server =
    tls === undefined
      ? createServer(limits, answer)
      : createTlsServer(
          { ...limits, cert: Buffer.from(tls.cert), key: Buffer.from(tls.key), minVersion: 'TLSv1.3' },
          answer,
        );
  server.maxConnections = LIMITS.connections;
  server.maxHeadersCount = 64;
  server.on('clientError', refuseBytes);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new ServerError('ERR_SERVER_LISTEN', `cannot listen on ${host}:${port}`, { cause })),
    );
    server.listen(port, host, resolve);
  });
  const bound = portOf(server);
  const scheme = tls === undefined ? 'http' : 'https';
  return {
    url: `${scheme}://localhost:${bound}`,
    scheme,
    host,
    port: bound,
    mount(tenant, app) {
      apps.set(tenant, app);
      return () => {
        if (apps.get(tenant) === app) apps.delete(tenant);
      };
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function sharedApp(
  apps: ReadonlyMap<string, FastifyInstance>,
  { method, url = '/' }: IncomingMessage,
): FastifyInstance | undefined {
  return method === 'GET' && SHARED_FILE.test(url) ? apps.values().next().value : undefined;
}

function refuse(response: ServerResponse, error: PlaneError): void {
  const problem = problemOf(error);
  response.writeHead(problem.status, {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(problem.status === 503 ? { 'retry-after': '1' } : {}),
  });
  response.end(JSON.stringify(problem));
}

const noTenant = (): PlaneError =>
  new PlaneError(
    'not_found',
    'not_found: several tenants live here; begin the path with /t/ and the name of one',
  );
// Not told apart: a tenant that does not exist, and one whose plane is not up.
const notServed = (): PlaneError =>
  new PlaneError('unavailable', 'unavailable: no plane of that tenant is served here now');
