/**
 * Goal: a server that is killed at any moment loses nothing that it acknowledged and permits nothing twice. Method:
 * the real process on SQLite under load, SIGKILL at random moments; see `loop.ts`. LICET_KILLS sets how often.
 */
import { expect, test } from 'vitest';
import { killLoop } from './loop.ts';

const kills = Number(process.env['LICET_KILLS'] ?? 20);

test(
  `rule 6: after ${kills} kills under load every acknowledged entry is there, no permit is spent twice, a repeated question gets the same decision`,
  async () => {
    const report = await killLoop(kills);
    console.log(JSON.stringify(report));
    expect(report.violations).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(kills);
    expect(report.starts).toBeGreaterThan(0);
    // Kills that lose no answer would test nothing.
    expect(report.unanswered).toBeGreaterThan(0);
  },
  120_000 + kills * 30_000,
);
