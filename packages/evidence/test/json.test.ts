/**
 * Goal: what parseJson accepts, every JSON parser reads alike, and what is ambiguous it refuses. Method: properties
 * against JSON.parse, and texts spoilt in known ways; the single cases are in `vectors/json`.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalBytes, canonicalize, EvidenceError, parseJson, utf8, type Json } from '../src/index.ts';

/** Values without numbers that parseJson refuses. */
const { value: anyValue } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc
      .double({ noNaN: true, min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER })
      .map((n) => (n === 0 ? 0 : n)),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.oneof(fc.string({ unit: 'binary' }), fc.constant('__proto__')), tie('value'), {
      maxKeys: 5,
    }),
  ),
}));

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof EvidenceError) return error.code;
    throw error;
  }
  return 'accepted';
}

describe('parseJson', () => {
  it('agrees with JSON.parse on every text it accepts', () => {
    fc.assert(
      fc.property(anyValue, fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parseJson(text)).toEqual(JSON.parse(text));
        expect(parseJson(utf8(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('reads canonical bytes back to the same canonical bytes', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const bytes = canonicalBytes(value);
        expect(canonicalBytes(parseJson(bytes))).toEqual(bytes);
      }),
    );
  });

  it('never accepts what JSON.parse refuses, whatever the text, and fails only with its own errors', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"',
      '\\',
      '\\u0061',
      '\\ud800',
      'a',
      '1',
      '-0',
      ' ',
      'é',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string()), { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        if (codeOf(() => parseJson(text)) === 'accepted') expect(() => JSON.parse(text)).not.toThrow();
      }),
      { numRuns: 2_000 },
    );
  });

  it('refuses every object with a name sent twice, wherever it stands and however it is escaped', () => {
    fc.assert(
      fc.property(
        anyValue,
        anyValue,
        fc.string({ unit: 'binary' }),
        fc.nat(3),
        (first, second, name, wraps) => {
          const escaped = [...name].map((c) => c.split('').map(escape).join('')).join('');
          let text = `{${JSON.stringify(name)}:${JSON.stringify(first)},"${escaped}":${JSON.stringify(second)}}`;
          for (let i = 0; i < wraps; i++) text = i % 2 === 0 ? `[${text},":"]` : `{"w":${text}}`;
          expect(codeOf(() => parseJson(text))).toBe('ERR_JSON_DUPLICATE');
        },
      ),
    );
  });

  it('gives objects no way to reach Object.prototype', () => {
    const value = parseJson(
      '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
    ) as object;
    expect(Object.hasOwn(value, '__proto__')).toBe(true);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('counts bytes of UTF-8, not code units, at the limit', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (content) => {
        const text = JSON.stringify(content);
        const length = utf8(text).length;
        expect(codeOf(() => parseJson(text, { maxBytes: length }))).toBe('accepted');
        expect(codeOf(() => parseJson(text, { maxBytes: length - 1 }))).toBe('ERR_JSON_LIMIT');
        expect(codeOf(() => parseJson(utf8(text), { maxBytes: length - 1 }))).toBe('ERR_JSON_LIMIT');
      }),
    );
  });

  it('a limit that is not a number lets nothing through', () => {
    expect(codeOf(() => parseJson('[]', { maxBytes: Number.NaN }))).toBe('ERR_JSON_LIMIT');
    expect(codeOf(() => parseJson(utf8('[]'), { maxBytes: Number.NaN }))).toBe('ERR_JSON_LIMIT');
    expect(codeOf(() => parseJson('[]', { maxDepth: Number.NaN }))).toBe('ERR_JSON_LIMIT');
  });

  it('an attacker cannot exhaust the stack with brackets', () => {
    expect(codeOf(() => parseJson('['.repeat(1_000_000)))).toBe('ERR_JSON_LIMIT');
  });
});

describe('canonicalize', () => {
  it('refuses what JSON cannot say', () => {
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    const refused: readonly unknown[] = [
      undefined,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      1n,
      Symbol('s'),
      () => 1,
      [undefined],
      // oxlint-disable-next-line no-sparse-arrays -- a hole is what is refused
      [1, , 2],
      { a: undefined },
      '\ud800',
      { '\udc00': 1 },
      cyclic,
      new Date(0),
      new Map(),
      new Uint8Array(1),
      { toJSON: () => 1 },
    ];
    for (const value of refused)
      expect(codeOf(() => canonicalize(value as Json))).toBe('ERR_CANONICAL_VALUE');
  });

  it('does not depend on the order in which members were added', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.integer(), { maxKeys: 40 }), (object) => {
        const reversed = Object.fromEntries(Object.entries(object).toReversed());
        expect(canonicalize(reversed)).toBe(canonicalize(object));
      }),
    );
  });
});

function escape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
