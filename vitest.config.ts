import { defineConfig } from 'vitest/config';

/** Tests that look at a page in a real browser. */
const BROWSER = 'packages/console/test/**/*.e2e.test.ts';

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 3,
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
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // Two cores draw pages beside two other files. Nothing else is tried twice: what is wrong one time in a
          // hundred with locks, logs or leases is wrong. The report says which tests needed the second try.
          retry: process.env['CI'] === undefined ? 0 : 1,
        },
      },
    ],
  },
});
