/**
 * Goal: the verifier says what is true of a file and nothing more. Method: one honest story; each test changes one
 * thing about it and names the rung that must notice.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  base64url,
  bundleDigest,
  disclosureDigest,
  formatEvidence,
  fromUtf8,
  parseEvidence,
  RUNG_NAMES,
  sha256,
  utf8,
  verifyBundle,
  type Crypto,
  type EntryOf,
  type EvidenceParts,
  type PermitEntry,
  type RungName,
  type VerifyOptions,
  type VerifyReport,
} from '../src/index.ts';
import { nodeCrypto } from '../src/node.ts';
import { digestOf, hashes, T0, TestLog, testKey } from './build/log.ts';
import { asking, EXEC, OTHER_EXEC, tell, type Story, type Twist } from './build/story.ts';

const crypto: Crypto = nodeCrypto;
const redecide = async () => ({ status: 'pass' as const });

let story: Story;
beforeAll(() => {
  story = tell();
});

const verify = (parts: EvidenceParts, told: Story, options: VerifyOptions = {}): Promise<VerifyReport> =>
  verifyBundle(formatEvidence(parts), told.log.trust(), { crypto, redecide, ...options });

const status = (report: VerifyReport): Record<string, string> =>
  Object.fromEntries(report.rungs.map((rung) => [rung.name, rung.status]));
const failing = (report: VerifyReport): readonly string[] =>
  report.rungs.filter((rung) => rung.status === 'fail').map(({ name }) => name);

async function twisted(twist: Twist, options: VerifyOptions = {}): Promise<VerifyReport> {
  const told = tell(twist);
  return verify(told.parts, told, options);
}

describe('an honest file', () => {
  it('passes every rung that one file can prove, and says whom one trusts', async () => {
    const report = await verify(story.parts, story);
    expect(status(report)).toEqual({
      ...Object.fromEntries(RUNG_NAMES.map((name) => [name, 'pass'])),
      'order-and-timing': 'asserted',
    });
    expect(report).toMatchObject({ exit: 0, kind: 'execution', subject: EXEC, origin: story.log.origin });
    expect(report.trusting.some((line) => line.includes(story.log.key.vkey))).toBe(true);
  });

  it('parses back to what was formatted', () => {
    const bytes = formatEvidence(story.parts);
    const { digest, ...parts } = parseEvidence(bytes);
    expect(parts).toEqual(story.parts);
    expect(formatEvidence(parts)).toEqual(bytes);
    expect(digest).toHaveLength(43);
  });

  it('rule 43: without a trust file it is only consistent with itself, exit 5', async () => {
    const report = await verifyBundle(formatEvidence(story.parts), undefined, { crypto });
    expect(report.exit).toBe(5);
    expect(report.summary).toContain('consistent with itself; signer unknown');
    expect(status(report)['checkpoint-signature']).toBe('asserted');
  });

  it('rule 43: an origin that the trust file does not name fails, exit 4', async () => {
    const stranger = new TestLog('licet.local/ffffffffffffffff', 'stranger');
    const report = await verifyBundle(formatEvidence(story.parts), stranger.trust(), { crypto });
    expect(report.exit).toBe(4);
    expect(failing(report)).toContain('checkpoint-signature');
  });

  it('rule 43: a self-made, internally perfect forgery fails against the trust of the log it imitates', async () => {
    const forged = tell({ log: new TestLog(story.log.origin, 'forger') });
    const own = await verifyBundle(formatEvidence(forged.parts), forged.log.trust(), { crypto });
    expect(own.exit).toBe(0);
    const report = await verify(forged.parts, story);
    expect(report.exit).toBe(4);
    expect(failing(report)).toContain('checkpoint-signature');
    const alone = await verifyBundle(formatEvidence(forged.parts), undefined, { crypto });
    expect(alone.exit).toBe(5);
  });

  it('rule 44: a required rung that is not checked, only asserted or unknown gives exit 4', async () => {
    const without = { crypto, require: ['re-decision'] as RungName[] };
    expect((await verifyBundle(formatEvidence(story.parts), story.log.trust(), without)).exit).toBe(4);
    expect((await verify(story.parts, story, { require: ['order-and-timing'] })).exit).toBe(4);
    expect((await verify(story.parts, story, { require: ['nonsense' as RungName] })).exit).toBe(4);
    expect((await verify(story.parts, story, { require: ['re-decision', 'approvals'] })).exit).toBe(0);
  });

  it('rule 44: without the full range, that there was no second start and no other containment is asserted', async () => {
    const fewer = { ...story.parts, entries: story.parts.entries.filter(({ index }) => index !== 1) };
    expect((await verify(fewer, story)).exit).toBe(0);
    const padded = tell({ twice: false });
    padded.log.append<EntryOf<'notice'>>({
      type: 'notice',
      kind: 'drill',
      digest: digestOf('drill'),
      at: T0 + 9_000,
    });
    const parts = rewrapped(padded, padded.parts);
    const report = await verify(parts, padded);
    expect(status(report)['one-start']).toBe('asserted');
    expect(report.rungs.find(({ name }) => name === 'one-start')?.why).toContain('asserted by the operator');
  });
});

/** The same parts against the log as it has grown since. */
function rewrapped(told: Story, parts: EvidenceParts): EvidenceParts {
  const first = parts.checkpoints[0]!;
  const size = told.permit.index + 1;
  return {
    ...parts,
    entries: parts.entries.map((entry) => ({ ...entry, proof: hashes(told.log.inclusion(entry.index)) })),
    checkpoints: [
      first,
      {
        note: told.log.checkpoint(told.log.size, T0 + 20_000),
        consistency: hashes(told.log.consistency(size)),
      },
    ],
  };
}

