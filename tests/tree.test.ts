// Goal: the promises that the tree makes about itself hold: layers, purity, banned calls, no dead files, every rule
// cited, tables and pages equal. Method: read the source as data and compare it with the tables in tests/tree/.
import { existsSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ERROR_TABLES, errorPage } from '../scripts/error-page.ts';
import { BANS, LAYERS, NODE_FILES } from './tree/layers.ts';
import { UNOBEYED, UNTESTED } from './tree/open-rules.ts';
import { citedBySource, citedByTests, rulesOfThePage } from './tree/rules.ts';
import {
  filesBelow,
  filesLoadedBy,
  lineAt,
  mask,
  read,
  ROOT,
  specifiersOf,
  workspaces,
} from './tree/source.ts';

const all = workspaces();
const builtins = new Set(builtinModules);
const isBuiltin = (name: string): boolean => name.startsWith('node:') || builtins.has(name);
/** `@licet/evidence/node` → `@licet/evidence`. */
const packageOf = (name: string): string =>
  name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');

const OWN_FOLDERS = [
  'packages',
  'simulator',
  'scripts',
  'tests',
  'docs',
  'bench',
  'deploy',
  'examples',
  '.ci',
];
const ROOT_FILES = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  'package.json',
  'package-lock.json',
  'vitest.config.ts',
  'knip.json',
  '.oxlintrc.json',
];
const everyFile = [...OWN_FOLDERS.flatMap(filesBelow), ...ROOT_FILES];

describe('layers', () => {
  test('every workspace is in the table', () => {
    expect(all.map(({ name }) => name).filter((name) => !(name in LAYERS))).toEqual([]);
  });

  test('a package.json depends on nothing that the table does not permit', () => {
    const wrong = all.flatMap(({ name, dependencies }) => {
      const layer = LAYERS[name];
      const permitted = [...(layer?.may ?? []).map((other) => `@licet/${other}`), ...(layer?.others ?? [])];
      return dependencies.filter((other) => !permitted.includes(other)).map((other) => `${name} → ${other}`);
    });
    expect(wrong).toEqual([]);
  });

  test('a source file imports only what its package.json depends on, and no file of another package', () => {
    const wrong = all.flatMap(({ name, folder, dependencies, sources }) =>
      sources.flatMap((path) =>
        specifiersOf(path)
          .filter((specifier) => {
            if (isBuiltin(specifier)) return false;
            if (!specifier.startsWith('.'))
              return ![...dependencies, `@licet/${name}`].includes(packageOf(specifier));
            return !join(path, '..', specifier).startsWith(`${folder}/src/`);
          })
          .map((specifier) => `${path} → ${specifier}`),
      ),
    );
    expect(wrong).toEqual([]);
  });

  test('no package depends on itself through others', () => {
    const circular = Object.keys(LAYERS).filter((start) => {
      const seen = new Set<string>();
      const queue = [...(LAYERS[start]?.may ?? [])];
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
        if (seen.has(next)) continue;
        seen.add(next);
        queue.push(...(LAYERS[next]?.may ?? []));
      }
      return seen.has(start);
    });
    expect(circular).toEqual([]);
  });

  test('a pure package names no Node built-in', () => {
    const wrong = all
      .filter(({ name }) => LAYERS[name]?.pure)
      .flatMap(({ sources }) => sources)
      .filter((path) => !NODE_FILES.includes(path))
      .flatMap((path) =>
        specifiersOf(path)
          .filter(isBuiltin)
          .map((name) => `${path} → ${name}`),
      );
    expect(wrong).toEqual([]);
  });
});

