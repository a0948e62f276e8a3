// Goal: people sign in by their provider, with the roles that their groups give them today, and by nothing less than an
// answer to their own sign-in. Method: a real provider on loopback, and a browser made of raw calls.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Json } from '@licet/evidence';
import { aPlane, raw, type Fixture } from './fixture.ts';
import { anIssuer, aTokenKey, CLIENT, type TestIssuer } from './issuer.ts';

let fixture: Fixture;
let issuer: TestIssuer;
let subject: string;
beforeAll(async () => {
  [fixture, issuer] = await Promise.all([aPlane(), anIssuer()]);
  subject = await register(issuer);
});
afterAll(async () => {
  await fixture.close();
  await issuer.stop();
});

async function register(of: TestIssuer, name = 'Staff'): Promise<string> {
  const settings = of.settings({
    profile: 'oidc',
    agents: [],
    people: [
      { when: { groups: ['ops', 'watchers'] }, roles: ['viewer'] },
      { when: { groups: ['ops'] }, roles: ['operator', 'approver'], groups: ['operators'] },
    ],
    signIn: {
      clientId: CLIENT,
      authorizationEndpoint: `${of.iss}/authorize`,
      tokenEndpoint: `${of.iss}/token`,
    },
  });
  const answer = await fixture.operator.register({ kind: 'issuer', name, settings });
  if (answer.verdict !== 'done') throw new Error(answer.code);
  return answer.subject!;
}

const cookieOf = (headers: Awaited<ReturnType<typeof raw>>['headers'], name: string): string | undefined =>
  [headers['set-cookie'] ?? []]
    .flat()
    .map((one) => one.split(';', 1)[0]!)
    .find((one) => one.startsWith(`${name}=`) && one.length > name.length + 1);

/** Goes to the provider and comes back, as far as the address that it was sent back to. */
async function away(of = subject): Promise<{ readonly flow: string; readonly back: URL }> {
  const started = await raw(fixture.url, 'POST', '/v1/login/start', {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ issuer: of }),
  });
  const flow = cookieOf(started.headers, 'licet-sign-in')!;
  const sent = new URL(started.json['url'] as string);
  const there = await raw(sent.origin, 'GET', sent.pathname + sent.search);
  return { flow, back: new URL(there.headers['location'] as string) };
}
async function arrive(back: URL, flow?: string) {
  const headers = {
    ...(flow === undefined ? {} : { cookie: flow }),
    'sec-fetch-site': 'cross-site',
    'sec-fetch-mode': 'navigate',
  };
  const answer = await raw(fixture.url, 'GET', back.pathname + back.search, { headers });
  const login = cookieOf(answer.headers, 'licet-login');
  const said = answer.headers['location'] ?? answer.json['code'];
  return { ...answer, login, said: String(said) };
}
const signIn = async () => {
  const { flow, back } = await away();
  return arrive(back, flow);
};
const me = async (cookie: string): Promise<Readonly<Record<string, Json>>> =>
  (await raw(fixture.url, 'GET', '/v1/me', { headers: { cookie } })).json;

