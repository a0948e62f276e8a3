/** Goal: a commitment binds exactly one record and hides it. Method: known bytes, laws, and one lie at a time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  base64url,
  canonicalBytes,
  canonicalize,
  commitArguments,
  commitInputs,
  commitmentOf,
  commitResources,
  commitResult,
  disclosureDigest,
  recordSalts,
  sha256,
  unwrapWhole,
  utf8,
  verifyCommitment,
  wrapWhole,
  type Disclosure,
  type Json,
} from '../src/index.ts';

const K = new Uint8Array(32).fill(1);
const args = { path: '/workspace/a.txt', text: 'hi' };

describe('rule 40: commitments', () => {
  it('rule 40: a salt is the first 16 bytes of SHA-256 over tag, key and JCS of kind and name', () => {
    const expected = sha256(utf8('licet/salt/v1\n'), K, utf8('["argument","path"]')).subarray(0, 16);
    expect(recordSalts(K)('argument', 'path')).toBe(base64url(expected));
  });

  it('rule 40: a digest is SD-JWT’s, and the commitment is over the sorted digests under a tag', () => {
    // RFC 9901 §4.2.3 hashes the ASCII of the base64url text, not the JSON.
    const d: Disclosure = [recordSalts(K)('argument', 'path'), 'path', args.path];
    expect(disclosureDigest(d)).toBe(base64url(sha256(utf8(base64url(canonicalBytes(d))))));
    const { commitment, disclosures } = commitArguments(K, args);
    const sorted = disclosures.map(disclosureDigest).sort();
    expect(commitment).toBe(base64url(sha256(utf8('licet/args/v1\n'), utf8(JSON.stringify(sorted)))));
  });

  it('rule 40: the same fields as arguments, resources, inputs and results give four commitments', () => {
    const digests = [disclosureDigest(['AAAAAAAAAAAAAAAAAAAAAA', 'a', 1])];
    const all = (['argument', 'resource', 'input', 'result'] as const).map((kind) =>
      commitmentOf(kind, digests),
    );
    expect(new Set(all).size).toBe(4);
  });

  it('rule 40: what is not an object is wrapped, and so is an object that looks wrapped', () => {
    expect(wrapWhole('text')).toEqual({ $: 'text' });
    expect(wrapWhole({ $: 'text' })).toEqual({ $: { $: 'text' } });
    expect(commitResult(K, 'text').commitment).not.toBe(commitResult(K, { $: 'text' }).commitment);
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, i]));
    expect(commitResult(K, many).disclosures).toHaveLength(1);
  });

  it('opens to what was committed to, whatever the value is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        fc.pre(!canonicalSafe(value));
        const { commitment, disclosures } = commitArguments(K, value as Json);
        const record = verifyCommitment('argument', commitment, disclosures);
        expect(canonicalize(unwrapWhole(record))).toBe(canonicalize(value as Json));
      }),
    );
  });

  it('a field called __proto__ is only a field', () => {
    const value = JSON.parse('{"__proto__":1,"a":2}') as Json;
    const { commitment, disclosures } = commitArguments(K, value);
    expect(Object.keys(verifyCommitment('argument', commitment, disclosures)).sort()).toEqual([
      '__proto__',
      'a',
    ]);
  });

  it('withheld digests stand in for their disclosures', () => {
    const { commitment, disclosures } = commitArguments(K, args);
    const [path, text] = disclosures;
    expect(verifyCommitment('argument', commitment, [path!], [disclosureDigest(text!)])).toEqual({
      path: args.path,
    });
  });

  it('rule 40: every digest matches exactly one disclosure, and the reverse', () => {
    const { commitment, disclosures } = commitArguments(K, args);
    const [path, text] = disclosures;
    const wrong =
      (list: readonly Disclosure[], withheld: readonly string[] = []) =>
      () =>
        verifyCommitment('argument', commitment, list, withheld);
    expect(wrong([path!])).toThrow('ERR_COMMITMENT_MISMATCH');
    expect(wrong([path!, text!, ['AAAAAAAAAAAAAAAAAAAAAA', 'more', 1]])).toThrow('ERR_COMMITMENT_MISMATCH');
    expect(wrong([path!, text!], [disclosureDigest(text!)])).toThrow('ERR_COMMITMENT_DISCLOSURE');
    expect(wrong([path!, ['AAAAAAAAAAAAAAAAAAAAAA', 'path', 'other']])).toThrow('ERR_COMMITMENT_NAME');
    expect(wrong([path!, [text![0], 'text', 'ho']])).toThrow('ERR_COMMITMENT_MISMATCH');
    expect(wrong([['short', 'path', 1]])).toThrow('ERR_COMMITMENT_DISCLOSURE');
    expect(() => verifyCommitment('result', commitment, disclosures)).toThrow('ERR_COMMITMENT_MISMATCH');
  });

  it('a commitment to nothing is not a commitment to anything', () => {
    expect(verifyCommitment('argument', commitArguments(K, {}).commitment, [])).toEqual({});
    expect(() => verifyCommitment('argument', commitArguments(K, args).commitment, [])).toThrow(
      'ERR_COMMITMENT_MISMATCH',
    );
  });

  it('inputs are one disclosure, resources one each', () => {
    expect(commitInputs(K, { a: 1, b: 2 }).disclosures.map(([, name]) => name)).toEqual(['inputs']);
    const two = commitResources(K, {
      source: { type: 'Folder', id: '/a' },
      'paths[0]': { type: 'Folder', id: '/b' },
    });
    expect(two.disclosures.map(([, name]) => name)).toEqual(['paths[0]', 'source']);
  });

  it('a record key is 32 bytes', () => {
    expect(() => recordSalts(new Uint8Array(31))).toThrow('ERR_COMMITMENT_KEY');
  });
});

/** Minus zero has no canonical form of its own. */
const canonicalSafe = (value: unknown): boolean => {
  try {
    return Object.is(value, -0) || (canonicalize(value as Json), false);
  } catch {
    return true;
  }
};
