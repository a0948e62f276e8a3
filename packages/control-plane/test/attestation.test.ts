/**
 * Goal: what a bundle wants attested is attested, freshly, by somebody who may say so, before an action is permitted, when
 * it starts and while it runs; everything else denies and halts (DESIGN §7, P6). Method: statements signed by real keys
 * for real challenges, against the real plane.
 */
import { createPrivateKey, sign } from 'node:crypto';
import {
  base64url,
  canonicalize,
  jwkThumbprint,
  sha256,
  utf8,
  workloadDigest,
  type Json,
} from '@licet/evidence';
import type { AttestationKind } from '@licet/policy';
import { describe, expect, test } from 'vitest';
import type { Caller } from '../src/index.ts';
import {
  aBundle,
  anIdentity,
  as,
  aWorld,
  jktOf,
  keyOf,
  ORIGIN,
  PEOPLE,
  privateKeyOf,
  T0,
  verified,
  word,
  type Permitted,
  type World,
  type WorldOptions,
} from './support.ts';

const digestOf = (text: string): string => base64url(sha256(utf8(text)));
const TOOL = digestOf('a program');
const OTHER = digestOf('another program');
const BOUND = ['input', 'resource', `program:${TOOL}`];
const run = { bound: BOUND };

type Specs = NonNullable<ReturnType<typeof aBundle>['attest']>[string];
const EXECUTABLE: Specs = [{ kind: 'executable', maxAge: '20s', allow: [TOOL] }];

const worldThat = (
  attest: Record<string, Specs> = { 'files/write_file': EXECUTABLE },
  more: WorldOptions = {},
) =>
  aWorld({
    bundle: aBundle({ attest }),
    identities: [
      ...PEOPLE,
      anIdentity('door-1', { kind: 'door' }),
      anIdentity('verifier-1', { kind: 'verifier' }),
    ],
    ...more,
  });

interface Twist {
  readonly caller?: Caller;
  readonly exec?: string;
  /** Whose key signs. Default: the caller's. */
  readonly by?: string;
  readonly kind?: AttestationKind;
  readonly measured?: { readonly [claim: string]: Json };
  readonly claims?: { readonly [claim: string]: Json };
  readonly header?: { readonly [name: string]: Json };
  /** Between challenge and evidence. */
  readonly meanwhile?: () => void;
}

/** A compact JWS by the key of `by`. */
function signedBy(by: string, header: Json, claims: Json): string {
  const text = `${base64url(utf8(canonicalize(header)))}.${base64url(utf8(canonicalize(claims)))}`;
  return `${text}.${base64url(sign(null, utf8(text), createPrivateKey(privateKeyOf(by))))}`;
}

/** Takes a challenge and makes evidence for it, without presenting it. */
async function evidenceFor(world: World, twist: Twist = {}) {
  const { caller = as('agent-1'), exec, by = caller.subject, kind = 'executable' } = twist;
  const given = await world.plane.challenge(caller, exec === undefined ? {} : { exec });
  if (given === 'unknown_execution') throw new Error('no such execution');
  twist.meanwhile?.();
  const claims = {
    aud: ORIGIN,
    sub: caller.subject,
    iat: Math.floor(world.clock.now / 1_000),
    eat_nonce: given.challenge,
    ...(twist.measured ?? { program: { digest: TOOL } }),
    ...twist.claims,
  };
  const header = { typ: 'eat+jwt', alg: 'EdDSA', kid: jwkThumbprint({ ...keyOf(by) }), ...twist.header };
  return {
    kind,
    challenge: given.challenge,
    ticket: given.ticket,
    ...(exec === undefined ? {} : { exec }),
    evidence: { statement: signedBy(by, header, claims) } as Json,
  };
}

async function attest(world: World, twist: Twist = {}) {
  const { reply } = await world.plane.attest(twist.caller ?? as('agent-1'), await evidenceFor(world, twist));
  return reply.kind === 'attested' ? reply.status : `${reply.kind}:${(reply as { code?: string }).code}`;
}

const seen = (program: Json) => ({ measured: { program } });
const running = (permit: Permitted, program: Json = { digest: TOOL, running: TOOL }): Twist => ({
  exec: permit.exec,
  ...seen(program),
});
const started = async (world: World): Promise<Permitted> => {
  await attest(world);
  return world.started(run);
};

