// Commits: how a command reaches the log. What rests on an evaluation carries the versions it read and is prepared again
// when they have changed (RULE 4); when nobody knows whether a commit happened, the log is asked first (DESIGN §8).
import { conflict, refusedUnrecorded } from './answers.ts';
import type { PlaneContext } from './context.ts';
import type { Command } from './core/commands.ts';
import type { ExecutionRow, IdemRow } from './core/rows.ts';
import { ControlPlaneError } from './errors.ts';
import type { Answered } from './face.ts';
import { executionOf } from './look-up.ts';
import type { CommitAnswer, CommitResult, Lane, Prepared, PreparedRecord } from './ports.ts';
import { recall, type Asker } from './recall.ts';
import { FENCED, Snapshot } from './snapshot.ts';

/** A decision that keeps losing races is denied `contended` after this many tries (RULE 4). */
export const MAX_TRIES = 6;

/** What goes with a command to the store. */
export interface CommitOptions {
  /** Default `normal`. */
  readonly lane?: Lane;
  /** The largest tree the caller has seen (RULE 8). */
  readonly seen?: number | undefined;
  readonly record?: PreparedRecord;
}

/** Commits a command that rests on what the snapshot has read. `evaluatedAtMs`: default now. */
export async function commitOn(
  { store, clock }: PlaneContext,
  command: Command,
  snapshot: Snapshot,
  options: CommitOptions & { readonly evaluatedAtMs?: number } = {},
): Promise<CommitAnswer> {
  const { lane = 'normal', seen, record, evaluatedAtMs = clock.nowMs() } = options;
  const prepared: Prepared = {
    command,
    reads: snapshot.versions(FENCED),
    evaluatedAtMs,
    ...(record === undefined ? {} : { record }),
  };
  return store.commit(prepared, { lane, ...(seen === undefined ? {} : { seen }) });
}

/** Commits a command that rests on no evaluation: it cannot be stale. */
export async function commit(
  { store, clock }: PlaneContext,
  command: Command,
  { lane, seen, record }: CommitOptions = {},
): Promise<CommitResult> {
  const prepared: Prepared = {
    command,
    reads: [],
    evaluatedAtMs: clock.nowMs(),
    ...(record === undefined ? {} : { record }),
  };
  const result = await store.commit(prepared, {
    ...(lane === undefined ? {} : { lane }),
    ...(seen === undefined ? {} : { seen }),
  });
  if (result === 'stale')
    throw new ControlPlaneError('ERR_PLANE_INVARIANT', `${command.kind} read nothing and was stale`);
  return result;
}

/** Prepares again on `stale`; reads back when the outcome of a commit is not known (RULE 4, DESIGN §8). */
export async function attempt(
  context: PlaneContext,
  { idem, digest }: { readonly idem: string; readonly digest: string },
  asker: Asker,
  once: () => Promise<Answered | 'stale'>,
): Promise<Answered> {
  const { store } = context;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    try {
      const result = await once();
      if (result !== 'stale') return result;
    } catch (error) {
      if ((error as { readonly code?: unknown }).code !== 'ERR_STORE_UNKNOWN_RESULT') throw error;
      const found = await store.readBack(idem);
      // Not there: nothing was permitted; the caller repeats with the same key, and only then is it decided again.
      if (found === undefined) throw error;
      const [row] = await store.read([{ kind: 'idem', id: idem }]);
      // Somebody else may have used the key for another request while ours was lost.
      const same = (row?.value as IdemRow | undefined)?.request === digest;
      return recall(context, found.exec, same, asker);
    }
  }
  return refusedUnrecorded('', 'contended');
}

/** Does something with an execution as it is now, and again on `stale` (RULE 4). */
export async function onExecution(
  { store }: PlaneContext,
  exec: string,
  once: (row: ExecutionRow, snapshot: Snapshot) => Promise<Answered | 'stale'>,
): Promise<Answered> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const row = await executionOf(store, exec);
    if (row === undefined) return conflict('unknown_execution', exec);
    const result = await once(row, new Snapshot(store));
    if (result !== 'stale') return result;
  }
  return refusedUnrecorded(exec, 'contended');
}
