// Goal: whatever a false or broken plane answers, the client rejects with a PlaneError and never passes it on. Method: a
// real server on a free port that answers wrongly in every way.
import { createServer, type RequestListener } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { connect, PlaneError } from '../src/index.ts';

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { readonly port: number }).port}`;
}
async function failureOf(listener: RequestListener, deadlineMs = 2_000): Promise<string> {
  const client = await connect({ url: await serve(listener), token: 'a'.repeat(32), deadlineMs });
  const error: unknown = await client.facts().then(
    (value) => `passed: ${JSON.stringify(value)}`,
    (thrown: unknown) => thrown,
  );
  await client.close();
  return error instanceof PlaneError ? error.code : String(error);
}
const answer =
  (
    status: number,
    type: string,
    body: string | Buffer,
    headers: Record<string, string> = {},
  ): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': type, ...headers });
    response.end(body);
  };
const problem = (status: number, code: string) =>
  answer(
    status,
    'application/problem+json',
    JSON.stringify({ type: 't', title: 't', status, code, detail: 'd', next: 'n' }),
  );

const WRONG: readonly (readonly [string, RequestListener])[] = [
  ['success that is not JSON', answer(200, 'application/json', '<html>ok</html>')],
  ['success of another media type', answer(200, 'text/html', '{"items":[]}')],
  ['success without the fields of the route', answer(200, 'application/json', '{}')],
  ['success with duplicate names', answer(200, 'application/json', '{"items":[],"items":[]}')],
  [
    'success with fields of other types',
    answer(200, 'application/json', '{"items":[{"name":1,"value":true,"exp":1}]}'),
  ],
  ['an empty success', answer(200, 'application/json', '')],
  ['success by another status', answer(204, 'application/json', '')],
  ['malformed UTF-8', answer(200, 'application/json', Buffer.from([0x22, 0xff, 0x22]))],
  ['a redirect', answer(302, 'application/json', '{"items":[]}', { location: 'https://example.org/' })],
  [
    'an answer beyond the limit',
    answer(200, 'application/json', `{"items":[],"pad":"${'x'.repeat(9_000_000)}"}`),
  ],
  ['a refusal without a problem', answer(403, 'application/json', '{"error":"no"}')],
  ['a problem with an unknown code', problem(403, 'because')],
  ['a problem whose code is of another status', problem(400, 'forbidden')],
];
test.each(WRONG)('%s is garbled', async (_title, listener) => {
  expect(await failureOf(listener)).toBe('garbled');
});

test('a problem is told by its code', async () => {
  expect(await failureOf(problem(403, 'forbidden'))).toBe('forbidden');
});
test('silence is a timeout at the deadline', async () => {
  expect(await failureOf(() => {}, 100)).toBe('timeout');
});
test('an answer that drips is a timeout too', async () => {
  const drip: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"items":');
  };
  expect(await failureOf(drip, 100)).toBe('timeout');
});
test('a connection that breaks is unreachable', async () => {
  expect(await failureOf((request) => request.socket.destroy())).toBe('unreachable');
});
test('nobody there is unreachable, over TCP and over a socket', async () => {
  for (const where of [{ url: 'http://127.0.0.1:1' }, { socket: '/nonexistent/plane.sock' }]) {
    const client = await connect({ ...where, token: 'a'.repeat(32) });
    await expect(client.facts()).rejects.toMatchObject({ code: 'unreachable' });
  }
});
test('without key, token or trust there is no client', async () => {
  await expect(connect({ url: 'http://127.0.0.1:1' })).rejects.toBeInstanceOf(PlaneError);
  const key = { kty: 'OKP', crv: 'Ed25519', x: 'x', d: 'd' } as const;
  await expect(connect({ url: 'http://127.0.0.1:1', key, trust: { v: 1, logs: [] } })).rejects.toBeInstanceOf(
    PlaneError,
  );
});
