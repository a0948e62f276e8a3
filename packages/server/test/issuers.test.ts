// Goal: agents come in by tokens of trusted issuers, act under records alone, and stop when what vouched for them ends.
// Method: a real issuer on loopback, the real plane and listener, and what the log and the evidence then say.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { jwkThumbprint, parseEntry, verifyBundle, type Entry, type Json } from '@licet/evidence';
import { nodeCrypto } from '@licet/evidence/node';
import {
  connect,
  makeProof,
  newPrivateJwk,
  newShare,
  signEvidence,
  type ConnectOptions,
  type PinnedPlane,
  type PrivateJwk,
} from '@licet/api';
import { aPlane, anIdentity, aRequest, random, raw, sizeOf, type Fixture } from './fixture.ts';
import { anIssuer, aTokenKey, type TestIssuer } from './issuer.ts';

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

async function register(from: TestIssuer, more: Parameters<TestIssuer['settings']>[0] = {}): Promise<string> {
  const answer = await fixture.operator.register({
    kind: 'issuer',
    name: 'CI',
    settings: from.settings(more),
  });
  if (answer.verdict !== 'done') throw new Error(answer.code);
  return answer.subject!;
}

/** A client whose key a token vouches for. */
async function enter(token: string | (() => Promise<string>), key?: PrivateJwk): Promise<PinnedPlane> {
  const options: ConnectOptions = {
    url: fixture.url,
    key: key ?? (await newPrivateJwk()),
    trust: fixture.plane.pinned.trust,
    audience: fixture.plane.pinned.audience!,
    deadlineMs: 10_000,
    issued: typeof token === 'string' ? async () => token : token,
  };
  return connect(options);
}
const me = async (client: PinnedPlane): Promise<string> =>
  (await client.request({ ...aRequest(fixture), action: 'files/none' })).verdict;
const code = (client: PinnedPlane): Promise<string> =>
  client.executions().then(
    () => 'in',
    (error: { readonly code: string }) => error.code,
  );

async function entries(): Promise<readonly Entry[]> {
  const size = await sizeOf(fixture.operator);
  const found: Entry[] = [];
  const stop = new AbortController();
  for await (const { index, entry } of fixture.operator.events({ after: -1, signal: stop.signal })) {
    found.push(entry);
    if (index === size - 1) stop.abort();
  }
  return found;
}
const ofType = async <T extends Entry['type']>(type: T) =>
  (await entries()).filter((entry): entry is Entry & { readonly type: T } => entry.type === type);
