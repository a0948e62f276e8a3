/** Goal: rule 36 at its last line: whoever asks, no second root at one size. */
import { emptyRoot, parseCheckpoint, parseNote, parseVkey, sha256, utf8, verifyNote } from '@licet/evidence';
import { ed25519NoteSigner, nodeCrypto } from '@licet/evidence/node';
import { expect, test } from 'vitest';
import { checkpointSigner, guardSigner } from '../src/index.ts';

const noteSigner = ed25519NoteSigner('licet.test/log', new Uint8Array(32).fill(7));
const signer = checkpointSigner(noteSigner);

test('a checkpoint is a signed note of origin, size and root, the same each time it is made', async () => {
  const note = signer.signCheckpoint(0, emptyRoot());
  expect(signer.signCheckpoint(0, emptyRoot())).toBe(note);
  expect(parseCheckpoint(parseNote(note).text)).toMatchObject({ origin: 'licet.test/log', size: 0 });
  const verified = await verifyNote(note, [parseVkey(noteSigner.vkey)], nodeCrypto);
  expect(verified.verified).toEqual(['licet.test/log']);
});

test('rule 36: a guarded signer refuses a second root at a size it signed, and an unknown earlier one', () => {
  const [a, b] = [sha256(utf8('a')), sha256(utf8('b'))];
  const guarded = guardSigner(
    signer,
    (size) => (size === 3 ? a : undefined),
    (m) => new Error(m),
  );
  guarded.signCheckpoint(5, a);
  expect(guarded.signCheckpoint(5, a)).toBe(signer.signCheckpoint(5, a));
  expect(() => guarded.signCheckpoint(5, b)).toThrow('another root at size 5');
  expect(() => guarded.signCheckpoint(4, a)).toThrow('another root at size 4');
  expect(guarded.signCheckpoint(3, a)).toBe(signer.signCheckpoint(3, a));
  expect(() => guarded.signCheckpoint(3, b)).toThrow('another root at size 3');
});
