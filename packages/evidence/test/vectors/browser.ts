/** The page's side of the vector loop: what Chromium runs. */
import { nobleCrypto } from '../../src/index.ts';
import { webCrypto } from '../../src/web.ts';
import { failures, type Case } from './runners.ts';

Object.assign(globalThis, {
  runVectors: async (cases: readonly Case[]) => ({
    secure: globalThis.isSecureContext,
    web: await failures(cases, webCrypto),
    noble: await failures(cases.slice(0, 400), nobleCrypto),
  }),
});
