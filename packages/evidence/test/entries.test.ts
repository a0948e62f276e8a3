/** Goal: an entry is its bytes, and its bytes are one entry. Method: every entry of the story, changed one field at a time. */
import { describe, expect, it } from 'vitest';
import {
  canonicalBytes,
  ENTRY_TYPES,
  entryBytes,
  parseEntry,
  permitId,
  utf8,
  type Entry,
  type Json,
} from '../src/index.ts';
import { tell } from './build/story.ts';

const story = tell();

describe('entries', () => {
  it('parse back to what they were made of', () => {
    for (const { entry, bytes, id } of story.log.entries) {
      expect(parseEntry(bytes)).toEqual(entry);
      expect(entryBytes(parseEntry(bytes))).toEqual(bytes);
      expect(permitId(bytes)).toBe(id);
    }
  });

  it('rule 1: an unknown field, type or version is refused, in every type told here', () => {
    for (const { entry } of story.log.entries) {
      const changed = (change: object): Uint8Array =>
        canonicalBytes({ ...entry, ...change } as unknown as Json);
      expect(() => parseEntry(changed({ hint: 1 }))).toThrow('ERR_ENTRY_SHAPE');
      expect(() => parseEntry(changed({ type: `${entry.type}s` }))).toThrow('ERR_ENTRY_TYPE');
      expect(() => parseEntry(changed({ type: 'constructor' }))).toThrow('ERR_ENTRY_TYPE');
      expect(() => parseEntry(changed({ v: 2 }))).toThrow('ERR_ENTRY_VERSION');
    }
  });

  it("a signature of an organisation's key counts whatever its thumbprint begins with", () => {
    const policy = story.log.entries.find(({ entry }) => entry.type === 'policy')!.entry;
    const by = (first: string): Uint8Array =>
      canonicalBytes({
        ...policy,
        sigs: [{ by: `${first}${'a'.repeat(41)}A`, sig: 'b'.repeat(86) }],
      } as unknown as Json);
    for (const first of 'aZ0-_') expect(parseEntry(by(first))).toMatchObject({ type: 'policy' });
    for (const first of './:@') expect(() => parseEntry(by(first))).toThrow('ERR_ENTRY_SHAPE');
  });

  it('a missing common field is refused', () => {
    for (const field of ['origin', 'tenant', 'at', 'nonce']) {
      const { [field]: _gone, ...rest } = story.permit.entry as unknown as Record<string, Json>;
      expect(() => parseEntry(canonicalBytes(rest))).toThrow('ERR_ENTRY_SHAPE');
    }
  });

  it('rule 3: other bytes for the same value are refused', () => {
    const text = new TextDecoder().decode(story.permit.bytes);
    expect(() => parseEntry(utf8(`${text} `))).toThrow('ERR_ENTRY_NOT_CANONICAL');
    expect(() =>
      parseEntry(utf8(JSON.stringify(Object.fromEntries(Object.entries(story.permit.entry).reverse())))),
    ).toThrow('ERR_ENTRY_NOT_CANONICAL');
  });

  it('4,096 bytes are the most', () => {
    const reasons = Array.from({ length: 16 }, (_, i) => `${'p'.repeat(78)}${i}`.slice(0, 80));
    const bound = Array.from({ length: 16 }, (_, i) => `${'b'.repeat(90)}${i}`);
    const big = {
      ...story.permit.entry,
      reasons,
      bound,
      approvals: Array.from({ length: 16 }, () => story.permit.id),
    };
    expect(() => entryBytes(big as Entry)).toThrow('ERR_ENTRY_TOO_LARGE');
    expect(() => parseEntry(new Uint8Array(4_097))).toThrow('ERR_ENTRY_TOO_LARGE');
  });

  it('the types of DESIGN §5 are all there', () => {
    expect([...ENTRY_TYPES].sort()).toEqual(
      'approval attestation boot clock containment fact genesis identity key mandate notice observation outcome permit policy redaction refusal standing start successor'.split(
        ' ',
      ),
    );
  });
});
