// The build of the pages: files of the same origin only, nothing inline, so that a content security policy without
// 'unsafe-inline' holds (packages/server/src/console-files.ts sends it).
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  resolve: {
    // The package does not export the file itself; the page compiles it and hands it to the sealed worker.
    alias: [
      {
        find: /^@cedar-policy\/cedar-wasm\/web\/cedar_wasm_bg\.wasm/,
        replacement: fileURLToPath(
          new URL('cedar_wasm_bg.wasm', import.meta.resolve('@cedar-policy/cedar-wasm/web')),
        ),
      },
    ],
  },
  worker: { format: 'es' },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: ['chrome123', 'firefox122', 'safari17.5'],
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700,
  },
});
