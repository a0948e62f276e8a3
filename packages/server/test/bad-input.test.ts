// Goal: whatever is wrong with a call is refused with its own code, and nothing of it reaches the log. Method: raw
// bytes against a real listener, the size of the log before and after.
import { connect as tcp } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { jwkThumbprint, parseNote, parseSessionShare, utf8 } from '@licet/evidence';
import { ed25519NoteSigner } from '@licet/evidence/node';
import {
  callMac,
  connect,
  makeProof,
  newPrivateJwk,
  newShare,
  publicHalf,
  SESSION_HEADERS,
  sessionSecret,
  type PrivateJwk,
} from '@licet/api';
import {
  aPlane,
  anIdentity,
  aRequest,
  proved,
  random,
  raw,
  sizeOf,
  type Fixture,
  type RawAnswer,
} from './fixture.ts';

let fixture: Fixture;
let agent: PrivateJwk;
let before: number;
beforeAll(async () => {
  fixture = await aPlane();
  agent = (await anIdentity(fixture, 'agent')).key;
});
afterAll(() => fixture.close());
beforeEach(async () => {
  before = await sizeOf(fixture.operator);
});
afterEach(async () => {
  expect(await sizeOf(fixture.operator)).toBe(before);
});

const JSON_TYPE = { 'content-type': 'application/json' };
const post = async (
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<RawAnswer> =>
  raw(fixture.url, 'POST', '/v1/executions', {
    body,
    headers: { ...JSON_TYPE, ...(await proved(agent, fixture.url, 'POST', '/v1/executions')), ...headers },
  });
const codeOf = (answer: RawAnswer): unknown => {
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.json['status']).toBe(answer.status);
  return answer.json['code'];
};

describe('a body', () => {
  const good = (): string => JSON.stringify(aRequest(fixture));
  test.each<readonly [string, () => string | Uint8Array, string]>([
    ['that is empty', () => '', 'malformed'],
    ['that is cut short', () => good().slice(0, -1), 'malformed'],
    ['with something after it', () => `${good()} x`, 'malformed'],
    ['with the same name twice', () => good().replace('{', '{"start":false,'), 'malformed'],
    [
      'with the same name twice in the arguments',
      () => good().replace('"content"', '"content":"x","c\\u006fntent"'),
      'malformed',
    ],
    [
      'in malformed UTF-8',
      () => Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')]),
      'malformed',
    ],
    ['with a byte order mark', () => `\ufeff${good()}`, 'malformed'],
    ['with a number beyond 2^53', () => good().replace('"hi"', '9007199254740993'), 'malformed'],
    ['with a lone surrogate', () => good().replace('"hi"', '"\\ud800"'), 'malformed'],
    ['nested beyond 64', () => good().replace('"hi"', `${'['.repeat(70)}${']'.repeat(70)}`), 'malformed'],
    ['longer than 1 MiB', () => good().replace('"hi"', `"${'x'.repeat(1_048_600)}"`), 'too_large'],
    ['that is no object', () => '[]', 'schema'],
    ['that is null', () => 'null', 'schema'],
    ['with an unknown field', () => good().replace('{', '{"Start":true,'), 'schema'],
    ['with a field of another type', () => good().replace('"start":true', '"start":"true"'), 'schema'],
    [
      'with too short an idempotency key',
      () => JSON.stringify(aRequest(fixture, { idempotencyKey: 'abc' })),
      'schema',
    ],
    [
      'with an instance of another length',
      () => JSON.stringify(aRequest(fixture, { instance: random(8) })),
      'schema',
    ],
    [
      'with an action of another form',
      () => JSON.stringify(aRequest(fixture, { action: '../etc' })),
      'schema',
    ],
    ['with __proto__', () => good().replace('{', '{"__proto__":{"start":true},'), 'schema'],
  ])('%s is refused', async (_title, body, code) => {
    expect(codeOf(await post(body()))).toBe(code);
  });
  test('of another media type, or encoded, is refused', async () => {
    expect(codeOf(await post(good(), { 'content-type': 'text/plain' }))).toBe('unsupported_media_type');
    expect(codeOf(await post(good(), { 'content-encoding': 'gzip' }))).toBe('unsupported_media_type');
  });
});

