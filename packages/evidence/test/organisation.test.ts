/**
 * Goal: the organisation's layer cannot be left out, forged or taken over (RULE 20). Method: the honest story with an
 * organisation above it, one lie at a time; and the fold of its keys by itself.
 */
import { describe, expect, it } from 'vitest';
import {
  base64url,
  formatEvidence,
  organisationKeys,
  orgKeyId,
  orgKeySigningBytes,
  parseTrust,
  verifyBundle,
  type EntryOf,
} from '../src/index.ts';
import { nodeCrypto } from '../src/node.ts';
import { TestLog, testKey, type Draft } from './build/log.ts';
import { tell, type Twist } from './build/story.ts';

const ORIGIN = new TestLog().origin;
const first = new TestLog().noteKey('org');
const [second, third] = ['second', 'third'].map((name) => testKey(`${ORIGIN}/org`, name)) as [
  ReturnType<typeof testKey>,
  ReturnType<typeof testKey>,
];
type Key = ReturnType<typeof testKey>;

const change = (op: 'add' | 'retire', key: Key, by: Key, org = 'acme'): Draft<EntryOf<'key'>> => ({
  type: 'key',
  op,
  purpose: 'org',
  key: key.vkey,
  by: 'user-1',
  sig: {
    by: orgKeyId(by.publicKey),
    sig: base64url(by.sign(orgKeySigningBytes({ org, op, publicKey: key.publicKey }))),
  },
});

async function rung(org: NonNullable<Twist['org']>, trusted = true): Promise<string> {
  const told = tell({ org });
  const trust = structuredClone(told.log.trustJson()) as unknown as {
    logs: { keys: Record<string, string[]> }[];
  };
  if (!trusted) trust.logs[0]!.keys['org'] = [];
  const redecide = async () => ({ status: 'pass' as const });
  const report = await verifyBundle(formatEvidence(told.parts), parseTrust(JSON.stringify(trust)), {
    crypto: nodeCrypto,
    redecide,
  });
  const found = report.rungs.find(({ name }) => name === 'bundle-signature')!;
  return `${found.status}${found.why === undefined ? '' : `: ${found.why}`}`;
}

describe("rule 20: the organisation's bundle in evidence", () => {
  it('passes when it is named, signed by a pinned key, and in force', async () => {
    expect(await rung({})).toBe('pass');
  });
  it('fails a decision that does not name it once it was published', async () => {
    expect(await rung({ ignored: true })).toMatch(/^fail: .*the organisation's bundle is absent/);
  });
  it('is not passed over by leaving out the entry that published it', async () => {
    expect(await rung({ ignored: true, hidden: true })).toMatch(/^not checked: .*is withheld/);
  });
  it("fails one that a team's author signed", async () => {
    expect(await rung({ signer: new TestLog().noteKey('author') })).toMatch(/^fail/);
  });
  it('fails one of another organisation than genesis names', async () => {
    expect(await rung({ id: 'other' })).toMatch(/^fail/);
  });
  it('is asserted by the operator where only the log names its keys', async () => {
    expect(await rung({}, false)).toMatch(/^asserted/);
  });
  it('passes one by a key that a pinned key has let in, and fails one by a key that nobody let in', async () => {
    expect(await rung({ signer: second, changes: [change('add', second, first)] })).toBe('pass');
    expect(await rung({ signer: second, changes: [change('add', second, third)] })).toMatch(/^asserted/);
    expect(await rung({ signer: second })).toMatch(/^fail/);
  });
  it('fails one by a key that had been retired', async () => {
    const changes = [change('add', second, first), change('retire', first, second)];
    expect(await rung({ signer: second, changes })).toBe('pass');
    expect(await rung({ signer: first, changes })).not.toBe('pass');
  });
});

describe('rule 20: keys change only by their own word', () => {
  const after = async (...changes: readonly Draft<EntryOf<'key'>>[]): Promise<readonly string[]> =>
    (await organisationKeys('acme', [first.publicKey], changes as readonly EntryOf<'key'>[], nodeCrypto)).map(
      orgKeyId,
    );
  const ids = (...keys: readonly Key[]): readonly string[] =>
    keys.map(({ publicKey }) => orgKeyId(publicKey));

  it('one that counts lets in another, which may then retire it', async () => {
    expect(await after(change('add', second, first))).toEqual(ids(first, second));
    expect(await after(change('add', second, first), change('retire', first, second))).toEqual(ids(second));
  });
  it('unsigned, signed by a stranger, for another organisation, or with another meaning: nothing changes', async () => {
    const { sig: _, ...unsigned } = change('add', second, first);
    const swapped = { ...change('retire', second, first), op: 'add' as const };
    for (const bad of [
      unsigned,
      change('add', second, second),
      change('add', second, first, 'other'),
      swapped,
    ])
      expect(await after(bad)).toEqual(ids(first));
  });
  it('a key that was retired does not come back by its old addition, nor lets anyone in', async () => {
    const added = change('add', second, first);
    const steps = [added, change('retire', second, first), added, change('add', third, second)];
    expect(await after(...steps)).toEqual(ids(first));
  });
});

it('one organisation stands above two logs with the same key; two teams never share an author', () => {
  const [here, there] = [new TestLog(), new TestLog('licet.local/ffffffffffffffff', 'other')];
  const both = (purpose: 'org' | 'author', key: string): string => {
    const logs = [here, there].map((log) => structuredClone(log.trustJson()).logs[0] as never) as {
      origin: string;
      keys: Record<string, string[]>;
    }[];
    for (const log of logs) log.keys[purpose] = [testKey(`${log.origin}/${purpose}`, key).vkey];
    return JSON.stringify({ v: 1, logs });
  };
  expect(parseTrust(both('org', 'shared')).logs).toHaveLength(2);
  expect(() => parseTrust(both('author', 'shared'))).toThrow('ERR_TRUST_KEY');
});
