/**
 * Goal: what an issuer vouches for counts for as long as token, issuer and identity stand, by the log alone (rule 4, 17).
 * Method: the real plane over the store in memory; tokens as the shell hands them over once they are checked.
 */
import { describe, expect, test } from 'vitest';
import type { Effect, IssuerRow, TokenPresented } from '../src/index.ts';
import { as, aWorld, jktOf, T0, word, type World } from './support.ts';

const OPERATOR = as('operator-1');
const SETTINGS = { v: 1, issuer: 'https://ci.test' };

async function trusted(world: World, subject = 'issuer-1'): Promise<IssuerRow> {
  const effect: Effect = {
    op: 'identity',
    change: 'register',
    subject,
    kind: 'issuer',
    roles: [],
    groups: [],
    keys: [],
    jkts: [],
    settings: { digest: '', value: { ...SETTINGS, subject } },
  };
  expect(word(await world.plane.operate(OPERATOR, effect))).toBe('operated');
  return (await world.plane.issuers()).find((one) => one.subject === subject)!;
}

let serial = 0;
const aToken = (issuer: IssuerRow, more: Partial<TokenPresented> = {}): TokenPresented => ({
  issuer: issuer.subject,
  settings: issuer.digest,
  kind: 'agent',
  subject: { named: ['https://ci.test', 'job'] },
  enrol: {
    granted: true,
    roles: [],
    groups: ['assistants'],
    for: { is: 'user-1' },
    root: { perDay: 100, concurrent: 10 },
  },
  token: `token ${(serial += 1)}`,
  said: { sub: 'job' },
  untilMs: T0 + 600_000,
  ...more,
});
const changed = (issuer: IssuerRow, change: 'update' | 'rotate' | 'revoke'): Effect => ({
  op: 'identity',
  change,
  subject: issuer.subject,
  kind: 'issuer',
  roles: [],
  groups: [],
  keys: [],
  jkts: [],
  settings: { digest: issuer.digest, value: issuer.settings },
});

/** Comes in with a key, and starts something with it. */
async function running(world: World, issuer: IssuerRow, key: string) {
  const { reply } = await world.plane.enter(jktOf(key), aToken(issuer));
  if (reply.kind !== 'entered') throw new Error(word({ reply } as never));
  const caller = { subject: reply.subject, jkt: jktOf(key) };
  return { caller, started: await world.started({}, caller) };
}

describe('what an issuer vouches for', () => {
  test('survives a rebuild, with the tokens that were used', async () => {
    const world = await aWorld();
    const issuer = await trusted(world);
    const token = aToken(issuer);
    await world.plane.enter(jktOf('key-1'), token);
    await world.store.rebuild();
    const who = await world.plane.identify(jktOf('key-1'));
    expect(who).toMatchObject({ kind: 'agent' });
    expect(word(await world.decide({}, { subject: who!.subject, jkt: jktOf('key-1') }))).toBe('permitted');
    const { reply } = await world.plane.enter(jktOf('key-2'), token);
    expect(reply).toMatchObject({ kind: 'conflict', code: 'token_used' });
    expect(await world.plane.issuers()).toHaveLength(1);
  });

  test('rule 4: ends under the fence, at the next beat, whatever ended it', async () => {
    for (const end of ['revoke', 'rotate', 'time', 'identity'] as const) {
      const world = await aWorld();
      const issuer = await trusted(world);
      const { caller, started } = await running(world, issuer, 'key-1');
      expect(word(await world.renew(started, 1)), end).toBe('renewed');
      if (end === 'time') world.clock.now = T0 + 600_000;
      else if (end === 'identity') {
        const effect: Effect = {
          ...changed(issuer, 'revoke'),
          subject: caller.subject,
          kind: 'agent',
        } as Effect;
        const { settings: _, ...plain } = effect as Effect & { readonly op: 'identity' };
        expect(word(await world.plane.operate(OPERATOR, plain))).toBe('operated');
      } else expect(word(await world.plane.operate(OPERATOR, changed(issuer, end)))).toBe('operated');
      expect(word(await world.renew(started, 2)), end).toMatch(/^deny:/);
      expect(word(await world.decide({}, caller)), end).toMatch(/^deny:/);
      expect(await world.plane.identify(caller.jkt), end).toBeUndefined();
    }
  });

  test('an update of the issuer leaves who is in, and refuses a token that was checked under the old settings', async () => {
    const world = await aWorld();
    const issuer = await trusted(world);
    const { started } = await running(world, issuer, 'key-1');
    const settings = { digest: '', value: { ...SETTINGS, audience: 'other' } };
    const effect = { ...changed(issuer, 'update'), settings } as Effect;
    expect(word(await world.plane.operate(OPERATOR, effect))).toBe('operated');
    expect(word(await world.renew(started, 1))).toBe('renewed');
    const { reply } = await world.plane.enter(jktOf('key-2'), aToken(issuer));
    expect(reply).toMatchObject({ kind: 'conflict', code: 'issuer_changed' });
  });

  test('rule 17: never for a key or an identity that somebody else has', async () => {
    const world = await aWorld();
    const [one, two] = [await trusted(world), await trusted(world, 'issuer-2')];
    const said = async (key: string, token: TokenPresented) => {
      const { reply } = await world.plane.enter(jktOf(key), token);
      return reply.kind === 'conflict' ? reply.code : reply.kind;
    };
    expect(await said('agent-1', aToken(one))).toBe('key_taken');
    expect(await said('key-1', aToken(one))).toBe('entered');
    expect(await said('key-1', aToken(one, { subject: { named: ['other'] } }))).toBe('key_taken');
    // Enrolled by one, not to be changed by the other; nor who was registered by hand.
    expect(await said('key-2', aToken(two))).toBe('not_granted');
    const { enrol } = aToken(one);
    expect(await said('key-3', aToken(one, { subject: { is: 'agent-1' }, enrol: enrol! }))).toBe(
      'not_granted',
    );
    expect(await said('key-3', aToken(one, { subject: { is: 'user-1' } }))).toBe('revoked');
    const { enrol: _, ...registered } = aToken(one, { subject: { is: 'agent-1' } });
    expect(await said('key-3', registered)).toBe('entered');
    const orphan = { ...enrol!, for: { is: 'nobody' } };
    expect(await said('key-4', aToken(one, { subject: { named: ['x'] }, enrol: orphan }))).toBe('chain');
    expect(await said('key-4', aToken(one, { untilMs: T0 - 1 }))).toBe('token_expired');
    const stranger = { ...one, subject: 'operator-1' };
    expect(await said('key-4', aToken(stranger))).toBe('issuer_changed');
  });

  test('a run ends with all below it when the issuer of its root does', async () => {
    const world = await aWorld();
    const issuer = await trusted(world);
    const { started } = await running(world, issuer, 'key-1');
    const child = await world.started({ parent: started.exec }, { ...started.caller });
    expect(word(await world.renew(child, 1))).toBe('renewed');
    await world.plane.operate(OPERATOR, changed(issuer, 'revoke'));
    // The child's own beat comes first, and does not wait for its parent's.
    expect(word(await world.renew(child, 2))).toMatch(/^deny:/);
  });
});