describe('each rung fails by name', () => {
  it('format: a file that is not canonical, or whose digest is another file’s', async () => {
    const bytes = formatEvidence(story.parts);
    const spaced = utf8(` ${fromUtf8(bytes)}`);
    const spacedReport = await verifyBundle(spaced, story.log.trust(), { crypto });
    expect(failing(spacedReport)).toEqual(['format']);
    expect(spacedReport.exit).toBe(4);
    const { digest } = parseEvidence(bytes);
    const other = utf8(fromUtf8(bytes).replace(digest, base64url(sha256(utf8('other')))));
    expect(failing(await verifyBundle(other, story.log.trust(), { crypto }))).toEqual(['format']);
  });

  it('format: a newer version is said to be newer, and never green', async () => {
    const text = fromUtf8(formatEvidence(story.parts)).replace('"v":1}', '"v":2}');
    const report = await verifyBundle(utf8(text), story.log.trust(), { crypto });
    expect(report.exit).toBe(4);
    expect(report.summary).toContain('newer than this verifier');
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['noise', sha256(utf8('noise'))],
    ['an empty object', utf8('{}')],
    ['null', utf8('null')],
    ['deep nesting', utf8('['.repeat(10_000))],
  ])('format: %s is garbage, exit 4, and nothing throws', async (_name, bytes) => {
    const report = await verifyBundle(bytes, story.log.trust(), { crypto });
    expect(report.exit).toBe(4);
    expect(status(report)).toMatchObject({ format: 'fail', inclusion: 'not checked' });
  });

  it('entry-hashes: an entry whose bytes are not canonical, though the log has it', async () => {
    const log = new TestLog();
    const told = tell({ log });
    const entry = told.outcome.entry;
    const odd = log.appendBytes(utf8(JSON.stringify({ ...entry, v: 1 })), entry);
    const parts = rewrapped(told, {
      ...told.parts,
      entries: [...told.parts.entries, { index: odd.index, entry: fromUtf8(odd.bytes), proof: [] }],
    });
    const report = await verify(parts, told);
    expect(failing(report)).toEqual(['entry-hashes']);
  });

  it('entry-hashes: a file about an execution of which it has no decision', async () => {
    expect(failing(await verify({ ...story.parts, subject: OTHER_EXEC }, story))).toEqual(['entry-hashes']);
  });

  it('inclusion: a proof of another leaf', async () => {
    const entries = story.parts.entries.map((entry) =>
      entry.index === 3 ? { ...entry, proof: hashes(story.log.inclusion(4)) } : entry,
    );
    expect(failing(await verify({ ...story.parts, entries }, story))).toEqual(['inclusion']);
  });

  it('consistency: a checkpoint of another history of the same log, signed by the same key', async () => {
    const fork = new TestLog();
    tell({ log: fork, permit: { exp: T0 + 30_000 } });
    const size = story.permit.index + 1;
    const [, last] = story.parts.checkpoints;
    const parts = {
      ...story.parts,
      checkpoints: [{ note: fork.checkpoint(size, T0 + 1_000), consistency: [] }, last!],
    };
    expect(failing(await verify(parts, story))).toContain('consistency');
  });

  it('witness-quorum: a witnessed permit without cosignatures', async () => {
    expect(failing(await twisted({ witnessedAtMs: undefined }))).toEqual(['witness-quorum']);
  });

  it('witness-quorum: a cosignature from the future does not count', async () => {
    const report = await verify(story.parts, story, { nowMs: T0 - 60_000 });
    expect(failing(report)).toContain('witness-quorum');
  });

  it('bundle-signature: a bundle signed by somebody else', async () => {
    const report = await twisted({ authorSigner: testKey(`${story.log.origin}/author`, 'mallory') });
    expect(failing(report)).toEqual(['bundle-signature']);
  });

  it('bundle-signature: a bundle below the floor', async () => {
    expect(failing(await twisted({ policy: { floor: 4 } }))).toEqual(['bundle-signature']);
  });

  it('bundle-signature: a withheld bundle is not checked, never passed', async () => {
    const report = await verify({ ...story.parts, bundles: [] }, story);
    expect(status(report)['bundle-signature']).toBe('not checked');
  });

  it('arguments: another value under the same salt', async () => {
    const record = story.parts.executions[EXEC]!;
    const [first, ...rest] = record.arguments.disclosed;
    const changed = {
      ...record,
      arguments: { disclosed: [[first![0], first![1], '/etc/passwd'] as const, ...rest], withheld: [] },
    };
    expect(failing(await verify({ ...story.parts, executions: { [EXEC]: changed } }, story))).toEqual([
      'arguments',
    ]);
  });

  it('arguments: withheld fields are listed and their commitment still checked', async () => {
    const record = story.parts.executions[EXEC]!;
    const withheld = record.arguments.disclosed.map(disclosureDigest);
    const one = {
      ...record,
      arguments: { disclosed: record.arguments.disclosed.slice(0, 1), withheld: withheld.slice(1) },
    };
    const report = await verify({ ...story.parts, executions: { [EXEC]: one } }, story);
    expect(status(report)).toMatchObject({ arguments: 'pass', 're-decision': 'not checked' });
    const all = { ...record, arguments: { disclosed: [], withheld } };
    const hidden = await verify({ ...story.parts, executions: { [EXEC]: all } }, story);
    expect(status(hidden)).toMatchObject({ arguments: 'not checked' });
    expect(hidden.exit).toBe(0);
  });

  it('arguments: a record that is gone is withheld, and erased only with the redaction proven', async () => {
    const gone = { ...story.parts, executions: {} };
    const why = (report: VerifyReport): string | undefined =>
      report.rungs.find(({ name }) => name === 'arguments')?.why;
    expect(why(await verify(gone, story))).toContain('withheld');
    const told = tell();
    const redaction = told.log.append<EntryOf<'redaction'>>({
      type: 'redaction',
      target: told.permit.id,
      reason: 'requested',
      by: ['user-1'],
      at: T0 + 9_000,
    });
    const parts = rewrapped(told, {
      ...told.parts,
      executions: {},
      entries: [
        ...told.parts.entries,
        { index: redaction.index, entry: fromUtf8(redaction.bytes), proof: [] },
      ],
    });
    expect(why(await verify(parts, told))).toContain('erased');
  });

  it('principal-chain: an agent that was revoked before the decision', async () => {
    expect(failing(await twisted({ agent: { op: 'revoke' } }))).toEqual(['principal-chain']);
  });

  it('principal-chain: a key that is not the acting agent’s', async () => {
    expect(failing(await twisted({ agent: { keys: [] } }))).toEqual(['principal-chain']);
  });

  it('principal chain: an issuer vouches for the key of an agent that has none of its own; only the operator says so', async () => {
    const report = await twisted({ agent: { keys: [] }, token: {} });
    expect(failing(report)).toEqual([]);
    expect(report.rungs.find(({ name }) => name === 'principal-chain')).toMatchObject({ status: 'asserted' });
  });

  it.each<readonly [string, Twist]>([
    ['about another agent', { token: { subject: 'agent-2' } }],
    ['about another key', { token: { measured: digestOf('another key') } }],
    ['about whom it comes for, not whose key it is', { token: { kind: 'on_behalf' } }],
    ['about something else', { token: { kind: 'executable' } }],
    ['that has run out', { token: { exp: T0 } }],
    ['that denies it', { token: { status: 'contraindicated' } }],
    ['of an issuer that was revoked', { token: {}, issuer: { op: 'revoke' } }],
    ['of somebody who is no issuer', { token: {}, issuer: { kind: 'user' } }],
  ])('principal chain: no word %s', async (_, twist) => {
    expect(failing(await twisted({ agent: { keys: [] }, ...twist }))).toContain('principal-chain');
  });

  it('approvals: rule 22: a rejection is no approval, and a late one neither', async () => {
    expect(failing(await twisted({ approval: { verdict: 'reject' } }))).toEqual(['approvals']);
    expect(failing(await twisted({ approval: { expires: T0 + 10 } }))).toEqual(['approvals']);
    expect(failing(await twisted({ approval: { group: 'finance' } }))).toContain('approvals');
  });

  it('approvals: rule 22: a signature over other bounds than the entry states', async () => {
    expect(failing(await twisted({ approval: { expires: T0 + 800_000 } }))).toEqual(['approvals']);
  });

  it.each<readonly [string, Twist]>([
    ['by the user for whom the call is made', { approval: { by: 'user-1' } }],
    ['by the owner of the agent', { agent: { for: 'user-2' } }],
    ['by somebody of another group', { approver: { groups: ['finance'] } }],
    ['by somebody without the role', { approver: { roles: [] } }],
    ['by an identity that was revoked', { approver: { op: 'revoke' } }],
    ['by an agent', { approver: { kind: 'agent' } }],
    [
      'by the group above before its time',
      { approver: { groups: ['chiefs'] }, holds: [asking({ also: [{ group: 'chiefs', at: T0 + 60_000 }] })] },
    ],
    ['that lives longer than the hold lets it', { holds: [asking({ ttl: 60_000 })] }],
    [
      'by a token where the hold asks for a passkey',
      { approval: { method: 'token' }, holds: [asking({ method: 'passkey' })] },
    ],
    ['alone where two are asked', { holds: [asking({ need: 2 })] }],
    ['by somebody of none of the departments', { holds: [asking({ apart: ['treasury'] })] }],
  ])('approvals: rule 22: not an approval %s', async (_, twist) => {
    expect(failing(await twisted(twist))).toEqual(['approvals']);
  });

  it('approvals: the group above after its time had come', async () => {
    const report = await twisted({
      approver: { groups: ['chiefs'] },
      holds: [asking({ also: [{ group: 'chiefs', at: T0 }], apart: ['chiefs'] })],
    });
    expect(status(report)['approvals']).toBe('pass');
  });

  it('approvals: rule 22: a token approval is asserted by the operator', async () => {
    const report = await twisted({ approval: { method: 'token' } });
    expect(status(report)['approvals']).toBe('asserted');
    expect(report.exit).toBe(0);
  });

  it.each([
    ['for another challenge', { statement: { eat_nonce: base64url(new Uint8Array(16).fill(1)) } }],
    ['about somebody else', { statement: { sub: 'agent-2' } }],
    ['for another plane', { statement: { aud: 'licet.local/0000000000000000' } }],
    ['before the challenge', { statement: { iat: T0 / 1_000 - 60 } }],
    ['of another program than the entry says', { statement: { program: { digest: digestOf('x') } } }],
    ['by somebody else', { statementSigner: testKey('door', 'mallory') }],
    ['of which the entry makes more than it shows', { statement: { program: {} } }],
    ['by one who may not vouch for that', { attestation: { kind: 'container' } }],
  ] as readonly (readonly [string, Twist])[])('attestation: evidence %s fails', async (_, twist) => {
    expect(failing(await twisted(twist))).toEqual(['attestation']);
  });

  it('attestation: withheld evidence is not checked, evidence without a statement is the operator’s word', async () => {
    const withheld = { ...story.parts.executions[EXEC]!, attestations: [] };
    const report = await verify({ ...story.parts, executions: { [EXEC]: withheld } }, story);
    expect(status(report)['attestation']).toBe('not checked');
    const other = await twisted({ attestation: { kind: 'npm_provenance' } });
    expect(status(other)['attestation']).toBe('asserted');
    const unknown = await twisted({ attestation: { by: 'door-2' } });
    expect(status(unknown)['attestation']).toBe('asserted');
  });

  it('attestation: by the keys that its attester had then, as the entry names them', async () => {
    const rung = async (attester: NonNullable<Twist['attester']>): Promise<string | undefined> =>
      status(await twisted({ attester }))['attestation'];
    expect(await rung({ named: true })).toBe('pass');
    // The key was replaced afterwards, as keys are: what it signed stays signed.
    expect(await rung({ named: true, rotated: 'after' })).toBe('pass');
    expect(await rung({ named: true, rotated: 'before' })).toBe('fail');
    expect(await rung({ named: 'another' })).toBe('fail');
  });

  it('attestation: contraindicated, or stale', async () => {
    expect(failing(await twisted({ attestation: { status: 'contraindicated' } }))).toEqual(['attestation']);
    expect(failing(await twisted({ attestation: { exp: T0 } }))).toEqual(['attestation']);
  });

  it('re-decision: rule 19: a difference fails, a broken engine fails, no engine is not checked', async () => {
    expect(
      failing(
        await verify(story.parts, story, {
          redecide: async () => ({ status: 'fail', why: 'other verdict' }),
        }),
      ),
    ).toEqual(['re-decision']);
    expect(
      failing(await verify(story.parts, story, { redecide: () => Promise.reject(new Error('no wasm')) })),
    ).toEqual(['re-decision']);
    expect(
      failing(await verify(story.parts, story, { redecide: async () => ({ status: 'maybe' }) as never })),
    ).toEqual(['re-decision']);
    const report = await verifyBundle(formatEvidence(story.parts), story.log.trust(), { crypto });
    expect(status(report)['re-decision']).toBe('not checked');
  });

  it('re-decision: rule 19: withheld inputs give not checked, and the engine is not asked', async () => {
    const record = story.parts.executions[EXEC]!;
    const hidden = {
      ...record,
      inputs: { disclosed: [], withheld: record.inputs.disclosed.map(disclosureDigest) },
    };
    const report = await verify({ ...story.parts, executions: { [EXEC]: hidden } }, story, {
      redecide: () => Promise.reject(new Error('asked')),
    });
    expect(report.rungs.find(({ name }) => name === 're-decision')).toMatchObject({
      status: 'not checked',
      why: expect.stringContaining('withheld'),
    });
  });

  it('one-start: rule 2: a permit started twice', async () => {
    expect(failing(await twisted({ twice: true }))).toContain('one-start');
  });

  it('one-start: rule 2: a permit to be spent at a verifier, started at the plane', async () => {
    expect(failing(await twisted({ permit: { spend: 'verifier:edge' } }))).toContain('one-start');
  });

  it('order-and-timing: a start after the permit had expired', async () => {
    expect(failing(await twisted({ permit: { exp: T0 + 500 } }))).toEqual(['order-and-timing']);
  });

  it('order-and-timing: rule 39: time that goes back without a clock entry', async () => {
    expect(failing(await twisted({ outcome: { at: T0 + 10 } }))).toContain('order-and-timing');
  });

  it('order-and-timing: rule 39: after a clock entry time may go back, and permits of before are over', async () => {
    const told = tell();
    const clock = told.log.append<EntryOf<'clock'>>({
      type: 'clock',
      from: T0 + 8_000,
      to: T0 - 50_000,
      by: ['user-1'],
      at: T0 - 50_000,
    });
    const parts = rewrapped(told, {
      ...told.parts,
      entries: [...told.parts.entries, { index: clock.index, entry: fromUtf8(clock.bytes), proof: [] }],
    });
    expect(failing(await verify(withProofs(told, parts), told))).toEqual([]);
  });

  it('lease: a renewal signed by another key', async () => {
    expect(failing(await twisted({ leaseSigner: testKey(`${story.log.origin}/lease`, 'mallory') }))).toEqual([
      'lease',
    ]);
  });

  it('lease: rule 5: a counter that does not rise', async () => {
    expect(failing(await twisted({ renewalCounters: [2, 2] }))).toEqual(['lease']);
  });

  it('lease: fewer renewals than the outcome says are not checked; more fail', async () => {
    expect(status(await twisted({ outcome: { renewals: 3 } }))['lease']).toBe('not checked');
    expect(failing(await twisted({ outcome: { renewals: 1 } }))).toEqual(['lease']);
  });

  it('lease: an outcome long after the lease had ended', async () => {
    expect(failing(await twisted({ outcome: { at: T0 + 60_000 }, witnessedAtMs: T0 + 100_000 }))).toEqual([
      'lease',
    ]);
  });

  it('lease: rule 9: what was spent at a verifier is never renewed', async () => {
    const spent = { permit: { spend: 'verifier:edge' }, start: { via: 'verifier' } } as const;
    expect(failing(await twisted(spent))).toEqual(['lease']);
    expect(failing(await twisted({ ...spent, renewalCounters: [] }))).toEqual([]);
  });

  it('bundle-signature: rule 35: a policy head that is not the newest policy entry', async () => {
    expect(failing(await twisted({ permit: { heads: { containment: null, policy: null } } }))).toEqual([
      'bundle-signature',
      'containment',
    ]);
  });

  it('principal-chain: rule 18: a child’s chain continues that of a parent in the same run', async () => {
    const child = '01a0f3b2-0000-7000-8000-0000000000aa';
    for (const [change, failed] of [
      [{}, []],
      [{ run: OTHER_EXEC }, ['principal-chain']],
      [{ chain: story.permit.entry.chain.slice(1) }, ['principal-chain']],
    ] as const) {
      // The child's entries follow the parent's start, before its outcome.
      const told = tell();
      const log = new TestLog();
      for (const { bytes, entry } of told.log.entries.slice(0, -1)) log.appendBytes(bytes, entry);
      const { approvals: _approvals, prior: _prior, ...granted } = told.permit.entry;
      const parent = { exec: EXEC, start: told.start.id };
      log.append<PermitEntry>({
        ...granted,
        exec: child,
        parent,
        assurance: 'logged',
        at: T0 + 2_000,
        ...change,
      });
      const parts: EvidenceParts = {
        ...told.parts,
        kind: 'execution',
        subject: child,
        executions: {},
        entries: log.entries.map(({ index, bytes }) => ({
          index,
          entry: fromUtf8(bytes),
          proof: hashes(log.inclusion(index)),
        })),
        checkpoints: [
          told.parts.checkpoints[0]!,
          { note: log.checkpoint(), consistency: hashes(log.consistency(told.permit.index + 1)) },
        ],
      };
      expect(failing(await verify(parts, told))).toEqual(failed);
    }
  });

  it('outcome: a result that is not what was committed to', async () => {
    expect(failing(await twisted({ outcome: { result: digestOf('another result') } }))).toEqual(['outcome']);
  });

  it('containment: an agent that was contained', async () => {
    expect(failing(await twisted({ containedAgent: 'agent-1' }))).toEqual(['containment']);
  });

  it('containment: rule 34: operating the plane is not contained, and only without a bundle is it that', async () => {
    const contained = { containedAgent: 'agent-1' };
    const lift = { action: 'licet/lift', bundles: [] };
    expect(status(await twisted({ ...contained, permit: lift }))['containment']).toBe('pass');
    expect(status(await twisted({ ...contained, permit: { action: 'licet/session' } }))['containment']).toBe(
      'fail',
    );
    expect(status(await twisted({ ...contained, permit: { bundles: [] } }))['containment']).toBe('fail');
  });

  it('containment: rule 35: a head that is not the newest containment before it', async () => {
    expect(failing(await twisted({ start: { heads: { containment: null, policy: null } } }))).toEqual([
      'containment',
    ]);
  });
});

