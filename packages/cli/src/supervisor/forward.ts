// The plane's public listener, read through the supervisor: GET only, a closed list of paths, redacted there already.
import type { ServerResponse } from 'node:http';

const READS = [
  /^\/status$/,
  /^\/checkpoint$/,
  /^\/health\.json$/,
  /^\/tile\/[0-9x/.p]{1,80}$/,
  /^\/v1\/public\/(feed|executions\/[0-9a-f-]{36}|lineage\/[0-9a-f-]{36})$/,
];
const DEADLINE_MS = 1_500;

/** Answers with what the plane says; a dead plane is a 502, at once. */
export async function forward(base: string, target: string, response: ServerResponse): Promise<void> {
  const { pathname, search } = new URL(target, base);
  if (!READS.some((one) => one.test(pathname))) {
    response.writeHead(404, { 'content-type': 'application/json' });
    return void response.end('{"code":"not_found"}');
  }
  try {
    const answer = await fetch(new URL(pathname + search, base), {
      signal: AbortSignal.timeout(DEADLINE_MS),
      redirect: 'error',
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    response.writeHead(answer.status, {
      'content-type': answer.headers.get('content-type') ?? 'application/octet-stream',
    });
    response.end(bytes);
  } catch {
    response.writeHead(502, { 'content-type': 'application/json' });
    response.end('{"code":"unreachable","detail":"The plane does not answer."}');
  }
}
