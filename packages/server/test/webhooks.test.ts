// Goal: holds are told of where an operator said, signed, without arguments, and nowhere else; and telling never stands in
// the way of a decision (RULE 47). Method: a real plane and a real receiver on loopback.
import { createPublicKey, verify } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Json } from '@licet/evidence';
import { assembleBundle, starterPolicy, testFiles } from '@licet/policy';
import { openPlane, readAuthor, readPlaneFolder, signBundle } from '../src/index.ts';
import { aPlane, aRequest, random, type Fixture } from './fixture.ts';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly event: {
    readonly id: string;
    readonly type: string;
    readonly subject: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
}
let fixture: Fixture;
let server: Server;
let url: string;
let status = 204;
let got: Received[] = [];
let heard = (): void => undefined;
beforeAll(async () => {
  fixture = await aPlane();
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (status === 204)
        got.push({ headers: request.headers, body, event: JSON.parse(body) as Received['event'] });
      response.writeHead(status, status === 307 ? { location: `${url}elsewhere` } : {}).end();
      heard();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  await fixture.close();
  server.close();
});

async function until(count: number): Promise<readonly Received[]> {
  while (got.length < count) await new Promise<void>((resolve) => (heard = resolve));
  return got;
}
const ask = () =>
  fixture.plane.request(
    aRequest(fixture, {
      action: 'files/move_file',
      arguments: {
        source: join(fixture.folder.workspace, `secret-${random(4)}`),
        destination: join(fixture.folder.workspace, 'b'),
      },
    }),
  );

/** The starter, whose holds escalate after a second. */
async function publishEscalating(): Promise<void> {
  const { workspace, data, stateDir } = fixture.folder;
  const { origin, tenant } = await readPlaneFolder(data);
  const files = starterPolicy({ workspace, origin, tenant });
  const head = JSON.parse(files['bundle.json']!) as Record<string, unknown>;
  const approvals = { operators: { escalation: [{ after: '1s', to: 'chiefs' }] } };
  const bundle = assembleBundle({
    ...files,
    'bundle.json': JSON.stringify({ ...head, version: 2, approvals }),
  });
  const { seed, key } = await readAuthor(stateDir, origin);
  const published = await fixture.operator.publish(
    signBundle(bundle, seed, key) as unknown as Json,
    testFiles(files),
  );
  expect(published.verdict).toBe('done');
}

test('a hold that opens and ends is told, signed by the webhook key, without its arguments', async () => {
  const { items, publicKey } = await fixture.operator.addWebhook({ url });
  got = [];
  const asked = await ask();
  const [opened] = await until(1);
  const hold = (await fixture.operator.execution(asked.executionId)).hold!.leaf;
  await fixture.operator.approve(asked.executionId, { hold, group: 'operators', verdict: 'reject' });
  const [, ended] = await until(2);
  expect(opened!.event).toMatchObject({
    specversion: '1.0',
    id: hold,
    type: 'local.licet.hold.opened.v1',
    subject: asked.executionId,
    data: {
      action: 'files/move_file',
      groups: [{ group: 'operators', need: 1, given: 0 }],
      link: `${fixture.url}/approvals/${asked.executionId}`,
    },
  });
  expect(ended!.event).toMatchObject({ type: 'local.licet.hold.ended.v1', data: { how: 'rejected' } });
  expect(got.map(({ body }) => body).join()).not.toContain('secret');
  const raw = Buffer.from(publicKey!.slice('whpk_'.length), 'base64');
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]);
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  for (const { headers, body } of got) {
    const signed = Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`);
    const [version, signature] = (headers['webhook-signature'] as string).split(',');
    expect([version, verify(null, signed, key, Buffer.from(signature!, 'base64'))]).toEqual(['v1a', true]);
    expect(verify(null, Buffer.from(`${signed.toString()} `), key, Buffer.from(signature!, 'base64'))).toBe(
      false,
    );
  }
  await fixture.operator.removeWebhook(items[0]!.id);
});

test('a hold that nobody answers is told again when others may answer as well', async () => {
  await publishEscalating();
  const { items } = await fixture.operator.addWebhook({ url });
  got = [];
  const asked = await ask();
  const { leaf, groups } = (await fixture.operator.execution(asked.executionId)).hold!;
  const [step] = groups[0]!.also!;
  const events = (await until(2)).map(({ event }) => event);
  const told = events.filter(({ type }) => type === 'local.licet.hold.escalated.v1');
  expect(told).toMatchObject([
    {
      id: `${leaf}.operators.${step!.at}`,
      subject: asked.executionId,
      data: { groups: [{ group: 'operators', escalates: [{ to: 'chiefs' }] }] },
    },
  ]);
  await fixture.operator.removeWebhook(items[0]!.id);
});

test('an escalation that fell due while the plane was down is told when it is back', async () => {
  const { items } = await fixture.operator.addWebhook({ url });
  got = [];
  const asked = await ask();
  const { leaf, groups } = (await fixture.operator.execution(asked.executionId)).hold!;
  const { at } = groups[0]!.also![0]!;
  await until(1);
  await fixture.plane.close();
  got = [];
  while (Date.now() <= at) await new Promise((resolve) => setTimeout(resolve, 50));
  const { folder, token } = fixture;
  const plane = await openPlane({ ...folder, controlPort: 0, publicPort: 0, solo: true, deadlineMs: 10_000 });
  const close = async (): Promise<void> => {
    await plane.close();
    folder.remove();
  };
  fixture = { ...fixture, plane, operator: await plane.as({ token }), url: plane.url!, close };
  // Other holds of this plane are told of as well.
  const told = () => got.map(({ event }) => event).filter(({ subject }) => subject === asked.executionId);
  while (told().length === 0) await until(got.length + 1);
  expect(told()).toMatchObject([
    { id: `${leaf}.operators.${at}`, type: 'local.licet.hold.escalated.v1', subject: asked.executionId },
  ]);
  await fixture.operator.removeWebhook(items[0]!.id);
});

test('a receiver that fails or sends elsewhere keeps no decision waiting, and gets no second address', async () => {
  const { items } = await fixture.operator.addWebhook({ url });
  const { id } = items[0]!;
  status = 307;
  got = [];
  expect(await fixture.operator.testWebhook(id)).toEqual({ ok: false, why: 'answered 307' });
  expect((await ask()).verdict).toBe('hold');
  status = 204;
  // The next try gets through.
  expect((await until(1))[0]!.event.type).toBe('local.licet.hold.opened.v1');
  await fixture.operator.removeWebhook(id);
});

test('rule 47: nothing is told where nobody said, and not over an open line', async () => {
  expect((await fixture.operator.webhooks()).items).toEqual([]);
  got = [];
  await ask();
  for (const address of [
    'http://example.org/',
    'https://a:b@example.org/',
    'ftp://localhost/',
    'nonsense-address',
  ])
    await expect(fixture.operator.addWebhook({ url: address })).rejects.toMatchObject({ code: 'schema' });
  expect((await fixture.operator.webhooks()).items).toEqual([]);
  expect(got).toEqual([]);
});

test('that it was set and taken back is in the log', async () => {
  const kinds = (await fixture.operator.notices()).map(({ kind }) => kind);
  expect(kinds).toContain('webhook_added');
  expect(kinds).toContain('webhook_removed');
});