describe('a path or query', () => {
  const get = async (target: string): Promise<RawAnswer> =>
    raw(fixture.url, 'GET', target, { headers: { authorization: `Bearer ${fixture.token}` } });
  test('that names nothing, or is malformed, is not found or does not fit', async () => {
    expect(codeOf(await get('/v1/nothing'))).toBe('not_found');
    expect(codeOf(await get('/v1/executions/not-an-id'))).toBe('not_found');
    expect(codeOf(await get(`/v1/executions/${'a'.repeat(500)}`))).toBe('not_found');
    expect(codeOf(await get('/v1/executions/%ff'))).toBe('not_found');
    expect(codeOf(await get('/V1/executions'))).toBe('not_found');
    expect(codeOf(await get('/v1/executions/'))).toBe('not_found');
    expect(codeOf(await get('/tile/../plane.json'))).toBe('not_found');
    expect(codeOf(await get('/tile/0/x000/000'))).toBe('not_found');
    expect(codeOf(await get('/v1/executions?limit=1e9'))).toBe('schema');
    expect(codeOf(await get('/v1/executions?limit=1&limit=2'))).toBe('schema');
    expect(codeOf(await get('/v1/executions?surprise=1'))).toBe('schema');
    expect(codeOf(await get('/v1/executions?state[]=x'))).toBe('schema');
    expect(codeOf(await get('/status?seen=-1'))).toBe('schema');
  });
  test('by another method says which ones there are', async () => {
    const answer = await raw(fixture.url, 'DELETE', '/v1/executions');
    expect([codeOf(answer), answer.headers['allow']]).toEqual(['method_not_allowed', 'POST, GET']);
    expect((await raw(fixture.url, 'OPTIONS', '/v1/executions')).status).toBe(405);
  });
});

describe('another host or site', () => {
  test.each([
    ['Host', { host: 'evil.example' }],
    ['Host with another port', { host: 'localhost:1' }],
    ['Origin', { origin: 'http://evil.example' }],
    ['Origin null', { origin: 'null' }],
    ['Origin of another scheme', { origin: 'https://localhost' }],
    ['site', { 'sec-fetch-site': 'cross-site' }],
  ])('by its %s is refused on both listeners', async (_title, headers) => {
    for (const base of [fixture.url, fixture.publicUrl])
      expect(codeOf(await raw(base, 'GET', '/status', { headers }))).toBe('wrong_host');
  });
  test('our own origin is let in', async () => {
    expect((await raw(fixture.url, 'GET', '/status', { headers: { origin: fixture.url } })).status).toBe(200);
  });
});

describe('a credential', () => {
  const get = async (headers: Readonly<Record<string, string>>): Promise<unknown> =>
    codeOf(await raw(fixture.url, 'GET', '/v1/executions', { headers }));
  test('that is none, unknown, or more than one is refused', async () => {
    expect(await get({})).toBe('unidentified');
    expect(await get({ authorization: `Bearer ${random(32)}` })).toBe('unidentified');
    expect(await get({ authorization: `Basic ${fixture.token}` })).toBe('unidentified');
    expect(await get({ cookie: `licet-login=${random(32)}` })).toBe('unidentified');
    expect(
      await get({ ...(await proved(await newPrivateJwk(), fixture.url, 'GET', '/v1/executions')) }),
    ).toBe('unidentified');
    expect(
      await get({
        authorization: `Bearer ${fixture.token}`,
        ...(await proved(agent, fixture.url, 'GET', '/v1/executions')),
      }),
    ).toBe('unidentified');
  });
  test('a proof for another call, replayed, or from a clock ten minutes off is stale', async () => {
    const proof = (method: string, target: string, nowMs?: number) =>
      proved(agent, fixture.url, method, target, nowMs);
    expect(await get(await proof('POST', '/v1/executions'))).toBe('stale_proof');
    expect(await get(await proof('GET', '/v1/facts'))).toBe('stale_proof');
    expect(
      await get({
        dpop: await makeProof(agent, { method: 'GET', url: 'http://localhost:1/v1/executions' }, Date.now()),
      }),
    ).toBe('stale_proof');
    expect(
      await get({
        dpop: await makeProof(
          agent,
          { method: 'GET', url: `${fixture.url}/v1/executions`, origin: 'licet.local/other' },
          Date.now(),
        ),
      }),
    ).toBe('stale_proof');
    for (const off of [600_000, -600_000])
      expect(await get(await proof('GET', '/v1/executions', Date.now() + off))).toBe('stale_proof');
    const once = await proof('GET', '/v1/executions');
    expect((await raw(fixture.url, 'GET', '/v1/executions', { headers: once })).status).toBe(200);
    expect(await get(once)).toBe('stale_proof');
  });
});

