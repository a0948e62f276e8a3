// Goal: no token gets in that its issuer did not sign, for this plane, now, with a key and an algorithm of its own. Method:
// the table of known attacks on signed tokens, each against a token that is otherwise good; Wycheproof's vectors as data.
import { createHmac } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { base64url, utf8, type Json } from '@licet/evidence';
import { TOKEN_ALGORITHMS, type IssuerSettings } from '@licet/api';
import { exportSPKI, importJWK } from 'jose';
import { MAX_TOKEN, readJws, verifyJws } from '../src/issuers/jws.ts';
import { readKeySet } from '../src/issuers/key-set.ts';
import { COOL_DOWN_MS, FRESH_MS } from '../src/issuers/key-source.ts';
import { OUTBOUND } from '../src/issuers/outbound.ts';
import { openIssuers, type TrustedIssuers } from '../src/issuers/trusted.ts';
import { anIssuer, aTokenKey, AUDIENCE, type TestIssuer, type TestKey } from './issuer.ts';

const JKT = 'A'.repeat(43);
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

interface Setting {
  readonly issuer: TestIssuer;
  readonly clock: { now: number; nowMs(): number };
  /** What becomes of a token: `in`, or the code of the refusal. */
  present(token: string): Promise<string>;
  readonly issuers: TrustedIssuers;
}

async function aSetting(more: Partial<IssuerSettings> = {}): Promise<Setting> {
  const clock = { now: 1_800_000_000_000, nowMs: () => clock.now };
  const issuer = await anIssuer(() => clock.now);
  closers.push(() => issuer.stop());
  const settings = issuer.settings(more) as unknown as Json;
  const row = { subject: 'i-1', name: 'One', settings, digest: 'd' };
  const issuers = openIssuers({ issuers: async () => [row] }, clock);
  const present = (token: string): Promise<string> =>
    issuers.agent(token, JKT).then(
      ({ token: { enrol } }) => (enrol?.granted === false ? 'nobody' : 'in'),
      (error: { readonly code: string }) => error.code,
    );
  return { issuer, clock, present, issuers };
}

const part = (value: unknown): string =>
  base64url(utf8(typeof value === 'string' ? value : JSON.stringify(value)));
const NOW_S = 1_800_000_000;
const good = (issuer: TestIssuer) => ({
  iss: issuer.iss,
  aud: AUDIENCE,
  sub: 'job-1',
  iat: NOW_S,
  exp: NOW_S + 300,
});
/** Signs exactly these bytes of header and payload. */
async function signRaw(key: TestKey, header: string, payload: string): Promise<string> {
  const input = `${part(header)}.${part(payload)}`;
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
  const signature = await crypto.subtle.sign(
    algorithm,
    key.privateKey,
    utf8(input) as Uint8Array<ArrayBuffer>,
  );
  return `${input}.${base64url(new Uint8Array(signature))}`;
}

