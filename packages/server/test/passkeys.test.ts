/**
 * Goal: people come in by passkey, once for each challenge, at this plane's own place, and approve by it; nothing of it
 * opens any other door (RULE 22, 28). Method: the real listener, and an authenticator in software that can be bent.
 */
import { createPrivateKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  approvalDigest,
  parseEntry,
  relyingPartyDigest,
  verifyBundle,
  verifyCommitment,
  type EntryOf,
} from '@licet/evidence';
import { nodeCrypto } from '@licet/evidence/node';
import { connect, newPrivateJwk } from '@licet/api';
import { softAuthenticator, type Bent, type SoftAuthenticator } from '../../cli/src/demo/authenticator.ts';
import { requireRelyingParty } from '../src/passkeys.ts';
import { aPlane, aRequest, random, raw, type Fixture } from './fixture.ts';

const SITE = { rpId: 'localhost', origin: 'http://localhost:4840' };
const clock = { aheadMs: 0, nowMs: () => Date.now() + clock.aheadMs };

let fixture: Fixture;
beforeAll(async () => {
  fixture = await aPlane({ ports: { clock } });
});
afterAll(() => fixture.close());

interface Browser {
  readonly cookie: string;
  readonly csrf: string;
  readonly method: string;
}
type Answer = Awaited<ReturnType<typeof raw>>;

const post = (path: string, body: unknown, browser?: Browser): Promise<Answer> =>
  raw(fixture.url, 'POST', path, {
    headers: {
      'content-type': 'application/json',
      ...(browser === undefined ? {} : { cookie: browser.cookie, 'licet-csrf': browser.csrf }),
    },
    body: JSON.stringify(body),
  });
const entered = (answer: Answer): Browser => ({
  cookie: String(answer.headers['set-cookie']).split(';', 1)[0]!,
  csrf: String(answer.json['csrf']),
  method: String(answer.json['method']),
});
const challengeOf = (answer: Answer): string => String(answer.json['challenge']);

async function byToken(): Promise<Browser> {
  return entered(await post('/v1/login', { token: fixture.token }));
}
async function signIn(authenticator: SoftAuthenticator, bent?: Bent): Promise<Answer> {
  const challenge = challengeOf(await post('/v1/login/challenge', {}));
  return post('/v1/login/passkey', { assertion: authenticator.get(challenge, bent) });
}
/** Registers as whoever the browser is, or by invitation. */
async function register(
  authenticator: SoftAuthenticator,
  as: { readonly browser?: Browser; readonly invitation?: string },
  bent?: Bent,
): Promise<Answer> {
  const by = as.invitation === undefined ? {} : { invitation: as.invitation };
  const challenge = challengeOf(await post('/v1/passkeys/options', by, as.browser));
  return post('/v1/passkeys', { ...authenticator.create(challenge, bent), ...by }, as.browser);
}
/** A person with nothing yet but an invitation. */
async function invited(
  name: string,
  more: object = {},
): Promise<{ readonly subject: string; readonly invitation: string }> {
  const made = await fixture.operator.register({
    kind: 'user',
    name,
    roles: ['approver'],
    groups: ['operators'],
    ...more,
  });
  const { invitation } = await fixture.operator.invite(made.subject!);
  return { subject: made.subject!, invitation };
}

test('another place for passkeys is recorded by its digest, refused where browsers would, and believed by nobody by itself', async () => {
  const rp = { id: 'localhost', origins: ['http://localhost:4999', SITE.origin] };
  const done = await fixture.operator.changeRelyingParty(rp);
  expect(done.verdict).toBe('done');
  const digest = relyingPartyDigest(fixture.plane.origin, rp);
  expect(await fixture.operator.notices()).toContainEqual(
    expect.objectContaining({ kind: 'relying_party', digest }),
  );
  for (const wrong of [
    { id: '127.0.0.1', origins: ['http://127.0.0.1:4840'] },
    { id: 'localhost', origins: ['https://evil.example'] },
    { id: 'plane.example', origins: ['http://plane.example'] },
  ])
    await expect(fixture.operator.changeRelyingParty(wrong)).rejects.toMatchObject({ code: 'schema' });
  // What takes two people elsewhere is not said by one as an ordinary notice.
  await expect(fixture.operator.notice('relying_party', digest)).rejects.toMatchObject({ code: 'conflict' });
  // The trust file decides: nothing is asked at the new place before somebody believes it there.
  const passkey = softAuthenticator({ ...SITE, origin: 'http://localhost:4999' });
  const { invitation } = await fixture.operator.invite('u-operator');
  expect((await register(passkey, { invitation })).status).toBeGreaterThanOrEqual(400);
});