describe('a session', () => {
  interface Opened {
    readonly id: string;
    readonly secret: Uint8Array;
  }
  async function open(): Promise<Opened> {
    const mine = await newShare();
    const url = `${fixture.url}/v1/sessions`;
    const headers = {
      ...JSON_TYPE,
      dpop: await makeProof(agent, { method: 'POST', url, share: mine.share }, Date.now()),
    };
    const { json } = await raw(fixture.url, 'POST', '/v1/sessions', { body: '{}', headers });
    const share = parseSessionShare(parseNote(json['note'] as string).text);
    const jkt = jwkThumbprint({ ...publicHalf(agent) });
    const transcript = {
      origin: fixture.plane.origin,
      session: share.session,
      jkt,
      agentShare: mine.share,
      planeShare: share.share,
    };
    return { id: share.session, secret: sessionSecret(await mine.agree(share.share), transcript) };
  }
  const call = (
    { id, secret }: Opened,
    counter: number,
    change: { readonly mac?: string; readonly target?: string } = {},
  ): Promise<RawAnswer> => {
    const target = '/v1/executions?limit=1';
    const mac = change.mac ?? callMac(secret, { method: 'GET', target, body: utf8(''), counter });
    const headers = {
      [SESSION_HEADERS.session]: id,
      [SESSION_HEADERS.counter]: String(counter),
      [SESSION_HEADERS.mac]: mac,
    };
    return raw(fixture.url, 'GET', change.target ?? target, { headers });
  };
  test('takes each counter once and only what its MAC covers', async () => {
    const session = await open();
    expect((await call(session, 5)).status).toBe(200);
    expect((await call(session, 3)).status).toBe(200);
    expect(codeOf(await call(session, 5))).toBe('session_ended');
    expect(codeOf(await call(session, 6, { target: '/v1/executions?limit=2' }))).toBe('unidentified');
    expect(codeOf(await call(session, 7, { mac: random(32) }))).toBe('unidentified');
    expect((await call(session, 7)).status).toBe(200);
    expect((await call(session, 2_000)).status).toBe(200);
    expect(codeOf(await call(session, 900))).toBe('session_ended');
    expect(codeOf(await call({ ...session, id: random(18) }, 2_001))).toBe('session_ended');
    expect(codeOf(await call({ ...session, secret: new Uint8Array(32) }, 2_001))).toBe('unidentified');
  });
  test('is opened by a proof with a usable share, and by nothing else', async () => {
    const url = `${fixture.url}/v1/sessions`;
    const attempt = async (
      claims: { readonly share?: string },
      key = agent,
      nowMs = Date.now(),
    ): Promise<unknown> =>
      codeOf(
        await raw(fixture.url, 'POST', '/v1/sessions', {
          body: '{}',
          headers: { ...JSON_TYPE, dpop: await makeProof(key, { method: 'POST', url, ...claims }, nowMs) },
        }),
      );
    expect(await attempt({})).toBe('stale_proof');
    expect(await attempt({ share: random(32).replace(/.*/, 'A'.repeat(43)) })).toBe('stale_proof');
    expect(await attempt({ share: 'x' })).toBe('stale_proof');
    const { share } = await newShare();
    expect(await attempt({ share }, await newPrivateJwk())).toBe('unidentified');
    expect(await attempt({ share }, agent, Date.now() - 600_000)).toBe('stale_proof');
    expect(codeOf(await raw(fixture.url, 'POST', '/v1/sessions', { body: '{}', headers: JSON_TYPE }))).toBe(
      'unidentified',
    );
  });
  test('rule 5: whose share is not signed by a pinned key is garbled to the agent', async () => {
    const { trust, origin } = fixture.plane.pinned;
    const foreign = ed25519NoteSigner(`${origin}/session`, new Uint8Array(32).fill(9)).vkey;
    const logs = trust.logs.map((log) => ({ ...log, keys: { ...log.keys, session: [foreign] } }));
    const client = await connect({ url: fixture.url, key: agent, trust: { v: 1, logs } });
    await expect(client.executions()).rejects.toMatchObject({ code: 'garbled' });
    const honest = await connect({ url: fixture.url, key: agent, trust });
    expect((await honest.executions()).items).toEqual([]);
  });
});

