/** Goal: one byte string, one text. Method: properties over all codecs; single cases are in `vectors/bytes`. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  base64,
  base64url,
  equalBytes,
  fromUtf8,
  hex,
  hmacSha256,
  sha256,
  unbase64,
  unbase64url,
  unhex,
  useSha256,
  utf8,
} from '../src/index.ts';
import { createHash, createHmac } from 'node:crypto';
import { useEncoder } from '../src/bytes.ts';

const codecs = [
  ['hex', hex, unhex, 'hex'],
  ['base64', base64, unbase64, 'base64'],
  ['base64url', base64url, unbase64url, 'base64url'],
] as const;

describe.each(codecs)('%s', (_name, encode, decode, node) => {
  it('writes what Node writes and reads back what it wrote', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600, size: 'max' }), (bytes) => {
        expect(encode(bytes)).toBe(Buffer.from(bytes).toString(node));
        expect(decode(encode(bytes))).toEqual(bytes);
      }),
    );
  });

  it('accepts no second text for the same bytes', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), (text) => {
        let bytes: Uint8Array;
        try {
          bytes = decode(text);
        } catch {
          return;
        }
        expect(encode(bytes)).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('UTF-8', () => {
  it('reads back what it wrote, byte order marks included', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(fromUtf8(utf8(text))).toBe(text);
      }),
    );
    expect(fromUtf8(utf8('\ufeffa'))).toBe('\ufeffa');
  });

  it('refuses lone surrogates and malformed bytes instead of replacing them', () => {
    expect(() => utf8('\ud800')).toThrow('ERR_BYTES_ENCODING');
    expect(() => fromUtf8(Uint8Array.of(0xff))).toThrow('ERR_BYTES_ENCODING');
  });
});

it('equalBytes tells every change', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (bytes, at, flip) => {
        const other = bytes.slice();
        other[at % bytes.length]! ^= flip;
        expect(equalBytes(bytes, bytes.slice())).toBe(true);
        expect(equalBytes(bytes, other)).toBe(false);
        expect(equalBytes(bytes, bytes.subarray(1))).toBe(false);
      },
    ),
  );
});

describe('SHA-256', () => {
  const check = (): void => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }),
        fc.uint8Array(),
        (parts, key) => {
          const whole = Buffer.concat(parts);
          expect(hex(sha256(...parts))).toBe(createHash('sha256').update(whole).digest('hex'));
          expect(hex(hmacSha256(key, ...parts))).toBe(createHmac('sha256', key).update(whole).digest('hex'));
        },
      ),
    );
  };

  it('is right in pure JavaScript and with the runtime behind it, also over many and long parts', async () => {
    check();
    await import('../src/node.ts');
    check();
    const long = new Uint8Array(40_000).fill(1);
    expect(hex(sha256(long, long))).toBe(createHash('sha256').update(long).update(long).digest('hex'));
    expect(sha256(long).constructor).toBe(Uint8Array);
  });

  it("with the runtime's encodings behind them, the texts and bytes are the same, and in plain arrays", async () => {
    await import('../src/node.ts');
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const bytes = utf8(text);
        expect(bytes).toEqual(new TextEncoder().encode(text));
        expect(bytes.constructor).toBe(Uint8Array);
        for (const [, encode, decode] of codecs) expect(decode(encode(bytes))).toEqual(bytes);
        expect(base64url(bytes)).toBe(
          base64(bytes).replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_'),
        );
      }),
    );
    expect(() => utf8('\ud800')).toThrow('ERR_BYTES_ENCODING');
    // Of a part of a larger array only that part.
    expect(base64(new Uint8Array([1, 2, 3, 4, 5]).subarray(1, 4))).toBe('AgME');
  });

  it('encodings that are wrong are not put in place', () => {
    const encoder = { utf8, base64, base64url };
    expect(() => useEncoder({ ...encoder, base64: base64url })).toThrow('ERR_BYTES_ENCODING');
    expect(() => useEncoder({ ...encoder, utf8: () => new Uint8Array(3) })).toThrow('ERR_BYTES_ENCODING');
    expect(base64(Uint8Array.of(0xff))).toBe('/w==');
  });

  it('an implementation that answers wrongly is not put in place', () => {
    const before = hex(sha256(utf8('abc')));
    expect(() => useSha256(() => new Uint8Array(32))).toThrow('ERR_HASH_SELF_TEST');
    expect(() => useSha256((parts) => sha256(parts[0]!))).toThrow('ERR_HASH_SELF_TEST');
    expect(hex(sha256(utf8('abc')))).toBe(before);
  });
});