describe('a token', () => {
  test('that is good gets in; so does one that a test changes nothing about', async () => {
    const { issuer, present } = await aSetting();
    expect(await present(await issuer.sign({}))).toBe('in');
    const raw = await signRaw(issuer.key, '{"alg":"ES256","kid":"k1"}', JSON.stringify(good(issuer)));
    expect(await present(raw)).toBe('in');
  });

  test('with another algorithm than its key has is refused: none, shared secrets, confusion', async () => {
    const { issuer, present } = await aSetting();
    const claims = part(good(issuer));
    const spki = await exportSPKI((await importJWK(issuer.key.jwk, 'ES256', { extractable: true })) as never);
    const forged = (alg: string, secret: string): string => {
      const input = `${part({ alg, kid: 'k1' })}.${claims}`;
      return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
    };
    const tokens = [
      ...['none', 'None', 'NONE', 'nOnE', ''].flatMap((alg) => [
        `${part({ alg, kid: 'k1' })}.${claims}.`,
        `${part({ alg, kid: 'k1' })}.${claims}.AA`,
      ]),
      // The public key as the secret: the classic.
      forged('HS256', spki),
      forged('HS256', JSON.stringify(issuer.key.jwk)),
      forged('HS256', ''),
      // Signed with the right key, under the name of another algorithm.
      ...(await Promise.all(
        ['RS256', 'PS256', 'ES384', 'EdDSA', 'HS256', 'es256', 'ES256K'].map((alg) =>
          signRaw(issuer.key, JSON.stringify({ alg, kid: 'k1' }), JSON.stringify(good(issuer))),
        ),
      )),
    ];
    for (const token of tokens) expect(await present(token), token.slice(0, 40)).toBe('token_refused');
  });

  test('that brings or points to its own key, or changes what is signed, is refused', async () => {
    const { issuer, present } = await aSetting();
    const own = await aTokenKey('own');
    const asked = issuer.asked();
    const headers = [
      { jwk: own.jwk },
      { jku: `${issuer.iss}/keys` },
      { x5u: `${issuer.iss}/cert` },
      { x5c: ['MIIB'] },
      { crit: ['exp'] },
      { crit: ['b64'], b64: false },
      { b64: true },
      { zip: 'DEF' },
    ];
    for (const header of headers) {
      const raw = (by: TestKey) =>
        signRaw(by, JSON.stringify({ alg: 'ES256', kid: by.kid, ...header }), JSON.stringify(good(issuer)));
      for (const by of [own, issuer.key])
        expect(await present(await raw(by)), JSON.stringify(header)).toBe('token_refused');
    }
    // Only its keys were ever asked for, and not once for each token.
    expect(issuer.asked() - asked).toBeLessThanOrEqual(1);
  });

  test('for others, from others, or of another kind is refused', async () => {
    const { issuer, present } = await aSetting();
    const refused: readonly (readonly [object, object?])[] = [
      [{ aud: 'https://other.test' }],
      [{ aud: `${AUDIENCE}/` }],
      [{ aud: [AUDIENCE, 'https://other.test'] }],
      [{ aud: [] }],
      [{ aud: undefined }],
      [{ aud: { 0: AUDIENCE } }],
      [{ iss: `${issuer.iss}/` }],
      [{ iss: issuer.iss.toUpperCase() }],
      [{ iss: undefined }],
      [{ iss: [issuer.iss] }],
      [{ sub: undefined }],
      [{ sub: '' }],
      [{ sub: 7 }],
      [{ sub: 'x'.repeat(513) }],
      [{}, { typ: 'dpop+jwt' }],
      [{}, { typ: 'logout+jwt' }],
      [{}, { typ: 'secevent+jwt' }],
      [{}, { typ: 7 }],
      [{}, { kid: 'k9' }],
      [{}, { kid: 7 }],
      [{}, { kid: '' }],
    ];
    for (const [claims, header] of refused) {
      const whole = { ...good(issuer), ...claims };
      const head = JSON.stringify({ alg: 'ES256', kid: 'k1', ...header });
      const token = await signRaw(issuer.key, head, JSON.stringify(whole));
      expect(await present(token), `${JSON.stringify(claims)} ${JSON.stringify(header)}`).toBe(
        'token_refused',
      );
    }
    expect(await present(await issuer.sign({ sub: 'job-9' }))).toBe('nobody');
    expect(await present(await issuer.sign({ aud: [AUDIENCE] }))).toBe('in');
    expect(await present(await issuer.sign({}, { header: { typ: 'application/at+jwt' } }))).toBe('in');
  });

  test('counts between its times, five seconds of skew either way and no more', async () => {
    const key = await aTokenKey('k1');
    const { issuer, clock, present } = await aSetting({ jwks: { keys: [key.jwk as never] } });
    const at = async (offsetMs: number, claims: object): Promise<string> => {
      clock.now = NOW_S * 1_000 + offsetMs;
      return present(
        await signRaw(key, '{"alg":"ES256","kid":"k1"}', JSON.stringify({ ...good(issuer), ...claims })),
      );
    };
    expect(await at(300_000 + 4_999, {})).toBe('in');
    expect(await at(300_000 + 5_000, {})).toBe('token_refused');
    expect(await at(-5_000, { nbf: NOW_S })).toBe('in');
    expect(await at(-5_001, { nbf: NOW_S })).toBe('token_refused');
    expect(await at(-5_001, {})).toBe('token_refused');
    for (const claims of [
      { exp: undefined },
      { exp: '1900000000' },
      { exp: null },
      { exp: [NOW_S + 300] },
      { nbf: '0' },
      { nbf: null },
      { iat: 'now' },
    ])
      expect(await at(0, claims), JSON.stringify(claims)).toBe('token_refused');
  });

  test('that two readers could read differently is refused', async () => {
    const { issuer, present } = await aSetting();
    const claims = JSON.stringify(good(issuer));
    const head = '{"alg":"ES256","kid":"k1"}';
    const tricks: readonly (readonly [string, string])[] = [
      ['{"alg":"none","alg":"ES256","kid":"k1"}', claims],
      ['{"alg":"ES256","kid":"k9","kid":"k1"}', claims],
      [head, claims.replace('{', '{"sub":"job-2",')],
      [head, claims.replace('{', '{"\\u0073ub":"job-2",')],
      [head, `${claims} {}`],
      [head, `\uFEFF${claims}`],
      [head, `[${claims}]`],
      [head, claims.replace('}', ',"n":1e400}')],
      [head, '"text"'],
      [head, ''],
      ['[]', claims],
      ['null', claims],
    ];
    for (const [header, payload] of tricks)
      expect(await present(await signRaw(issuer.key, header, payload)), header + payload).toBe(
        'token_refused',
      );

    const token = await issuer.sign({});
    const [h, p, s] = token.split('.') as [string, string, string];
    const last = s.slice(0, -1);
    // A P-256 signature is 64 bytes: its last character has four bits that nobody signed.
    const stray = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
      .map((char) => `${h}.${p}.${last}${char}`)
      .filter((other) => other !== token);
    const forms = [
      ` ${token}`,
      `${token}\n`,
      `${token}=`,
      `${h}.${p}`,
      `${h}.${p}.`,
      `${h}..${s}`,
      `.${p}.${s}`,
      `${token}.${s}`,
      `${h}.${p}.${s}.AA.AA`,
      `${h}=.${p}.${s}`,
      `${h}.${p}.${s.slice(2)}`,
      `${h}.${p}.${'A'.repeat(86)}`,
      `${h}.${part(good({ ...issuer, iss: `${issuer.iss}x` }))}.${s}`,
      ...stray,
    ];
    for (const form of forms) expect(await present(form), form).toBe('token_refused');
  });

  test('that is huge, or nests deep, is refused before anything is done about it', async () => {
    const { issuer, present } = await aSetting();
    const asked = issuer.asked();
    const huge = await issuer.sign({ pad: 'x'.repeat(MAX_TOKEN) });
    expect(await present(huge)).toBe('token_refused');
    expect(readJws(huge)).toBeUndefined();
    const deep = `{"sub":${'['.repeat(2_000)}${']'.repeat(2_000)}}`;
    expect(await present(await signRaw(issuer.key, '{"alg":"ES256","kid":"k1"}', deep))).toBe(
      'token_refused',
    );
    expect(issuer.asked()).toBe(asked);
  });
});