describe('deciding', () => {
  test('missing denies, attested allows, and the entry says what, by whom, since when and for which challenge', async () => {
    const world = await worldThat();
    expect(word(await world.decide(run))).toBe('deny:attestation_missing');
    const evidence = await evidenceFor(world);
    await world.plane.attest(as('agent-1'), evidence);
    expect(word(await world.decide(run))).toBe('permitted');
    expect(await world.all('attestation')).toMatchObject([
      {
        subject: 'agent-1',
        kind: 'executable',
        status: 'affirming',
        measured: TOOL,
        by: 'agent-1',
        challenge: evidence.challenge,
        since: T0,
      },
    ]);
    // Other actions ask for nothing.
    expect(word(await world.decide({ action: 'bank/count', arguments: {} }))).toBe('permitted');
  });

  test('too old is stale, and a fresh one counts again', async () => {
    const world = await worldThat();
    await attest(world);
    world.later(20_000);
    expect(word(await world.decide(run))).toBe('permitted');
    world.later(1);
    expect(word(await world.decide(run))).toBe('deny:attestation_stale');
    await attest(world);
    expect(word(await world.decide(run))).toBe('permitted');
  });

  test('a statement that ends before its age does is stale then', async () => {
    const world = await worldThat();
    expect(await attest(world, { claims: { exp: T0 / 1_000 + 5 } })).toBe('affirming');
    world.later(5_000);
    expect(word(await world.decide(run))).toBe('deny:attestation_stale');
  });

  test('rule 26: what was measured must be what the door binds, and on the list', async () => {
    const world = await worldThat();
    await attest(world);
    expect(word(await world.decide({ bound: ['input', 'resource'] }))).toBe('deny:attestation_missing');
    const other = ['input', 'resource', `program:${OTHER}`];
    expect(word(await world.decide({ bound: other }))).toBe('deny:attestation_missing');
    await attest(world, seen({ digest: OTHER }));
    expect(word(await world.decide({ bound: other }))).toBe('deny:attestation_contraindicated');
    // The other program changed nothing about this one.
    expect(word(await world.decide(run))).toBe('permitted');
  });

  test('rule 20: a team adds to what the organisation wants attested, and a misspelt action is refused', async () => {
    await expect(worldThat({ 'files/wirte_file': EXECUTABLE })).rejects.toThrow('ERR_BUNDLE_INVALID');
    const group = await worldThat({ files: EXECUTABLE });
    expect(word(await group.decide(run))).toBe('deny:attestation_missing');
  });

  test('policies see it by kind, in EAR words', async () => {
    const policy = `permit (principal, action in Action::"licet/governed", resource) when {
      context.attestation has executable && context.attestation.executable.status == "affirming" &&
      context.attestation.executable.ageMs < 5000 && context.attestation.executable.by == "self" };`;
    const bundle = aBundle({ policies: [{ name: 'p.cedar', text: `@id("p") ${policy}` }] });
    const world = await aWorld({ bundle });
    expect(word(await world.decide(run))).toBe('deny:policy');
    await attest(world);
    expect(word(await world.decide(run))).toBe('permitted');
    world.later(5_000);
    expect(word(await world.decide(run))).toBe('deny:policy');
  });

  test('what a verifier signed stays proven when its keys are replaced', async () => {
    const world = await worldThat({ 'files/write_file': [{ kind: 'executable', by: ['verifier'] }] });
    expect(await attest(world, { by: 'verifier-1' })).toBe('affirming');
    const { exec } = await world.started(run);
    const keys = [keyOf('verifier-1b')];
    const next = anIdentity('verifier-1', {
      kind: 'verifier',
      change: 'rotate',
      keys,
      jkts: [jktOf('verifier-1b')],
    });
    expect(word(await world.plane.operate(as('operator-1'), next))).toBe('operated');
    const { rungs } = await verified(world, exec);
    expect(rungs.find(({ name }) => name === 'attestation')).toMatchObject({ status: 'pass' });
    // From now on its new keys sign, and the old one signs nothing.
    expect(await attest(world, { by: 'verifier-1' })).toBe('none');
  });
  test('whose word counts can be asked for; a revoked verifier has none', async () => {
    const world = await worldThat({ 'files/write_file': [{ kind: 'executable', by: ['verifier'] }] });
    await attest(world);
    expect(word(await world.decide(run))).toBe('deny:attestation_missing');
    expect(await attest(world, { by: 'verifier-1' })).toBe('affirming');
    expect(word(await world.decide(run))).toBe('permitted');
    const { keys, jkts } = anIdentity('verifier-1');
    const gone = anIdentity('verifier-1', { kind: 'verifier', change: 'revoke', keys, jkts });
    await world.plane.operate(as('operator-1'), gone);
    expect(word(await world.decide(run))).toBe('deny:attestation_missing');
    expect(await attest(world, { by: 'verifier-1' })).toBe('none');
  });
});

