/**
 * `npm run pack`: the published form, `dist/licet-<version>.tgz`. Node refuses to run TypeScript under node_modules, so
 * the command and its worker entries are bundled to plain JavaScript; Cedar stays as the files its authors built; there
 * are no runtime dependencies. The same sources give the same bytes.
 *
 *     package/package.json   package/bin/licet.js   package/lib/main.js, workers, chunks   package/lib/cedar/*
 *     package/lib/{guardian,image,tree}.mjs   package/lib/console/*, licet-proof.html: the pages
 *     package/LICENSE   package/THIRD-PARTY.txt
 *
 * `npm run pack -- --open FOLDER` lays the same files out in a folder instead: the tests run the command from there.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, type Metafile, type Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const RUNNER = 'packages/gateway/src/runner';
const CEDAR = 'node_modules/@cedar-policy/cedar-wasm';

/** What each file of the package is made of: path inside the package → bytes. */
type Files = Map<string, Uint8Array>;

/** Entries by their name in `lib`. Workers are named as the sources name them. */
const ENTRIES = {
  main: 'packages/cli/src/main.ts',
  'sqlite-worker': 'packages/store/src/sqlite-worker.ts',
  'evaluator-worker': 'packages/server/src/evaluator-worker.ts',
  'control-plane': 'packages/control-plane/src/index.ts',
};

/** Sources that name another source file at run time, and what they name in the package. Each must be found once. */
const REWRITES: Readonly<Record<string, readonly [from: string, to: string]>> = {
  'packages/store/src/sqlite.ts': [
    "import.meta.resolve('@licet/control-plane')",
    "new URL('./control-plane.js', import.meta.url).href",
  ],
};

/** CommonJS dependencies expect these names; every output file gets them. */
const BANNER = `import { createRequire as licetRequire } from 'node:module';
import { fileURLToPath as licetPath } from 'node:url';
const require = licetRequire(import.meta.url);
const __filename = licetPath(import.meta.url);
const __dirname = licetPath(new URL('.', import.meta.url));`;

const BIN = `#!/usr/bin/env node
// Entry of the packed command. Verifying works from Node 20 on; everything that runs a plane needs Node 24.
const major = Number(process.versions.node.split('.')[0]);
const offline = ['verify', '--version', '-V', '--help', '-h', 'help'].includes(process.argv[2]);
if (major < 20 || (major < 24 && !offline)) {
  process.stderr.write(\`ERR_CLI_NODE: this needs Node 24 or newer; found \${process.versions.node}\\nNext: install Node 24, or use licet verify only.\\n\`);
  process.exitCode = 1;
} else {
  // The one thing that verifying uses and Node 20 does not have (ECMAScript 2024).
  Map.groupBy ??= (items, keyOf) => {
    const groups = new Map();
    let index = 0;
    for (const item of items) {
      const key = keyOf(item, index++);
      if (groups.has(key)) groups.get(key).push(item);
      else groups.set(key, [item]);
    }
    return groups;
  };
  await import('../lib/main.js');
}
`;

/** Makes the package. Returns its path and digest. */
export async function pack(
  folder: string = join(ROOT, 'dist'),
): Promise<{ readonly file: string; readonly sha512: string }> {
  const { files, version } = await contents();
  const tgz = gzipSync(tar(files), { level: 9 });
  await mkdir(folder, { recursive: true });
  const file = join(folder, `licet-${version}.tgz`);
  await writeFile(file, tgz);
  return { file, sha512: createHash('sha512').update(tgz).digest('hex') };
}

/** Lays the package out in a folder of its own, as npm would. What was there before is gone. */
async function open(folder: string): Promise<void> {
  const { files } = await contents();
  await rm(folder, { recursive: true, force: true });
  for (const [path, content] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

async function contents(): Promise<{ readonly files: Files; readonly version: string }> {
  const files: Files = new Map();
  const { metafile, version } = await bundle(files);
  for (const name of (await readdir(join(ROOT, RUNNER))).filter((found) => found.endsWith('.mjs')))
    files.set(`lib/${name}`, await read(join(RUNNER, name)));
  files.set('lib/cedar/cedar_wasm.cjs', await read(join(CEDAR, 'nodejs/cedar_wasm.js')));
  files.set('lib/cedar/cedar_wasm_bg.wasm', await read(join(CEDAR, 'nodejs/cedar_wasm_bg.wasm')));
  for (const [path, content] of await pages()) files.set(`lib/${path}`, content);
  files.set('bin/licet.js', bytes(BIN));
  files.set('LICENSE', await read('LICENSE'));
  files.set('README.md', await read('packages/cli/README.md'));
  files.set('THIRD-PARTY.txt', bytes(await thirdParties(metafile)));
  files.set('package.json', bytes(`${JSON.stringify(manifest(version), null, 2)}\n`));
  return { files, version };
}

async function bundle(files: Files): Promise<{ readonly metafile: Metafile; readonly version: string }> {
  const rewritten = new Set<string>();
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: ENTRIES,
    outdir: 'lib',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    chunkNames: 'chunk-[hash]',
    banner: { js: BANNER },
    legalComments: 'none',
    logLevel: 'silent',
    metafile: true,
    write: false,
    // The demo brings tools of others; it runs from a clone of the repository.
    external: ['@modelcontextprotocol/*'],
    plugins: [vendoredCedar, rewriting(rewritten)],
  });
  const missing = Object.keys(REWRITES).filter((path) => !rewritten.has(path));
  if (missing.length > 0) throw new Error(`no longer as expected: ${missing.join(', ')}`);
  for (const { path, contents } of result.outputFiles) files.set(relative(ROOT, path), contents);
  const { version } = JSON.parse(await readFile(join(ROOT, 'packages/cli/package.json'), 'utf8')) as {
    readonly version: string;
  };
  return { metafile: result.metafile, version };
}

