// An issuer of our own on loopback: signs what a test tells it to, and publishes its keys over HTTP until it is stopped.
import { createServer } from 'node:http';
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
  const server = createServer((_request, response) => {
    asked += 1;
    if (published === null) return void response.writeHead(500).end();
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: published }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const iss = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let serial = 0;
  return {
    iss,
    uri: `${iss}/keys`,
    asked: () => asked,
    publish(keys) {
      published = keys;
    },
    key,
    sign(claims, { key: by = key, header = {} } = {}) {
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
    },
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