describe('a passkey', () => {
  test('is made by an invited person, signs them in, and approves what is then verified offline', async () => {
    const { subject, invitation } = await invited('Ada');
    const passkey = softAuthenticator(SITE);
    const made = await register(passkey, { invitation });
    expect(made.json).toMatchObject({ verdict: 'done', subject });
    const identities = await fixture.operator.identities();
    expect(identities.find((one) => one.subject === subject)).toMatchObject({
      keys: [],
      passkeys: [{ key: { kty: 'EC' } }],
    });

    const signed = await signIn(passkey);
    expect(signed.json).toMatchObject({ subject, method: 'passkey', roles: ['approver'] });
    const browser = entered(signed);
    const me = await raw(fixture.url, 'GET', '/v1/me', { headers: { cookie: browser.cookie } });
    expect(me.json).toMatchObject({ subject, method: 'passkey' });

    const asked = await fixture.plane.request(
      aRequest(fixture, {
        action: 'files/move_file',
        arguments: { source: `${fixture.folder.workspace}/a`, destination: `${fixture.folder.workspace}/b` },
      }),
    );
    if (asked.verdict !== 'hold') throw new Error(JSON.stringify(asked));
    const { hold } = await fixture.operator.execution(asked.executionId);
    const about = { hold: hold!.leaf, group: 'operators', verdict: 'approve' } as const;
    const { json } = await post(`/v1/approvals/${asked.executionId}/subject`, about, browser);
    const {
      subject: toSign,
      challenge,
      disclosures,
    } = json as unknown as Awaited<ReturnType<typeof fixture.operator.approvalSubject>>;
    // What the person reads is what the commitment opens to, and what they sign is over that commitment.
    expect(challenge).toBe(approvalDigest(toSign));
    expect(verifyCommitment('argument', toSign.args, disclosures!, [])).toMatchObject({
      source: `${fixture.folder.workspace}/a`,
    });
    const approved = await post(
      `/v1/approvals/${asked.executionId}`,
      { ...about, expires: toSign.expires, assertion: passkey.get(challenge) },
      browser,
    );
    expect(approved.json).toMatchObject({ complete: true });
    const again = await fixture.plane.decide(asked.executionId, {
      idempotencyKey: random(),
      instance: random(),
      start: true,
    });
    expect(again.verdict).toBe('allow');
    const report = await verifyBundle(
      await fixture.operator.evidence(asked.executionId),
      fixture.plane.pinned.trust,
      { crypto: nodeCrypto },
    );
    expect(report.rungs.find(({ name }) => name === 'approvals')).toMatchObject({ status: 'pass' });
  });

  test('rule 28: its key opens no session and signs no call, even where somebody could copy it', async () => {
    const key = await newPrivateJwk();
    const { invitation } = await invited('Bea');
    const passkey = softAuthenticator(SITE, createPrivateKey({ key: { ...key }, format: 'jwk' }));
    expect((await register(passkey, { invitation })).json).toMatchObject({ verdict: 'done' });
    expect((await signIn(passkey)).json).toMatchObject({ method: 'passkey' });
    const { trust } = fixture.plane.pinned;
    const stolen = await connect({ url: fixture.url, key, trust });
    await expect(stolen.identities()).rejects.toMatchObject({ code: 'unidentified' });
    await expect((await fixture.plane.as({ key })).identities()).rejects.toMatchObject({
      code: 'unidentified',
    });
  });

  test('that is taken away signs nobody in, and ends what it signed in', async () => {
    const { subject, invitation } = await invited('Cleo');
    const passkey = softAuthenticator(SITE);
    await register(passkey, { invitation });
    const browser = entered(await signIn(passkey));
    const [{ id } = { id: '' }] = (await fixture.operator.identities()).find(
      (one) => one.subject === subject,
    )!.passkeys!;
    expect((await fixture.operator.removePasskey(id)).verdict).toBe('done');
    expect((await raw(fixture.url, 'GET', '/v1/me', { headers: { cookie: browser.cookie } })).status).toBe(
      401,
    );
    expect((await signIn(passkey)).json).toMatchObject({ code: 'passkey_refused' });
    await expect(fixture.operator.removePasskey(id)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('signing in is refused', () => {
  const passkey = softAuthenticator(SITE);
  beforeAll(async () => {
    const { invitation } = await invited('Dan');
    await register(passkey, { invitation });
  });
  test.each<readonly [string, Bent]>([
    ['at another port of this host', { origin: 'http://localhost:9999' }],
    ['at another site', { origin: 'https://evil.example' }],
    ['for another relying party', { rpId: 'evil.example' }],
    ['inside a foreign frame', { clientData: { crossOrigin: true } }],
    ['without verifying the person', { flags: 0x01 }],
    ['as a registration', { clientData: { type: 'webauthn.create' } }],
    ['with a challenge of its own', { clientData: { challenge: random(32) } }],
  ])('%s', async (_title, bent) => {
    expect((await signIn(passkey, bent)).json).toMatchObject({ code: 'passkey_refused', status: 403 });
  });
  test('by a passkey that nobody registered', async () => {
    expect((await signIn(softAuthenticator(SITE))).json).toMatchObject({ code: 'passkey_refused' });
  });
  test('with a challenge that was used, whether it signed in or failed, or that ran out', async () => {
    const used = challengeOf(await post('/v1/login/challenge', {}));
    const assertion = passkey.get(used);
    const both = await Promise.all([
      post('/v1/login/passkey', { assertion }),
      post('/v1/login/passkey', { assertion }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 403]);
    const failed = challengeOf(await post('/v1/login/challenge', {}));
    await post('/v1/login/passkey', { assertion: passkey.get(failed, { flags: 0x01 }) });
    expect((await post('/v1/login/passkey', { assertion: passkey.get(failed) })).status).toBe(403);
    const late = challengeOf(await post('/v1/login/challenge', {}));
    clock.aheadMs += 120_000;
    expect((await post('/v1/login/passkey', { assertion: passkey.get(late) })).status).toBe(403);
  });
  test("with another plane's challenge, or one that was given to register", async () => {
    const browser = await byToken();
    const register = challengeOf(await post('/v1/passkeys/options', {}, browser));
    expect((await post('/v1/login/passkey', { assertion: passkey.get(register) })).status).toBe(403);
    const other = await aPlane();
    const foreign = await raw(other.url, 'POST', '/v1/login/challenge', {
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    await other.close();
    expect((await post('/v1/login/passkey', { assertion: passkey.get(challengeOf(foreign)) })).status).toBe(
      403,
    );
  });
});

describe('registering is refused', () => {
  test.each<readonly [string, Bent]>([
    ['at another site', { origin: 'https://evil.example' }],
    ['for another relying party', { rpId: 'evil.example' }],
    ['inside a foreign frame', { clientData: { crossOrigin: true } }],
    ['without verifying the person', { flags: 0x01 }],
    ['as a sign-in', { clientData: { type: 'webauthn.get' } }],
  ])('%s', async (_title, bent) => {
    const browser = await byToken();
    expect((await register(softAuthenticator(SITE), { browser }, bent)).json).toMatchObject({
      code: 'passkey_refused',
    });
  });
  test('without being signed in, or by an invitation that is made up or was used', async () => {
    expect((await post('/v1/passkeys/options', {})).status).toBe(401);
    expect((await post('/v1/passkeys/options', { invitation: random(24) })).status).toBe(401);
    const { invitation } = await invited('Eve');
    const [one, two] = [softAuthenticator(SITE), softAuthenticator(SITE)];
    const challenges = [
      challengeOf(await post('/v1/passkeys/options', { invitation })),
      challengeOf(await post('/v1/passkeys/options', { invitation })),
    ];
    expect((await post('/v1/passkeys', { ...one.create(challenges[0]!), invitation })).status).toBe(200);
    expect((await post('/v1/passkeys', { ...two.create(challenges[1]!), invitation })).status).toBe(401);
    expect((await post('/v1/passkeys/options', { invitation })).status).toBe(401);
  });
  test('with a challenge that was given for somebody else', async () => {
    const { invitation } = await invited('Fay');
    const challenge = challengeOf(await post('/v1/passkeys/options', { invitation }));
    const mine = softAuthenticator(SITE).create(challenge);
    expect((await post('/v1/passkeys', mine, await byToken())).json).toMatchObject({
      code: 'passkey_refused',
    });
  });
  test('the entry names whose it is, and who brought it in', async () => {
    const { subject, invitation } = await invited('Gus');
    const made = await register(softAuthenticator(SITE), { invitation });
    const entries = (made.json['entries'] as unknown as readonly { readonly entry: string }[]).map(
      ({ entry }) => parseEntry(Buffer.from(entry)),
    );
    const entry = entries.find(({ type }) => type === 'identity') as EntryOf<'identity'>;
    expect(entry).toMatchObject({ op: 'update', subject, by: 'u-operator', keys: [], roles: ['approver'] });
    expect(entry.passkeys).toHaveLength(1);
  });
});

test.each([
  ['127.0.0.1', ['http://127.0.0.1:4840']],
  ['plane.example', ['http://plane.example']],
  ['plane.example', ['https://plane.example.evil.com']],
  ['plane.example', ['https://plane.example/path']],
  ['plane.example', []],
])('a relying party %s at %s is refused when the plane is made', (id, origins) => {
  expect(() => requireRelyingParty({ id, origins })).toThrow(
    expect.objectContaining({ code: 'ERR_SERVER_RP' }) as Error,
  );
});
test('a relying party covers its own name, and names below it, with TLS', () => {
  requireRelyingParty({
    id: 'example.com',
    origins: ['https://example.com', 'https://plane.example.com:8443'],
  });
});