/** The pages as they are built, under the names by which the server and `licet viewer` look for them. */
async function pages(): Promise<Files> {
  const build = join(ROOT, 'packages/console/bin/build.mjs');
  const { status } = spawnSync(process.execPath, [build], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error('the pages were not built');
  const found: Files = new Map();
  const dist = join(ROOT, 'packages/console/dist');
  for (const item of await readdir(dist, { recursive: true, withFileTypes: true })) {
    if (!item.isFile()) continue;
    const path = relative(dist, join(item.parentPath, item.name)).replaceAll('\\', '/');
    found.set(path === 'licet-proof.html' ? path : `console/${path}`, await readFile(join(dist, path)));
  }
  return found;
}

/** Cedar's WebAssembly finds its file beside itself, so it is not bundled. */
const vendoredCedar: Plugin = {
  name: 'vendored-cedar',
  setup({ onResolve }) {
    onResolve({ filter: /^@cedar-policy\/cedar-wasm\/nodejs$/ }, () => ({
      path: './cedar/cedar_wasm.cjs',
      external: true,
    }));
  },
};

function rewriting(done: Set<string>): Plugin {
  return {
    name: 'rewriting',
    setup({ onLoad }) {
      onLoad({ filter: /packages[/\\]store[/\\]src[/\\]sqlite\.ts$/ }, async ({ path }) => {
        const name = relative(ROOT, path).replaceAll('\\', '/');
        const rewrite = REWRITES[name];
        if (rewrite === undefined) return undefined;
        const text = await readFile(path, 'utf8');
        const parts = text.split(rewrite[0]);
        if (parts.length !== 2)
          throw new Error(`${name}: expected ${rewrite[0]} once, found it ${parts.length - 1} times`);
        done.add(name);
        return { contents: parts.join(rewrite[1]), loader: 'ts' };
      });
    },
  };
}

function manifest(version: string): object {
  return {
    name: '@licet/cli',
    version,
    description:
      'An execution control plane for AI agents: nothing runs before it is permitted and recorded.',
    license: 'Apache-2.0',
    type: 'module',
    bin: { licet: 'bin/licet.js' },
    engines: { node: '>=20' },
    files: ['bin', 'lib', 'THIRD-PARTY.txt'],
  };
}

/** Names and licences of everything that went into the bundle, and of Cedar. */
async function thirdParties(metafile: Metafile): Promise<string> {
  const folders = new Set([CEDAR, ...(await dependenciesOf('packages/console'))]);
  for (const input of Object.keys(metafile.inputs)) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match?.[1] !== undefined) folders.add(match[1]);
  }
  const parts: string[] = [];
  for (const folder of [...folders].toSorted()) {
    const { name, version, license } = JSON.parse(
      await readFile(join(ROOT, folder, 'package.json'), 'utf8'),
    ) as Readonly<Record<string, unknown>>;
    const text = (await readdir(join(ROOT, folder)))
      .toSorted()
      .find((file) => /^(licen[cs]e|copying)/i.test(file));
    parts.push(
      `${String(name)} ${String(version)} (${String(license)})\n\n${text === undefined ? '' : await readFile(join(ROOT, folder, text), 'utf8')}`,
    );
  }
  return parts.join(`\n${'-'.repeat(78)}\n\n`);
}

/** Folders of what a workspace depends on at run time, all the way down; our own packages are no third parties. */
async function dependenciesOf(folder: string, found = new Set<string>()): Promise<ReadonlySet<string>> {
  const { dependencies = {} } = JSON.parse(await readFile(join(ROOT, folder, 'package.json'), 'utf8')) as {
    readonly dependencies?: Readonly<Record<string, string>>;
  };
  for (const name of Object.keys(dependencies)) {
    const inside = join(folder, 'node_modules', name);
    const path = existsSync(join(ROOT, inside)) ? inside : join('node_modules', name);
    if (name.startsWith('@licet/') || found.has(path)) continue;
    found.add(path);
    await dependenciesOf(path, found);
  }
  return found;
}

/** ustar, as npm reads it: files only, in order of name, no time, no owner. */
function tar(files: Files): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (const [name, content] of [...files].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    blocks.push(header(`package/${name}`, content.length, name.startsWith('bin/') ? 0o755 : 0o644), content);
    const rest = content.length % 512;
    if (rest > 0) blocks.push(new Uint8Array(512 - rest));
  }
  blocks.push(new Uint8Array(1_024));
  return Buffer.concat(blocks);
}

function header(name: string, size: number, mode: number): Uint8Array {
  if (Buffer.byteLength(name) > 100) throw new Error(`${name} is too long a name`);
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, length: number): void => {
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  };
  block.write(name, 0, 'utf8');
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  // 1985-10-26, the time that npm gives to every file: some tools dislike zero.
  octal(499_162_500, 136, 12);
  block.write('        ', 148, 'latin1');
  block.write('0', 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

const read = async (path: string): Promise<Uint8Array> => new Uint8Array(await readFile(join(ROOT, path)));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

if (process.argv[1] !== undefined && existsSync(process.argv[1]) && basename(process.argv[1]) === 'pack.ts') {
  const [first, folder] = process.argv.slice(2);
  if (first === '--open') {
    if (folder === undefined) throw new Error('expected --open FOLDER');
    await open(resolve(folder));
  } else {
    const { file, sha512 } = await pack(first);
    process.stdout.write(`${relative(process.cwd(), file)}\nsha512 ${sha512}\n`);
  }
}
