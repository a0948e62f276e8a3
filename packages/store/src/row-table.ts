/**
 * Rows in the writer: a cache of parsed rows over the table, so that a hot row is parsed once and not per command.
 * The cache holds committed rows only; after a rollback it is empty.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Row, RowKind } from '@licet/control-plane';
import { cellOf, dueOf, indexOf } from './columns.ts';
import { rowKey, type RowSource } from './overlay.ts';
import { columnsOf, type SqliteReader } from './sqlite-reader.ts';

interface CachedRow {
  /** Its rowid; 0 for a cell, which is written by name. */
  readonly n: number;
  readonly row: Row;
}

const MAX_CACHED = 20_000;

export class RowTable implements RowSource {
  readonly #db: DatabaseSync;
  readonly #reader: SqliteReader;
  readonly #statements = new Map<string, StatementSync>();
  readonly #cache = new Map<string, CachedRow>();
  readonly #written = new Map<string, CachedRow>();

  constructor(db: DatabaseSync, reader: SqliteReader) {
    this.#db = db;
    this.#reader = reader;
  }

  get(kind: RowKind, id: string): Row | undefined {
    return this.#find(rowKey(kind, id), kind, id)?.row;
  }

  /** Writes rows in the transaction in progress. Call {@link committed} or {@link rolledBack} after it. */
  write(rows: Iterable<Row>): void {
    for (const row of rows) {
      const key = rowKey(row.kind, row.id);
      const value = JSON.stringify(row.value);
      const cell = cellOf(row.kind);
      if (cell !== undefined) {
        this.statement(PUT_CELL).run(cell, row.id, row.version, row.order, value);
        this.#written.set(key, { n: 0, row });
        continue;
      }
      const columns = [row.version, row.order, value, ...columnsOf(indexOf(row)), dueOf(row) ?? null];
      let n = (this.#written.get(key) ?? this.#find(key, row.kind, row.id))?.n;
      if (n === undefined) {
        const { lastInsertRowid } = this.statement(INSERT).run(row.kind, row.id, ...columns);
        n = Number(lastInsertRowid);
      } else {
        this.statement(UPDATE).run(...columns, n);
      }
      this.#written.set(key, { n, row });
    }
  }

  /** What was written counts now. */
  committed(): void {
    for (const [key, cached] of this.#written) this.#keep(key, cached);
    this.#written.clear();
  }

  /** Forgets everything: rowids given in the transaction mean nothing any more. */
  rolledBack(): void {
    this.#written.clear();
    this.#cache.clear();
  }

  /** Returns a statement, prepared once per connection. */
  statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const made = this.#db.prepare(sql);
    this.#statements.set(sql, made);
    return made;
  }

  #find(key: string, kind: RowKind, id: string): CachedRow | undefined {
    const cached = this.#cache.get(key);
    if (cached !== undefined) return cached;
    const found = this.#reader.row(kind, id);
    if (found !== undefined) this.#keep(key, found);
    return found;
  }

  #keep(key: string, cached: CachedRow): void {
    // Written again = young again: the oldest in the map is the one unwritten for longest.
    this.#cache.delete(key);
    if (this.#cache.size >= MAX_CACHED) this.#cache.delete(this.#cache.keys().next().value!);
    this.#cache.set(key, cached);
  }
}

const PUT_CELL = 'INSERT OR REPLACE INTO cell (kind, id, version, ord, value) VALUES (?, ?, ?, ?, ?)';
const INSERT = `INSERT INTO row (kind, id, version, ord, value, state, run, parent, agent, action, verdict, due)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const UPDATE = `UPDATE row SET version = ?, ord = ?, value = ?, state = ?, run = ?, parent = ?, agent = ?, action = ?,
  verdict = ?, due = ? WHERE n = ?`;
