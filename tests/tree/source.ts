// Reads the source tree as data: files, workspaces, the code of a file without comments or strings, its imports.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Absolute path of the repository. */
export const ROOT = join(import.meta.dirname, '..', '..');

const SKIPPED = new Set(['node_modules', '.git', 'dist', 'out', 'coverage', '.licet']);

/** Every file of ours below a folder of the repository, as paths from its root with forward slashes. */
export function filesBelow(folder: string): readonly string[] {
  const top = join(ROOT, folder);
  if (!existsSync(top)) return [];
  return readdirSync(top, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => !path.split('/').some((part) => SKIPPED.has(part)))
    .toSorted();
}

/** Files do not change while the tree is looked at. */
function once<V>(make: (key: string) => V): (key: string) => V {
  const made = new Map<string, V>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const value = make(key);
    made.set(key, value);
    return value;
  };
}

export const read = once((path) => readFileSync(join(ROOT, path), 'utf8'));

export interface Workspace {
  /** The short name: `@licet/evidence` is `evidence`. */
  readonly name: string;
  /** From the root: `packages/evidence`. */
  readonly folder: string;
  readonly dependencies: readonly string[];
  /** Files of the face and of programs, from the root. */
  readonly entries: readonly string[];
  readonly sources: readonly string[];
}

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
}

const isCode = (path: string): boolean =>
  /\.(ts|tsx|mjs)$/.test(path) && !/^packages\/console\/.*\.d\.ts$/.test(path);

/** Every workspace that has something in it. */
export function workspaces(): readonly Workspace[] {
  const folders = [...readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}`), 'simulator'];
  return folders
    .filter((folder) => existsSync(join(ROOT, folder, 'package.json')))
    .map((folder) => {
      const manifest = JSON.parse(read(`${folder}/package.json`)) as Manifest;
      const named = [...Object.values(manifest.exports ?? {}), ...Object.values(manifest.bin ?? {})];
      return {
        name: manifest.name.replace(/^@licet\//, ''),
        folder,
        dependencies: Object.keys(manifest.dependencies ?? {}),
        entries: [
          ...named.map((path) => join(folder, path)),
          `${folder}/src/main.ts`,
          `${folder}/src/main.tsx`,
        ].filter((path) => existsSync(join(ROOT, path))),
        sources: filesBelow(`${folder}/src`).filter(isCode),
      };
    })
    .toSorted((a, b) => (a.folder < b.folder ? -1 : 1));
}

/** A source text with parts blanked: same length, same lines, so that positions still hold. */
export interface Masked {
  /** Without comments. */
  readonly code: string;
  /** Without comments and without what is inside strings, templates and regular expressions. */
  readonly bare: string;
  /** Only the comments. */
  readonly comments: string;
}

const blank = (text: string): string => text.replaceAll(/[^\n]/g, ' ');

/** After one of these a slash begins a regular expression, not a division. */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|await|yield))\s*$/;

/** Where the regular expression that begins at `start` ends. */
function regexEnd(text: string, start: number): number {
  let inClass = false;
  for (let at = start + 1; at < text.length; at += 1) {
    const char = text[at];
    if (char === '\\') at += 1;
    else if (char === '[') inClass = true;
    else if (char === ']') inClass = false;
    else if (char === '\n') return start + 1;
    else if (char === '/' && !inClass) return at + 1;
  }
  return text.length;
}

/** Where the string that begins at `start` ends. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === text[start]) return at + 1;
  }
  return text.length;
}

/** Splits a source into code and comments. Not a parser: enough for imports, calls and comments of formatted code. */
export const mask = once(split);

function split(text: string): Masked {
  let code = '';
  let bare = '';
  let comments = '';
  /** Depth of braces in each open `${`; empty outside templates. */
  const holes: number[] = [];
  const put = (part: string, kind: 'code' | 'literal' | 'comment'): void => {
    code += kind === 'comment' ? blank(part) : part;
    bare += kind === 'code' ? part : blank(part);
    comments += kind === 'comment' ? part : blank(part);
  };
  let at = 0;
  const takeTemplate = (): void => {
    let end = at;
    for (; end < text.length; end += 1) {
      if (text[end] === '\\') end += 1;
      else if (text[end] === '`') {
        put(text.slice(at, end + 1), 'literal');
        at = end + 1;
        return;
      } else if (text.startsWith('${', end)) {
        put(text.slice(at, end + 2), 'literal');
        at = end + 2;
        holes.push(0);
        return;
      }
    }
    put(text.slice(at), 'literal');
    at = text.length;
  };
  const take = (end: number, kind: 'code' | 'literal' | 'comment'): void => {
    put(text.slice(at, end), kind);
    at = end;
  };
  while (at < text.length) {
    const char = text[at] ?? '';
    if (text.startsWith('//', at)) {
      const end = text.indexOf('\n', at);
      take(end === -1 ? text.length : end, 'comment');
    } else if (text.startsWith('/*', at)) {
      const end = text.indexOf('*/', at + 2);
      take(end === -1 ? text.length : end + 2, 'comment');
    } else if (char === "'" || char === '"') take(stringEnd(text, at), 'literal');
    else if (char === '`') {
      put(char, 'literal');
      at += 1;
      takeTemplate();
    } else if (char === '/' && BEFORE_REGEX.test(bare.slice(-40))) take(regexEnd(text, at), 'literal');
    else if (char === '}' && holes.at(-1) === 0) {
      holes.pop();
      put(char, 'literal');
      at += 1;
      takeTemplate();
    } else {
      if (holes.length > 0 && (char === '{' || char === '}')) {
        holes.push((holes.pop() ?? 0) + (char === '{' ? 1 : -1));
      }
      take(at + 1, 'code');
    }
  }
  return { code, bare, comments };
}

const IMPORT = /(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\()\s*(['"])([^'"\n]+)\1/g;

/** Every module specifier that a file names: static, re-exported, dynamic, and workers named by `new URL(…)`. */
export function specifiersOf(path: string): readonly string[] {
  const { code } = mask(read(path));
  return [...code.matchAll(IMPORT)].map((match) => match[2] ?? '');
}

/** A string that names a file beside the one it stands in, as workers and guardians are named. */
const LOCAL_FILE = /(['"])(\.\.?\/[^'"\n]+\.(?:tsx?|mjs))\1/g;

/** Files of the repository that this one loads. */
export function filesLoadedBy(path: string): readonly string[] {
  const { code } = mask(read(path));
  return [...code.matchAll(LOCAL_FILE)]
    .map((match) => relative(ROOT, join(ROOT, dirname(path), match[2] ?? '')))
    .flatMap((file) => [file, file.replace(/\.mjs$/, '.d.mts')])
    .filter((file) => existsSync(join(ROOT, file)));
}

/** 1-based line of a position. */
export const lineAt = (text: string, position: number): number => text.slice(0, position).split('\n').length;
