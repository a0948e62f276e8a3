/**
 * Goal: who may sign a team's bundles changes by the word of who may sign, and of two people (RULE 20, 34). Method: the
 * real plane; each change and each attack by effect, on what can be published after and on what goes on deciding.
 */
import { authorId, authorKeySigningBytes, parseVkey, type Trust } from '@licet/evidence';
import { ed25519NoteSigner } from '@licet/evidence/node';
import { bundleHash, type Bundle } from '@licet/policy';
import { describe, expect, test } from 'vitest';
import type { Effect } from '../src/index.ts';
import {
  aBundle,
  anIdentity,
  as,
  authorVkey,
  aWorld,
  codeOf,
  ORIGIN,
  PEOPLE,
  publishing,
  seedOf,
  signRaw,
  trust,
  verified,
  word,
  type World,
} from './support.ts';

const AUTHORS = [...PEOPLE, anIdentity('author-2', { roles: ['author'] })];
const world = (people: 1 | 2 = 1, more: { readonly trust?: Trust } = {}): Promise<World> =>
  aWorld({ people, identities: AUTHORS, ...more });

type Change = (Effect & { readonly op: 'author-key' })['changes'][number];
function change(
  op: 'add' | 'retire',
  key: string,
  by: string,
  said: { readonly origin?: string; readonly subject?: string; readonly nobody?: true } = {},
): Change {
  const { origin = ORIGIN, subject = op === 'add' && said.nobody !== true ? 'author-2' : undefined } = said;
  const { publicKey } = parseVkey(authorVkey(key));
  const sig = signRaw(by, authorKeySigningBytes({ origin, op, publicKey, subject }));
  return {
    op,
    key: authorVkey(key),
    ...(subject === undefined ? {} : { subject }),
    sig: { by: idOf(by), sig },
  };
}
const idOf = (seed: string): string => authorId(parseVkey(authorVkey(seed)).keyId);
const changing = (...changes: readonly Change[]): Effect => ({ op: 'author-key', changes });
const operate = async (w: World, effect: Effect, by = 'author-1'): Promise<string> =>
  word(await w.plane.operate(as(by), effect));
function publishedBy(bundle: Bundle, seed: string): Effect {
  const sigs = [{ by: idOf(seed), sig: signRaw(seed, bundleHash(bundle)) }];
  return publishing(bundle, { sigs, signed: { bundle, sigs } });
}
const rung = async (w: World, exec: string): Promise<string> =>
  (await verified(w, exec)).rungs.find(({ name }) => name === 'bundle-signature')!.status;

