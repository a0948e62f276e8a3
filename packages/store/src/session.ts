/**
 * Sessions: values outside the log that expire by themselves (DESIGN §10).
 */
import type { Json } from '@licet/evidence';

/** Returns the `subject` of a session's value, by which sessions end when an identity is revoked. */
export function subjectOf(value: Json): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const subject = (value as Readonly<Record<string, Json>>)['subject'];
  return typeof subject === 'string' ? subject : undefined;
}
