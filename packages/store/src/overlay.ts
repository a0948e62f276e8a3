/**
 * The rows as the commands of one batch see them: what is committed, under what earlier commands of the batch put
 * (RULE 4: commands apply in order to the evolving state). Dropped whole when the batch does not commit.
 */
import type { Put, Row, RowKind, RowReader, RowValues } from '@licet/control-plane';

/** Committed rows. */
export interface RowSource {
  get(kind: RowKind, id: string): Row | undefined;
}

/** Rows that one transition can put. */
export const MAX_PUTS = 65_536;

/** Returns the name of a row within one map. Kinds hold no NUL. */
export const rowKey = (kind: RowKind, id: string): string => `${kind}\0${id}`;

/**
 * A row's `version` is the number of the transition that wrote it last; its `order` is that number and the row's
 * place among those the transition wrote, by name. So both follow from the log and the notes alone, and a rebuild
 * gives the same ones; `order` is unique, so a page can end anywhere.
 */
export class Overlay implements RowReader {
  readonly #source: RowSource;
  readonly #changed = new Map<string, Row>();
  readonly #written = new Set<string>();

  constructor(source: RowSource) {
    this.#source = source;
  }

  get<K extends RowKind>(kind: K, id: string): RowValues[K] | undefined {
    return this.row(kind, id)?.value as RowValues[K] | undefined;
  }

  version(kind: RowKind, id: string): number {
    return this.row(kind, id)?.version ?? 0;
  }

  row(kind: RowKind, id: string): Row | undefined {
    return this.#changed.get(rowKey(kind, id)) ?? this.#source.get(kind, id);
  }

  /** Rows that the batch changed, each as it is now. */
  get changed(): ReadonlyMap<string, Row> {
    return this.#changed;
  }

  /** Stages rows of the transition in progress. */
  put(puts: readonly Put[], transition: number): void {
    for (const { kind, id, value } of puts) {
      const key = rowKey(kind, id);
      this.#written.add(key);
      this.#changed.set(key, { kind, id, version: transition, order: transition * MAX_PUTS, value });
    }
  }

  /** Ends the transition: gives each row it wrote its place in the order. */
  endTransition(transition: number): void {
    if (this.#written.size > MAX_PUTS) throw new RangeError(`a transition put ${this.#written.size} rows`);
    // Puts may come in any sequence; names do not. INVARIANT: a rebuild gives the same order ("rebuilt tables …").
    [...this.#written].toSorted().forEach((key, place) => {
      this.#changed.set(key, { ...this.#changed.get(key)!, order: transition * MAX_PUTS + place });
    });
    this.#written.clear();
  }

  /** Forgets what was written out, so that a long rebuild stays small. */
  clear(): void {
    this.#changed.clear();
  }
}