describe('a workload', () => {
  test('comes in by its token, is enrolled once under an opaque id, acts, and its evidence names who vouched', async () => {
    const client = await enter(await issuer.sign({}));
    const answer = await client.request(aRequest(fixture));
    if (answer.verdict !== 'allow') throw new Error(JSON.stringify(answer));
    const permit = parseEntry(Buffer.from(answer.permit.entry));
    if (permit.type !== 'permit') throw new Error(permit.type);
    const [person, agent] = permit.chain;
    expect(person).toMatchObject({ id: 'u-owner' });
    const enrolled = (await ofType('identity')).filter((entry) => entry.subject === agent!.id);
    expect(enrolled).toMatchObject([
      { op: 'register', kind: 'agent', by: subject, for: 'u-owner', groups: ['assistants'], keys: [] },
    ]);
    const [vouched] = (await ofType('attestation')).filter((entry) => entry.subject === agent!.id);
    expect(vouched).toMatchObject({ kind: 'token', by: subject, measured: permit.jkt, status: 'affirming' });
    // RULE 42: nothing of the token, and no name.
    const log = JSON.stringify(await entries());
    for (const secret of ['job-1', issuer.iss, 'plane.test']) expect(log).not.toContain(secret);

    // The same workload with another key is the same agent, and no second one.
    const again = await enter(await issuer.sign({}));
    expect((await again.request(aRequest(fixture))).verdict).toBe('allow');
    expect((await ofType('identity')).filter((entry) => entry.subject === agent!.id)).toHaveLength(1);

    const report = await verifyBundle(await client.evidence(answer.executionId), fixture.plane.pinned.trust, {
      crypto: nodeCrypto,
    });
    const rung = (name: 'principal-chain') => report.rungs.find((one) => one.name === name)!;
    expect(report.rungs.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(rung('principal-chain')).toMatchObject({ status: 'asserted' });
    expect(JSON.stringify(rung('principal-chain'))).toContain(`vouched for by ${subject}`);
  });

  test('rule 17: a subject that no rule names is nobody, and nothing is written for it', async () => {
    expect(await code(await enter(await issuer.sign({ sub: 'job-9' })))).toBe('token_refused');
    expect((await ofType('identity')).filter(({ by }) => by === subject)).toHaveLength(1);
  });

  test('a token is good for one key: with it again after a lost reply, with no other', async () => {
    const token = await issuer.sign({});
    const key = await newPrivateJwk();
    expect(await code(await enter(token, key))).toBe('in');
    expect(await code(await enter(token, key))).toBe('in');
    const { kty, crv, x } = key;
    const jkt = jwkThumbprint({ kty, crv, x });
    expect((await ofType('attestation')).filter(({ measured }) => measured === jkt)).toHaveLength(1);
    expect(await code(await enter(token))).toBe('token_used');
  });

  test('a token that is bound to a key is good for no other', async () => {
    const key = await newPrivateJwk();
    const { kty, crv, x } = key;
    const token = await issuer.sign({ cnf: { jkt: jwkThumbprint({ kty, crv, x }) } });
    expect(await code(await enter(token))).toBe('token_refused');
    expect(await code(await enter(token, key))).toBe('in');
    const other = await issuer.sign({ cnf: { 'x5t#S256': random(32) } });
    expect(await code(await enter(other))).toBe('token_refused');
  });

  test('a proof is used once, covers the token, and is one for this path and method', async () => {
    const key = await newPrivateJwk();
    const token = await issuer.sign({});
    const body = JSON.stringify({ token });
    const proof = async (more: Partial<Parameters<typeof makeProof>[1]> = {}, dateMs = Date.now()) => {
      const { share } = await newShare();
      const claims = { method: 'POST', url: `${fixture.url}/v1/sessions`, share, body: Buffer.from(body) };
      return makeProof(key, { ...claims, ...more }, dateMs);
    };
    const send = async (dpop: string, text = body) =>
      (
        await raw(fixture.url, 'POST', '/v1/sessions', {
          headers: { 'content-type': 'application/json', dpop },
          body: text,
        })
      ).json['code'] ?? 'in';
    const good = await proof();
    expect([await send(good), await send(good)]).toEqual(['in', 'stale_proof']);
    const bad = [
      await proof({ url: `${fixture.url}/v1/token` }),
      await proof({ method: 'GET' }),
      await proof({ origin: 'licet.local/ffffffffffffffff' }),
      await proof({ body: Buffer.from('{}') }),
      await proof({}, Date.now() - 62_000),
      await proof({}, Date.now() + 62_000),
    ];
    for (const dpop of bad) expect(await send(dpop)).toBe('stale_proof');
    // Somebody on the way puts another token beside a proof that does not cover it.
    const { share } = await newShare();
    const loose = await makeProof(
      key,
      { method: 'POST', url: `${fixture.url}/v1/sessions`, share },
      Date.now(),
    );
    expect(await send(loose)).toBe('stale_proof');
  });
});

describe('a key that only an issuer vouches for', () => {
  test('signs what its holder measured, when it comes along; no other key does, and none that stays away', async () => {
    const client = await enter(await issuer.sign({}));
    const stranger = await newPrivateJwk();
    const digest = 'A'.repeat(43);
    const present = async (how: 'own' | 'without key' | 'another key') => {
      const { subject: nonceOf, challenge, ticket } = await client.challenge({});
      const { origin } = fixture.plane;
      const claims = { nonce: challenge, subject: nonceOf, origin, measured: { program: { digest } } };
      const own = await client.pinned.sign!(claims);
      const evidence = {
        own,
        'without key': { statement: own.statement },
        'another key': await signEvidence(stranger, claims, Date.now()),
      }[how];
      return client.attest({ kind: 'executable', challenge, ticket, evidence: evidence as unknown as Json });
    };
    expect(await present('without key')).toMatchObject({ status: 'none' });
    expect(await present('another key')).toMatchObject({ status: 'none' });
    expect(await present('own')).toMatchObject({ status: 'affirming', measured: digest });
    const listed = (await client.attestations()).filter(({ measured }) => measured === digest);
    expect(listed).toMatchObject([{ kind: 'executable', status: 'affirming', by: 'self' }]);
    await client.close();
  });
});

describe('what ends', () => {
  test('revoking the issuer ends sessions and running executions of all it vouched for, at the next beat', async () => {
    const other = await anIssuer();
    try {
      const id = await register(other);
      const client = await enter(await other.sign({}));
      const run = aRequest(fixture);
      const answer = await client.request(run);
      if (answer.verdict !== 'allow') throw new Error(answer.verdict);
      const renew = (counter: number) =>
        client.renew(answer.executionId, { instance: run.instance, counter, nonce: random() }).then(
          (reply) => ('note' in reply ? 'on' : reply.code),
          (error: { readonly code: string }) => error.code,
        );
      expect(await renew(1)).toBe('on');
      expect((await fixture.operator.changeIdentity(id, 'revoke')).verdict).toBe('done');
      expect(await renew(2)).toBe('unidentified');
      expect(await code(client)).toBe('unidentified');
      expect(await code(await enter(await other.sign({})))).toBe('token_refused');
    } finally {
      await other.stop();
    }
  });

  test('rotating the issuer ends what it vouched for before, and lets it vouch anew', async () => {
    const other = await anIssuer();
    try {
      const id = await register(other);
      const client = await enter(await other.sign({}));
      expect(await code(client)).toBe('in');
      const next = await aTokenKey('k2');
      other.publish([next.jwk]);
      const settings = other.settings({ maxAgeMs: 60_000 });
      expect((await fixture.operator.changeIdentity(id, 'rotate', { settings })).verdict).toBe('done');
      expect(await code(client)).toBe('unidentified');
      expect(await code(await enter(await other.sign({})))).toBe('token_refused');
      expect(await code(await enter(await other.sign({}, { key: next })))).toBe('in');
    } finally {
      await other.stop();
    }
  });

  test('a workload that no rule names any more loses its groups when it comes next', async () => {
    const other = await anIssuer();
    try {
      const id = await register(other);
      const client = await enter(await other.sign({}));
      expect((await client.request(aRequest(fixture))).verdict).toBe('allow');
      const settings = other.settings({ agents: [{ when: { sub: ['job-2'] } }] });
      expect((await fixture.operator.changeIdentity(id, 'update', { settings })).verdict).toBe('done');
      expect(await code(await enter(await other.sign({})))).toBe('token_refused');
      expect((await client.request(aRequest(fixture))).verdict).toBe('deny');
    } finally {
      await other.stop();
    }
  });

  test('a registered agent by an issuer that is not its own keeps what people gave it', async () => {
    const other = await anIssuer();
    try {
      const { subject: known } = await anIdentity(fixture, 'agent');
      await register(other, { agents: [{ when: { sub: ['job-1'] }, is: known }] });
      const client = await enter(await other.sign({}));
      const answer = await client.request(aRequest(fixture));
      expect(answer).toMatchObject({ verdict: 'allow' });
      expect(await me(client)).toBe('deny');
      const identities = (await ofType('identity')).filter((entry) => entry.subject === known);
      expect(identities).toHaveLength(1);
    } finally {
      await other.stop();
    }
  });
});

describe('an issuer', () => {
  test('is named by operators alone, with settings that the log only commits to', async () => {
    const { key } = await anIdentity(fixture, 'user', ['viewer', 'author']);
    const author = await fixture.plane.as({ key });
    await expect(
      author.register({ kind: 'issuer', name: 'Mine', settings: issuer.settings() }),
    ).rejects.toMatchObject({ code: 'forbidden' });
    await expect(fixture.operator.register({ kind: 'issuer', name: 'None' })).rejects.toMatchObject({
      code: 'conflict',
    });
    const [entry] = (await ofType('identity')).filter((one) => one.subject === subject);
    expect(entry).toMatchObject({ kind: 'issuer', keys: [], settings: expect.stringMatching(/^.{43}$/) });
    expect((await fixture.operator.issuers()).find((one) => one.subject === subject)).toMatchObject({
      settings: { issuer: issuer.iss },
      keys: 1,
      failing: false,
    });
    await expect(author.issuers()).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('an exchange (RFC 8693)', () => {
  const people = [{ when: { groups: ['staff'] } }];
  const agents = [
    {
      when: { client_id: ['assistant'] },
      named: ['client_id'],
      groups: ['assistants'],
      behalf: true as const,
      root: { perDay: 10, concurrent: 5 },
    },
  ];
  const person = (sub: string, more: object = {}) => ({ sub, groups: ['staff'], name: 'Ada', ...more });
  const agent = { sub: 'svc', client_id: 'assistant' };
  let both: TestIssuer;
  let id: string;
  beforeAll(async () => {
    both = await anIssuer();
    id = await register(both, { people, agents });
  });
  afterAll(() => both.stop());

  async function exchange(
    subjectToken: string,
    actorToken: string,
    more: { readonly key?: PrivateJwk; readonly fields?: Readonly<Record<string, string>>; json?: true } = {},
  ) {
    const key = more.key ?? (await newPrivateJwk());
    const fields = {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: subjectToken,
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      actor_token: actorToken,
      actor_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      ...more.fields,
    };
    const body = more.json === true ? JSON.stringify(fields) : new URLSearchParams(fields).toString();
    const type = more.json === true ? 'application/json' : 'application/x-www-form-urlencoded';
    const claims = { method: 'POST', url: `${fixture.url}/v1/token`, body: Buffer.from(body) };
    const dpop = await makeProof(key, { ...claims, share: (await newShare()).share }, Date.now());
    const headers = { 'content-type': type, dpop };
    const { json, status } = await raw(fixture.url, 'POST', '/v1/token', { headers, body });
    return { json, status, key, code: json['code'] ?? 'in' };
  }

  test('makes a session of an agent for the person whose token came with it; the chain is that of the records', async () => {
    const done = await exchange(await both.sign(person('ada')), await both.sign(agent));
    expect(done.json).toMatchObject({
      token_type: 'N_A',
      issued_token_type: 'urn:licet:token-type:session',
      sub: expect.stringMatching(/^u-[0-9a-f]{16}$/),
      act: { sub: expect.stringMatching(/^a-[0-9a-f]{16}$/), sub_profile: 'ai_agent' },
    });
    // The key that came with the tokens now speaks for the agent.
    const { trust, audience } = fixture.plane.pinned;
    const client = await connect({ url: fixture.url, key: done.key, trust, audience: audience! });
    const answer = await client.request(aRequest(fixture));
    if (answer.verdict !== 'allow') throw new Error(JSON.stringify(answer));
    const permit = parseEntry(Buffer.from(answer.permit.entry));
    if (permit.type !== 'permit') throw new Error(permit.type);
    expect(permit.chain.map(({ id: link }) => link)).toEqual([
      done.json['sub'],
      (done.json['act'] as { readonly sub: string }).sub,
    ]);
    expect(permit.chain.every(({ token }) => token !== undefined)).toBe(true);
    const report = await verifyBundle(await client.evidence(answer.executionId), trust, {
      crypto: nodeCrypto,
    });
    expect(report.rungs.filter(({ status }) => status === 'fail')).toEqual([]);

    // Another person's agent is another agent, of the same software.
    const other = await exchange(await both.sign(person('bob')), await both.sign(agent), { json: true });
    expect(other.json['sub']).not.toBe(done.json['sub']);
    expect(other.json['act']).not.toEqual(done.json['act']);

    // Revoking the person ends what the agent does for them.
    const revoked = await fixture.operator.changeIdentity(done.json['sub'] as string, 'revoke');
    expect(revoked.verdict).toBe('done');
    expect(await code(client)).toBe('unidentified');
    const again = await exchange(await both.sign(person('ada')), await both.sign(agent));
    expect(again.code).toBe('token_refused');
  });

  test('rule 17: nothing that the tokens claim makes a chain which records do not', async () => {
    const nested = (depth: number): object =>
      depth === 0 ? { sub: 'a0' } : { sub: `a${depth}`, act: nested(depth - 1) };
    for (const claims of [
      { act: { sub: 'svc' } },
      { act: { sub: 'other', sub_profile: 'ai_agent', act: { sub: 'more' } } },
      { act: { sub: 'other', sub_profile: 'human' } },
      { act: nested(9) },
      { act: 'svc' },
      { act: {} },
      { may_act: { sub: 'somebody else' } },
      { may_act: { sub: 'svc', iss: 'https://elsewhere.test' } },
      { may_act: 'svc' },
      { groups: ['guests'] },
      { groups: undefined },
    ]) {
      const { code: answer } = await exchange(await both.sign(person('eve', claims)), await both.sign(agent));
      expect(answer, JSON.stringify(claims)).toBe('token_refused');
    }
    const allowed = person('eve', { may_act: { sub: 'svc', iss: both.iss } });
    expect((await exchange(await both.sign(allowed), await both.sign(agent))).code).toBe('in');
    // A parent that is not there, or that is not theirs.
    const fields = { parent: '01890000-0000-7000-8000-000000000000' };
    const below = await exchange(await both.sign(person('eve')), await both.sign(agent), { fields });
    expect(below.code).toBe('token_refused');
    const run = await fixture.plane.request(aRequest(fixture));
    const foreign = await exchange(await both.sign(person('eve')), await both.sign(agent), {
      fields: { parent: run.executionId },
    });
    expect(foreign.code).toBe('token_refused');
  });

  test('an agent for persons is nobody without one; a person is no agent, and tokens do not stand in for each other', async () => {
    const alone = await enter(await both.sign(agent));
    expect(await code(alone)).toBe('token_refused');
    const swapped = await exchange(await both.sign(agent), await both.sign(person('eve')));
    expect(swapped.code).toBe('token_refused');
    const token = await both.sign(person('eve', { client_id: 'assistant' }));
    const same = await exchange(token, token);
    expect(same.code).toBe('token_refused');
    const first = await both.sign(person('eve'));
    expect((await exchange(first, await both.sign(agent))).code).toBe('in');
    expect((await exchange(first, await both.sign(agent))).code).toBe('token_used');
    const doubled = await raw(fixture.url, 'POST', '/v1/token', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=a&grant_type=b',
    });
    expect(doubled.json['code']).toBe('malformed');
    const form = await raw(fixture.url, 'POST', '/v1/login', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `token=${fixture.token}`,
    });
    expect(form.json['code']).toBe('unsupported_media_type');
  });

  test('revoking the issuer of the person ends what agents of another issuer do for them', async () => {
    const [staff, work] = await Promise.all([anIssuer(), anIssuer()]);
    try {
      const staffId = await register(staff, { people, agents: [] });
      await register(work, { agents });
      const done = await exchange(await staff.sign(person('zoe')), await work.sign(agent));
      expect(done.code).toBe('in');
      const { trust } = fixture.plane.pinned;
      const client = await connect({ url: fixture.url, key: done.key, trust });
      expect(await code(client)).toBe('in');
      expect((await fixture.operator.changeIdentity(staffId, 'revoke')).verdict).toBe('done');
      expect(await code(client)).toBe('unidentified');
      expect(id).toMatch(/^i-/);
    } finally {
      await Promise.all([staff.stop(), work.stop()]);
    }
  });
});
