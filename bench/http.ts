/** One HTTP client for everything that is measured: keep-alive connections, a body out, a body in, nothing else. */
import { Agent, request } from 'node:http';

export interface HttpCaller {
  /** Posts a body; resolves to the answer's bytes. Rejects unless the status is 200. */
  post(path: string, headers: Readonly<Record<string, string>>, body: Uint8Array): Promise<Buffer>;
  close(): void;
}

/** Returns a caller with at most `connections` connections to `url`, or to a unix socket under that name. */
export function httpCaller(url: string, connections: number, socketPath?: string): HttpCaller {
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'fifo' });
  const where =
    socketPath === undefined
      ? { host: hostname === 'localhost' ? '127.0.0.1' : hostname, port }
      : { socketPath };
  const host = port === '' ? hostname : `${hostname}:${port}`;
  return {
    post: (path, headers, body) =>
      new Promise((resolve, reject) => {
        const sent = request(
          {
            ...where,
            method: 'POST',
            path,
            agent,
            headers: {
              ...headers,
              host,
              'content-type': 'application/json',
              'content-length': String(body.length),
            },
          },
          (response) => {
            const parts: Buffer[] = [];
            response.on('data', (part: Buffer) => parts.push(part));
            response.on('end', () => {
              const whole = Buffer.concat(parts);
              if (response.statusCode === 200) resolve(whole);
              else reject(new Error(`${path}: ${response.statusCode} ${whole.toString()}`));
            });
            response.on('error', reject);
          },
        );
        sent.on('error', reject);
        sent.end(body);
      }),
    close: () => agent.destroy(),
  };
}