describe('signing in by a provider', () => {
  test('gives the roles of the groups, once enrolled, in a cookie that other sites cannot send', async () => {
    issuer.provider.person = { sub: 'ada', groups: ['ops'], name: 'Ada' };
    const { said, login, headers, status } = await signIn();
    expect([status, said]).toEqual([302, '/console#signed-in']);
    expect(String(headers['set-cookie'])).toMatch(/licet-login=[^;]{43}; Path=\/; HttpOnly; SameSite=Strict/);
    const who = await me(login!);
    expect(who).toMatchObject({
      kind: 'user',
      roles: ['approver', 'operator', 'viewer'],
      method: 'provider',
    });
    expect(who['subject']).toMatch(/^u-[0-9a-f]{16}$/);
    const identity = (await fixture.operator.identities()).find((one) => one.subject === who['subject']);
    expect(identity).toMatchObject({ name: 'Ada', groups: ['operators'], keys: [] });
    // What they do is theirs in the log.
    const done = await raw(fixture.url, 'POST', '/v1/facts', {
      headers: { cookie: login!, 'licet-csrf': who['csrf'] as string, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'freeze', value: true, forMs: 60_000 }),
    });
    expect(done.json['verdict']).toBe('done');
    expect(JSON.stringify(done.json)).toContain(String(who['subject']));
    const [form] = issuer.provider.redeemed;
    expect([form?.get('grant_type'), form?.get('client_id'), form?.get('client_secret')]).toEqual([
      'authorization_code',
      CLIENT,
      null,
    ]);
    expect((await raw(fixture.url, 'GET', '/v1/login/issuers')).json['items']).toEqual([
      { subject, name: 'Staff' },
    ]);
  });

  test('again with other groups changes the roles of whoever is in; without any, nobody is', async () => {
    issuer.provider.person = { sub: 'bob', groups: ['ops'] };
    const first = (await signIn()).login!;
    expect((await me(first))['roles']).toContain('operator');
    issuer.provider.person = { sub: 'bob', groups: ['watchers'] };
    const second = (await signIn()).login!;
    expect((await me(second))['roles']).toEqual(['viewer']);
    // The browser of before has them no more.
    expect((await me(first))['roles']).toEqual(['viewer']);
    issuer.provider.person = { sub: 'bob', groups: ['guests'] };
    const { said, login } = await signIn();
    expect([said, login]).toEqual(['/console#refused=token_refused', undefined]);
    expect((await me(first))['roles']).toEqual([]);
    issuer.provider.person = { sub: 'stranger', groups: [] };
    const before = (await fixture.operator.identities()).length;
    expect((await signIn()).said).toBe('/console#refused=token_refused');
    expect((await fixture.operator.identities()).length).toBe(before);
  });

  test('takes only an answer to its own sign-in, once', async () => {
    issuer.provider.person = { sub: 'eve', groups: ['ops'] };
    const { flow, back } = await away();
    // Another browser; one without a sign-in; then its own, and the same again.
    const other = await away();
    expect((await arrive(back, other.flow)).said).toBe('/console#refused=token_refused');
    expect((await arrive(back)).said).toBe('not_found');
    expect((await arrive(back, flow)).said).toBe('/console#signed-in');
    expect((await arrive(back, flow)).said).toBe('not_found');

    const bent: readonly (readonly [string, (url: URL) => void])[] = [
      ['another state', (url) => url.searchParams.set('state', 'x'.repeat(43))],
      ['no state', (url) => url.searchParams.delete('state')],
      ['two states', (url) => url.searchParams.append('state', 'x')],
      ['another code', (url) => url.searchParams.set('code', 'guessed')],
      ['no code', (url) => url.searchParams.delete('code')],
      ['another issuer (RFC 9207)', (url) => url.searchParams.set('iss', 'https://elsewhere.test')],
      ['an error', (url) => url.searchParams.set('error', 'access_denied')],
    ];
    for (const [what, bend] of bent) {
      const sent = await away();
      bend(sent.back);
      const { said, login } = await arrive(sent.back, sent.flow);
      expect([said, login], what).toEqual(['/console#refused=token_refused', undefined]);
      // Used up, whatever came of it.
      expect((await arrive(sent.back, sent.flow)).said, what).toBe('not_found');
    }
  });

  test('takes only an ID token that its provider signed for this client and this sign-in', async () => {
    issuer.provider.person = { sub: 'eve', groups: ['ops'] };
    const nowS = Math.floor(Date.now() / 1_000);
    for (const claims of [
      { nonce: 'another' },
      { nonce: undefined },
      { aud: 'another-client' },
      { aud: [CLIENT, 'another-client'], azp: CLIENT },
      { azp: 'another-client' },
      { iss: 'https://elsewhere.test' },
      { exp: nowS - 60 },
      { sub: undefined },
    ]) {
      issuer.provider.twist = { claims };
      expect((await signIn()).said, JSON.stringify(claims)).toBe('/console#refused=token_refused');
    }
    issuer.provider.twist = { key: await aTokenKey('k1') };
    expect((await signIn()).said).toBe('/console#refused=token_refused');
    issuer.provider.twist = {};
    expect((await signIn()).said).toBe('/console#signed-in');
  });

  test('ends what an issuer vouched for when it is revoked, and what came from one provider is none of another', async () => {
    const two = await anIssuer();
    try {
      const id = await register(two, 'Other');
      const { flow, back } = await away(id);
      const crossed = new URL(back);
      crossed.pathname = crossed.pathname.replace(id, subject);
      expect((await arrive(crossed, flow)).said).toBe('not_found');
      const sent = await away(id);
      const { login } = await arrive(sent.back, sent.flow);
      expect((await me(login!))['kind']).toBe('user');
      expect((await fixture.operator.changeIdentity(id, 'revoke')).verdict).toBe('done');
      expect((await me(login!))['code']).toBe('unidentified');
      const gone = await raw(fixture.url, 'POST', '/v1/login/start', {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ issuer: id }),
      });
      expect(gone.json['code']).toBe('not_found');
    } finally {
      await two.stop();
    }
  });

  test('says so when the provider does not answer', async () => {
    const gone = await anIssuer();
    const id = await register(gone, 'Gone');
    const { flow, back } = await away(id);
    await gone.stop();
    expect((await arrive(back, flow)).said).toBe('/console#refused=issuer_unavailable');
  });
});
