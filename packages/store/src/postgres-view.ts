/**
 * What a replica knows of the log and its rows: all of it up to some transition. It goes forward by its own batches and
 * by the news of others', and checks what it is told: leaves that do not lead from the tree it knows to the tree that
 * the state names are a fork, and a state behind what it knows is a rollback (RULE 8, RULE 36).
 */
import { equalBytes } from '@licet/evidence';
import { appendBatch, type Appended, type LogState } from '@licet/log';
import { StoreError } from './errors.ts';
import { MAX_PUTS, type Overlay } from './overlay.ts';
import type { Found, Statement } from './postgres-connection.ts';
import { blob, LEAVES, MAX_NEWS, NEWS, storedRow, type PostgresState } from './postgres-reader.ts';
import { RowCache } from './postgres-rows.ts';
import type { PostgresTiles } from './postgres-tiles.ts';

/** The questions whose answers bring a view up to date, and from where on they ask. */
export interface NewsAsked {
  /** What was known when they were asked. */
  readonly log: LogState;
  readonly transition: number;
  readonly statements: readonly [
    leaves: readonly [Statement, readonly unknown[]],
    rows: readonly [Statement, readonly unknown[]],
  ];
}

export class ReplicaView {
  readonly rows = new RowCache();
  readonly #tiles: PostgresTiles;
  #log: LogState;
  #transition: number;
  #era: number;
  #incarnation: string | undefined;

  constructor(log: LogState, state: PostgresState, tiles: PostgresTiles) {
    this.#log = log;
    this.#transition = state.transition;
    this.#era = state.era;
    this.#incarnation = state.incarnation;
    this.#tiles = tiles;
  }

  get log(): LogState {
    return this.#log;
  }
  /** Number of the last transition that is known. */
  get transition(): number {
    return this.#transition;
  }
  get era(): number {
    return this.#era;
  }
  /** Whose boot is the newest. */
  get incarnation(): string | undefined {
    return this.#incarnation;
  }

  /** What to ask for, in one snapshot with the state. */
  ask(): NewsAsked {
    return {
      log: this.#log,
      transition: this.#transition,
      statements: [
        [LEAVES, [this.#log.size]],
        [NEWS, [(this.#transition + 1) * MAX_PUTS]],
      ],
    };
  }

  /**
   * Takes over what others have written. `behind`: there was more than one answer holds; begin anew from the tables.
   * @throws StoreError `ERR_STORE_CORRUPT` on a fork or a rollback
   */
  absorb(
    state: PostgresState,
    asked: NewsAsked,
    leaves: readonly Found[],
    rows: readonly Found[],
  ): 'behind' | 'current' {
    if (state.transition < asked.transition || state.size < asked.log.size)
      throw rolledBack(asked.log.size, state.size);
    if (leaves.length > MAX_NEWS || rows.length > MAX_NEWS) return 'behind';
    if (state.era > this.#era) {
      // Rebuilt rows have the numbers they had: only what is asked for anew counts.
      this.rows.clear();
      this.#era = state.era;
    }
    if (state.era === this.#era) for (const row of rows) this.rows.put(storedRow(row));
    // Our own batch may have gone ahead while this was on its way.
    if (state.transition < this.#transition) return 'current';
    const fresh = leaves.slice(this.#log.size - asked.log.size).map((found) => blob(found['leaf']));
    const appended = appendBatch(this.#log, fresh);
    if (appended.state.size !== state.size || !equalBytes(appended.state.root, state.root)) {
      throw new StoreError(
        'ERR_STORE_CORRUPT',
        `the log of size ${state.size} does not continue the one of size ${this.#log.size} that this replica knows`,
      );
    }
    this.#advance(appended, state.transition, state.incarnation);
    return 'current';
  }

  /** Takes over a batch of our own, once it is committed. */
  committed(appended: Appended, rows: Overlay, transition: number, incarnation: string | undefined): void {
    for (const { value, ...row } of rows.changed.values())
      this.rows.put({ ...row, json: JSON.stringify(value) });
    // Followers may have told of it already, and of more.
    if (transition > this.#transition) this.#advance(appended, transition, incarnation);
  }

  #advance(appended: Appended, transition: number, incarnation: string | undefined): void {
    this.#tiles.keep(appended.tiles);
    this.#log = appended.state;
    this.#transition = transition;
    this.#incarnation = incarnation;
  }
}

/** RULE 7: a log that is behind what was acknowledged was set back. */
export const rolledBack = (known: number, found: number): StoreError =>
  new StoreError(
    'ERR_STORE_CORRUPT',
    `this replica has seen ${known} entries, the server holds ${found}: it was set back or restored`,
  );
