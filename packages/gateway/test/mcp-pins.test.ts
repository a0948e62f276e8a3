// Goal: one changed code point in a tool's definition is another tool; another order of members is not.
// Method: generated definitions, a thousand single changes, and as many reorderings.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '@licet/evidence';
import { actionOf, definitionDigest, inspectTools, PINNED_FIELDS } from '../src/mcp/definition.ts';
import type { JsonObject } from '../src/mcp/message.ts';
import { comparePins, makePins, readPins, writePins } from '../src/mcp/pins.ts';
import { visible } from '../src/mcp/pin-diff.ts';

const word = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((text) => text.isWellFormed());
const schema = fc.record({
  type: fc.constant('object'),
  properties: fc.dictionary(
    word,
    fc.record({ type: fc.constantFrom('string', 'number'), description: word }),
    { maxKeys: 4 },
  ),
  required: fc.array(word, { maxLength: 3 }),
});
const aTool = fc.record({
  name: fc.constant('tool'),
  title: word,
  description: word,
  inputSchema: schema,
  outputSchema: schema,
  annotations: fc.record({ readOnlyHint: fc.boolean(), title: word }),
}) as unknown as fc.Arbitrary<JsonObject>;

/** Every string in a value, as paths to it. */
function strings(value: Json, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value === 'string') return [path];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    strings(inner as Json, [...path, Array.isArray(value) ? Number(name) : name]),
  );
}
function changedAt(value: Json, path: readonly (string | number)[], change: (text: string) => string): Json {
  const [first, ...rest] = path;
  if (first === undefined) return change(value as string);
  if (Array.isArray(value))
    return value.map((item: Json, at) => (at === first ? changedAt(item, rest, change) : item));
  const entries = Object.entries(value as JsonObject).map(([name, inner]) => [
    name,
    name === first ? changedAt(inner, rest, change) : inner,
  ]);
  return Object.fromEntries(entries) as Json;
}
function reordered(value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => reordered(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, inner]) => [name, reordered(inner as Json)]),
  );
}

describe('the pin of a tool', () => {
  it('a thousand changes of a single code point: every one is another digest and shows in the diff', () => {
    fc.assert(
      fc.property(
        aTool,
        fc.nat(),
        fc.nat(),
        fc.integer({ min: 0x20, max: 0x10ffff }),
        (tool, which, where, point) => {
          fc.pre(point < 0xd800 || point > 0xdfff);
          const paths = strings(tool).filter(
            ([field]) => field !== 'name' && (PINNED_FIELDS as readonly unknown[]).includes(field),
          );
          const path = paths[which % paths.length]!;
          const char = String.fromCodePoint(point);
          const changed = changedAt(tool, path, (text) => {
            const points = [...text];
            const at = where % (points.length + 1);
            if (at < points.length && points[at] !== char) return points.with(at, char).join('');
            return points.toSpliced(at, 0, char).join('');
          }) as JsonObject;
          expect(definitionDigest(changed)).not.toBe(definitionDigest(tool));
          const [change] = comparePins(
            makePins('s', inspectTools('s', [tool])),
            inspectTools('s', [changed]),
          );
          expect(change!.kind).toBe('changed');
          expect(change!.diff.some((line) => line.startsWith('-'))).toBe(true);
          // Nothing in a review is invisible or turns the text around.
          expect(change!.diff.join('')).not.toMatch(/[\p{Cf}\p{Cc}\u2028\u2029]/u);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('another order of members is no change: no false alarm in a thousand', () => {
    fc.assert(
      fc.property(aTool, (tool) => {
        const other = JSON.parse(JSON.stringify(reordered(tool))) as JsonObject;
        expect(definitionDigest(other)).toBe(definitionDigest(tool));
        expect(
          comparePins(makePins('s', inspectTools('s', [tool])), inspectTools('s', [other]))[0]!.kind,
        ).toBe('same');
      }),
      { numRuns: 1_000 },
    );
  });

  it('what is for display is not pinned', () => {
    const tool = { name: 'a', inputSchema: {} };
    expect(definitionDigest({ ...tool, _meta: { x: 1 }, icons: [] })).toBe(definitionDigest(tool));
  });

  it('an absent field and an empty one are two definitions', () => {
    expect(definitionDigest({ name: 'a', inputSchema: {}, description: '' })).not.toBe(
      definitionDigest({ name: 'a', inputSchema: {} }),
    );
  });

  it('invisible and turning characters are written out', () => {
    expect(visible('a\u202eb\u200bc\u{e0041}d\u00a0e\ufe0ff g')).toBe(
      'a\\u{202E}b\\u{200B}c\\u{E0041}d\\u{A0}e\\u{FE0F}f g',
    );
  });

  it('names that no action can have, that are reserved or look alike are refused', () => {
    expect(actionOf('files', 'read')).toBe('files/read');
    for (const name of ['', ' x', 'x y', 'é', 'resources.read', 'prompts.get', 'a'.repeat(97), 'x\n'])
      expect(actionOf('files', name)).toBeUndefined();
    expect(
      inspectTools('s', [{ name: 'a' }, { name: 'A' }, { name: 'b' }, {}, 7]).map(
        ({ fault }) => fault === undefined,
      ),
    ).toEqual([false, false, true, false, false]);
  });
});

describe('a pin file', () => {
  it('is read back as it was written; a broken or edited one is refused, not taken for empty', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'licet-pins-'));
    const file = join(folder, 'deep', 'pins.json');
    const pins = makePins('s', inspectTools('s', [{ name: 'a', description: 'x', inputSchema: {} }]));
    expect(await readPins(file, 's')).toBeUndefined();
    await writePins(file, pins);
    expect(await readPins(file, 's')).toEqual(pins);
    await expect(readPins(file, 'other')).rejects.toMatchObject({ code: 'ERR_MCP_PINS' });
    for (const text of [
      '',
      '{}',
      JSON.stringify(pins).replace('"x"', '"y"'),
      JSON.stringify(pins).replace('"a":', '"b":'),
    ]) {
      writeFileSync(file, text);
      await expect(readPins(file, 's')).rejects.toMatchObject({ code: 'ERR_MCP_PINS' });
    }
    rmSync(folder, { recursive: true });
  });
});
