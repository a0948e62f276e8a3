/**
 * Goal: a verifier never keeps a decision waiting and never turns a failure into a pass (P6). Method: the port with
 * verifiers that throw, hang, answer too late, or are not there; then the whole way over a real plane, for a script.
 */
import type { Json } from '@licet/evidence';
import { nodeCrypto } from '@licet/evidence/node';
import type { AppraisalRequest, Verifier } from '@licet/control-plane';
import { makeStatement, newPrivateJwk, publicHalf } from '@licet/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAttestation } from '../src/attestation.ts';
import { packageDigest, writeProvenance } from '../src/index.ts';
import { aPlane, type Fixture } from './fixture.ts';
import { integrityOf, ISSUER, ownSigstore, REPOSITORY, TARBALL } from './sigstore.ts';

const asked: AppraisalRequest = {
  kind: 'container',
  evidence: { statement: 'a.b.c' },
  origin: 'licet.test/log',
  subject: 'agent-1',
  nonce: 'AAAAAAAAAAAAAAAAAAAAAA',
  sinceMs: 0,
  nowMs: 0,
  attester: async () => undefined,
};
const good: Verifier = async () => ({ status: 'affirming', measured: 'x', by: 'verifier-1' });

describe('a verifier', () => {
  const bad: readonly (readonly [string, Verifier])[] = [
    ['that rejects', () => Promise.reject(new Error('broken'))],
    [
      'that throws at once',
      () => {
        throw new TypeError('broken');
      },
    ],
    ['that hangs', () => new Promise(() => undefined)],
    ['that says so only later', async (of) => new Promise((done) => setTimeout(() => done(good(of)), 200))],
  ];
  it.each(bad)('%s has verified nothing', async (_, verifier) => {
    const port = openAttestation(nodeCrypto, { container: verifier }, 20);
    expect(await port.appraise(asked)).toMatchObject({ status: 'none', by: 'agent-1' });
  });

  it('that is not there has verified nothing; one that is there answers', async () => {
    const port = openAttestation(nodeCrypto);
    expect(await port.appraise({ ...asked, kind: 'npm_provenance' })).toMatchObject({ status: 'none' });
    expect(await port.appraise({ ...asked, kind: 'toString' as never })).toMatchObject({ status: 'none' });
    expect(await openAttestation(nodeCrypto, { container: good }).appraise(asked)).toMatchObject({
      status: 'affirming',
    });
  });
});

describe('over the plane', () => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await aPlane();
  });
  afterAll(async () => fixture.close());

  it('a verifier is registered, vouches for an image, and is listed; agents see their own only', async () => {
    const key = await newPrivateJwk();
    const registered = await fixture.operator.register({
      kind: 'verifier',
      name: 'Admission',
      keys: [publicHalf(key)],
    });
    expect(registered.verdict).toBe('done');
    const { subject, challenge, ticket } = await fixture.plane.challenge({});
    const origin = fixture.plane.origin;
    const measured = { container: { digest: `sha256:${'ab'.repeat(32)}` } };
    const statement = await makeStatement(key, { nonce: challenge, subject, origin, measured }, Date.now());
    const answer = await fixture.plane.attest({
      kind: 'container',
      challenge,
      ticket,
      evidence: { statement },
    });
    expect(answer).toMatchObject({ kind: 'container', status: 'affirming' });
    // Figures are at most a second old; they name nobody.
    await expect
      .poll(async () => (await fixture.plane.health()).attestation, { timeout: 10_000 })
      .toMatchObject({ holds: 1, ended: 0, refused: 0 });
    const again = { kind: 'container', challenge, ticket, evidence: { statement } } as const;
    await expect(fixture.plane.attest(again)).rejects.toThrow('challenge_used');
    const listed = [{ about: subject, kind: 'container', by: 'verifier', attester: registered.subject }];
    expect(await fixture.operator.attestations()).toMatchObject(listed);
    expect(await fixture.plane.attestations()).toMatchObject(listed);
    await expect(fixture.plane.attestations('u-owner')).rejects.toMatchObject({ code: 'forbidden' });
    await expect(
      fixture.plane.challenge({ executionId: '01900000-0000-7000-8000-000000000000' }),
    ).rejects.toMatchObject({ code: 'not_found' });
  });

  it('a registered attester says which package it runs; without settings that proves nothing', async () => {
    const key = await newPrivateJwk();
    await fixture.operator.register({ kind: 'verifier', name: 'Deployer', keys: [publicHalf(key)] });
    const sigstore = await ownSigstore();
    const provenance = (await sigstore.build()) as unknown as Json;
    const runs = { name: '@acme/agent', version: '1.2.3', integrity: integrityOf(TARBALL) };
    const present = async () => {
      const { subject, challenge, ticket } = await fixture.plane.challenge({});
      const claims = { nonce: challenge, subject, origin: fixture.plane.origin, measured: { package: runs } };
      const evidence = { statement: await makeStatement(key, claims, Date.now()), provenance };
      return fixture.plane.attest({ kind: 'npm_provenance', challenge, ticket, evidence });
    };
    expect(await present()).toMatchObject({ status: 'none' });
    await expect
      .poll(async () => (await fixture.plane.health()).attestation, { timeout: 10_000 })
      .toMatchObject({ holds: 1, refused: 1 });
    const packages = [{ name: runs.name, repository: REPOSITORY, issuer: ISSUER }];
    const settings = JSON.stringify({ v: 1, trustedRoot: sigstore.trustedRoot, packages });
    await writeProvenance(fixture.folder.data, Buffer.from(settings));
    expect(await present()).toMatchObject({ status: 'affirming', measured: packageDigest(runs) });
    expect(await fixture.operator.attestations()).toContainEqual(
      expect.objectContaining({ kind: 'npm_provenance', status: 'affirming', by: 'verifier' }),
    );
  });
});