describe('limits', () => {
  test('headers beyond 16 KiB are refused', async () => {
    expect(
      (await raw(fixture.url, 'GET', '/status', { headers: { 'x-large': 'x'.repeat(20_000) } })).status,
    ).toBe(431);
  });
  test('bytes that are no HTTP get a problem and the end of the connection', async () => {
    const socket = tcp(Number(new URL(fixture.url).port), '127.0.0.1');
    socket.end('\u0016\u0003\u0001garbage\r\n\r\n');
    const text = await new Promise<string>((resolve) => {
      let all = '';
      socket.on('data', (chunk) => (all += chunk.toString()));
      socket.on('close', () => resolve(all));
    });
    expect(text).toMatch(/^HTTP\/1\.1 400/);
    expect(text).toContain('"code":"malformed"');
  });
  test('a request that drips is ended within the limit', async () => {
    const socket = tcp(Number(new URL(fixture.url).port), '127.0.0.1');
    const began = Date.now();
    socket.write('POST /v1/executions HTTP/1.1\r\nHost: localhost\r\n');
    const drip = setInterval(() => socket.write('x: y\r\n'), 500);
    await new Promise((resolve) =>
      socket
        .on('close', resolve)
        .on('error', () => undefined)
        .resume(),
    );
    clearInterval(drip);
    expect(Date.now() - began).toBeLessThan(14_000);
  }, 20_000);
});

test('rule 38: callers without an identity are counted, slowed down and never appended', async () => {
  const answers: RawAnswer[] = [];
  // More than the allowance at once; again where a busy machine took so long that the allowance had grown meanwhile.
  for (let round = 0; round < 20 && !answers.some(({ status }) => status === 429); round += 1)
    answers.push(
      ...(await Promise.all(
        Array.from({ length: 320 }, () =>
          raw(fixture.url, 'GET', '/v1/executions', { headers: { authorization: `Bearer ${random(32)}` } }),
        ),
      )),
    );
  const codes = new Set(answers.map(({ json }) => json['code']));
  expect(codes).toEqual(new Set(['unidentified', 'overloaded']));
  expect(answers.find(({ status }) => status === 429)?.headers['retry-after']).toBe('1');
  const metrics = (await raw(fixture.url, 'GET', '/metrics')).text;
  expect(metrics).toMatch(/licet_unidentified_total\{reason="unidentified"\} [1-9]/);
  // Who has an identity is not slowed down by those who have none.
  expect(
    (
      await raw(fixture.url, 'GET', '/v1/executions', {
        headers: { authorization: `Bearer ${fixture.token}` },
      })
    ).status,
  ).toBe(200);
});
