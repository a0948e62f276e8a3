// An issuer of our own on loopback: signs what a test tells it to, and publishes its keys over HTTP until it is stopped.
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import type { IssuerSettings } from '@licet/api';

export interface TestKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

/** Returns a key of an issuer. */
export async function aTokenKey(kid: string, alg = 'ES256'): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } as JWK };
}

export interface TestIssuer {
  readonly iss: string;
  readonly uri: string;
  /** How often its keys were asked for. */
  readonly asked: () => number;
  /** What it publishes; null: it answers with an error. */
  publish(keys: readonly JWK[] | null): void;
  readonly key: TestKey;
  readonly provider: TestProvider;
  sign(claims: Readonly<Record<string, unknown>>, more?: { key?: TestKey; header?: object }): Promise<string>;
  settings(more?: Partial<IssuerSettings>): IssuerSettings;
  stop(): Promise<void>;
}

export const AUDIENCE = 'https://plane.test';

/** Returns a running issuer. Times are those of `nowMs`. */
export async function anIssuer(nowMs: () => number = Date.now): Promise<TestIssuer> {
  const key = await aTokenKey('k1');
  let published: readonly JWK[] | null = [key.jwk];
  let asked = 0;
  const provider = aProvider();
  const server = createServer((request, response) => {
    if (request.url !== '/keys') return void provider.answer(request, response, { iss, sign });
    asked += 1;
    if (published === null) return void response.writeHead(500).end();
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: published }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const iss = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let serial = 0;
  const sign: TestIssuer['sign'] = (claims, { key: by = key, header = {} } = {}) => {
    const nowS = Math.floor(nowMs() / 1_000);
    serial += 1;
    const all = {
      iss,
      aud: AUDIENCE,
      sub: 'job-1',
      iat: nowS,
      exp: nowS + 300,
      jti: `t${serial}`,
      ...claims,
    };
    return new SignJWT(all)
      .setProtectedHeader({ alg: by.alg, kid: by.kid, typ: 'JWT', ...header })
      .sign(by.privateKey);
  };
  return {
    iss,
    provider,
    sign,
    uri: `${iss}/keys`,
    asked: () => asked,
    publish(keys) {
      published = keys;
    },
    key,
    settings: (more = {}) => ({
      v: 1,
      issuer: iss,
      audience: AUDIENCE,
      profile: 'generic',
      jwks: { uri: `${iss}/keys` },
      algorithms: ['ES256'],
      agents: [
        {
          when: { sub: ['job-1', 'job-2'] },
          groups: ['assistants'],
          for: 'u-owner',
          root: { perDay: 100, concurrent: 10 },
        },
      ],
      ...more,
    }),
    stop: () => new Promise((done) => server.close(() => done())),
  };
}

export const CLIENT = 'licet-console';

/** The part of an issuer that people sign in by: authorization code with PKCE. What goes wrong with it, a test says. */
export interface TestProvider {
  /** Who is signed in there. */
  person: Readonly<Record<string, unknown>>;
  /** Changes the ID token, or what comes back with the browser. */
  twist: {
    readonly claims?: object;
    readonly back?: Readonly<Record<string, string>>;
    readonly key?: TestKey;
  };
  /** Forms that the token endpoint took. */
  readonly redeemed: URLSearchParams[];
  answer(
    request: IncomingMessage,
    response: ServerResponse,
    issuer: { readonly iss: string; sign: TestIssuer['sign'] },
  ): Promise<void>;
}

function aProvider(): TestProvider {
  const codes = new Map<string, URLSearchParams>();
  const provider: TestProvider = {
    person: { sub: 'ada', groups: ['ops'] },
    twist: {},
    redeemed: [],
    async answer(request, response, { iss, sign }) {
      const url = new URL(request.url ?? '/', iss);
      if (url.pathname === '/authorize') {
        const code = randomBytes(16).toString('hex');
        codes.set(code, url.searchParams);
        const back = new URL(url.searchParams.get('redirect_uri')!);
        const state = url.searchParams.get('state')!;
        for (const [name, value] of Object.entries({ code, state, iss, ...provider.twist.back }))
          back.searchParams.set(name, value);
        response.writeHead(302, { location: back.href }).end();
        return;
      }
      if (url.pathname !== '/token') return void response.writeHead(404).end();
      let text = '';
      for await (const chunk of request) text += String(chunk);
      const form = new URLSearchParams(text);
      provider.redeemed.push(form);
      const asked = codes.get(form.get('code') ?? '');
      codes.delete(form.get('code') ?? '');
      const challenge = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url');
      response.setHeader('content-type', 'application/json');
      if (
        asked?.get('code_challenge') !== challenge ||
        asked.get('redirect_uri') !== form.get('redirect_uri') ||
        asked.get('client_id') !== CLIENT
      )
        return void response.writeHead(400).end('{"error":"invalid_grant"}');
      const claims = { aud: CLIENT, nonce: asked.get('nonce'), ...provider.person, ...provider.twist.claims };
      const { key } = provider.twist;
      const id_token = await sign(claims, key === undefined ? {} : { key });
      response.end(
        JSON.stringify({ access_token: 'opaque', token_type: 'Bearer', expires_in: 60, id_token }),
      );
    },
  };
  return provider;
}