describe('keys', () => {
  test('of one name, of no allowed algorithm, or with their secret published are none', async () => {
    const { issuer, present, issuers } = await aSetting();
    const second = await aTokenKey('k1');
    const rsa = await aTokenKey('r1', 'RS256');
    const { privateKey } = issuer.key;
    const secret = {
      ...issuer.key.jwk,
      ...(await crypto.subtle.exportKey('jwk', privateKey as never)),
      kid: 'k1',
    };
    for (const keys of [
      [issuer.key.jwk, second.jwk],
      [{ ...issuer.key.jwk, use: 'enc' }],
      [{ ...issuer.key.jwk, key_ops: ['sign'] }],
      [{ ...issuer.key.jwk, alg: 'ES384' }],
      [secret],
      [rsa.jwk],
      [{ kty: 'oct', k: part('secret'), kid: 'k1', alg: 'HS256' }],
      [],
    ]) {
      issuer.publish(keys as never);
      await issuers.refresh('i-1');
      expect(await present(await issuer.sign({})), JSON.stringify(keys).slice(0, 80)).toBe('token_refused');
    }
    issuer.publish([issuer.key.jwk]);
    await issuers.refresh('i-1');
    expect(await present(await issuer.sign({}))).toBe('in');
    // Without a name, only one key may be meant.
    const unnamed = await signRaw(issuer.key, '{"alg":"ES256"}', JSON.stringify(good(issuer)));
    expect(await present(unnamed)).toBe('in');
    issuer.publish([issuer.key.jwk, (await aTokenKey('k2')).jwk]);
    await issuers.refresh('i-1');
    expect(await present(unnamed)).toBe('token_refused');
  });

  test('rotate: a new name is asked for at once, and made-up names do not make the plane ask again and again', async () => {
    const { issuer, clock, present } = await aSetting();
    expect(await present(await issuer.sign({}))).toBe('in');
    const next = await aTokenKey('k2');
    issuer.publish([issuer.key.jwk, next.jwk]);
    clock.now += COOL_DOWN_MS;
    expect(await present(await issuer.sign({}, { key: next }))).toBe('in');
    const asked = issuer.asked();
    for (let n = 0; n < 50; n += 1)
      expect(await present(await issuer.sign({}, { header: { kid: `made-up-${n}` } }))).toBe('token_refused');
    expect(issuer.asked()).toBe(asked);
    // Taken away: old keys end when they are asked for anew.
    issuer.publish([next.jwk]);
    clock.now += FRESH_MS;
    expect(await present(await issuer.sign({}))).toBe('token_refused');
    expect(await present(await issuer.sign({}, { key: next }))).toBe('in');
  });

  test('count while the issuer cannot be reached, until they are too old; then nobody gets in', async () => {
    const maxAgeMs = FRESH_MS * 2;
    const { issuer, clock, present, issuers } = await aSetting({ maxAgeMs });
    expect(await present(await issuer.sign({}))).toBe('in');
    issuer.publish(null);
    clock.now += maxAgeMs - 1;
    expect(await present(await issuer.sign({}))).toBe('in');
    expect((await issuers.list())[0]!.keys.state()).toMatchObject({ failing: true, keys: 1 });
    clock.now += 1;
    expect(await present(await issuer.sign({}))).toBe('issuer_unavailable');
    // A clock that was set back does not make them young again.
    clock.now -= 2 * maxAgeMs;
    expect(await present(await issuer.sign({}))).toBe('issuer_unavailable');
    await expect(issuers.refresh('i-1')).rejects.toMatchObject({ code: 'issuer_unavailable' });
    issuer.publish([issuer.key.jwk]);
    clock.now += COOL_DOWN_MS;
    expect(await present(await issuer.sign({}))).toBe('in');
  });

  test('rule 47: are asked for at their address only: no redirect, no endless answer, no other scheme', async () => {
    const { createServer } = await import('node:http');
    let answer: 'redirect' | 'long' | 'text' = 'redirect';
    const { issuer: elsewhere } = await aSetting();
    const server = createServer((_request, response) => {
      if (answer === 'redirect') response.writeHead(302, { location: elsewhere.uri }).end();
      else if (answer === 'text') response.end('<html>');
      else response.end(JSON.stringify({ keys: [], pad: 'x'.repeat(OUTBOUND.maxBytes) }));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    closers.push(() => new Promise((done) => server.close(done)));
    const { port } = server.address() as { readonly port: number };
    for (const how of ['redirect', 'long', 'text'] as const) {
      answer = how;
      const { issuer, present } = await aSetting({ jwks: { uri: `http://127.0.0.1:${port}/keys` } });
      expect(await present(await issuer.sign({})), how).toBe('issuer_unavailable');
    }
    expect(elsewhere.asked()).toBe(0);
    for (const uri of ['http://192.0.2.1/keys', 'file:///etc/passwd', 'https://user:pw@localhost/keys']) {
      const { issuer, present } = await aSetting({ jwks: { uri } });
      expect(await present(await issuer.sign({})), uri).toBe('issuer_unavailable');
    }
  });

  test('that stand in the settings need no call', async () => {
    const key = await aTokenKey('k1');
    const { issuer, present } = await aSetting({ jwks: { keys: [key.jwk as never] } });
    expect(await present(await issuer.sign({}, { key }))).toBe('in');
    expect(await present(await issuer.sign({}))).toBe('token_refused');
    expect(issuer.asked()).toBe(0);
  });
});

describe('a profile', () => {
  const anyone = (when: Record<string, string[]>) => ({ agents: [{ when, groups: ['assistants'] }] });
  test('spiffe: the trust domain is the issuer, and ids are in their one form', async () => {
    const settings = {
      issuer: 'spiffe://td.test',
      profile: 'spiffe',
      ...anyone({ sub: ['spiffe://td.test/ns/a/*'] }),
    };
    const { issuer, present } = await aSetting(settings as Partial<IssuerSettings>);
    const of = async (sub: string, more: object = {}): Promise<string> =>
      present(await issuer.sign({ iss: undefined, sub, ...more }));
    expect(await of('spiffe://td.test/ns/a/sa/b')).toBe('in');
    expect(await of('spiffe://td.test/ns/a/sa/b', { iss: 'spiffe://td.test' })).toBe('in');
    expect(await of('spiffe://td.test/ns/b')).toBe('nobody');
    for (const sub of [
      'spiffe://other.test/ns/a/b',
      'spiffe://td.test.evil/ns/a/b',
      'spiffe://td.test',
      'spiffe://td.test/ns/a/../b',
      'spiffe://td.test/ns/a/%2e%2e/b',
      'spiffe://td.test//ns/a/b',
      'spiffe://td.test/ns/a/b?x',
      'SPIFFE://td.test/ns/a/b',
      'https://td.test/ns/a/b',
    ])
      expect(await of(sub), sub).toBe('token_refused');
    expect(await of('spiffe://td.test/ns/a/b', { iss: issuer.iss })).toBe('token_refused');
  });
  test('github: repository, owner and subject say the same', async () => {
    const settings = { profile: 'github', ...anyone({ repository: ['acme/app'], ref: ['refs/heads/main'] }) };
    const { issuer, present } = await aSetting(settings as Partial<IssuerSettings>);
    const job = {
      sub: 'repo:acme/app:ref:refs/heads/main',
      repository: 'acme/app',
      repository_owner: 'acme',
    };
    const of = async (more: object): Promise<string> =>
      present(await issuer.sign({ ...job, ref: 'refs/heads/main', ...more }));
    expect(await of({})).toBe('in');
    expect(await of({ ref: 'refs/heads/fix' })).toBe('nobody');
    expect(await of({ repository_owner: 'evil' })).toBe('token_refused');
    expect(await of({ sub: 'repo:acme/application:ref:refs/heads/main' })).toBe('token_refused');
    expect(await of({ repository: undefined })).toBe('token_refused');
  });
  test('kubernetes: namespace and service account are those of the subject', async () => {
    const when = { '/kubernetes.io/namespace': ['agents'], '/kubernetes.io/serviceaccount/name': ['writer'] };
    const settings = { profile: 'kubernetes', ...anyone(when) } as Partial<IssuerSettings>;
    const { issuer, present } = await aSetting(settings);
    const about = {
      namespace: 'agents',
      serviceaccount: { name: 'writer', uid: 'u' },
      pod: { name: 'p', uid: 'q' },
    };
    const of = async (sub: string, more: object = about): Promise<string> =>
      present(await issuer.sign({ sub, 'kubernetes.io': more }));
    expect(await of('system:serviceaccount:agents:writer')).toBe('in');
    expect(await of('system:serviceaccount:kube-system:admin')).toBe('token_refused');
    expect(await of('system:serviceaccount:agents:writer', { namespace: 'agents' })).toBe('token_refused');
    const other = { ...about, serviceaccount: { name: 'reader' } };
    expect(await of('system:serviceaccount:agents:reader', other)).toBe('nobody');
  });
});

interface Group {
  readonly private: Readonly<Record<string, Json>>;
  readonly public?: Readonly<Record<string, Json>>;
  readonly tests: readonly {
    readonly tcId: number;
    readonly comment: string;
    readonly jws: string;
    readonly result: 'valid' | 'invalid';
  }[];
}
const FOREIGN = new URL('../../../../shared/vectors/wycheproof/', import.meta.url);

describe("others' vectors (Wycheproof)", () => {
  // Every algorithm that an issuer's settings can allow.
  const algorithms = [...TOKEN_ALGORITHMS];
  /** Valid and not taken here: shared secrets, nothing signed, an algorithm that does not exist, or not the key's own. */
  const NOT_TAKEN = /"(HS\d+|ES521)"|emptyPayload|Figure20/;

  for (const [name, count] of [
    ['json_web_signature_test', 401],
    ['json_web_key_test', 26],
  ] as const) {
    const file = new URL(`${name}.json`, FOREIGN);
    if (!existsSync(file)) {
      console.log(`${name}: absent here; the table above covers the same attacks, with fewer keys`);
      continue;
    }
    test(`${name}: all ${count} are taken or refused as they say`, async () => {
      const { testGroups } = JSON.parse(readFileSync(file, 'utf8')) as {
        readonly testGroups: readonly Group[];
      };
      let [seen, taken] = [0, 0];
      for (const group of testGroups) {
        const given = group.public ?? group.private;
        const jwks = Array.isArray(given['keys']) ? (given['keys'] as readonly Json[]) : [given];
        const keys = await readKeySet(jwks, algorithms);
        for (const { tcId, comment, jws, result } of group.tests) {
          seen += 1;
          const answer = (await verifyJws(jws, keys, algorithms)) === undefined ? 'invalid' : 'valid';
          const label = `${tcId} ${comment}`;
          if (result === 'invalid') expect(answer, label).toBe('invalid');
          else if (answer === 'valid') taken += 1;
          else expect(`${JSON.stringify(jwks)} ${comment}`, label).toMatch(NOT_TAKEN);
        }
      }
      expect(seen).toBe(count);
      expect(taken).toBeGreaterThan(0);
    });
  }
});
