// Goal: agents come in by tokens of trusted issuers, act under records alone, and stop when what vouched for them ends.
// Method: a real issuer on loopback, the real plane and listener, and what the log and the evidence then say.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseEntry, verifyBundle, type Entry } from '@licet/evidence';
import { nodeCrypto } from '@licet/evidence/node';
import {
  connect,
  makeProof,
  newPrivateJwk,
  newShare,
  type ConnectOptions,
  type PinnedPlane,
  type PrivateJwk,
} from '@licet/api';
import { aPlane, anIdentity, aRequest, random, raw, type Fixture } from './fixture.ts';
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
  const { size } = await fixture.operator.status();
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
/** How often somebody was enrolled or vouched for. */
const written = async (): Promise<number> =>
  (await ofType('identity')).length + (await ofType('attestation')).length;

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
    const before = await written();
    expect(await code(await enter(await issuer.sign({ sub: 'job-9' })))).toBe('token_refused');
    expect(await written()).toBe(before);
  });

  test('a token is good for one key: with it again after a lost reply, with no other', async () => {
    const token = await issuer.sign({});
    const key = await newPrivateJwk();
    expect(await code(await enter(token, key))).toBe('in');
    const before = await written();
    expect(await code(await enter(token, key))).toBe('in');
    expect(await written()).toBe(before);
    expect(await code(await enter(token))).toBe('token_used');
  });

  test('a token that is bound to a key is good for no other', async () => {
    const key = await newPrivateJwk();
    const { jwkThumbprint } = await import('@licet/evidence');
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
