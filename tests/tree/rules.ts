// Which rule is cited where: by the title of a test (`rule 12: …`) and by a comment at the line that obeys it
// (`// RULE 12`).
import { filesBelow, mask, read } from './source.ts';

/** A string that begins with `rule 12: …` or `rules 4, 9 and 24: …`, perhaps after the name of what is tested. */
const TITLE = /['"`](?:[a-z-]+: )?rules? (\d+(?:(?:, ?| and )\d+)*):/g;
const COMMENT = /\bRULES? (\d+(?:(?:[,;/] ?| and )\d+)*)/g;

const numbersIn = (list: string): readonly number[] => [...list.matchAll(/\d+/g)].map(Number);

/** Rule number → files that cite it. */
export type Citations = ReadonlyMap<number, ReadonlySet<string>>;

function collect(paths: readonly string[], pattern: RegExp, textOf: (path: string) => string): Citations {
  const found = new Map<number, Set<string>>();
  for (const path of paths) {
    for (const match of textOf(path).matchAll(pattern)) {
      for (const number of numbersIn(match.at(-1) ?? '')) {
        const files = found.get(number) ?? new Set();
        found.set(number, files.add(path));
      }
    }
  }
  return found;
}

const isSource = (path: string): boolean =>
  /^(?:packages\/[^/]+|simulator)\/src\/.*\.(?:ts|tsx|mjs)$/.test(path);
const isTest = (path: string): boolean => /\.test\.tsx?$|\/test\/.*contract\.ts$/.test(path);

const allFiles = [...filesBelow('packages'), ...filesBelow('simulator'), ...filesBelow('tests')];

export const citedByTests = (): Citations =>
  collect(allFiles.filter(isTest), TITLE, (path) => mask(read(path)).code);

export const citedBySource = (): Citations =>
  collect(allFiles.filter(isSource), COMMENT, (path) => mask(read(path)).comments);

/** `[number, text]` of each rule of docs/RULES.md, in order. */
export function rulesOfThePage(): readonly (readonly [number, string])[] {
  const rows = [...read('docs/RULES.md').matchAll(/^(\d+)\. (.+)$/gm)];
  return rows.map((match) => [Number(match[1]), match[2] ?? '']);
}
