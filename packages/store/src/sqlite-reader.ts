/**
 * Reading a store file: rows, lists, entries, tiles, heads. Synchronous, over one connection that sees committed
 * data only (the writer's own connection sees its transaction). Used by the plane's thread and by the writer.
 */
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import { concat, parseFrontier, TILE_WIDTH, type Frontier } from '@licet/evidence';
import type { ListQuery, Row, RowKind } from '@licet/control-plane';
import type { TileStore } from '@licet/log';
import type { StoredEntry } from './answers.ts';
import { cellOf, conditions, INDEXED } from './columns.ts';
import { StoreError } from './errors.ts';

export interface StoredState {
  readonly origin: string;
  /** The log's vkey. */
  readonly key: string;
  readonly frontier: Frontier;
  readonly root: Uint8Array;
  /** Number of the last transition that wrote something. */
  readonly transition: number;
}

export interface SqliteReader extends TileStore {
  /** Undefined in a file that has never been opened for writing. */
  state(): StoredState | undefined;
  /** A row with its rowid; 0 for a cell, which has none. */
  row(kind: RowKind, id: string): { readonly n: number; readonly row: Row } | undefined;
  list(query: ListQuery): readonly Row[];
  due(nowMs: number, limit: number): readonly string[];
  /** Stored entries with start ≤ index < end. */
  entries(start: number, end: number): readonly StoredEntry[];
  entriesOf(exec: string): readonly StoredEntry[];
  find(leaf: Uint8Array): number | undefined;
  count(): number;
  head(size: number): Uint8Array | undefined;
  /** The first acknowledged tree of at least this size. */
  headFrom(size: number): { readonly size: number; readonly root: Uint8Array } | undefined;
  heads(start: number, end: number): readonly { readonly size: number; readonly root: Uint8Array }[];
  notes(exec: string): readonly string[];
  record(id: string): Uint8Array | undefined;
}

type Column = SQLOutputValue | undefined;