describe('banned calls', () => {
  test.each(BANS)('$what is not used; instead: $instead', ({ pattern, pureOnly, fine, except }) => {
    const used = new Set<string>();
    const wrong = all
      .filter(({ name }) => !(fine ?? []).includes(name) && (!pureOnly || LAYERS[name]?.pure))
      .flatMap(({ sources }) => sources)
      .filter((path) => !(pureOnly && NODE_FILES.includes(path)))
      .flatMap((path) => {
        const { bare, comments } = mask(read(path));
        const text = pattern.source.startsWith('@') ? comments : bare;
        const lines = [...text.matchAll(pattern)].map((match) => lineAt(text, match.index));
        if (lines.length > 0) used.add(path);
        return path in (except ?? {}) ? [] : lines.map((line) => `${path}:${line}`);
      });
    expect(wrong).toEqual([]);
    expect(
      Object.keys(except ?? {}).filter((path) => existsSync(join(ROOT, path)) && !used.has(path)),
    ).toEqual([]);
  });

  test('a test that is skipped or runs alone says on a `// LOST:` line what is lost', () => {
    const tests = [...filesBelow('packages'), ...filesBelow('simulator'), ...filesBelow('tests')];
    const wrong = tests
      .filter((path) => path.endsWith('.test.ts'))
      .flatMap((path) => {
        const text = read(path);
        const { bare } = mask(text);
        const lines = text.split('\n');
        return [...bare.matchAll(/\b(?:it|test|describe)\.(?:skip|only|todo|skipIf|runIf|fails)\b/g)]
          .map((match) => lineAt(bare, match.index))
          .filter(
            (line) => !lines.slice(Math.max(0, line - 4), line).some((text) => text.includes('// LOST:')),
          )
          .map((line) => `${path}:${line}`);
      });
    expect(wrong).toEqual([]);
  });
});

describe('files', () => {
  test('every source file is reached from a face or a program', () => {
    const dead = all.flatMap(({ entries, sources }) => {
      const reached = new Set<string>();
      const queue = [...entries];
      for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
        if (reached.has(path)) continue;
        reached.add(path);
        queue.push(...filesLoadedBy(path));
      }
      return sources.filter((path) => !reached.has(path));
    });
    expect(dead).toEqual([]);
  });

  test('nothing is called utils, helpers, common, misc or types', () => {
    const vague = /(?:^|\/)(?:utils?|helpers?|common|misc|types?|shared)(?:\/|\.[^/]*$)/;
    expect(everyFile.filter((path) => vague.test(path))).toEqual([]);
  });

  test('names are kebab-case', () => {
    const sources = all.flatMap((workspace) => workspace.sources);
    expect(
      sources.filter((path) => !/^[a-z0-9-]+(?:\.[a-z-]+)*$/.test(path.split('/').at(-1) ?? '')),
    ).toEqual([]);
  });

  test('every source file begins with what it is', () => {
    const silent = all
      .flatMap(({ sources }) => sources)
      .filter((path) => !/^(?:#!.*\n)?\/[/*]/.test(read(path)));
    expect(silent).toEqual([]);
  });

  test('long files are listed', () => {
    const long = all
      .flatMap(({ sources }) => sources)
      .map((path) => ({ path, lines: read(path).split('\n').length - 1 }))
      .filter(({ lines }) => lines > 400)
      .map(({ path, lines }) => `${path}: ${lines} lines`);
    // A warning and not a failure: length is a smell, and cutting a noun in two is worse.
    if (long.length > 0) console.warn(`More than 400 lines:\n  ${long.join('\n  ')}`);
    expect(all.length).toBeGreaterThan(9);
  });

  test('the lockfile has every optional package of every platform, or `npm ci` refuses a fresh clone', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as {
      readonly packages: Readonly<
        Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>
      >;
    };
    const isLocked = (folder: string, name: string): boolean => {
      for (let at = folder; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
        if (`${at === '' ? '' : `${at}/`}node_modules/${name}` in packages) return true;
        if (at === '') return false;
      }
    };
    const missing = Object.entries(packages).flatMap(([folder, { optionalDependencies }]) =>
      Object.keys(optionalDependencies ?? {})
        .filter((name) => !isLocked(folder, name))
        .map((name) => `${folder} → ${name}`),
    );
    expect(missing).toEqual([]);
  });

  test('no tracked file names a place on somebody’s machine or a package registry', () => {
    const patterns = [
      /(?<![\w.])\/(?:work|Users)\/[\w.]/,
      /(?<![\w.])\/home\/(?!agent\b|user\b|me\b|alice\b|bob\b)[\w.]/,
      /(?<![\w.])\/tmp\/[a-z]\//,
      /\bregistry\.[a-z-]+\.(?:com|org|net|io|dev|local|internal)\b|\bnpmmirror\b|\bartifactory\b|"resolved": "https?:/i,
    ];
    const self = 'tests/tree.test.ts';
    const wrong = everyFile
      .filter((path) => path !== self && !/\.(?:png|woff2|wasm|gz)$/.test(path))
      .flatMap((path) =>
        read(path)
          .split('\n')
          .flatMap((line, at) =>
            patterns.some((pattern) => pattern.test(line)) ? [`${path}:${at + 1}`] : [],
          ),
      );
    expect(wrong).toEqual([]);
  });
});

