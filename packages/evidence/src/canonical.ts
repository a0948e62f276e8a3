/**
 * Canonical JSON, RFC 8785 (JCS): members in order of their names' UTF-16 code units, ECMAScript numbers,
 * minimal escapes, no white space. The one form that is hashed and signed.
 */
import { utf8 } from './bytes.ts';
import { EvidenceError } from './errors.ts';
import type { Json } from './json.ts';

/** Deeper values are taken for cyclic. */
const MAX_DEPTH = 512;

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const NEEDS_CARE = /[\u0000-\u001f"\\\ud800-\udfff]/;

/**
 * Returns the canonical text of a value. Throws ERR_CANONICAL_VALUE for what JSON cannot say: undefined,
 * functions, symbols, bigint, NaN, infinities, lone surrogates, cycles, holes in arrays, objects with a
 * prototype of their own. Minus zero becomes `0` (RFC 8785 §3.2.2.3).
 */
export function canonicalize(value: Json): string {
  return write(value, 0);
}

/** Returns the UTF-8 bytes of {@link canonicalize}. */
export function canonicalBytes(value: Json): Uint8Array {
  return utf8(canonicalize(value));
}

function write(value: Json, depth: number): string {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'number':
      if (!Number.isFinite(value)) throw refused(`the number ${value}`);
      return String(value); // String(-0) is '0', as the RFC wants
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (depth >= MAX_DEPTH) throw refused(`a cycle, or nesting deeper than ${MAX_DEPTH}`);
      return Array.isArray(value)
        ? writeArray(value as readonly Json[], depth + 1)
        : writeObject(value as { readonly [name: string]: Json }, depth + 1);
    default:
      throw refused(`a value of type ${typeof value}`);
  }
}

function writeArray(items: readonly Json[], depth: number): string {
  let text = '[';
  // By index, so that a hole is met as undefined and refused.
  for (let i = 0; i < items.length; i++) text += (i === 0 ? '' : ',') + write(items[i]!, depth);
  return text + ']';
}

function writeObject(object: { readonly [name: string]: Json }, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) throw refused('an object that is not plain');
  const names = sorted(Object.keys(object));
  let text = '{';
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    text += (i === 0 ? '' : ',') + quote(name) + ':' + write(object[name]!, depth);
  }
  return text + '}';
}

/** Sorts in place by UTF-16 code units, which is what `>` on strings compares. Insertion wins for few names. */
function sorted(names: string[]): string[] {
  if (names.length > 24) return names.sort();
  for (let i = 1; i < names.length; i++) {
    const name = names[i]!;
    let j = i - 1;
    while (j >= 0 && names[j]! > name) {
      names[j + 1] = names[j]!;
      j--;
    }
    names[j + 1] = name;
  }
  return names;
}

function quote(text: string): string {
  if (!NEEDS_CARE.test(text)) return `"${text}"`;
  if (!text.isWellFormed()) throw refused('a string with a lone surrogate');
  // JSON.stringify escapes as RFC 8785 §3.2.2.2 asks: two-character forms, else \u00xx in lower case.
  return JSON.stringify(text);
}

function refused(what: string): EvidenceError {
  return new EvidenceError('ERR_CANONICAL_VALUE', `${what} has no canonical form`);
}
