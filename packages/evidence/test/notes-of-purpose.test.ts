/** Goal: status notes, containment orders, session shares and passkey approvals hold or are refused by name. */
import { beforeAll, describe, expect, it } from 'vitest';
import {
  approvalDigest,
  assertionDigest,
  base64url,
  canonicalize,
  checkPermitStatus,
  containOrderDigest,
  formatContainOrder,
  formatSessionShare,
  formatStatus,
  parseContainOrder,
  parseSessionShare,
  parseStatus,
  sha256,
  utf8,
  verifyAssertion,
  verifyApproval,
  verifyContainOrder,
  verifyPermit,
  verifySessionShare,
  verifyStatus,
  type EntryOf,
  type Status,
  type VerifiedPermit,
} from '../src/index.ts';
import { nodeCrypto } from '../src/node.ts';
import { digestOf, T0, testKey } from './build/log.ts';
import { assertionOver, JKT, passkey, tell, type Story } from './build/story.ts';

let story: Story;
let permit: VerifiedPermit;
let status: Status;
let ask: {
  trust: ReturnType<Story['log']['trust']>;
  crypto: typeof nodeCrypto;
  origin: string;
  nowMs: number;
};

beforeAll(async () => {
  story = tell();
  const { log } = story;
  ask = { trust: log.trust(), crypto: nodeCrypto, origin: log.origin, nowMs: T0 + 3_000 };
  permit = await verifyPermit(log.proven(story.permit.index, story.permit.index + 1, T0 + 1_000), {
    ...ask,
    expect: { aud: 'files', jkt: JKT, action: 'files/write_file', disclosures: story.argumentDisclosures },
  });
  status = {
    at: T0 + 1_000,
    origin: log.origin,
    size: log.size,
    root: base64url(log.root()),
    epoch: 1,
    bundles: permit.entry.bundles,
    revoked: [[2, 3]],
  };
});

describe('rule 9: the status note', () => {
  it('is a tag line and one canonical line', () => {
    expect(formatStatus(status)).toBe(`licet/status/v1\n${canonicalize(status as never)}\n`);
    expect(parseStatus(formatStatus(status))).toEqual(status);
    expect(() => parseStatus(formatStatus(status).replace('{', '{ '))).toThrow('ERR_STATUS_FORMAT');
  });

  it('rule 9: counts for five seconds and by its own key', async () => {
    const note = story.log.note('status', formatStatus(status));
    await expect(verifyStatus(note, ask)).resolves.toEqual(status);
    await expect(verifyStatus(note, { ...ask, nowMs: T0 + 6_001 })).rejects.toMatchObject({
      code: 'ERR_STATUS_AGE',
    });
    await expect(verifyStatus(note, { ...ask, nowMs: T0 + 6_001, maxAgeMs: 60_000 })).rejects.toMatchObject({
      code: 'ERR_STATUS_AGE',
    });
    await expect(verifyStatus(note, { ...ask, nowMs: T0 + 999 })).rejects.toMatchObject({
      code: 'ERR_STATUS_AGE',
    });
    await expect(verifyStatus(note, { ...ask, nowMs: Number.NaN })).rejects.toMatchObject({
      code: 'ERR_STATUS_AGE',
    });
    const lease = story.log.note('status', formatStatus(status), story.log.noteKey('lease'));
    await expect(verifyStatus(lease, ask)).rejects.toMatchObject({ code: 'ERR_STATUS_SIGNER' });
    await expect(verifyStatus(note, { ...ask, origin: 'licet.local/other' })).rejects.toMatchObject({
      code: 'ERR_TRUST_ORIGIN',
    });
  });

  it('rule 9: an epoch above the permit’s, a revoked index or a bundle out of force refuse the permit', () => {
    expect(() => checkPermitStatus(permit, status)).not.toThrow();
    expect(() => checkPermitStatus(permit, { ...status, epoch: 2 })).toThrow('ERR_STATUS_EPOCH');
    expect(() => checkPermitStatus(permit, { ...status, revoked: [[0, permit.index]] })).toThrow(
      'ERR_STATUS_REVOKED',
    );
    expect(() => checkPermitStatus(permit, { ...status, bundles: [] })).toThrow('ERR_STATUS_BUNDLE');
    expect(() => checkPermitStatus(permit, { ...status, origin: 'other' })).toThrow('ERR_STATUS_ORIGIN');
  });
});

describe('rule 34: the containment order', () => {
  const order = () => ({
    origin: story.log.origin,
    scope: { kind: 'everything', id: '*' } as const,
    serial: 7,
    exp: T0 + 60_000,
  });

  it('rule 34: is a note by a pinned contain key, named by its digest', async () => {
    const text = formatContainOrder(order());
    expect(parseContainOrder(text)).toEqual(order());
    expect(containOrderDigest(order())).toBe(base64url(sha256(utf8(text))));
    await expect(verifyContainOrder(story.log.note('contain', text), ask)).resolves.toEqual({
      order: order(),
      digest: containOrderDigest(order()),
    });
    const mallory = story.log.note('contain', text, testKey(`${story.log.origin}/contain`, 'mallory'));
    await expect(verifyContainOrder(mallory, ask)).rejects.toMatchObject({ code: 'ERR_ORDER_SIGNER' });
  });

  it('rule 34: runs out, and never acts again once lifted', async () => {
    const note = story.log.note('contain', formatContainOrder(order()));
    await expect(verifyContainOrder(note, { ...ask, nowMs: T0 + 60_000 })).rejects.toMatchObject({
      code: 'ERR_ORDER_EXPIRED',
    });
    await expect(verifyContainOrder(note, { ...ask, lifted: new Set([7]) })).rejects.toMatchObject({
      code: 'ERR_ORDER_LIFTED',
    });
    await expect(verifyContainOrder('', ask)).rejects.toMatchObject({ code: 'ERR_ORDER_FORMAT' });
  });
});

