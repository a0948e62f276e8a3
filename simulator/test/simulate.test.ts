/**
 * Goal: no seed breaks a promise, a seed repeats itself to the byte, and bugs that are planted are found. The bugs are
 * wrapped round the real machine or store, so that what finds them is what looks at the real one.
 */
import type { CommitAnswer, Machine, Prepared, RowReader, Transition } from '@licet/control-plane';
import type { MemoryStore } from '@licet/store/memory';
import { describe, expect, test } from 'vitest';
import { simulate, type Bugs } from '../src/index.ts';

const SEEDS = Number(process.env['LICET_SEEDS'] ?? 500);
const CHUNK = 50;
const PATIENCE_MS = 1_800_000;

describe(`${SEEDS} seeds`, () => {
  for (let from = 1; from <= SEEDS; from += CHUNK) {
    const to = Math.min(SEEDS, from + CHUNK - 1);
    test(
      `seeds ${from} to ${to} break no promise`,
      async () => {
        for (let seed = from; seed <= to; seed += 1) {
          const { violations } = await simulate({ seed });
          expect(violations, `npm run simulate -- --seed=${seed}`).toEqual([]);
        }
      },
      PATIENCE_MS,
    );
  }
});

test('the same seed gives the same log, to the byte, and another seed another', async () => {
  const [one, again, other] = [
    await simulate({ seed: 7 }),
    await simulate({ seed: 7 }),
    await simulate({ seed: 8 }),
  ];
  expect(again).toEqual(one);
  expect(other.root).not.toBe(one.root);
});

test('a seed does something: permits, starts, containments, failures and restarts all happen', async () => {
  const counts = await Promise.all(
    Array.from({ length: 12 }, async (_, at) => (await simulate({ seed: `busy ${at}` })).counts),
  );
  for (const name of [
    'permits',
    'starts',
    'containments',
    'failures',
    'restarts',
    'acknowledged',
    'evidence',
  ] as const)
    expect(
      counts.reduce((sum, count) => sum + count[name], 0),
      name,
    ).toBeGreaterThan(10);
});

/** Rows of which one kind is seen otherwise than it is. */
const seeing = (rows: RowReader, see: (kind: string, value: unknown) => unknown): RowReader => ({
  get: (kind, id) => see(kind, rows.get(kind, id)) as never,
  version: (kind, id) => rows.version(kind, id),
});
type Row = Readonly<Record<string, unknown>> | undefined;

const onRedeem =
  (see: (kind: string, value: Row) => unknown) =>
  (real: Machine): Machine => ({
    ...real,
    apply: (rows, prepared, context) =>
      prepared.command.kind === 'redeem'
        ? real.apply(
            seeing(rows, (kind, value) => see(kind, value as Row)),
            { ...prepared, reads: [] },
            context,
          )
        : real.apply(rows, prepared, context),
  });

/** A plane that answers what it meant to write, although the write failed. */
function repliesBeforeCommit(): Bugs {
  const meant = new Map<Prepared, { readonly made: Transition; readonly size: number }>();
  return {
    machine: (real) => ({
      ...real,
      apply(rows, prepared, context) {
        const made = real.apply(rows, prepared, context);
        if (made !== 'stale') meant.set(prepared, { made, size: context.size });
        return made;
      },
    }),
    store: (real) => ({ ...real, commit: (prepared, options) => commit(real, prepared, options) }),
  };

  async function commit(
    real: MemoryStore,
    prepared: Prepared,
    options: Parameters<MemoryStore['commit']>[1],
  ): Promise<CommitAnswer> {
    try {
      return await real.commit(prepared, options);
    } catch (error) {
      const found = meant.get(prepared);
      if (found === undefined) throw error;
      const { made, size } = found;
      const { note } = await real.log.checkpoint();
      const entries = made.entries.map(({ bytes, leaf }, at) => ({
        bytes,
        leaf,
        index: size + at,
        proof: `c2sp.org/tlog-proof@v1\nindex ${size + at}\n\n${note}`,
      }));
      return { reply: made.reply, entries, notes: made.notes.map((one) => one.note), size };
    }
  }
}

const PLANTED: readonly (readonly [string, Bugs, RegExp])[] = [
  [
    'limits are not looked at',
    {
      machine: (real) => ({
        ...real,
        apply(rows, prepared, context) {
          const { command } = prepared;
          if (command.kind !== 'decide') return real.apply(rows, prepared, context);
          const reservations = command.reservations.map((one) => ({ ...one, max: '999999' }));
          return real.apply(rows, { ...prepared, command: { ...command, reservations } }, context);
        },
      }),
    },
    /overspent/,
  ],
  [
    'the reply leaves although the commit failed',
    repliesBeforeCommit(),
    /is not in the log|does not lead to its tree/,
  ],
  [
    'a permit that has expired is accepted',
    {
      machine: onRedeem((kind, value) =>
        kind === 'execution' && value?.['permit'] !== undefined
          ? { ...value, permit: { ...(value['permit'] as object), exp: Number.MAX_SAFE_INTEGER } }
          : value,
      ),
    },
    /outside \[|rebuilt otherwise/,
  ],
  [
    'a redemption does not see containments',
    { machine: onRedeem((kind, value) => (kind === 'containment' ? undefined : value)) },
    /is contained|heads/,
  ],
  [
    'a permit is spent twice',
    {
      machine: onRedeem((kind, value) => {
        if (kind !== 'execution' || value?.['state'] !== 'running') return value;
        const { start: _, ...rest } = value;
        return { ...rest, state: 'permitted' };
      }),
    },
    /second start/,
  ],
  [
    'an outcome settles nothing',
    {
      machine: (real) => ({
        ...real,
        project: (rows, placed) => {
          const puts = real.project(rows, placed);
          return placed.entry.type === 'outcome' ? puts.filter(({ kind }) => kind !== 'meter') : puts;
        },
      }),
    },
    /not the sum over the log|Draft|otherwise/,
  ],
];

describe('planted bugs', () => {
  for (const [name, bugs, expected] of PLANTED) {
    test(
      `${name}: found, and the seed repeats it`,
      async () => {
        for (let seed = 1; seed <= Math.max(100, SEEDS); seed += 1) {
          const { violations } = await simulate({ seed, bugs });
          if (violations.length === 0) continue;
          expect(violations.join('\n')).toMatch(expected);
          expect((await simulate({ seed, bugs })).violations).toEqual(violations);
          return;
        }
        expect.unreachable('no seed found it');
      },
      PATIENCE_MS,
    );
  }
});
