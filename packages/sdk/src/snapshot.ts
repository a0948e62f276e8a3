// Arguments are copied and frozen before anything is asked, so that what is decided is what runs: a getter, a proxy
// or a `toJSON` gets to speak once at most, and never again between decision and effect (RULE 26).
import { canonicalize, parseJson, type Json } from '@licet/evidence';
import { SdkError } from './errors.ts';

/** Deeper values are taken for cyclic. */
const MAX_DEPTH = 64;
/** Most bytes of one set of arguments; a plane takes no larger body. */
const MAX_BYTES = 1_048_576;

/**
 * Returns a deep frozen copy that shares nothing with the value. Members that are `undefined` are left out, as in
 * JSON; accessors, functions, symbols, class instances, holes, cycles, lone surrogates and numbers beyond 2^53 are
 * refused. `toJSON` is never called.
 * @throws SdkError `ERR_SDK_ARGUMENTS`
 */
export function snapshot(value: unknown): Json {
  let copy: Json;
  try {
    copy = parseJson(canonicalize(copied(value, 'arguments', 0)), {
      maxBytes: MAX_BYTES,
      maxDepth: MAX_DEPTH + 1,
    });
  } catch (cause) {
    if (cause instanceof SdkError) throw cause;
    // Also what a proxy's trap throws.
    throw new SdkError('ERR_SDK_ARGUMENTS', cause instanceof Error ? cause.message : 'not plain JSON', {
      cause,
    });
  }
  return deepFreeze(copy);
}

/** Returns a snapshot of an object of arguments. @throws SdkError `ERR_SDK_ARGUMENTS` */
export function snapshotArguments(value: unknown): { readonly [name: string]: Json } {
  const copy = snapshot(value);
  if (typeof copy !== 'object' || copy === null || Array.isArray(copy)) {
    throw new SdkError('ERR_SDK_ARGUMENTS', 'arguments are one object of named values');
  }
  return copy as { readonly [name: string]: Json };
}

/** Returns the value, frozen with everything in it. */
export function deepFreeze<T extends Json>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner as Json);
  }
  return value;
}

function copied(value: unknown, at: string, depth: number): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number')
    return value;
  if (typeof value !== 'object') throw refused(at, `a ${typeof value}`);
  if (depth >= MAX_DEPTH) throw refused(at, `a cycle, or nesting deeper than ${MAX_DEPTH}`);
  if (Array.isArray(value)) {
    return Array.from({ length: value.length }, (_, index) => {
      const item = read(value, String(index), at);
      if (item === undefined) throw refused(`${at}[${index}]`, 'nothing');
      return copied(item, `${at}[${index}]`, depth + 1);
    });
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw refused(at, 'an object of a class');
  const copy: { [name: string]: Json } = {};
  for (const name of Reflect.ownKeys(value)) {
    if (typeof name === 'symbol') throw refused(at, 'a member named by a symbol');
    const inner = read(value, name, `${at}.${name}`);
    if (inner === undefined) continue;
    // defineProperty, so that a member named __proto__ is only a member.
    Object.defineProperty(copy, name, {
      value: copied(inner, `${at}.${name}`, depth + 1),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return copy;
}

/** Reads one own data member, once. */
function read(owner: object, name: string, at: string): unknown {
  const member = Reflect.getOwnPropertyDescriptor(owner, name);
  if (member === undefined) return undefined;
  if (!('value' in member)) throw refused(at, 'an accessor, which could say something else the next time');
  return member.enumerable === true ? member.value : undefined;
}

function refused(at: string, what: string): SdkError {
  return new SdkError('ERR_SDK_ARGUMENTS', `${at}: expected plain JSON, found ${what}`);
}