describe('evidence that shows nothing', () => {
  const cases: readonly (readonly [string, Twist])[] = [
    ['made for another challenge', { claims: { eat_nonce: base64url(new Uint8Array(16)) } }],
    ['about somebody else', { claims: { sub: 'agent-2' } }],
    ['made for another plane', { claims: { aud: 'licet.test/other' } }],
    ['made before the challenge', { claims: { iat: T0 / 1_000 - 60 } }],
    ['made in the future', { claims: { iat: T0 / 1_000 + 60 } }],
    ['run out', { claims: { exp: T0 / 1_000 } }],
    ['signed by a key that nobody registered', { by: 'stranger' }],
    ['signed by another agent', { by: 'agent-2' }],
    ['signed by a person', { by: 'user-1' }],
    ['signed by another key than it names', { header: { kid: jktOf('verifier-1') } }],
    ['of no algorithm', { header: { alg: 'none' } }],
    ['with a key of its own', { header: { jwk: { ...keyOf('agent-1') } } }],
    ['with an unknown critical header', { header: { crit: ['b64'], b64: false } }],
    ['of another type', { header: { typ: 'JWT' } }],
    ['without a measurement', { measured: {} }],
    ['with a digest that is none', { measured: { program: { digest: 'latest' } } }],
    ['of files without digests', { measured: { program: { digest: TOOL, files: [{ path: '/a' }] } } }],
  ];
  test.each(cases)('%s: recorded as `none`, and denied', async (_, twist) => {
    const world = await worldThat();
    expect(await attest(world, twist)).toBe('none');
    expect((await world.all('attestation')).map(({ status }) => status)).toEqual(['none']);
    expect(word(await world.decide(run))).toBe('deny:attestation_missing');
  });

  test.each([null, 7, {}, { statement: 'a.b' }, { statement: 'a.b.c' }, { statement: '..' }] as Json[])(
    'no statement at all: %j',
    async (evidence) => {
      const world = await worldThat();
      const asked = { ...(await evidenceFor(world)), evidence };
      expect((await world.plane.attest(as('agent-1'), asked)).reply).toMatchObject({ status: 'none' });
    },
  );

  test('a verifier that throws has verified nothing', async () => {
    const world = await worldThat(undefined, {
      attestation: { appraise: () => Promise.reject(new Error('broken')) },
    });
    expect(await attest(world)).toBe('none');
    expect(word(await world.decide(run))).toBe('deny:attestation_missing');
  });
});

describe('challenges', () => {
  test('are good once, however many present them at once', async () => {
    const world = await worldThat();
    const evidence = await evidenceFor(world);
    const words = await Promise.all(
      Array.from({ length: 8 }, async () => word(await world.plane.attest(as('agent-1'), evidence))),
    );
    expect(words.filter((one) => one === 'attested')).toHaveLength(1);
    expect(words.filter((one) => one === 'conflict:challenge_used')).toHaveLength(7);
    await world.store.rebuild();
    expect(word(await world.plane.attest(as('agent-1'), evidence))).toBe('conflict:challenge_used');
  });

  test('run out', async () => {
    const world = await worldThat();
    const late = { meanwhile: () => world.later(30_000) };
    expect(await attest(world, late)).toBe('conflict:challenge_expired');
  });

  test('are for whom and for what they were given out', async () => {
    const world = await worldThat();
    const permit = await started(world);
    const mine = await evidenceFor(world);
    expect(word(await world.plane.attest(as('agent-2'), mine))).toBe('conflict:unknown_challenge');
    expect(word(await world.plane.attest(as('agent-1'), { ...mine, exec: permit.exec }))).toBe(
      'conflict:unknown_challenge',
    );
    const [, mac] = mine.ticket.split('.');
    const later = { ...mine, ticket: `${T0 + 3_600_000}.${mac}` };
    expect(word(await world.plane.attest(as('agent-1'), later))).toBe('conflict:unknown_challenge');
    expect(await world.plane.challenge(as('agent-2'), { exec: permit.exec })).toBe('unknown_execution');
  });

  test('say what has to be attested, and not what would be accepted (rule 45)', async () => {
    const world = await worldThat();
    const given = await world.plane.challenge(as('agent-1'), { action: 'files/write_file' });
    expect(given).toMatchObject({ requires: [{ kind: 'executable', maxAgeMs: 20_000 }] });
    expect(JSON.stringify(given)).not.toContain(TOOL);
  });

  test('rule 38: nobody fills the log with attestations', async () => {
    const world = await worldThat();
    for (let n = 0; n < 256; n += 1) await attest(world);
    expect(await attest(world)).toBe('conflict:too_many_attestations');
    world.later(30_000);
    expect(await attest(world)).toBe('affirming');
  });
});

