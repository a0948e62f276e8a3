/**
 * Strict JSON: RFC 8259 narrowed to I-JSON (RFC 7493), so that every parser in the world reads the same value
 * out of an accepted text. `JSON.parse` does the building; a scan before it and a walk after it do the refusing.
 */
import { fromUtf8 } from './bytes.ts';
import { EvidenceError } from './errors.ts';

/** A JSON value. Objects own all their members, `__proto__` included. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** Bounds on what {@link parseJson} reads. */
export interface JsonLimits {
  /** Most bytes of UTF-8. Default 1,048,576. */
  readonly maxBytes?: number;
  /** Most arrays and objects inside one another; `[]` is 1. Default 64. */
  readonly maxDepth?: number;
}

const DEFAULT_MAX_BYTES = 1_048_576;
const DEFAULT_MAX_DEPTH = 64;

/**
 * Returns the value of a JSON text given as UTF-8 bytes or as a string.
 *
 * Refuses: malformed UTF-8 and a byte order mark (ERR_JSON_UTF8), wrong syntax and anything after the value
 * (ERR_JSON_SYNTAX), two members of one name, also when their escapes differ (ERR_JSON_DUPLICATE), lone
 * surrogates (ERR_JSON_SURROGATE), numbers above 2^53 - 1 in magnitude, overflowing ones and minus zero, which
 * is rejected rather than read as 0 (ERR_JSON_NUMBER), and texts over the limits (ERR_JSON_LIMIT).
 */
export function parseJson(input: Uint8Array | string, limits: JsonLimits = {}): Json {
  const text = boundedText(input, limits.maxBytes ?? DEFAULT_MAX_BYTES);
  const colons = scan(text, limits.maxDepth ?? DEFAULT_MAX_DEPTH);
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (cause) {
    throw new EvidenceError('ERR_JSON_SYNTAX', 'the text is not one JSON value', { cause });
  }
  // Well-formed text can only yield a lone surrogate through an escape.
  const members = check(value, text.includes('\\u'));
  // INVARIANT: of two members with one name JSON.parse keeps one and drops the other with all it holds, so the
  // tree has as many members as the text has colons outside strings exactly when no name comes twice.
  if (members !== colons) {
    throw new EvidenceError('ERR_JSON_DUPLICATE', 'an object has two members of the same name');
  }
  return value;
}

function boundedText(input: Uint8Array | string, maxBytes: number): string {
  // Written so that a limit that is not a number lets nothing through.
  if (typeof input === 'string') {
    if (!(input.length <= maxBytes)) throw tooLong(maxBytes);
    if (!input.isWellFormed()) {
      throw new EvidenceError('ERR_JSON_SURROGATE', 'the text holds a lone surrogate');
    }
    if (input.length * 3 > maxBytes && utf8Length(input) > maxBytes) throw tooLong(maxBytes);
    return refuseMark(input);
  }
  if (!(input.length <= maxBytes)) throw tooLong(maxBytes);
  let text: string;
  try {
    text = fromUtf8(input);
  } catch (cause) {
    throw new EvidenceError('ERR_JSON_UTF8', 'the bytes are not well-formed UTF-8', { cause });
  }
  return refuseMark(text);
}

function refuseMark(text: string): string {
  if (text.charCodeAt(0) === 0xfeff) {
    throw new EvidenceError('ERR_JSON_UTF8', 'the text begins with a byte order mark');
  }
  return text;
}

function tooLong(maxBytes: number): EvidenceError {
  return new EvidenceError('ERR_JSON_LIMIT', `the text is longer than ${maxBytes} bytes`);
}

function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // A surrogate pair is two code units and four bytes: one more byte for each of its halves.
    if (code > 0x7f) length += code > 0x7ff && (code < 0xd800 || code > 0xdfff) ? 2 : 1;
  }
  return length;
}

/** Counts colons outside strings and bounds the depth. Exact for every text that JSON.parse then accepts. */
function scan(text: string, maxDepth: number): number {
  let colons = 0;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22: // "
        i = endOfString(text, i);
        break;
      case 0x3a: // :
        colons++;
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (!(++depth <= maxDepth)) {
          throw new EvidenceError('ERR_JSON_LIMIT', `the text nests deeper than ${maxDepth}`);
        }
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
    }
  }
  return colons;
}

/** Returns the position of the quote that closes the string opened at `open`, or the end of the text. */
function endOfString(text: string, open: number): number {
  let at = open;
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) return at;
  }
}

/** Checks every number, and every string when asked to; returns the number of members of all objects. */
function check(value: Json, strings: boolean): number {
  switch (typeof value) {
    case 'number':
      // NaN-safe form: anything not proven to be in range is refused.
      if (!(value >= -Number.MAX_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER) || Object.is(value, -0)) {
        throw new EvidenceError(
          'ERR_JSON_NUMBER',
          `the number ${Object.is(value, -0) ? '-0' : value} is refused`,
        );
      }
      return 0;
    case 'string':
      if (strings && !value.isWellFormed()) {
        throw new EvidenceError('ERR_JSON_SURROGATE', 'a string holds a lone surrogate');
      }
      return 0;
    case 'object':
      return value === null ? 0 : checkInside(value, strings);
    default:
      return 0;
  }
}

function checkInside(value: readonly Json[] | { readonly [name: string]: Json }, strings: boolean): number {
  let members = 0;
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) members += check(item, strings);
    return members;
  }
  const object = value as { readonly [name: string]: Json };
  for (const name of Object.keys(object)) {
    if (strings) check(name, true);
    members += 1 + check(object[name]!, strings);
  }
  return members;
}
