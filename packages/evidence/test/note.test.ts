/**
 * Goal: texts that travel (notes, checkpoints, proofs, policies) read back as they were written, and no change to
 * them goes unnoticed. Method: properties; the single cases are in `vectors/`.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  emptyRoot,
  EvidenceError,
  formatCheckpoint,
  formatNote,
  formatTlogPolicy,
  formatTlogProof,
  formatVkey,
  fromUtf8,
  leafHash,
  parseCheckpoint,
  parseNote,
  parseTlogPolicy,
  parseTlogProof,
  parseVkey,
  quorumMet,
  signatureLine,
  subtreeMessage,
  cosignatureMessage,
  utf8,
  verifyCheckpoint,
  verifyNote,
  type TlogPolicy,
} from '../src/index.ts';
import { ed25519Cosigner, ed25519NoteSigner, mlDsa44Cosigner, nodeCrypto } from '../src/node.ts';

const ORIGIN = 'licet.local/0123456789abcdef';
const seed = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const log = ed25519NoteSigner(ORIGIN, seed(1));
const postQuantum = mlDsa44Cosigner(ORIGIN, seed(2));
const witness = ed25519Cosigner('witness.example', seed(3));
const body = formatCheckpoint({ origin: ORIGIN, size: 5, root: leafHash(utf8('x')) });
const signed = formatNote(body, [log.signSync(body), witness.cosign(body, 1_800_000_000)]);
const policyText = `log ${log.vkey}\nlog ${postQuantum.vkey}\nwitness w ${witness.vkey} https://w.example/\nquorum w\n`;

// oxlint-disable-next-line no-control-regex -- control characters are what is left out
const line = fc.string({ minLength: 1, unit: 'binary' }).filter((text) => !/[\u0000-\u001f]/.test(text));
const keyName = fc.stringMatching(/^[a-z0-9./-]{1,40}$/);
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });

async function codeOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (error instanceof EvidenceError) return error.code;
    throw error;
  }
  return 'accepted';
}

describe('round trips', () => {
  it('a note reads back as its text and its lines', () => {
    const signature = fc.record({
      name: keyName,
      keyId: fc.uint8Array({ minLength: 4, maxLength: 4 }),
      blob: fc.uint8Array({ minLength: 1 }),
    });
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1 }),
        fc.array(signature, { minLength: 1 }),
        (lines, signatures) => {
          const text = `${lines.join('\n')}\n`;
          const note = formatNote(
            text,
            signatures.map((s) => signatureLine(s.name, s.keyId, s.blob)),
          );
          expect(parseNote(note)).toEqual({ text, signatures });
        },
      ),
    );
  });

  it('a checkpoint reads back as it was', () => {
    fc.assert(
      fc.property(line, count, hash, fc.array(line), (origin, size, root, extensions) => {
        const checkpoint = { origin, size, root: size === 0 ? emptyRoot() : root, extensions };
        expect(parseCheckpoint(formatCheckpoint(checkpoint))).toEqual(checkpoint);
      }),
    );
  });

  it('a proof reads back as it was', () => {
    fc.assert(
      fc.property(count, fc.array(hash, { maxLength: 63 }), (index, proof) => {
        const parts = { index, proof, checkpoint: signed };
        expect(parseTlogProof(formatTlogProof(parts))).toEqual(parts);
      }),
    );
  });

  it('a vkey reads back as its parts', () => {
    fc.assert(
      fc.property(keyName, fc.constantFrom(1, 4, 6), fc.nat(255), (name, type, fill) => {
        const publicKey = new Uint8Array(type === 6 ? 1312 : 32).fill(fill);
        expect(parseVkey(formatVkey(name, type, publicKey))).toMatchObject({ name, type, publicKey });
      }),
    );
  });

  it('a policy reads back as it was', () => {
    const policy = parseTlogPolicy(policyText);
    expect(parseTlogPolicy(formatTlogPolicy(policy))).toEqual(policy);
  });

  it('an extra line is never written', () => {
    const withExtra = { index: 0, proof: [], checkpoint: signed, extra: Uint8Array.of(1) };
    expect(formatTlogProof(withExtra)).not.toContain('extra');
  });
});

describe('tampering', () => {
  it('any flipped bit of a signed checkpoint is noticed: rejected, or at least no longer witnessed', async () => {
    const bytes = utf8(signed);
    const policy = parseTlogPolicy(policyText);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(7), async (at, bit) => {
        const changed = bytes.slice();
        changed[at]! ^= 1 << bit;
        let quorum = false;
        const code = await codeOf(async () => {
          ({ quorum } = await verifyCheckpoint(fromUtf8(changed), policy, nodeCrypto));
        });
        expect(code !== 'accepted' || !quorum).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('a note moved under another name, or a signature moved to another text, does not verify', async () => {
    const key = parseVkey(log.vkey);
    const other = ed25519NoteSigner('other.example', seed(1));
    const renamed = signed.replace(`— ${ORIGIN} `, '— other.example ');
    expect(await codeOf(() => verifyNote(renamed, [parseVkey(other.vkey)], nodeCrypto))).toBe(
      'ERR_NOTE_UNVERIFIED',
    );
    const text = 'another text\n';
    const moved = formatNote(text, [log.signSync(body)]);
    expect(await codeOf(() => verifyNote(moved, [key], nodeCrypto))).toBe('ERR_NOTE_SIGNATURE');
  });

  it('a cosigner key does not verify a plain note, nor a note key a cosignature', async () => {
    const text = 'no checkpoint\n';
    const witnessKey = parseVkey(witness.vkey);
    const plain = formatNote(text, [signatureLine('witness.example', witnessKey.keyId, new Uint8Array(72))]);
    expect(await codeOf(() => verifyNote(plain, [witnessKey], nodeCrypto))).toBe('ERR_NOTE_SIGNATURE');
    expect(() => witness.cosign(text, 1)).toThrow('ERR_CHECKPOINT_FORMAT');
    const asNote = parseVkey(formatVkey('witness.example', 1, witnessKey.publicKey));
    expect(await codeOf(() => verifyNote(signed, [asNote], nodeCrypto))).toBe('ERR_NOTE_UNVERIFIED');
  });

  it('two keys that share name and ID are refused rather than guessed between', async () => {
    const key = parseVkey(log.vkey);
    const twin = { ...parseVkey(formatVkey(ORIGIN, 1, parseVkey(witness.vkey).publicKey)), keyId: key.keyId };
    expect(await codeOf(() => verifyNote(signed, [key, twin], nodeCrypto))).toBe('ERR_KEY_FORMAT');
  });

  it('a verifier that always fails lets nothing through', async () => {
    const broken = {
      verifyEd25519: async () => false,
      verifyMlDsa44: async () => false,
      verifyEs256: async () => false,
    };
    expect(await codeOf(() => verifyNote(signed, [parseVkey(log.vkey)], broken))).toBe('ERR_NOTE_SIGNATURE');
  });
});

describe('checkpoints under a policy', () => {
  it("rule 3: only a log key named like the checkpoint's origin counts", async () => {
    const stranger = ed25519NoteSigner('stranger.example', seed(9));
    const policy = parseTlogPolicy(`log ${stranger.vkey}\nlog ${log.vkey}\nquorum none\n`);
    const byStranger = formatNote(body, [stranger.signSync(body)]);
    expect(await codeOf(() => verifyCheckpoint(byStranger, policy, nodeCrypto))).toBe('ERR_NOTE_UNVERIFIED');
    const foreign = formatCheckpoint({ origin: 'third.example', size: 1, root: leafHash(utf8('y')) });
    const mine = formatNote(foreign, [log.signSync(foreign)]);
    expect(await codeOf(() => verifyCheckpoint(mine, policy, nodeCrypto))).toBe('ERR_CHECKPOINT_ORIGIN');
  });

  it('a quorum is met exactly when the groups say so', () => {
    const names = ['a', 'b', 'c', 'd'];
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.subarray(names), (k, present) => {
        const policy: TlogPolicy = {
          logs: [],
          witnesses: names.map((name) => ({ name, key: parseVkey(witness.vkey) })),
          groups: [
            { name: 'abc', threshold: k, members: ['a', 'b', 'c'] },
            { name: 'all', threshold: 2, members: ['abc', 'd'] },
          ],
          quorum: 'all',
        };
        const abc = present.filter((name) => name !== 'd').length;
        expect(quorumMet(policy, present)).toBe(abc >= k && present.includes('d'));
        // A name the policy does not define adds nothing, nor does naming a group.
        expect(quorumMet(policy, [...present, 'all', 'abc', 'x'])).toBe(quorumMet(policy, present));
      }),
    );
  });

  it('a quorum nobody defined is not met', () => {
    expect(quorumMet({ logs: [], witnesses: [], groups: [], quorum: 'x' }, ['x'])).toBe(false);
    const zero = { name: 'g', threshold: 0, members: ['a'] };
    expect(quorumMet({ logs: [], witnesses: [], groups: [zero], quorum: 'g' }, [])).toBe(false);
  });
});

describe('cosigned messages', () => {
  it('are laid out as the specification draws them', () => {
    expect(fromUtf8(cosignatureMessage('o\n1\nr\n', 1679315147))).toBe(
      'cosignature/v1\ntime 1679315147\no\n1\nr\n',
    );
    const message = subtreeMessage({
      cosigner: 'ab',
      timestampS: 258,
      origin: 'c',
      start: 0,
      end: 3,
      hash: new Uint8Array(32).fill(9),
    });
    const u64 = (n: number): number[] => [0, 0, 0, 0, 0, 0, n >> 8, n & 255];
    expect([...message]).toEqual([
      ...utf8('subtree/v1\n\0'),
      2,
      ...utf8('ab'),
      ...u64(258),
      1,
      ...utf8('c'),
      ...u64(0),
      ...u64(3),
      ...Array.from({ length: 32 }, () => 9),
    ]);
  });

  it('refuse what the structure cannot hold', () => {
    const good = { cosigner: 'a', timestampS: 0, origin: 'o', start: 0, end: 1, hash: new Uint8Array(32) };
    const bad = [
      { start: 1, timestampS: 1 },
      { start: 2 },
      { cosigner: '' },
      { origin: 'o'.repeat(256) },
      { timestampS: -1 },
      { end: 2 ** 53 },
      { hash: new Uint8Array(31) },
    ];
    for (const change of bad)
      expect(() => subtreeMessage({ ...good, ...change })).toThrow('ERR_COSIGNATURE_FORMAT');
    expect(() => cosignatureMessage('x', 0.5)).toThrow('ERR_COSIGNATURE_FORMAT');
  });
});
