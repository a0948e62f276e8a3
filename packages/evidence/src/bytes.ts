/**
 * Bytes and their text forms. Decoders are strict: one byte string has exactly one accepted text
 * (RFC 4648 §3.5 canonical encodings), so that no two texts can name the same hash.
 */
import { EvidenceError } from './errors.ts';

/** Encodings that a runtime may have faster than this file: {@link useEncoder}. */
export interface Encoder {
  /** UTF-8 of a well-formed string. */
  utf8(text: string): Uint8Array;
  /** Padded base64, and base64url without padding. */
  base64(bytes: Uint8Array): string;
  base64url(bytes: Uint8Array): string;
}

const textEncoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** From this many bytes on, base64 is built as bytes: four times as fast as joining text, and slower below. */
const LONG = 192;

const STANDARD = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const URL_SAFE = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const STANDARD_VALUES = reverse(STANDARD);
const URL_SAFE_VALUES = reverse(URL_SAFE);
const HEX_PAIRS: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));
const HEX_VALUES = reverse('0123456789abcdef');

/** Returns the UTF-8 bytes of a string. Throws ERR_BYTES_ENCODING on a lone surrogate (it has no UTF-8 form). */
export function utf8(text: string): Uint8Array {
  if (!text.isWellFormed())
    throw new EvidenceError('ERR_BYTES_ENCODING', 'the string holds a lone surrogate');
  return encoder.utf8(text);
}

/** Returns the string of UTF-8 bytes; a byte order mark stays. Throws ERR_BYTES_ENCODING on malformed UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new EvidenceError('ERR_BYTES_ENCODING', 'the bytes are not well-formed UTF-8', { cause });
  }
}

/** Returns lower-case hex. */
export function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX_PAIRS[byte];
  return text;
}

/** Returns the bytes of lower-case hex. Throws ERR_BYTES_ENCODING on anything else. */
export function unhex(text: string): Uint8Array {
  if (text.length % 2 !== 0) throw new EvidenceError('ERR_BYTES_ENCODING', 'hex has an odd number of digits');
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (valueAt(HEX_VALUES, text, 2 * i) << 4) | valueAt(HEX_VALUES, text, 2 * i + 1);
  }
  return bytes;
}

/** Returns padded base64 (RFC 4648 §4). */
export function base64(bytes: Uint8Array): string {
  return encoder.base64(bytes);
}

/** Returns the bytes of padded base64. Throws ERR_BYTES_ENCODING unless it is the canonical encoding. */
export function unbase64(text: string): Uint8Array {
  if (text.length % 4 !== 0) {
    throw new EvidenceError('ERR_BYTES_ENCODING', 'base64 length is not a multiple of four');
  }
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return decode64(text, text.length - padding, STANDARD_VALUES);
}

/** Returns base64url without padding (RFC 4648 §5, RFC 7515 §2). */
export function base64url(bytes: Uint8Array): string {
  return encoder.base64url(bytes);
}

/** Returns the bytes of base64url without padding. Throws ERR_BYTES_ENCODING unless it is canonical. */
export function unbase64url(text: string): Uint8Array {
  return decode64(text, text.length, URL_SAFE_VALUES);
}

/** Returns one array holding the parts in order. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Returns whether two byte strings are equal. Takes the same time for every pair of one length. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/** Puts a runtime's own encodings in place, for the whole process, once they have passed the known answers. */
export function useEncoder(candidate: Encoder): void {
  const bytes = Uint8Array.of(0xfb, 0xef, 0xff, 0x00);
  const text = [candidate.base64(bytes), candidate.base64url(bytes), hex(candidate.utf8('aé€😀'))];
  if (text.join(' ') !== '++//AA== --__AA 61c3a9e282acf09f9880')
    throw new EvidenceError('ERR_BYTES_ENCODING', 'the encodings given are not RFC 4648 and UTF-8');
  encoder = candidate;
}

let encoder: Encoder = {
  utf8: (text) => textEncoder.encode(text),
  base64(bytes) {
    const text = encode64(bytes, STANDARD);
    return text + '='.repeat((4 - (text.length % 4)) % 4);
  },
  base64url: (bytes) => encode64(bytes, URL_SAFE),
};

function encode64(bytes: Uint8Array, alphabet: string): string {
  if (bytes.length >= LONG) {
    const whole = bytes.length - (bytes.length % 3);
    return encodeTriples(bytes, whole, alphabet) + encodeShort(bytes.subarray(whole), alphabet);
  }
  return encodeShort(bytes, alphabet);
}

/** The first `length` bytes, a multiple of three. */
function encodeTriples(bytes: Uint8Array, length: number, alphabet: string): string {
  const text = new Uint8Array((length / 3) * 4);
  let out = 0;
  for (let i = 0; i < length; i += 3) {
    const n = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
    text[out++] = alphabet.charCodeAt(n >> 18);
    text[out++] = alphabet.charCodeAt((n >> 12) & 63);
    text[out++] = alphabet.charCodeAt((n >> 6) & 63);
    text[out++] = alphabet.charCodeAt(n & 63);
  }
  return decoder.decode(text);
}

function encodeShort(bytes: Uint8Array, alphabet: string): string {
  let text = '';
  let i = 0;
  for (; i + 2 < bytes.length; i += 3) {
    const n = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
    text += alphabet[n >> 18]! + alphabet[(n >> 12) & 63]! + alphabet[(n >> 6) & 63]! + alphabet[n & 63]!;
  }
  if (bytes.length - i === 1) {
    const n = bytes[i]!;
    text += alphabet[n >> 2]! + alphabet[(n & 3) << 4]!;
  } else if (bytes.length - i === 2) {
    const n = (bytes[i]! << 8) | bytes[i + 1]!;
    text += alphabet[n >> 10]! + alphabet[(n >> 4) & 63]! + alphabet[(n & 15) << 2]!;
  }
  return text;
}

function decode64(text: string, length: number, values: Int8Array): Uint8Array {
  if (length % 4 === 1) throw new EvidenceError('ERR_BYTES_ENCODING', 'base64 text is cut short');
  const bytes = new Uint8Array(Math.floor((length * 3) / 4));
  let held = 0;
  let bits = 0;
  let out = 0;
  for (let i = 0; i < length; i++) {
    held = ((held << 6) | valueAt(values, text, i)) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[out++] = (held >> bits) & 0xff;
    }
  }
  // Bits that reach no byte must be zero, or two texts would decode to the same bytes.
  if ((held & ((1 << bits) - 1)) !== 0) {
    throw new EvidenceError('ERR_BYTES_ENCODING', 'base64 text has stray bits at its end');
  }
  return bytes;
}

function valueAt(values: Int8Array, text: string, at: number): number {
  const code = text.charCodeAt(at);
  const value = code < 128 ? values[code]! : -1;
  if (value < 0) throw new EvidenceError('ERR_BYTES_ENCODING', `unexpected character at position ${at}`);
  return value;
}

function reverse(alphabet: string): Int8Array {
  const values = new Int8Array(128).fill(-1);
  for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;
  return values;
}
