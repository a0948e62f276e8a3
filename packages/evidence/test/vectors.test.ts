/**
 * Goal: what the specifications say, as data, holds in every runtime. Method: one loop over `vectors/` and over
 * the vectors of others, on Node with OpenSSL and with pure JavaScript, and in Chromium, inside a secure context
 * (WebCrypto) and outside of one (pure JavaScript).
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nobleCrypto } from '../src/index.ts';
import { nodeCrypto } from '../src/node.ts';
import { webCrypto } from '../src/web.ts';
import { foreignCases, ownCases } from './vectors/load.ts';
import { failures, RUNNERS, type Case } from './vectors/runners.ts';

const CHROMIUM = process.env['LICET_CHROMIUM'] ?? '/usr/bin/chromium';
const own = ownCases();
const foreign = foreignCases();
const all = [...own, ...(foreign ?? [])];

if (foreign === undefined) console.log('vectors: those of others are absent; only our own are run');
if (!existsSync(CHROMIUM)) {
  console.log(`vectors: no Chromium at ${CHROMIUM}; what is lost: the proof that they hold in a browser`);
}

describe('vectors on Node', () => {
  it('every format has vectors and every vector a runner', () => {
    const formats = new Set(own.map(({ format }) => format));
    expect([...formats].toSorted()).toEqual(Object.keys(RUNNERS).toSorted());
  });

  it('every vector has title, spec, input and expected', () => {
    for (const { title, spec, input, expected, source } of own) {
      expect([typeof title, typeof spec, typeof input, typeof expected], source).toEqual([
        'string',
        'string',
        'object',
        'object',
      ]);
    }
  });

  // LOST: without the vectors of others only our own are run.
  it.skipIf(foreign === undefined)('the vectors of others are all there', () => {
    const count = (format: string): number => foreign!.filter((c) => c.format === format).length;
    expect([count('inclusion'), count('consistency'), count('canonical'), count('signature')]).toEqual([
      98, 98, 6, 586,
    ]);
  });

  it('they hold with OpenSSL', async () => {
    expect(await failures(all, nodeCrypto)).toEqual([]);
  });

  it('they hold with WebCrypto', async () => {
    expect(await failures(all, webCrypto)).toEqual([]);
  });

  it('they hold in pure JavaScript', async () => {
    expect(await failures(all, nobleCrypto)).toEqual([]);
  });

  it('a wrong expectation is found, so that an empty list means something', async () => {
    const wrong: Case = { ...own[0]!, expected: { error: 'ERR_NEVER' } };
    expect(await failures([wrong], nobleCrypto)).toHaveLength(1);
    expect(await failures([{ ...wrong, format: 'no-such-format' }], nobleCrypto)).toHaveLength(1);
  });
});

// LOST: without Chromium the vectors are not run in a browser.
describe.skipIf(!existsSync(CHROMIUM))('vectors in Chromium', () => {
  let browser: Browser;
  let script: string;

  beforeAll(async () => {
    const entry = fileURLToPath(new URL('vectors/browser.ts', import.meta.url));
    const bundle = await build({
      entryPoints: [entry],
      bundle: true,
      write: false,
      format: 'iife',
      target: 'es2024',
    });
    script = bundle.outputFiles[0]!.text;
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  });

  afterAll(async () => {
    await browser?.close();
  });

  it.each([
    ['http://localhost/', true],
    ['http://insecure.test/', false],
  ])('they hold at %s', async (address, secure) => {
    const page = await browser.newPage();
    await page.route('**/*', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }));
    await page.goto(address);
    await page.addScriptTag({ content: script });
    const result = await page.evaluate((cases) => {
      const { runVectors } = globalThis as unknown as { runVectors: (cases: unknown) => Promise<unknown> };
      return runVectors(JSON.parse(cases));
    }, JSON.stringify(all));
    expect(result).toEqual({ secure, web: [], noble: [] });
    await page.close();
  });
});
