/**
 * Rows of the database in this process's hands, and work over them: the machine reads rows synchronously, the database
 * answers later. So work runs over what is known; what it asked for and nobody knew is fetched, and it runs again.
 */
import type { Row, RowKey, RowKind } from '@licet/control-plane';
import { rowKey, type RowSource } from './overlay.ts';

/** A row as it is stored: parsed when it is looked at, once. */
export interface StoredRow {
  readonly kind: RowKind;
  readonly id: string;
  readonly version: number;
  readonly order: number;
  readonly json: string;
}

interface Remembered extends StoredRow {
  row?: Row;
}

const MAX_REMEMBERED = 20_000;

/** Rows as of some transition or later. A row that is not here may be there: ask the database. */
export class RowCache {
  readonly #rows = new Map<string, Remembered>();
  /** Rises when a row had to be forgotten: an answer that was on its way then may be older than what is forgotten. */
  forgotten = 0;

  get(kind: RowKind, id: string): Row | undefined {
    const held = this.#rows.get(rowKey(kind, id));
    return held === undefined ? undefined : (held.row ??= rowOf(held));
  }

  /** Takes over a row unless it is older than the one here. */
  put(row: StoredRow): void {
    const key = rowKey(row.kind, row.id);
    const held = this.#rows.get(key);
    if (held !== undefined && held.version >= row.version) return;
    this.#rows.delete(key);
    if (this.#rows.size >= MAX_REMEMBERED) {
      this.#rows.delete(this.#rows.keys().next().value!);
      this.forgotten++;
    }
    this.#rows.set(key, row);
  }

  clear(): void {
    this.#rows.clear();
    this.forgotten++;
  }
}

export const rowOf = ({ kind, id, version, order, json }: StoredRow): Row => ({
  kind,
  id,
  version,
  order,
  value: JSON.parse(json) as Row['value'],
});

/** What is asked for in one run of the work: rows, and whether records are there. */
export class Wanted implements RowSource {
  readonly #known: RowSource;
  readonly #rows = new Map<string, Row | undefined>();
  readonly #records = new Map<string, boolean>();
  #missingRows = new Map<string, RowKey>();
  #missingRecords = new Set<string>();

  constructor(known: RowSource) {
    this.#known = known;
  }

  get(kind: RowKind, id: string): Row | undefined {
    const found = this.#known.get(kind, id);
    if (found !== undefined) return found;
    const key = rowKey(kind, id);
    if (this.#rows.has(key)) return this.#rows.get(key);
    this.#missingRows.set(key, { kind, id });
    return undefined;
  }

  hasRecord(id: string): boolean {
    const known = this.#records.get(id);
    if (known === undefined) this.#missingRecords.add(id);
    return known ?? false;
  }

  /** What was asked for and is not known. */
  get missing(): { readonly rows: readonly RowKey[]; readonly records: readonly string[] } {
    return { rows: [...this.#missingRows.values()], records: [...this.#missingRecords] };
  }

  /** Takes the answer about what was missing: what is not in it does not exist. Returns whether any of it exists. */
  answer(rows: readonly StoredRow[], records: readonly string[]): boolean {
    for (const key of this.#missingRows.keys()) this.#rows.set(key, undefined);
    for (const row of rows) this.#rows.set(rowKey(row.kind, row.id), rowOf(row));
    for (const id of this.#missingRecords) this.#records.set(id, false);
    for (const id of records) this.#records.set(id, true);
    this.#missingRows = new Map();
    this.#missingRecords = new Set();
    return rows.length + records.length > 0;
  }
}