describe("rule 20: authors' keys by the log", () => {
  test('a second author is let in and publishes; the first is retired and publishes no more, over a restart too', async () => {
    const w = await world();
    const before = await w.permitted();
    expect(await codeOf(operate(w, publishedBy(aBundle({ version: 2 }), 'second')))).toBe(
      'ERR_BUNDLE_SIGNATURE',
    );
    expect(await operate(w, changing(change('add', 'second', 'author')))).toBe('operated');
    expect(await operate(w, publishedBy(aBundle({ version: 2 }), 'second'), 'author-2')).toBe('operated');
    expect(await operate(w, publishedBy(aBundle({ version: 3 }), 'author'))).toBe('operated');
    expect(await operate(w, changing(change('retire', 'author', 'second')))).toBe('operated');
    for (const again of [false, true]) {
      if (again) await w.reopen();
      // Its last bundle stays in force: it was published by a key that counted.
      expect(word(await w.decide())).toBe('permitted');
      expect(await codeOf(operate(w, publishedBy(aBundle({ version: 4 }), 'author')))).toBe(
        'ERR_BUNDLE_SIGNATURE',
      );
    }
    // A stranger sees the same: both bundles were signed by who might.
    expect(await rung(w, before.exec)).toBe('pass');
    expect(await rung(w, (await w.permitted()).exec)).toBe('pass');
    expect(
      (await w.plane.authors()).map(({ id, subject, counts, pinned }) => [id, subject, counts, pinned]),
    ).toEqual([
      [idOf('author'), undefined, false, true],
      [idOf('second'), 'author-2', true, false],
    ]);
  });
  test('rotation is one action: the new key is let in by the old one and retires it', async () => {
    const w = await world();
    const rotation = changing(
      change('add', 'next', 'author', { subject: 'author-1' }),
      change('retire', 'author', 'next'),
    );
    expect(await operate(w, rotation)).toBe('operated');
    const known = await w.plane.authors();
    await w.store.rebuild();
    expect(await w.plane.authors()).toEqual(known);
    expect((await w.all('key')).slice(-2).map(({ op, subject }) => [op, subject])).toEqual([
      ['add', 'author-1'],
      ['retire', undefined],
    ]);
    expect(await operate(w, publishedBy(aBundle({ version: 2 }), 'next'))).toBe('operated');
    expect(await codeOf(operate(w, publishedBy(aBundle({ version: 3 }), 'author')))).toBe(
      'ERR_BUNDLE_SIGNATURE',
    );
  });
  test('it takes a second person, who is not the one that asked', async () => {
    const w = await world(2);
    const added = changing(change('add', 'second', 'author'));
    expect(await operate(w, added)).toBe('hold:held');
    expect((await w.plane.authors()).map(({ id }) => id)).toEqual([idOf('author')]);
    expect(word(await w.together(added, 'author-1', 'operator-1'))).toBe('operated');
    expect((await w.plane.authors()).filter(({ counts }) => counts)).toHaveLength(2);
  });
  test('who is no author hands nothing in', async () => {
    const w = await world();
    expect(await operate(w, changing(change('add', 'second', 'author')), 'operator-1')).toBe('deny:role');
  });
  test('the last key that counts cannot be retired, nor one that leaves only the key of somebody who left', async () => {
    const w = await world();
    expect(await operate(w, changing(change('retire', 'author', 'author')))).toBe(
      'conflict:author_key_in_use',
    );
    await operate(w, changing(change('add', 'second', 'author')));
    const gone: Effect = { ...anIdentity('author-2', { change: 'revoke', roles: ['author'] }) };
    expect(await operate(w, gone, 'operator-1')).toBe('operated');
    expect(await operate(w, changing(change('retire', 'author', 'author')))).toBe(
      'conflict:author_key_in_use',
    );
  });
  test.each(['revoke', 'update'] as const)(
    'whose person was taken away (%s) publishes nothing and lets nobody in; what they published stays',
    async (how) => {
      const w = await world();
      await operate(w, changing(change('add', 'second', 'author')));
      expect(await operate(w, publishedBy(aBundle({ version: 2 }), 'second'))).toBe('operated');
      expect(await operate(w, { ...anIdentity('author-2', { change: how, roles: [] }) }, 'operator-1')).toBe(
        'operated',
      );
      expect(await codeOf(operate(w, publishedBy(aBundle({ version: 3 }), 'second')))).toBe(
        'ERR_BUNDLE_SIGNATURE',
      );
      const third = change('add', 'third', 'second', { subject: 'author-1' });
      expect(await operate(w, changing(third))).toBe('conflict:author_role');
      await w.reopen();
      expect(word(await w.decide())).toBe('permitted');
      expect((await w.plane.authors()).map(({ counts }) => counts)).toEqual([true, false]);
    },
  );
  test.each<readonly [string, readonly Change[], string]>([
    ['by itself', [change('add', 'second', 'second')], 'author_key_signature'],
    ['by a key of another use', [change('add', 'second', 'contain')], 'author_key_signature'],
    [
      'for another log',
      [change('add', 'second', 'author', { origin: 'licet.local/ffffffffffffffff' })],
      'author_key_signature',
    ],
    [
      'for another person than was signed',
      [{ ...change('add', 'second', 'author'), subject: 'author-1' }],
      'author_key_signature',
    ],
    ['for nobody', [change('add', 'second', 'author', { nobody: true })], 'author_key'],
    ['for who is no author', [change('add', 'second', 'author', { subject: 'user-1' })], 'author_role'],
    ['for who is not known', [change('add', 'second', 'author', { subject: 'nobody' })], 'author_role'],
    ['that counts already', [change('add', 'author', 'author')], 'author_key'],
    ['of another use', [change('add', 'contain', 'author')], 'author_key'],
    [
      'under another name',
      [
        {
          ...change('add', 'second', 'author'),
          key: ed25519NoteSigner(`${ORIGIN}/contain`, seedOf('x')).vkey,
        },
      ],
      'author_key',
    ],
    ['retired that never counted', [change('retire', 'second', 'author')], 'author_key'],
    [
      'whose addition is good and whose retirement is not: all or none',
      [change('add', 'second', 'author'), change('retire', 'author', 'third')],
      'author_key_signature',
    ],
  ])('a key %s: refused, nothing is appended', async (_, changes, code) => {
    const w = await world();
    const before = await w.entries();
    expect(await operate(w, changing(...changes))).toBe(`conflict:${code}`);
    expect(await w.entries()).toHaveLength(before.length);
  });
  test('a key that was retired never comes back', async () => {
    const w = await world();
    await operate(w, changing(change('add', 'second', 'author')));
    await operate(w, changing(change('retire', 'second', 'author')));
    expect(await operate(w, changing(change('add', 'second', 'author')))).toBe(
      'conflict:author_key_signature',
    );
  });
  test('a trust file that names another author believes none of these changes', async () => {
    const other: Trust = {
      ...trust,
      logs: [{ ...trust.logs[0]!, keys: { ...trust.logs[0]!.keys, author: [authorVkey('other')] } }],
    };
    const w = await aWorld({ people: 1, identities: AUTHORS, bundle: null, trust: other });
    expect(await operate(w, changing(change('add', 'second', 'author')))).toBe(
      'conflict:author_key_signature',
    );
  });
});
