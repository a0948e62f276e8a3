/** Flipping a bit of a file, and repairing its digest as a forger would. Pure. */
import { formatEvidence, fromUtf8, parseJson, utf8, type EvidenceParts } from '@licet/evidence';

/** Bytes shown in one row. */
export const ROW = 32;

/** Returns the file with the lowest bit of one byte flipped; with `repair` also with a digest that fits again. */
export function tamper(bytes: Uint8Array, at: number, repair: boolean): Uint8Array {
  const changed = bytes.slice();
  changed[at] = changed[at]! ^ 1;
  if (!repair) return changed;
  try {
    // What is no evidence any more cannot be repaired; then the flip stands as it is.
    const { digest: _digest, ...parts } = parseJson(changed, {
      maxBytes: changed.length,
      maxDepth: 96,
    }) as unknown as EvidenceParts & {
      readonly digest: string;
    };
    return formatEvidence(parts);
  } catch {
    return changed;
  }
}

/** A place worth flipping. */
export interface Place {
  readonly name: string;
  readonly at: number;
}

/** What stands where, found by its name in the text; the offset is into the value, in bytes. */
const MARKS: readonly (readonly [name: string, mark: string])[] = [
  ['the policy', '"bundle":{'],
  ['an author’s signature', '"sig":"'],
  ['a checkpoint', '"note":"'],
  ['an entry', '"entry":"{'],
  ['an inclusion proof', '"proof":["'],
  ['a consistency proof', '"consistency":["'],
  ['a disclosed argument', '"arguments":{"disclosed":[["'],
  ['an input of the decision', '"inputs":{"disclosed":[["'],
  ['a renewal', '"renewals":["'],
  ['the result', '"result":{"disclosed":[["'],
  ['the origin', '"origin":"'],
  ['the digest', '"digest":"'],
];

/** Returns places of this file, in its order. */
export function placesOf(bytes: Uint8Array): readonly Place[] {
  let text: string;
  try {
    text = fromUtf8(bytes);
  } catch {
    return [];
  }
  return MARKS.flatMap(([name, mark]) => {
    const found = text.indexOf(mark);
    return found < 0 ? [] : [{ name, at: utf8(text.slice(0, found + mark.length)).length + 8 }];
  })
    .filter(({ at }) => at < bytes.length)
    .toSorted((a, b) => a.at - b.at);
}

/** Returns one byte as one visible character. */
export const visible = (byte: number): string =>
  byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : byte === 0x20 ? '␣' : '·';
