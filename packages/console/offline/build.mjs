// Builds the offline viewer: one HTML file with code, styles, fonts, worker and Cedar inside, and a policy of its own
// that lets it reach nothing. The same sources give the same bytes, so that its digest can be a notice in the log.
//
//     node packages/console/offline/build.mjs FILE
//
// The policy allows evaluation because the worker that decides again compiles argument schemas to code, and a worker
// made from a blob inherits the policy of its page; nothing on the page itself evaluates, and nothing can be sent.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

// Set before anything is loaded: the bytes must not depend on who builds.
process.env['NODE_ENV'] = 'production';
const HERE = dirname(fileURLToPath(import.meta.url));
const CONSOLE = join(HERE, '..');
const [vite, { default: react }] = await Promise.all([import('vite'), import('@vitejs/plugin-react')]);
const cedarFile = join(
  dirname(fileURLToPath(import.meta.resolve('@cedar-policy/cedar-wasm/web'))),
  'cedar_wasm_bg.wasm',
);

/** Cedar is handed to the worker; the loader's own idea of where the file lies would bring it in a second time. */
const handedCedar = {
  name: 'handed-cedar',
  transform(code, id) {
    if (!id.includes('cedar-wasm/web/cedar_wasm.js')) return undefined;
    return {
      code: code.replace(/new URL\('cedar_wasm_bg\.wasm', import\.meta\.url\)/, 'undefined'),
      map: null,
    };
  },
};

/** Returns script and style of an entry as one file each. */
async function bundle(entry, format) {
  const result = await vite.build({
    configFile: false,
    root: CONSOLE,
    logLevel: 'warn',
    mode: 'production',
    define: { 'process.env.NODE_ENV': '"production"' },
    plugins: [react(), handedCedar],
    build: {
      write: false,
      target: ['chrome123', 'firefox122', 'safari17.5'],
      assetsInlineLimit: Number.MAX_SAFE_INTEGER,
      cssCodeSplit: false,
      reportCompressedSize: false,
      chunkSizeWarningLimit: 10_000,
      modulePreload: { polyfill: false },
      lib: {
        entry: join(CONSOLE, entry),
        formats: [format],
        name: 'licet',
        fileName: 'main',
        cssFileName: 'main',
      },
    },
  });
  const outputs = [result].flat().flatMap(({ output }) => output);
  const scripts = outputs.filter(({ type }) => type === 'chunk');
  const styles = outputs.filter(({ fileName }) => fileName.endsWith('.css'));
  const rest = outputs.filter((one) => !scripts.includes(one) && !styles.includes(one));
  if (scripts.length !== 1 || styles.length > 1 || rest.length > 0)
    throw new Error(
      `${entry} did not become one file: ${outputs.map(({ fileName }) => fileName).join(', ')}`,
    );
  return { script: scripts[0].code, style: String(styles[0]?.source ?? '') };
}

const page = await bundle('offline/main.tsx', 'iife');
const worker = await bundle('src/surfaces/proof/redecide/sealed-worker.ts', 'iife');

/** What would end the element early is written so that it means the same and does not. */
const inElement = (code) => code.replaceAll('</script', '<\\/script').replaceAll('<!--', '\\x3C!--');
const hashOf = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
const script = inElement(page.script);
const workerScript = inElement(worker.script);
const cedar = gzipSync(readFileSync(cedarFile), { level: 9 }).toString('base64');
const policy = [
  "default-src 'none'",
  `script-src ${hashOf(script)} blob: 'wasm-unsafe-eval' 'unsafe-eval'`,
  `style-src ${hashOf(page.style)}`,
  'font-src data:',
  'img-src data:',
  'worker-src blob:',
  "connect-src 'none'",
  "form-action 'none'",
  "base-uri 'none'",
].join('; ');

const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Licet proof viewer, offline</title>
<link rel="icon" href="data:,">
<style>${page.style}</style>
</head>
<body>
<div id="root"></div>
<noscript>This page verifies signatures in your browser, which needs JavaScript.</noscript>
<script type="text/plain" id="cedar">${cedar}</script>
<script type="text/plain" id="sealed-worker">${workerScript}</script>
<script>${script}</script>
</body>
</html>
`;
const file = process.argv[2] ?? join(CONSOLE, 'dist', 'licet-proof.html');
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, html);
