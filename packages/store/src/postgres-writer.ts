/**
 * A replica's batches (DESIGN §9): two round trips each. The first takes the fence and brings what is new; the batch is
 * then planned on rows as they are under it; the second writes everything and commits.
 *
 * Planning begins before the fence, on what the replica knows. When the first round trip shows that nothing which was
 * read has changed, that plan is the plan under the fence, for it follows from the same rows; otherwise it is made again.
 */
import { DatabaseError } from 'pg';
import { equalBytes } from '@licet/evidence';
import type { Clock, LeaseSigner, Machine } from '@licet/control-plane';
import { planBatch, type BatchCommand, type BatchPlan } from './engine.ts';
import { systemRandom } from './entropy.ts';
import { messageOf, StoreError } from './errors.ts';
import type { FaultPoint } from './faults.ts';
import type { Session, Statement } from './postgres-connection.ts';
import {
  FENCE,
  RECORDS,
  ROWS,
  rowsAsked,
  stateOf,
  storedRow,
  type PostgresState,
} from './postgres-reader.ts';
import { Wanted } from './postgres-rows.ts';
import type { ReplicaView } from './postgres-view.ts';
import { WRITE, writeValues } from './postgres-write.ts';
import type { FaultPlan } from './wire.ts';

export const BEGIN: Statement = { name: 'begin', text: 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE' };
const DISK_FULL = '53100';

/** A plan that was made while somebody held the fence for longer than this is made again: its time is old. */
const PLAN_MS = 250;

export interface WriterParts {
  readonly machine: Machine;
  readonly lease: LeaseSigner;
  readonly clock: Clock;
  readonly faults: readonly FaultPlan[];
  wrap(id: string, key: Uint8Array): Uint8Array;
  /** The session that batches go through, and what the server was when it began. */
  session(): { readonly session: Session; readonly incarnation: string; readonly timeline: string };
  view(): ReplicaView;
  /** Reads the view anew: it was too far behind to catch up. */
  reopen(): Promise<void>;
}

/** What has become of a batch. */
export interface WrittenBatch {
  readonly plan: BatchPlan;
  /** Index of its first entry. */
  readonly base: number;
}

/** What a failed batch may have left behind. */
export class BatchFailure extends Error {
  /** `before`: nothing was written. `full`: nothing, for want of space. `unknown`: nobody knows. `fork`: never again. */
  readonly left: 'before' | 'full' | 'unknown' | 'fork';

  constructor(left: BatchFailure['left'], cause: unknown) {
    super(messageOf(cause), { cause });
    this.left = left;
  }
}

/** Returns how to commit a batch. Not to be called while it is at work. @throws BatchFailure */
export function createPostgresWriter(
  parts: WriterParts,
): (commands: readonly BatchCommand[]) => Promise<WrittenBatch> {
  const random = systemRandom();
  let batches = 0;

  const planned = (point: FaultPoint): boolean =>
    parts.faults.some((fault) => fault.point === point && fault.batch === batches);
  const fault = (point: FaultPoint): void => {
    if (planned(point)) throw new Error(`fault: ${point}`);
  };

  async function commit(commands: readonly BatchCommand[]): Promise<WrittenBatch> {
    batches++;
    for (;;) {
      let written: WrittenBatch | 'behind';
      try {
        written = await attempt(commands);
      } catch (error) {
        throw error instanceof BatchFailure
          ? error
          : new BatchFailure(forked(error) ? 'fork' : 'before', error);
      }
      if (written !== 'behind') return written;
      await parts.reopen();
    }
  }

  async function attempt(commands: readonly BatchCommand[]): Promise<WrittenBatch | 'behind'> {
    const { session, incarnation, timeline } = parts.session();
    const view = parts.view();
    const wanted = new Wanted(view.rows);
    const plan = (booted: boolean): BatchPlan =>
      planBatch(
        commands,
        wanted,
        { log: view.log, transition: view.transition, booted },
        {
          machine: parts.machine,
          lease: parts.lease,
          clock: parts.clock,
          random,
          hasRecord: (id) => wanted.hasRecord(id),
        },
      );
    const { transition: known, era } = view;
    const ahead = plan(view.incarnation === incarnation);
    const aheadAtMs = performance.now();
    const { rows, records } = wanted.missing;
    const asked = view.ask();
    const [, fence, leaves, news, foundRows, foundRecords] = await session.askAll([
      [BEGIN],
      [FENCE],
      ...asked.statements,
      [ROWS, rowsAsked(rows)],
      [RECORDS, [records]],
    ]);
    const state = stateOf(fence![0]);
    // RULE 7: another timeline is another server, whatever the connection believes.
    if (state.timeline !== timeline) throw new Error('the server was promoted');
    if (view.absorb(state, asked, leaves!, news!) === 'behind') {
      await session.end('ROLLBACK');
      return 'behind';
    }
    const existed = wanted.answer(
      foundRows!.map(storedRow),
      foundRecords!.map(({ id }) => String(id)),
    );
    const same = known === view.transition && era === view.era && !existed;
    const young = performance.now() - aheadAtMs < PLAN_MS;
    const made =
      same && young ? ahead : await settle(session, wanted, () => plan(state.incarnation === incarnation));
    fault('before-commit');
    const base = view.log.size;
    if (made.transition === view.transition) {
      await session.end('ROLLBACK');
      return { plan: made, base };
    }
    await write(session, made, view, state, made.booted ? incarnation : state.incarnation);
    view.committed(made.appended, made.rows, made.transition, made.booted ? incarnation : state.incarnation);
    return { plan: made, base };
  }

  async function write(
    session: Session,
    plan: BatchPlan,
    view: ReplicaView,
    state: PostgresState,
    incarnation: string | undefined,
  ): Promise<void> {
    if (state.size !== view.log.size || !equalBytes(state.root, view.log.root))
      throw new StoreError(
        'ERR_STORE_CORRUPT',
        'the fence names another tree than this replica has followed',
      );
    const values = writeValues(plan, view, { incarnation, waits: state.waits }, parts.wrap);
    if (planned('torn-batch')) {
      await session.ask(WRITE, values);
      fault('torn-batch');
    }
    if (planned('lost-write')) {
      await session.ask(WRITE, values);
      await session.end('ROLLBACK');
      throw new BatchFailure('unknown', new Error('fault: lost-write'));
    }
    session.warned();
    const [wrote, ended] = await Promise.allSettled([session.ask(WRITE, values), session.end('COMMIT')]);
    // The server refused the statement, so its COMMIT could only roll back.
    if (wrote.status === 'rejected' && wrote.reason instanceof DatabaseError)
      throw new BatchFailure(wrote.reason.code === DISK_FULL ? 'full' : 'before', wrote.reason);
    if (ended.status === 'rejected') throw new BatchFailure('unknown', ended.reason);
    if (wrote.status === 'rejected') throw new BatchFailure('unknown', wrote.reason);
    if (Number(wrote.value[0]?.['n']) !== 1)
      throw new StoreError('ERR_STORE_CORRUPT', 'somebody wrote to the state past the fence');
    if (ended.value !== 'COMMIT') throw new BatchFailure('before', new Error('the server rolled back'));
    // A wait for a synchronous standby that somebody cancelled ends in a warning and "success": it may yet be lost.
    const warning = session.warned();
    if (warning !== undefined) throw new BatchFailure('unknown', new Error(warning));
    if (planned('unknown-result') || planned('after-commit-before-reply'))
      throw new BatchFailure('unknown', new Error('fault: the answer is lost'));
  }

  return commit;
}

/** Runs `work` until all it asked for is known; every answer is current, for the fence is held. */
export async function settle<T>(session: Session, wanted: Wanted, work: () => T): Promise<T> {
  for (;;) {
    const made = work();
    const { rows, records } = wanted.missing;
    if (rows.length + records.length === 0) return made;
    const [foundRows, foundRecords] = await session.askAll([
      [ROWS, rowsAsked(rows)],
      [RECORDS, [records]],
    ]);
    const existed = wanted.answer(
      foundRows!.map(storedRow),
      foundRecords!.map(({ id }) => String(id)),
    );
    // What is not there was taken as not being there.
    if (!existed) return made;
  }
}

/** A fork or a rollback: nothing of this can be put right by trying again. */
export const forked = (error: unknown): boolean =>
  error instanceof StoreError && error.code === 'ERR_STORE_CORRUPT';
