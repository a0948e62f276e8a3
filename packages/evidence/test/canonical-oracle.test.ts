/** Goal: our canonical form is RFC 8785's. Method: differential, against the npm package `canonicalize`. */
import oracle from 'canonicalize';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalize, type Json } from '../src/index.ts';

it('gives the same text as an independent implementation for every JSON value', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary', maxDepth: 5 }), (value) => {
      expect(canonicalize(value as Json)).toBe(oracle(value));
    }),
    { numRuns: 2_000 },
  );
});

it('gives the same text as an independent implementation for every double', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      expect(canonicalize(value)).toBe(oracle(value));
    }),
    { numRuns: 5_000 },
  );
});