/** Returns a reader over an open connection. Statements are prepared when first used. */
export function createReader(db: DatabaseSync): SqliteReader {
  const statements = new Map<string, StatementSync>();
  const on = (sql: string): StatementSync => {
    const known = statements.get(sql);
    if (known !== undefined) return known;
    const made = db.prepare(sql);
    statements.set(sql, made);
    return made;
  };

  return {
    state() {
      const found = on('SELECT origin, key, frontier, root, transition FROM state').get();
      if (found === undefined) return undefined;
      return {
        origin: text(found['origin']),
        key: text(found['key']),
        frontier: parseFrontier(blob(found['frontier'])),
        root: blob(found['root']),
        transition: integer(found['transition']),
      };
    },
    row(kind, id) {
      const cell = cellOf(kind);
      if (cell !== undefined) {
        const held = on('SELECT version, ord, value FROM cell WHERE kind = ? AND id = ?').get(cell, id);
        return held === undefined ? undefined : { n: 0, row: rowOf(kind, id, held) };
      }
      const found = on('SELECT n, version, ord, value FROM row WHERE kind = ? AND id = ?').get(kind, id);
      return found === undefined ? undefined : { n: integer(found['n']), row: rowOf(kind, id, found) };
    },
    list(query) {
      const where = conditions(query);
      const ascending = query.ascending === true;
      const clauses = [
        'kind = ?',
        // The second half lets SQLite use the index, which leaves out the roots of all runs.
        ...where.map(
          ([field, value]) => `${field} = ?${field === 'parent' && value !== '' ? " AND parent > ''" : ''}`,
        ),
        ...(query.after === undefined ? [] : [ascending ? 'ord > ?' : 'ord < ?']),
      ];
      const cell = cellOf(query.kind);
      const sql = `SELECT id, version, ord, value FROM ${cell === undefined ? 'row' : 'cell'} WHERE ${clauses.join(' AND ')}
        ORDER BY ord ${ascending ? 'ASC' : 'DESC'} LIMIT ?`;
      const after = query.after === undefined ? [] : [query.after];
      return on(sql)
        .all(cell ?? query.kind, ...where.map(([, value]) => value), ...after, query.limit)
        .map((found) => rowOf(query.kind, text(found['id']), found));
    },
    due: (nowMs, limit) =>
      on('SELECT id FROM row WHERE due <= ? ORDER BY due, id LIMIT ?')
        .all(nowMs, limit)
        .map((found) => text(found['id'])),
    entries: (start, end) =>
      on('SELECT idx, bytes, leaf FROM entry WHERE idx >= ? AND idx < ? ORDER BY idx')
        .all(start, end)
        .map(entryOf),
    entriesOf: (exec) =>
      on('SELECT idx, bytes, leaf FROM entry WHERE exec = ? ORDER BY idx').all(exec).map(entryOf),
    find(leaf) {
      const found = on('SELECT idx FROM entry WHERE substr(leaf, 1, 6) = ? AND leaf = ?').get(
        leaf.slice(0, 6),
        leaf,
      );
      return found === undefined ? undefined : integer(found['idx']);
    },
    count: () => integer(on('SELECT count(*) AS n FROM entry').get()?.['n']),
    get(level, index) {
      const found = on('SELECT hashes FROM tile WHERE level = ? AND idx = ?').get(level, index);
      if (found !== undefined) return blob(found['hashes']);
      // The growing tile of level 0 is not stored: its hashes are the leaves beside the entries.
      if (level !== 0) return undefined;
      const leaves = on('SELECT leaf FROM entry WHERE idx >= ? AND idx < ? ORDER BY idx')
        .all(index * TILE_WIDTH, (index + 1) * TILE_WIDTH)
        .map((leaf) => blob(leaf['leaf']));
      return leaves.length === 0 ? undefined : concat(...leaves);
    },
    head(size) {
      const found = on('SELECT root FROM entry WHERE idx = ? AND root IS NOT NULL').get(size - 1);
      return found === undefined ? undefined : blob(found['root']);
    },
    headFrom(size) {
      const found = on(
        'SELECT idx, root FROM entry WHERE idx >= ? AND root IS NOT NULL ORDER BY idx LIMIT 1',
      ).get(size - 1);
      return found === undefined ? undefined : headOf(found);
    },
    heads: (start, end) =>
      on('SELECT idx, root FROM entry WHERE idx >= ? AND idx < ? AND root IS NOT NULL ORDER BY idx')
        .all(start, end)
        .map(headOf),
    notes: (exec) =>
      on('SELECT note FROM note WHERE exec = ? ORDER BY n')
        .all(exec)
        .map((found) => text(found['note'])),
    record(id) {
      const found = on('SELECT body FROM record WHERE id = ?').get(id);
      return found === undefined ? undefined : blob(found['body']);
    },
  };
}

/** Returns the values of a row's indexed columns, in the order of {@link INDEXED}. */
export const columnsOf = (index: Readonly<Record<string, string>> | undefined): readonly (string | null)[] =>
  INDEXED.map((field) => index?.[field] ?? null);

export function blob(value: Column): Uint8Array {
  if (!(value instanceof Uint8Array)) throw unexpected('bytes', value);
  return value;
}
export function text(value: Column): string {
  if (typeof value !== 'string') throw unexpected('text', value);
  return value;
}
export function integer(value: Column): number {
  if (typeof value !== 'number') throw unexpected('an integer', value);
  return value;
}

const headOf = (found: Record<string, Column>): { readonly size: number; readonly root: Uint8Array } => ({
  size: integer(found['idx']) + 1,
  root: blob(found['root']),
});

const entryOf = (found: Record<string, Column>): StoredEntry => ({
  index: integer(found['idx']),
  bytes: blob(found['bytes']),
  leaf: blob(found['leaf']),
});

const rowOf = (kind: RowKind, id: string, found: Record<string, Column>): Row => ({
  kind,
  id,
  version: integer(found['version']),
  order: integer(found['ord']),
  value: JSON.parse(text(found['value'])) as Row['value'],
});

const unexpected = (expected: string, found: Column): StoreError =>
  new StoreError('ERR_STORE_CORRUPT', `expected ${expected} in a column, found ${typeof found}`);
