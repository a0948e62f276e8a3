/**
 * Goal: a verifier and a plane agree about who may sign for a team, by the log's word (RULE 20). Method: the honest story
 * with authors who come and go, one lie at a time; and the fold of their keys by itself.
 */
import { describe, expect, it } from 'vitest';
import {
  authorId,
  authorKeys,
  formatEvidence,
  parseTrust,
  parseVkey,
  verifyBundle,
  type KeyChange,
} from '../src/index.ts';
import { nodeCrypto } from '../src/node.ts';
import { TestLog, testKey } from './build/log.ts';
import { authorChange, tell, type Twist } from './build/story.ts';

const { origin } = new TestLog();
const first = new TestLog().noteKey('author');
const [second, third] = ['second', 'third'].map((name) => testKey(`${origin}/author`, name)) as [
  ReturnType<typeof testKey>,
  ReturnType<typeof testKey>,
];
const added = authorChange('add', second, first);
const retired = authorChange('retire', first, second);

async function rung(twist: Twist, trusted = true): Promise<string> {
  const told = tell(twist);
  const trust = structuredClone(told.log.trustJson()) as unknown as {
    logs: { keys: Record<string, string[]> }[];
  };
  if (!trusted) trust.logs[0]!.keys['author'] = [];
  const report = await verifyBundle(formatEvidence(told.parts), parseTrust(JSON.stringify(trust)), {
    crypto: nodeCrypto,
    redecide: async () => ({ status: 'pass' as const }),
  });
  return report.rungs.find(({ name }) => name === 'bundle-signature')!.status;
}

describe("rule 20: a team's bundle in evidence, as its authors come and go", () => {
  it('passes one by a key that a pinned key had let in', async () => {
    expect(await rung({ authorSigner: second, authorKeys: { before: [added] } })).toBe('pass');
  });
  it('passes one by a key that was retired after it was published', async () => {
    expect(await rung({ authorKeys: { after: [added, retired] } })).toBe('pass');
  });
  it('fails one by a key that had been retired before', async () => {
    expect(await rung({ authorKeys: { before: [added, retired] } })).toBe('fail');
  });
  it('fails one by a key that came only after it', async () => {
    expect(await rung({ authorSigner: second, authorKeys: { after: [added] } })).toBe('fail');
  });
  it('fails one by a key that nobody let in, and asserts one that only the log lets in', async () => {
    expect(await rung({ authorSigner: second })).toBe('fail');
    const byStranger = authorChange('add', second, third);
    expect(await rung({ authorSigner: second, authorKeys: { before: [byStranger] } })).toBe('asserted');
    expect(await rung({ authorSigner: second, authorKeys: { before: [added] } }, false)).toBe('asserted');
  });
});

describe("rule 20: authors' keys change only by the word of one that counts", () => {
  const idOf = ({ vkey }: { readonly vkey: string }): string => authorId(parseVkey(vkey).keyId);
  const after = async (...changes: readonly object[]): Promise<readonly string[]> => [
    ...(await authorKeys(origin, [parseVkey(first.vkey)], changes as KeyChange[], nodeCrypto)).keys(),
  ];

  it('one that counts lets in another, which may then retire it; who it belongs to is known', async () => {
    expect(await after(added)).toEqual([idOf(first), idOf(second)]);
    expect(await after(added, retired)).toEqual([idOf(second)]);
    const keys = await authorKeys(origin, [parseVkey(first.vkey)], [added], nodeCrypto);
    expect(keys.get(idOf(second))?.subject).toBe('user-3');
  });
  it.each([
    ['unsigned', { ...added, sig: undefined }],
    ['signed by itself', authorChange('add', second, second)],
    [
      'signed for another log',
      authorChange('add', second, first, { origin: 'licet.local/ffffffffffffffff' }),
    ],
    ['signed for another person', { ...added, subject: 'user-9' }],
    ['signed as the retirement', { ...authorChange('retire', second, first), op: 'add' }],
    ['under the name of another use', { ...added, key: testKey(`${origin}/contain`, 'second').vkey }],
    ['that is no key', { ...added, key: 'nonsense' }],
  ])('an addition %s: nothing changes', async (_, bad) => {
    expect(await after(bad)).toEqual([idOf(first)]);
  });
  it('a key that was retired does not come back by its old addition, nor lets anyone in', async () => {
    const gone = authorChange('retire', second, first);
    expect(await after(added, gone, added, authorChange('add', third, second))).toEqual([idOf(first)]);
  });
});
