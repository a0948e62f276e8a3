import { defineConfig } from 'vitest/config';
import { LongestFirst } from './tests/support/longest-first.ts';

/** Tests that look at a page in a real browser. */
const BROWSER = 'packages/console/test/**/*.e2e.test.ts';

/** The engine that was asked for (packages/store/test/under-test.ts). */
const STORE = process.env['LICET_TEST_STORE'];

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 3,
    // One process runs many files: code is loaded, Cedar compiled and everything warm once. No test changes what
    // another sees (no mocks, no environment, no globals); each has its own folders, ports and planes.
    // Where all planes are to be on one engine, what a file opened ends with it.
    isolate: STORE !== undefined,
    sequence: { sequencer: LongestFirst },
    // One PostgreSQL server for the run, where all planes are to be on it.
    globalSetup: STORE === 'postgresql' ? ['packages/store/test/server-under-test.ts'] : [],
    projects: [
      {
        extends: true,
        test: {
          name: 'node',
          include: ['packages/*/test/**/*.test.ts', 'simulator/test/**/*.test.ts', 'tests/**/*.test.ts'],
          exclude: [BROWSER],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: [BROWSER],
          // After all others: pages are drawn beside pages only, and no process is made anew between the two kinds.
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 240_000,
          // Two cores draw pages beside two other files. Nothing else is tried twice: what is wrong one time in a
          // hundred with locks, logs or leases is wrong. The report says which tests needed the second try.
          retry: process.env['CI'] === undefined ? 0 : 1,
        },
      },
    ],
  },
});
