/** Goal: a permit holds for one call, now, or not at all. Method: the honest story, and one lie at a time. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  instanceDigest,
  idemDigest,
  base64url,
  parseTrust,
  sha256,
  utf8,
  verifyPermit,
  verifyStart,
  verifyRenewal,
  formatRenewal,
  type PermitContext,
  type PermitEntry,
  type VerifiedPermit,
  type VerifiedStart,
} from '../src/index.ts';
import { nodeCrypto } from '../src/node.ts';
import { T0, TestLog, testKey } from './build/log.ts';
import { ARGS, INSTANCE, JKT, tell, type Story } from './build/story.ts';

let story: Story;
let context: PermitContext;
beforeAll(() => {
  story = tell();
  context = contextOf(story);
});

const contextOf = (told: Story): PermitContext => ({
  trust: told.log.trust(),
  crypto: nodeCrypto,
  nowMs: T0 + 1_000,
  expect: {
    aud: 'files',
    jkt: JKT,
    action: 'files/write_file',
    args: ARGS,
    disclosures: told.argumentDisclosures,
  },
});
const provenPermit = (told: Story) => told.log.proven(told.permit.index, told.permit.index + 1, T0 + 1_000);
const provenStart = (told: Story) => told.log.proven(told.start.index, told.start.index + 1);

async function refused(
  code: string,
  change: Partial<PermitContext> | Partial<PermitEntry>,
  how: 'context' | 'permit' = 'context',
): Promise<void> {
  const told = how === 'permit' ? tell({ permit: change as Partial<PermitEntry> }) : story;
  const asked = how === 'permit' ? contextOf(told) : { ...context, ...(change as Partial<PermitContext>) };
  await expect(verifyPermit(provenPermit(told), asked)).rejects.toMatchObject({ code });
}

describe('a permit', () => {
  it('holds for exactly what was decided, and gives the arguments to run', async () => {
    const permit = await verifyPermit(provenPermit(story), context);
    expect(permit).toMatchObject({
      id: story.permit.id,
      index: story.permit.index,
      origin: story.log.origin,
      args: ARGS,
    });
  });

  it.each(['start', 'refusal', 'observation', 'approval'])(
    'rule 1: a %s entry is no authority',
    async (type) => {
      const log = new TestLog();
      const told = tell({ log });
      const index =
        type === 'observation'
          ? log.append({ type: 'observation', kind: 'shadow', verdict: 'allow', reasons: [] } as never).index
          : log.entries.find(({ entry }) => entry.type === type)!.index;
      await expect(
        verifyPermit(log.proven(index, log.size, T0 + 1_000), contextOf(told)),
      ).rejects.toMatchObject({ code: 'ERR_PERMIT_TYPE' });
    },
  );

  it('rule 1: an unknown type or a newer version is refused, though the log holds it', async () => {
    for (const change of [{ type: 'permit2' }, { v: 2 }]) {
      const told = tell();
      const { index } = told.log.appendBytes(
        utf8(canonical({ ...told.permit.entry, ...change })),
        told.permit.entry,
      );
      await expect(
        verifyPermit(told.log.proven(index, told.log.size, T0), contextOf(told)),
      ).rejects.toMatchObject({ code: 'ERR_PERMIT_TYPE' });
    }
  });

  it('rule 3: bytes that are not canonical are refused, though the log holds them', async () => {
    const told = tell();
    const { index } = told.log.appendBytes(utf8(` ${canonical(told.permit.entry)}`), told.permit.entry);
    await expect(
      verifyPermit(told.log.proven(index, told.log.size, T0), contextOf(told)),
    ).rejects.toMatchObject({ code: 'ERR_PERMIT_BYTES' });
  });

  it('rule 3: a leaf of one origin in the log of another is refused', async () => {
    const other = new TestLog('licet.local/other', 'other');
    const { index } = other.appendBytes(story.permit.bytes, story.permit.entry);
    const trust = parseTrust(
      JSON.stringify({ v: 1, logs: [...story.log.trustJson().logs, ...other.trustJson().logs] }),
    );
    await expect(verifyPermit(other.proven(index), { ...context, trust })).rejects.toMatchObject({
      code: 'ERR_PERMIT_ORIGIN',
    });
  });

  it('rule 3: tenant and audience are those mapped to the origin', async () => {
    await refused('ERR_PERMIT_AUDIENCE', { aud: 'mail' }, 'permit');
    const mapped = story.log.trustJson();
    mapped.logs[0]!['tenant'] = 'globex';
    await refused('ERR_PERMIT_TENANT', { trust: parseTrust(JSON.stringify(mapped)) });
    const unmapped = story.log.trustJson();
    unmapped.logs[0]!['audiences'] = [];
    await refused('ERR_PERMIT_AUDIENCE', { trust: parseTrust(JSON.stringify(unmapped)) });
  });

  it('is refused from a log that nobody trusts, or signed by another key', async () => {
    await refused('ERR_PERMIT_ORIGIN', { trust: { v: 1, logs: [] } });
    const forged = tell({ log: new TestLog(story.log.origin, 'forger') });
    await expect(verifyPermit(provenPermit(forged), context)).rejects.toMatchObject({
      code: 'ERR_PERMIT_SIGNER',
    });
  });

  it('is refused with a proof of another leaf, or none', async () => {
    const { entry } = provenPermit(story);
    await expect(
      verifyPermit({ entry, proof: story.log.proven(3, 11).proof }, context),
    ).rejects.toMatchObject({ code: 'ERR_PERMIT_INCLUSION' });
    await expect(verifyPermit({ entry, proof: '' }, context)).rejects.toMatchObject({
      code: 'ERR_PERMIT_PROOF',
    });
  });

  it('is refused to another key, another action, other arguments', async () => {
    const { expect: asked } = context;
    await refused('ERR_PERMIT_KEY', { expect: { ...asked, jkt: idemDigest('a', 'b') } });
    await refused('ERR_PERMIT_ACTION', { expect: { ...asked, action: 'files/read_file' } });
    await refused('ERR_PERMIT_ARGS', { expect: { ...asked, args: { ...ARGS, text: 'ho' } } });
    await refused('ERR_PERMIT_ARGS', { expect: { ...asked, args: { ...ARGS, mode: 7 } } });
    await refused('ERR_PERMIT_ARGS', { expect: { ...asked, disclosures: [] } });
  });

  it('with nothing to compare the arguments with is refused, not passed', async () => {
    const { args: _args, disclosures: _disclosures, ...bare } = context.expect;
    await refused('ERR_PERMIT_ARGS', { expect: bare });
    await refused('ERR_PERMIT_ARGS', { expect: { ...bare, args: ARGS } });
    await refused('ERR_PERMIT_ARGS', {
      expect: { ...bare, args: ARGS, requestDigest: story.permit.entry.args },
    });
    await refused('ERR_PERMIT_ARGS', { expect: { ...bare, requestDigest: idemDigest('a', 'b') } });
    await expect(
      verifyPermit(provenPermit(story), {
        ...context,
        expect: { ...bare, requestDigest: story.permit.entry.args },
      }),
    ).resolves.not.toHaveProperty('args');
  });

  it('rule 2: it is spent at the one place it names', async () => {
    await refused('ERR_PERMIT_SPEND', { spend: 'started' }, 'permit');
    await refused('ERR_PERMIT_SPEND', { spend: 'verifier:edge' }, 'permit');
    await refused('ERR_PERMIT_SPEND', { expect: { ...context.expect, spend: 'verifier:edge' } });
  });

  it('starts within its window of at most 60 s; a clock that is none starts nothing', async () => {
    await refused('ERR_PERMIT_NOT_YET', { nowMs: T0 - 1 });
    await refused('ERR_PERMIT_EXPIRED', { nowMs: T0 + 60_000 });
    await refused('ERR_PERMIT_WINDOW', { exp: T0 + 60_001 }, 'permit');
    await refused('ERR_PERMIT_WINDOW', { nowMs: Number.NaN });
    await refused('ERR_PERMIT_WINDOW', { skewMs: 5_001 });
    await expect(
      verifyPermit(provenPermit(story), { ...context, nowMs: T0 - 4_000, skewMs: 5_000 }),
    ).resolves.toBeDefined();
  });

  it('has the witnesses that its assurance asks for', async () => {
    const bare = story.log.proven(story.permit.index, story.permit.index + 1);
    await expect(verifyPermit(bare, context)).rejects.toMatchObject({ code: 'ERR_PERMIT_QUORUM' });
    await refused('ERR_PERMIT_QUORUM', { assurance: 'anchored' }, 'permit');
    const none = story.log.trustJson();
    none.logs[0]!['policy'] = `log ${story.log.key.vkey}\nquorum none\n`;
    await refused('ERR_PERMIT_QUORUM', { trust: parseTrust(JSON.stringify(none)) });
  });

  it('rule 8: it counts only when its tree is linked to the remembered one', async () => {
    const memory = story.log.head(5);
    const consistency = story.log.consistency(5, story.permit.index + 1);
    await expect(
      verifyPermit(provenPermit(story), { ...context, memory, consistency }),
    ).resolves.toBeDefined();
    await refused('ERR_CHECKPOINT_UNLINKED', { memory });
    const fork = tell({ agent: { keys: [] } });
    await refused('ERR_CHECKPOINT_FORK', { memory: fork.log.head(5), consistency });
  });

  it('any flipped bit of entry or proof is refused', async () => {
    const good = provenPermit(story);
    const bytes = utf8(good.proof);
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.nat(), fc.nat(7), async (inEntry, seed, bit) => {
        const target = (inEntry ? good.entry : bytes).slice();
        target[seed % target.length]! ^= 1 << bit;
        const changed = inEntry
          ? { ...good, entry: target }
          : { ...good, proof: new TextDecoder().decode(target) };
        // A line by a signer nobody asked for is ignored, and a mangled witness name makes one: then the quorum is missing.
        await expect(verifyPermit(changed, context)).rejects.toMatchObject({
          code: expect.stringMatching(/^ERR_PERMIT_/),
        });
      }),
      { numRuns: 150 },
    );
  });
});

describe('rule 5: a start and its renewals', () => {
  let permit: VerifiedPermit;
  let start: VerifiedStart;
  beforeAll(async () => {
    permit = await verifyPermit(provenPermit(story), context);
    start = await verifyStart(provenStart(story), {
      ...context,
      permit,
      instance: INSTANCE,
      nowMs: T0 + 1_500,
    });
  });

  const startRefused = async (code: string, told: Story, over: object = {}): Promise<void> => {
    const own = await verifyPermit(provenPermit(told), contextOf(told));
    await expect(
      verifyStart(provenStart(told), {
        ...contextOf(told),
        permit: own,
        instance: INSTANCE,
        nowMs: T0 + 1_500,
        ...over,
      }),
    ).rejects.toMatchObject({ code });
  };

  it('rule 6: only the instance that asked gets the go', async () => {
    await startRefused('ERR_START_INSTANCE', story, { instance: new Uint8Array(16) });
    expect(() => instanceDigest(new Uint8Array(8))).toThrow('ERR_START_INSTANCE');
  });

  it('rule 6: idem and instance digests have tags of their own', () => {
    expect(idemDigest('j', 'k')).toBe(base64url(sha256(utf8('licet/idem/v1\n["j","k"]'))));
    expect(instanceDigest(INSTANCE)).toBe(base64url(sha256(utf8('licet/instance/v1\n'), INSTANCE)));
  });

  it('a start is refused for another permit, key, epoch, way, time or type', async () => {
    await startRefused('ERR_START_PERMIT', tell({ start: { permit: idemDigest('x', 'y') } }));
    await startRefused('ERR_START_PERMIT', tell({ start: { via: 'direct' } }));
    await startRefused('ERR_START_KEY', tell({ start: { jkt: idemDigest('x', 'y') } }));
    await startRefused('ERR_START_EPOCH', tell({ start: { epoch: 0 } }));
    await startRefused('ERR_START_TIME', tell({ start: { leaseUntil: T0 + 11_001 } }));
    await startRefused('ERR_START_TIME', tell({ start: { late: true } }));
    await startRefused('ERR_START_TIME', story, { nowMs: T0 + 11_000 });
    const own = await verifyPermit(provenPermit(story), context);
    await expect(
      verifyStart(provenPermit(story), { ...context, permit: own, instance: INSTANCE }),
    ).rejects.toMatchObject({ code: 'ERR_START_TYPE' });
  });

  it('above logged, a start names the witnessed head over its permit', async () => {
    await startRefused(
      'ERR_START_ASSURANCE',
      tell({ start: { witnessed: { size: 3, root: idemDigest('x', 'y') } } }),
    );
  });

  const ask = (over: object = {}) => ({
    trust: context.trust,
    crypto: nodeCrypto,
    start,
    instance: INSTANCE,
    counter: 1,
    nonce: base64url(new Uint8Array(16).fill(0)),
    ...over,
  });

  it('rule 5: a renewal answers this request of this instance, or is no answer', async () => {
    const note = story.renewals[0]!;
    await expect(verifyRenewal(note, ask())).resolves.toMatchObject({ counter: 1, durationMs: 10_000 });
    await expect(verifyRenewal(note, ask({ counter: 2 }))).rejects.toMatchObject({
      code: 'ERR_RENEWAL_COUNTER',
    });
    await expect(
      verifyRenewal(note, ask({ nonce: base64url(new Uint8Array(16).fill(5)) })),
    ).rejects.toMatchObject({ code: 'ERR_RENEWAL_NONCE' });
    await expect(verifyRenewal(note, ask({ instance: new Uint8Array(16) }))).rejects.toMatchObject({
      code: 'ERR_RENEWAL_LEASE',
    });
    const [text] = note.split('\n\n');
    await expect(verifyRenewal(`${text}\n`, ask())).rejects.toMatchObject({ code: 'ERR_RENEWAL_FORMAT' });
    const mallory = story.log.note('lease', `${text}\n`, testKey(`${story.log.origin}/lease`, 'mallory'));
    await expect(verifyRenewal(mallory, ask())).rejects.toMatchObject({ code: 'ERR_RENEWAL_SIGNER' });
    const status = story.log.note('lease', `${text}\n`, story.log.noteKey('status'));
    await expect(verifyRenewal(status, ask())).rejects.toMatchObject({ code: 'ERR_RENEWAL_SIGNER' });
  });

  it('rule 5: a renewal never gives more than the permit allowed', async () => {
    const fields = {
      origin: story.log.origin,
      exec: story.start.entry.exec,
      start: { index: story.start.index, leaf: story.start.id },
      instance: instanceDigest(INSTANCE),
      counter: 1,
      nonce: ask().nonce,
      at: T0 + 4_000,
      epoch: 1,
      durationMs: 10_000,
    };
    for (const change of [{ durationMs: 10_001 }, { at: T0 + 600_000 }, { at: T0 }, { epoch: 0 }]) {
      const note = story.log.note('lease', formatRenewal({ ...fields, ...change }));
      await expect(verifyRenewal(note, ask())).rejects.toMatchObject({ code: 'ERR_RENEWAL_TIME' });
    }
  });

  it('any flipped bit of a renewal note is refused', async () => {
    const bytes = utf8(story.renewals[0]!);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(7), async (at, bit) => {
        const changed = bytes.slice();
        changed[at]! ^= 1 << bit;
        await expect(verifyRenewal(new TextDecoder().decode(changed), ask())).rejects.toMatchObject({
          code: expect.stringMatching(/^ERR_RENEWAL_/),
        });
      }),
      { numRuns: 100 },
    );
  });
});

const canonical = (value: object): string => JSON.stringify(sorted(value));
const sorted = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(sorted)
    : typeof value === 'object' && value !== null
      ? Object.fromEntries(
          Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([k, v]) => [k, sorted(v)]),
        )
      : value;