function withProofs(told: Story, parts: EvidenceParts): EvidenceParts {
  return {
    ...parts,
    entries: parts.entries.map((entry) => ({ ...entry, proof: hashes(told.log.inclusion(entry.index)) })),
  };
}

describe('tampering', () => {
  it('any flipped bit of the file fails and names a rung', async () => {
    const bytes = formatEvidence(story.parts);
    const trust = story.log.trust();
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(7), async (at, bit) => {
        const changed = bytes.slice();
        changed[at]! ^= 1 << bit;
        const report = await verifyBundle(changed, trust, { crypto });
        expect(report.exit).toBe(4);
        expect(failing(report).length).toBeGreaterThan(0);
      }),
      { numRuns: 150 },
    );
  });

  it('any flipped bit of an entry fails even when the digest is made again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(story.parts.entries.length - 1), fc.nat(), async (which, seed) => {
        const entries = story.parts.entries.map((entry, i) => {
          if (i !== which) return entry;
          const at = seed % entry.entry.length;
          const flipped = String.fromCharCode(entry.entry.charCodeAt(at) ^ 1);
          return { ...entry, entry: entry.entry.slice(0, at) + flipped + entry.entry.slice(at + 1) };
        });
        const report = await verify({ ...story.parts, entries }, story);
        expect(report.exit).toBe(4);
        expect(failing(report)).toContain('inclusion');
      }),
      { numRuns: 60 },
    );
  });

  it('any flipped bit of a bundle’s value changes its digest', () => {
    const [signed] = story.parts.bundles;
    expect(bundleDigest({ ...(signed!.bundle as object), version: 4 })).not.toBe(
      bundleDigest(signed!.bundle),
    );
  });
});