describe('starting and running', () => {
  test('stale between the decision and the start: not started', async () => {
    const world = await worldThat();
    await attest(world);
    const permit = await world.permitted(run);
    world.later(20_001);
    expect(word(await world.redeem(permit))).toBe('deny:attestation_stale');
    await attest(world);
    expect(word(await world.redeem(permit))).toBe('started');
  });

  test('a renewal without a fresh attestation is refused; with one it goes on', async () => {
    const world = await worldThat();
    const permit = await started(world);
    world.later(9_000);
    expect(word(await world.renew(permit, 1))).toBe('renewed');
    world.later(9_000);
    expect(await attest(world, running(permit))).toBe('affirming');
    expect(word(await world.renew(permit, 2))).toBe('renewed');
    for (const counter of [3, 4]) {
      world.later(9_000);
      expect(word(await world.renew(permit, counter))).toBe('renewed');
    }
    world.later(9_000);
    // Nothing new about what runs; that the program is still on the disk is another matter.
    await attest(world);
    expect(word(await world.renew(permit, 5))).toBe('deny:attestation_stale');
  });

  test.each([
    ['the file has changed', { digest: OTHER, running: TOOL }],
    ['something else runs', { digest: TOOL, running: OTHER }],
    [
      'something else runs than the script and its interpreter',
      { digest: TOOL, interpreters: [OTHER], running: digestOf('x') },
    ],
  ])('%s: contraindicated, halted, its children with it, and there is no way back', async (_, program) => {
    const world = await worldThat();
    const permit = await started(world);
    const child = await world.started({ action: 'bank/count', arguments: {}, parent: permit.exec });
    expect(word(await world.renew(child))).toBe('renewed');
    expect(await attest(world, running(permit, program))).toBe('contraindicated');
    expect(word(await world.renew(child, 2))).toBe('deny:parent_ended');
    expect(word(await world.renew(permit))).toBe('deny:attestation_contraindicated');
    expect(await attest(world, running(permit))).toBe('affirming');
    expect(word(await world.renew(permit, 2))).toBe('deny:attestation_contraindicated');
    await world.store.rebuild();
    expect(word(await world.renew(permit, 3))).toBe('deny:attestation_contraindicated');
  });

  test('a script runs as its interpreter; what nobody looked at is a warning, which still counts', async () => {
    const world = await worldThat();
    const permit = await started(world);
    const script = { digest: TOOL, interpreters: [OTHER], running: OTHER };
    expect(await attest(world, running(permit, script))).toBe('affirming');
    expect(await attest(world, running(permit, { digest: TOOL }))).toBe('warning');
    expect(word(await world.renew(permit))).toBe('renewed');
  });

  test('a downgrade to `none` while it runs halts it', async () => {
    const world = await worldThat();
    const permit = await started(world);
    expect(await attest(world, running(permit))).toBe('affirming');
    expect(await attest(world, { ...running(permit), by: 'stranger' })).toBe('none');
    expect(word(await world.renew(permit))).toBe('deny:attestation_missing');
  });

  test('nobody else attests for an execution, and nothing is attested of one that has ended', async () => {
    const world = await worldThat();
    const permit = await started(world);
    const evidence = await evidenceFor(world, running(permit));
    await world.report(permit);
    expect(word(await world.plane.attest(as('agent-1'), evidence))).toBe('conflict:not_running');
  });

  test('rows are rebuilt from the log alone', async () => {
    const world = await worldThat();
    const permit = await started(world);
    await attest(world, running(permit));
    await attest(world, {
      by: 'verifier-1',
      kind: 'container',
      measured: { container: { digest: `sha256:${'ab'.repeat(32)}` } },
    });
    const before = await world.plane.attestations();
    expect(before.map(({ about }) => about)).toEqual(['agent-1', permit.exec]);
    await world.store.rebuild();
    expect(await world.plane.attestations()).toEqual(before);
    expect(word(await world.renew(permit))).toBe('renewed');
  });
});

