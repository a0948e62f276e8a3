// Goal: the soak's verdict sees a leak, and takes noise for none. Method: samples made up for it.
import { expect, test } from 'vitest';
import { verdictOf, type Sample } from './verdict.ts';

const MB = 1_048_576;
/** Half an hour of samples; growing by so much a minute. */
const samples = (perMinute: Partial<Sample>): readonly Sample[] =>
  Array.from({ length: 360 }, (_, n) => {
    const minutes = n / 12;
    // What warms up grows fast, and what is collected jitters.
    const base = {
      heap: Math.min(n, 60) * MB + (n % 7) * MB,
      rss: 300 * MB,
      handles: 20,
      descriptors: 40 + (n % 3),
    };
    const grown = (name: 'heap' | 'rss' | 'handles' | 'descriptors'): number =>
      base[name] + Math.floor((perMinute[name] ?? 0) * minutes);
    return {
      atMs: n * 5_000,
      delayP99Ms: 11,
      heap: grown('heap'),
      rss: grown('rss'),
      handles: grown('handles'),
      descriptors: grown('descriptors'),
    };
  });

test('what warms up and jitters is no leak', () => {
  expect(verdictOf(samples({})).leaks).toEqual([]);
});
test.each([
  ['three megabytes a minute', { heap: 3 * MB }, /^heap: [23]\.\d+ MB/],
  ['two descriptors a minute', { descriptors: 2 }, /^descriptors: \d+ more/],
  ['two handles a minute', { handles: 2 }, /^handles: \d+ more/],
] as const)('%s is one', (_, perMinute, said) => {
  const { leaks } = verdictOf(samples(perMinute));
  expect(leaks).toHaveLength(1);
  expect(leaks[0]).toMatch(said);
});
test('too few samples show nothing', () => {
  expect(verdictOf(samples({}).slice(0, 9)).leaks).not.toEqual([]);
  expect(verdictOf([]).leaks).not.toEqual([]);
});
