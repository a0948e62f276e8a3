/**
 * One HTTP exchange, over TCP by `fetch` or over a unix socket by `node:http`. Node's modules are asked for at run
 * time, so that the same file loads in a browser.
 */
import { PlaneError } from './problems.ts';

/** What is sent. */
export interface Exchange {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal: AbortSignal;
}

/** What came back; `chunks` ends or rejects with the connection. */
export interface Reception {
  readonly status: number;
  header(name: string): string | undefined;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Performs exchanges with one address. Rejects with whatever the platform throws. */
export interface Transport {
  /** Scheme and authority, as the Host header and proofs name it. */
  readonly base: string;
  /** Path below which the plane is served there, as of one of several tenants; empty when it has the address alone. */
  readonly prefix: string;
  exchange(exchange: Exchange): Promise<Reception>;
  close(): void;
}

/** Returns a transport over `fetch`. Redirects are not followed: what redirects is not a plane. */
export function fetchTransport(url: string): Transport {
  const { origin: base, pathname } = new URL(url);
  return {
    base,
    prefix: pathname.replace(/\/+$/, ''),
    async exchange({ method, target, headers, body, signal }) {
      const init = {
        method,
        headers: { ...headers },
        redirect: 'manual',
        signal,
        cache: 'no-store',
      } as const;
      const response = await fetch(
        new URL(target, base),
        body === undefined ? init : { ...init, body: body as Uint8Array<ArrayBuffer> },
      );
      return {
        status: response.status,
        header: (name) => response.headers.get(name) ?? undefined,
        chunks: response.body ?? empty(),
      };
    },
    close: () => {},
  };
}

/** Returns a transport over a unix socket; connections are kept. */
export function socketTransport(path: string): Transport {
  const node = (globalThis as { process?: NodeJS.Process }).process?.getBuiltinModule?.('node:http');
  if (node === undefined) throw new PlaneError('unreachable', 'unix sockets need Node');
  const agent = new node.Agent({ keepAlive: true, maxSockets: 64 });
  return {
    base: 'http://localhost',
    prefix: '',
    exchange: ({ method, target, headers, body, signal }) =>
      new Promise<Reception>((resolve, reject) => {
        const length = body === undefined ? {} : { 'content-length': String(body.length) };
        const options = {
          socketPath: path,
          method,
          path: target,
          headers: { ...headers, ...length },
          agent,
          signal,
        };
        const request = node.request(options, (response) => {
          resolve({
            status: response.statusCode ?? 0,
            header: (name) => {
              const value = response.headers[name];
              return typeof value === 'string' ? value : undefined;
            },
            chunks: response as AsyncIterable<Uint8Array>,
          });
        });
        request.once('error', reject);
        request.end(body);
      }),
    close: () => agent.destroy(),
  };
}

async function* empty(): AsyncIterable<Uint8Array> {}
