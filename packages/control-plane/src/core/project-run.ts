// Projection of what is counted beside an execution: its run, the roots of its agent, the permits that wait to be spent
// (RULE 18, 33, 38).
import type { ExecutionRow, RowReader, RunRow } from './rows.ts';
import { put, type Put } from './transition.ts';

/** Denials remembered per run, for containment by consequence (RULE 33). */
const REMEMBERED_DENIALS = 64;
/** Keys remembered per run; a run in which more keys act bars the first ones and is contained as a whole anyway. */
const REMEMBERED_KEYS = 256;
const DAY_MS = 86_400_000;

/** A permit or a hold joined the run; a permit also opens it, and a root counts against its grant (RULE 18). */
export function joined(
  rows: RowReader,
  row: ExecutionRow,
  isNew: boolean,
  openedAtMs: number | undefined,
): readonly Put[] {
  const run = runOf(rows, row);
  const keys =
    run.keys.includes(row.jkt) || run.keys.length >= REMEMBERED_KEYS ? run.keys : [...run.keys, row.jkt];
  const puts: Put[] = [
    put('run', row.run, {
      ...run,
      keys,
      executions: run.executions + (isNew ? 1 : 0),
      open: run.open + (openedAtMs === undefined ? 0 : 1),
    }),
  ];
  const root = row.parent === undefined ? row.chain.at(-1)?.id : undefined;
  if (root !== undefined && openedAtMs !== undefined) {
    // The day of the permit, not of the asking: a hold may have been asked for yesterday.
    const day = Math.floor(openedAtMs / DAY_MS);
    const roots = rows.get('roots', root);
    const today = roots?.day === day ? roots.today : 0;
    puts.push(put('roots', root, { day, today: today + 1, open: (roots?.open ?? 0) + 1 }));
  }
  return puts;
}

/** A denial was met in the run: it counts towards containment by consequence. */
export function denied(rows: RowReader, row: ExecutionRow, atMs: number): readonly Put[] {
  const run = runOf(rows, row);
  const keys =
    row.jkt === '' || run.keys.includes(row.jkt) || run.keys.length >= REMEMBERED_KEYS
      ? run.keys
      : [...run.keys, row.jkt];
  return [
    put('run', row.run, {
      ...run,
      keys,
      executions: run.executions + (rows.get('execution', row.exec) === undefined ? 1 : 0),
      denials: [...run.denials, atMs].slice(-REMEMBERED_DENIALS),
    }),
  ];
}

/** An execution of the run ended, and with a root its agent's grant has one more to give (RULE 18). */
export function closed(rows: RowReader, row: ExecutionRow): readonly Put[] {
  const puts: Put[] = [];
  const run = rows.get('run', row.run);
  if (run !== undefined) puts.push(put('run', row.run, { ...run, open: Math.max(0, run.open - 1) }));
  const root = row.parent === undefined ? row.chain.at(-1)?.id : undefined;
  const roots = root === undefined ? undefined : rows.get('roots', root);
  if (root !== undefined && roots !== undefined) {
    puts.push(put('roots', root, { ...roots, open: Math.max(0, roots.open - 1) }));
  }
  return puts;
}

/** Permits of this identity that wait to be spent (RULE 38). */
export const unspentPermits = (rows: RowReader, subject: string): number =>
  rows.get('tally', tallyOf(subject))?.count ?? 0;

/** One permit more, or one less, waits to be spent. */
export function unspent(rows: RowReader, row: ExecutionRow, change: 1 | -1): Put {
  const subject = row.chain.at(-1)?.id ?? '';
  return put('tally', tallyOf(subject), { count: Math.max(0, unspentPermits(rows, subject) + change) });
}

const tallyOf = (subject: string): string => `unspent:${subject}`;

const runOf = (rows: RowReader, row: ExecutionRow): RunRow =>
  rows.get('run', row.run) ?? {
    run: row.run,
    agent: row.chain.at(-1)?.id ?? '',
    keys: [],
    executions: 0,
    open: 0,
    denials: [],
    atMs: row.atMs,
  };
