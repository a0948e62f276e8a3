// A chat adapter: a program that receives the plane's webhooks, verifies who sent them, and makes of each hold a message
// with links that lead a person to the console. It decides nothing: whoever presses a link signs in there. Run alone it
// proves itself against a plane of its own, and exits non-zero when its claim fails.
import assert from 'node:assert/strict';
import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { mkdir, mkdtemp, realpath } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPlane } from '@licet/server';

const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex');
/** Seconds that a message may be old: an older one is a replay. */
const TOLERANCE = 300;

interface HoldEvent {
  readonly id: string;
  readonly type: string;
  readonly data: {
    readonly action?: string;
    readonly agent?: string;
    readonly link?: string;
    readonly groups?: readonly { readonly group: string; readonly need: number; readonly given: number }[];
  };
}

/** Checks a webhook as Standard Webhooks says: Ed25519 (`v1a`) over `id.timestamp.body`. */
function isGenuine(
  publicKey: string,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  body: string,
) {
  const [id, time, signature] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(
    (name) => headers[name],
  );
  if (typeof id !== 'string' || typeof time !== 'string' || typeof signature !== 'string') return false;
  if (!(Math.abs(Date.now() / 1_000 - Number(time)) <= TOLERANCE)) return false;
  const raw = Buffer.from(publicKey.replace(/^whpk_/, ''), 'base64');
  const key = createPublicKey({ key: Buffer.concat([SPKI_ED25519, raw]), format: 'der', type: 'spki' });
  return signature.split(' ').some((one) => {
    const [version, value] = one.split(',');
    const given = Buffer.from(value ?? '', 'base64');
    return version === 'v1a' && verify(null, Buffer.from(`${id}.${time}.${body}`), key, given);
  });
}

/** What a chat would show: text from fixed words and ids, and two links. */
function messageOf({ type, data }: HoldEvent) {
  const waits = (data.groups ?? [])
    .map(({ group, need, given }) => `${group} (${given} of ${need})`)
    .join(', ');
  const what = type.split('.').at(-2);
  return {
    text: `${data.agent ?? ''} asks for ${data.action ?? ''}: ${what}; waits for ${waits}`,
    buttons:
      data.link === undefined
        ? []
        : [
            { label: 'Look and approve', url: data.link },
            { label: 'Look and deny', url: data.link },
          ],
  };
}

/** Serves on a free loopback port; what is genuine and new goes to `post`. */
async function adapter(
  publicKey: () => string,
  post: (message: ReturnType<typeof messageOf>) => void,
): Promise<Server> {
  const known = new Set<string>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      if (!isGenuine(publicKey(), request.headers, body)) return response.writeHead(401).end();
      const event = JSON.parse(body) as HoldEvent;
      if (event.type.includes('.hold.') && !known.has(event.id)) post(messageOf(event));
      known.add(event.id);
      return response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const folder = await realpath(await mkdtemp(join(tmpdir(), 'licet-chat-')));
const workspace = join(folder, 'workspace');
await mkdir(workspace);
const plane = await openPlane({
  data: join(folder, 'plane'),
  stateDir: join(folder, 'state'),
  workspace,
  solo: true,
  controlPort: 0,
});
const operator = await plane.as({ token: plane.operatorToken! });

let publicKey = '';
const messages: ReturnType<typeof messageOf>[] = [];
let arrived = (): void => undefined;
const server = await adapter(
  () => publicKey,
  (message) => (messages.push(message), arrived()),
);
const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
const { items, publicKey: key } = await operator.addWebhook({ url: address });
publicKey = key!;
assert.equal((await operator.testWebhook(items[0]!.id)).ok, true, 'a test event arrives and verifies');

const message = new Promise<void>((resolve) => (arrived = resolve));
const random = (): string => randomBytes(16).toString('base64url');
const asked = await plane.request({
  action: 'files/move_file',
  arguments: { source: join(workspace, 'a'), destination: join(workspace, 'b') },
  idempotencyKey: random(),
  instance: random(),
  door: { grade: 'in-process', confine: 'none' },
});
assert.equal(asked.verdict, 'hold');
await message;
assert.match(messages[0]!.text, /asks for files\/move_file: opened; waits for operators \(0 of 1\)/);
assert.equal(messages[0]!.buttons[0]!.url, `${plane.url}/approvals/${asked.executionId}`);
assert.doesNotMatch(JSON.stringify(messages), /workspace/, 'no argument is told unless configured');

const forged = await fetch(address, {
  method: 'POST',
  body: JSON.stringify({ type: 'local.licet.hold.opened.v1' }),
});
assert.equal(forged.status, 401, 'what the plane did not sign is no message');
console.log(messages[0]!.text);
await plane.close();
server.close();