describe('the other kinds', () => {
  test('a tool definition counts as the one that the door binds and the bundle pins', async () => {
    const world = await aWorld({
      bundle: aBundle({
        pins: { 'files/write_file': TOOL },
        attest: { 'files/write_file': [{ kind: 'tool_manifest', allow: 'pinned' }] },
      }),
    });
    const bound = ['input', 'resource', `tool:${TOOL}`];
    expect(word(await world.decide({ bound }))).toBe('deny:attestation_missing');
    const tool = (digest: string): Twist => ({ kind: 'tool_manifest', measured: { tool: { digest } } });
    expect(await attest(world, tool(TOOL))).toBe('affirming');
    const permit = await world.started({ bound });
    expect(await attest(world, { ...tool(OTHER), exec: permit.exec })).toBe('contraindicated');
    expect(word(await world.renew(permit))).toBe('deny:attestation_contraindicated');
  });

  test('a container is only a verifier’s to name, and only by digest', async () => {
    const digest = base64url(new Uint8Array(32).fill(0xab));
    const world = await worldThat({ 'files/write_file': [{ kind: 'container', allow: [digest] }] });
    const image = (text: string): Twist => ({
      kind: 'container',
      by: 'verifier-1',
      measured: { container: { image: 'registry.example/agent', digest: text } },
    });
    expect(await attest(world, { ...image(`sha256:${'ab'.repeat(32)}`), by: 'agent-1' })).toBe('none');
    expect(await attest(world, { ...image(`sha256:${'ab'.repeat(32)}`), by: 'door-1' })).toBe('none');
    expect(await attest(world, image('latest'))).toBe('none');
    expect(word(await world.decide())).toBe('deny:attestation_missing');
    expect(await attest(world, image(`sha256:${'cd'.repeat(32)}`))).toBe('affirming');
    expect(word(await world.decide())).toBe('deny:attestation_contraindicated');
    expect(await attest(world, image(`sha256:${'ab'.repeat(32)}`))).toBe('affirming');
    expect(word(await world.decide())).toBe('permitted');
  });

  test('a workload token is its issuer’s, for this challenge and for this key', async () => {
    const measured = workloadDigest('verifier-1', 'spiffe://example/agent');
    const world = await worldThat({ 'files/write_file': [{ kind: 'workload_token', allow: [measured] }] });
    const token = (claims: { readonly [claim: string]: Json } = {}): Twist => ({
      kind: 'workload_token',
      by: 'verifier-1',
      header: { typ: 'JWT' },
      measured: {},
      claims: {
        iss: 'verifier-1',
        sub: 'spiffe://example/agent',
        exp: T0 / 1_000 + 60,
        cnf: { jkt: jktOf('agent-1') },
        ...claims,
      },
    });
    const bad: readonly { readonly [claim: string]: Json }[] = [
      { cnf: { jkt: jktOf('agent-2') } },
      { cnf: {} },
      { aud: 'elsewhere' },
      { exp: T0 / 1_000 },
      { exp: 'never' },
      { nbf: T0 / 1_000 + 60 },
      { eat_nonce: base64url(new Uint8Array(16)) },
      { iss: 'user-1' },
      { iss: 'agent-1' },
    ];
    for (const claims of bad) expect(await attest(world, token(claims))).toBe('none');
    expect(await attest(world, { ...token(), by: 'agent-1' })).toBe('none');
    expect(word(await world.decide())).toBe('deny:attestation_missing');
    expect(await attest(world, token({ sub: 'spiffe://example/other' }))).toBe('affirming');
    expect(word(await world.decide())).toBe('deny:attestation_contraindicated');
    expect(await attest(world, token({ aud: ['elsewhere', ORIGIN] }))).toBe('affirming');
    expect(word(await world.decide())).toBe('permitted');
    world.later(60_000);
    expect(word(await world.decide())).toBe('deny:attestation_stale');
  });
});
