// Shapes: closed descriptions of JSON values, from which both the check and the static type follow.
// Entries, trust files and evidence bundles are described once, here in code, so that the parser and the
// type can never drift apart. Every object is closed: an unknown field is an error, not an extension (RULE 1, 3).
import type { Json } from './json.ts';

/** A check that returns the value as its static type, or calls `fail` with the path and what was expected. */
export interface Shape<T> {
  readonly describe: string;
  check(value: Json | undefined, path: string, fail: Fail): T;
}
/** Called for the first value that does not fit; must throw. */
export type Fail = (path: string, expected: string, found: Json | undefined) => never;
/** The static type of a shape. */
export type Of<S> = S extends Shape<infer T> ? T : never;

type Fields = Readonly<Record<string, Shape<unknown>>>;
type Optional<F extends Fields> = { readonly [K in keyof F]?: Of<F[K]> };
type Required<F extends Fields> = { readonly [K in keyof F]: Of<F[K]> };
type Flat<T> = { readonly [K in keyof T]: T[K] };

const shape = <T>(describe: string, accepts: (value: Json | undefined) => boolean): Shape<T> => ({
  describe,
  check: (value, path, fail) => (accepts(value) ? (value as T) : fail(path, describe, value)),
});

/** A string that matches a pattern. */
export const text = (pattern: RegExp, describe: string): Shape<string> =>
  shape(describe, (value) => typeof value === 'string' && pattern.test(value));

/** One of a closed list of strings. */
export const oneOf = <const T extends string>(...values: readonly T[]): Shape<T> =>
  shape(`one of ${values.join(', ')}`, (value) => typeof value === 'string' && values.includes(value as T));

/** A constant. */
export const literal = <const T extends string | number | boolean>(constant: T): Shape<T> =>
  shape(JSON.stringify(constant), (value) => value === constant);

/** A whole number from `min` (default 0) to `max` (default 2^53−1). */
export const integer = (min = 0, max = Number.MAX_SAFE_INTEGER): Shape<number> =>
  shape(
    `an integer from ${min} to ${max}`,
    (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max,
  );

/** `true` or `false`. */
export const flag: Shape<boolean> = shape('true or false', (value) => typeof value === 'boolean');

/** Any JSON value; used only where another check follows. */
export const anything: Shape<Json> = shape('a value', (value) => value !== undefined);

/** The shape or `null`, where null means "known to be nothing". */
export const orNull = <T>(inner: Shape<T>): Shape<T | null> => ({
  describe: `${inner.describe}, or null`,
  check: (value, path, fail) => (value === null ? null : inner.check(value, path, fail)),
});

/** The first of several shapes that fits. */
export const anyOf = <A, B>(a: Shape<A>, b: Shape<B>): Shape<A | B> => ({
  describe: `${a.describe}, or ${b.describe}`,
  check(value, path, fail) {
    try {
      return a.check(value, path, throwMismatch);
    } catch (error) {
      if (error !== MISMATCH) throw error;
      return b.check(value, path, fail);
    }
  },
});
const MISMATCH = new Error('no match');
const throwMismatch: Fail = () => {
  throw MISMATCH;
};

/** An array of at most `max` values. */
export const list = <T>(inner: Shape<T>, max = 64): Shape<readonly T[]> => ({
  describe: `a list of at most ${max}`,
  check(value, path, fail) {
    if (!Array.isArray(value) || value.length > max) return fail(path, `a list of at most ${max}`, value);
    return value.map((item: Json, index) => inner.check(item, `${path}[${index}]`, fail));
  },
});

/** An object with free keys, all values of one shape. */
export const dictionary = <T>(inner: Shape<T>, max = 4_096): Shape<Readonly<Record<string, T>>> => ({
  describe: 'an object',
  check(value, path, fail) {
    if (!isObject(value) || Object.keys(value).length > max) return fail(path, 'an object', value);
    for (const [key, item] of Object.entries(value)) inner.check(item, `${path}.${key}`, fail);
    return value as Readonly<Record<string, T>>;
  },
});

/** A closed object: every field of `required`, any of `optional`, nothing else. */
export const object = <R extends Fields, O extends Fields = Record<never, never>>(
  required: R,
  optional: O = {} as O,
): Shape<Flat<Required<R> & Optional<O>>> => ({
  describe: 'an object',
  check(value, path, fail) {
    if (!isObject(value)) return fail(path, 'an object', value);
    for (const key of Object.keys(value)) {
      if (!Object.hasOwn(required, key) && !Object.hasOwn(optional, key))
        fail(`${path}.${key}`, 'no such field', value[key]);
    }
    for (const [key, inner] of Object.entries(required)) {
      inner.check(Object.hasOwn(value, key) ? value[key] : undefined, `${path}.${key}`, fail);
    }
    for (const [key, inner] of Object.entries(optional)) {
      if (Object.hasOwn(value, key)) inner.check(value[key], `${path}.${key}`, fail);
    }
    return value as Flat<Required<R> & Optional<O>>;
  },
});

/** True for a JSON object (not null, not an array). */
export const isObject = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
