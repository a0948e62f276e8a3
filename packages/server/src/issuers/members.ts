/** Members of a JSON object, and the way to one of them. */
import type { Json } from '@licet/evidence';

export type Members = Readonly<Record<string, Json>>;

/** Returns whether a value is a JSON object. */
export const isMembers = (value: Json | undefined): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Returns the value of a claim: a top-level one, or what a JSON Pointer (RFC 6901) leads to. Own members only. */
export function claimAt(claims: Members, name: string): Json | undefined {
  const path = name.startsWith('/')
    ? name
        .slice(1)
        .split('/')
        .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    : [name];
  let value: Json | undefined = claims;
  for (const part of path) {
    if (!isMembers(value) || !Object.hasOwn(value, part)) return undefined;
    value = value[part];
  }
  return value;
}