describe('the session share', () => {
  it('is bound to the agent’s key and ends', async () => {
    const share = {
      origin: story.log.origin,
      session: 'AAAAAAAAAAAAAAAAAAAAAA',
      share: digestOf('x25519'),
      jkt: JKT,
      exp: T0 + 600_000,
    };
    const note = story.log.note('session', formatSessionShare(share));
    expect(parseSessionShare(formatSessionShare(share))).toEqual(share);
    await expect(verifySessionShare(note, { ...ask, jkt: JKT })).resolves.toEqual(share);
    await expect(verifySessionShare(note, { ...ask, jkt: digestOf('other') })).rejects.toMatchObject({
      code: 'ERR_SESSION_KEY',
    });
    await expect(verifySessionShare(note, { ...ask, jkt: JKT, nowMs: T0 + 600_000 })).rejects.toMatchObject({
      code: 'ERR_SESSION_EXPIRED',
    });
    await expect(
      verifySessionShare(story.log.note('lease', formatSessionShare(share)), { ...ask, jkt: JKT }),
    ).rejects.toMatchObject({ code: 'ERR_SESSION_SIGNER' });
  });
});

describe('rule 22: a passkey approval', () => {
  const rp = { id: 'localhost', origins: ['http://localhost:8484'] };
  const challenge = () =>
    approvalDigest({
      origin: story.log.origin,
      index: story.hold.index,
      leaf: story.hold.id,
      args: story.permit.entry.args,
      group: 'operators',
      verdict: 'approve',
      expires: T0 + 900_000,
    });
  const context = () => ({ challenge: challenge(), rp, passkeys: [passkey], crypto: nodeCrypto });

  it('rule 22: signs the digest of hold, arguments, group, verdict and expiry', async () => {
    expect(challenge()).toBe(
      base64url(
        sha256(
          utf8(
            `licet/approval/v1\n${canonicalize({ origin: story.log.origin, index: story.hold.index, leaf: story.hold.id, args: story.permit.entry.args, group: 'operators', verdict: 'approve', expires: T0 + 900_000 })}`,
          ),
        ),
      ),
    );
    await expect(verifyAssertion(assertionOver(challenge()), context())).resolves.toEqual(passkey);
  });

  it('rule 22: another challenge, site, relying party, unverified person or key is refused', async () => {
    const refused = (
      assertion: ReturnType<typeof assertionOver>,
      code: string,
      over: object = {},
    ): Promise<void> =>
      expect(verifyAssertion(assertion, { ...context(), ...over })).rejects.toMatchObject({ code });
    await refused(assertionOver(digestOf('other')), 'ERR_APPROVAL_CHALLENGE');
    await refused(assertionOver(challenge(), { origin: 'http://evil.example' }), 'ERR_APPROVAL_ORIGIN');
    await refused(assertionOver(challenge(), { rp: 'evil.example' }), 'ERR_APPROVAL_ORIGIN');
    await refused(assertionOver(challenge(), { flags: 0x01 }), 'ERR_APPROVAL_FLAGS');
    await refused(assertionOver(challenge(), { flags: 0x04 }), 'ERR_APPROVAL_FLAGS');
    await refused(assertionOver(challenge()), 'ERR_APPROVAL_CREDENTIAL', { passkeys: [] });
    const { signature, ...rest } = assertionOver(challenge());
    await refused({ ...rest, signature: `${signature.slice(0, -4)}AAAA` }, 'ERR_APPROVAL_SIGNATURE');
    await refused({ ...rest, signature: 'A' }, 'ERR_APPROVAL_FORMAT');
  });

  it('rule 22: a token approval is only ever asserted, and a passkey entry needs the assertion it names', async () => {
    const entry = story.log.entries.find((placed) => placed.entry.type === 'approval')!
      .entry as EntryOf<'approval'>;
    const given = {
      args: story.permit.entry.args,
      passkeys: [passkey],
      crypto: nodeCrypto,
      rp,
      assertion: story.assertion,
    };
    await expect(verifyApproval(entry, given)).resolves.toBe('pass');
    await expect(verifyApproval({ ...entry, method: 'token' }, given)).resolves.toBe('asserted');
    await expect(verifyApproval({ ...entry, assertion: digestOf('other') }, given)).rejects.toMatchObject({
      code: 'ERR_APPROVAL_SIGNATURE',
    });
    await expect(
      verifyApproval(entry, { ...given, args: digestOf('other arguments') }),
    ).rejects.toMatchObject({ code: 'ERR_APPROVAL_CHALLENGE' });
    expect(assertionDigest(story.assertion)).toBe(entry.assertion);
  });
});