describe('rules', () => {
  const rules = rulesOfThePage();
  const numbers = rules.map(([number]) => number);

  test('docs/RULES.md lists rules 1 to 47, each once', () => {
    expect(numbers).toEqual(Array.from({ length: 47 }, (_, at) => at + 1));
  });

  test.each([
    { by: 'a test title', cited: citedByTests(), open: UNTESTED },
    { by: 'a comment in the source', cited: citedBySource(), open: UNOBEYED },
  ])('every rule is cited by $by, or open with a reason; never both', ({ cited, open }) => {
    const missing = numbers.filter((number) => !cited.has(number) && !(number in open));
    const both = numbers.filter((number) => cited.has(number) && number in open);
    const unknown = [...cited.keys()].filter((number) => !numbers.includes(number));
    expect({ missing, both, unknown }).toEqual({ missing: [], both: [], unknown: [] });
  });
});

describe('pages', () => {
  test('docs/ERRORS.md says what the tables in the code say', () => {
    // `npm run docs` writes it.
    expect(read('docs/ERRORS.md')).toBe(errorPage());
  });

  test('every code stands in one table only, and each row says what to do next', () => {
    const codes = Object.values(ERROR_TABLES).flatMap((table) => Object.keys(table));
    expect(codes.filter((code, at) => codes.indexOf(code) !== at)).toEqual([]);
    const silent = Object.values(ERROR_TABLES).flatMap((table) =>
      Object.entries(table).flatMap(([code, row]) => (row.meaning && row.next ? [] : [code])),
    );
    expect(silent).toEqual([]);
  });

  test('every code that a package throws is in its table, and every row is thrown somewhere', () => {
    const named = (sources: readonly string[]): ReadonlySet<string> =>
      new Set(
        sources.flatMap((path) => {
          const { code } = mask(read(path));
          // The row itself is no use of its code.
          const uses = path.endsWith('/errors.ts') ? code.replaceAll(/\bERR_[A-Z0-9_]+:/g, '') : code;
          return uses.match(/\bERR_[A-Z0-9_]+\b/g) ?? [];
        }),
      );
    // A port's error is thrown by whoever implements the port, perhaps in another package.
    const anywhere = named(all.flatMap(({ sources }) => sources));
    const wrong = Object.entries(ERROR_TABLES).flatMap(([name, table]) => {
      const prefixes = new Set(Object.keys(table).map((code) => code.split('_').slice(0, 2).join('_')));
      const own = named(all.find((each) => each.name === name)?.sources ?? []);
      const unlisted = [...own].filter(
        (code) =>
          prefixes.has(code.split('_').slice(0, 2).join('_')) && !(code in table) && !isListedElsewhere(code),
      );
      const unused = Object.keys(table).filter((code) => !anywhere.has(code));
      return [
        ...unlisted.map((code) => `${name} throws ${code}`),
        ...unused.map((code) => `nobody throws ${code}`),
      ];
    });
    expect(wrong).toEqual([]);
  });

  test('every link between pages leads somewhere', () => {
    const pages = everyFile.filter((path) => path.endsWith('.md'));
    const files = new Set([...everyFile, ...filesBelow('vectors'), 'LICENSE']);
    const folders = new Set(
      [...files].flatMap((path) => path.split('/').map((_, at, parts) => parts.slice(0, at).join('/'))),
    );
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)/g)]
        .map((match) => join(page, '..', match[1] ?? '').replace(/\/$/, ''))
        .filter((target) => !files.has(target) && !folders.has(target))
        .map((target) => `${page} → ${target}`),
    );
    expect(broken).toEqual([]);
  });
});

function isListedElsewhere(code: string): boolean {
  return Object.values(ERROR_TABLES).some((table) => code in table);
}

test('the masking that the others rest on keeps length and lines', () => {
  for (const { sources } of all) {
    for (const path of sources) {
      const text = read(path);
      const { code, bare, comments } = mask(text);
      for (const part of [code, bare, comments]) {
        expect(part.length, path).toBe(text.length);
        expect(part.split('\n').length, path).toBe(text.split('\n').length);
      }
    }
  }
  const sample = "const a = /['\"]/; // it's\nconst b = `x ${'`'} /* y */`; /* any */ f(a / b);";
  expect(mask(sample).bare.replaceAll(/\s+/g, ' ')).toBe('const a = ; const b = ; f(a / b);');
  expect(ROOT.length).toBeGreaterThan(1);
});
