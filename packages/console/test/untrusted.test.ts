// Goal: text that somebody else made cannot make the screen say something else than its bytes. Method: properties over
// any text, and the characters that attacks are known to use.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { visibleParts } from '../src/components/untrusted.tsx';
import { diffLines, hunksOf } from '../src/surfaces/console/diff-view.tsx';

test.each([
  ['right-to-left override', '\u202E', 'U+202E'],
  ['isolate', '\u2066', 'U+2066'],
  ['zero-width space', '\u200B', 'U+200B'],
  ['soft hyphen', '\u00AD', 'U+00AD'],
  ['byte order mark', '\uFEFF', 'U+FEFF'],
  ['tag letter', '\u{E0061}', 'U+E0061'],
  ['escape', '\u001B', 'U+001B'],
  ['carriage return', '\r', 'U+000D'],
  ['line separator', '\u2028', 'U+2028'],
  ['Hangul filler', '\u3164', 'U+3164'],
  ['private use', '\uE000', 'U+E000'],
  ['a lone surrogate', '\uD800', 'U+D800'],
])('%s is spelt out', (_, character, point) => {
  expect(visibleParts(`a${character}b`)).toEqual([
    { hidden: false, text: 'a' },
    { hidden: true, text: point },
    { hidden: false, text: 'b' },
  ]);
});

test('what is visible, tabs and line ends included, stays as it is', () => {
  expect(visibleParts('Ärger\tüber 北京\nπ')).toEqual([{ hidden: false, text: 'Ärger\tüber 北京\nπ' }]);
});

test('no part shown as it is holds a formatting or control character, and nothing is lost', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const parts = visibleParts(text);
      const shown = parts.filter(({ hidden }) => !hidden).map((part) => part.text);
      expect(shown.join('')).not.toMatch(/[\p{Cf}\p{Zl}\p{Zp}]/u);
      const again = parts
        .map((part) =>
          part.hidden ? String.fromCodePoint(Number.parseInt(part.text.slice(2), 16)) : part.text,
        )
        .join('');
      expect(again).toBe(text);
    }),
  );
});

test('a diff holds both texts: without what came it is the old one, without what went the new one', () => {
  const lines = fc
    .array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1, maxLength: 12 })
    .map((all) => all.join('\n'));
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const diff = diffLines(before, after);
      const side = (but: string): string =>
        diff
          .filter(({ op }) => op !== but)
          .map(({ text }) => text)
          .join('\n');
      expect(side('+')).toBe(before);
      expect(side('-')).toBe(after);
      // Folded or not, no line is lost, and none that differs is folded.
      const hunks = hunksOf(diff);
      expect(hunks.flatMap(({ lines: part }) => part)).toEqual(diff);
      expect(hunks.every(({ alike, lines: part }) => !alike || part.every(({ op }) => op === ' '))).toBe(
        true,
      );
    }),
  );
});
