/**
 * Reading the tables: statements and the shapes of what comes back. Nothing here writes.
 */
import { parseFrontier, type Frontier } from '@licet/evidence';
import type { ListQuery, Row, RowKey, RowKind } from '@licet/control-plane';
import type { StoredEntry } from './answers.ts';
import { cellOf, conditions } from './columns.ts';
import { StoreError } from './errors.ts';
import type { Found, Statement } from './postgres-connection.ts';
import { rowOf, type StoredRow } from './postgres-rows.ts';
import { TIMELINE_SQL } from './postgres-server.ts';

/** The state row. */
export interface PostgresState {
  readonly origin: string;
  /** The log's vkey. */
  readonly key: string;
  readonly size: number;
  readonly root: Uint8Array;
  readonly frontier: Frontier;
  readonly transition: number;
  /** Whose boot is the newest; undefined before the first. */
  readonly incarnation: string | undefined;
  readonly era: number;
  /** Whether the commit that made it waited for a synchronous standby, and with it all before it. */
  readonly synchronous: boolean;
  /** Whether a commit now waits for one. */
  readonly waits: boolean;
  /** Timeline of the server that answered. */
  readonly timeline: string;
}

const STATE_SQL = `SELECT origin, key, size, root, frontier, transition, incarnation, era, synchronous,
  ${TIMELINE_SQL} AS timeline, current_setting('synchronous_standby_names') <> '' AS waits FROM state`;
export const STATE: Statement = { name: 'state', text: STATE_SQL };
/** The fence: nobody else writes until this transaction ends (DESIGN §9). What is read after it is current. */
export const FENCE: Statement = { name: 'fence', text: `${STATE_SQL} FOR UPDATE` };

/** Most leaves and rows that a replica takes over at once; one that is further behind begins anew. */
export const MAX_NEWS = 8_192;
export const LEAVES: Statement = {
  name: 'leaves',
  text: `SELECT leaf FROM entry WHERE idx >= $1 ORDER BY idx LIMIT ${MAX_NEWS + 1}`,
};
export const NEWS: Statement = {
  name: 'news',
  text: `SELECT kind, id, version, ord, value FROM projection WHERE ord >= $1 ORDER BY ord LIMIT ${MAX_NEWS + 1}`,
};
export const ROWS: Statement = {
  name: 'rows',
  text: `SELECT p.kind, p.id, p.version, p.ord, p.value
    FROM unnest($1::text[], $2::text[]) AS w (kind, id) JOIN projection p ON p.kind = w.kind AND p.id = w.id`,
};
export const RECORDS: Statement = {
  name: 'records',
  text: 'SELECT id FROM record WHERE id = ANY($1::text[])',
};
export const ENTRIES: Statement = {
  name: 'entries',
  text: 'SELECT idx, bytes, leaf FROM entry WHERE idx >= $1 AND idx < $2 ORDER BY idx',
};
export const TILES: Statement = {
  name: 'tiles',
  text: `SELECT t.level, t.idx, t.hashes
    FROM unnest($1::int[], $2::bigint[]) AS w (level, idx) JOIN tile t ON t.level = w.level AND t.idx = w.idx`,
};
export const HEADS: Statement = {
  name: 'heads',
  text: 'SELECT idx, root FROM entry WHERE idx >= $1 AND idx < $2 AND root IS NOT NULL ORDER BY idx LIMIT $3',
};

export const rowsAsked = (keys: readonly RowKey[]): readonly unknown[] => [
  keys.map(({ kind }) => kind),
  keys.map(({ id }) => id),
];

export function stateOf(found: Found | undefined): PostgresState {
  if (found === undefined) throw new StoreError('ERR_STORE_CORRUPT', 'the store has no state');
  const incarnation = found['incarnation'];
  return {
    origin: String(found['origin']),
    key: String(found['key']),
    size: Number(found['size']),
    root: blob(found['root']),
    frontier: parseFrontier(blob(found['frontier'])),
    transition: Number(found['transition']),
    incarnation: typeof incarnation === 'string' ? incarnation : undefined,
    era: Number(found['era']),
    synchronous: found['synchronous'] === true,
    waits: found['waits'] === true,
    timeline: String(found['timeline']),
  };
}

export const storedRow = (found: Found): StoredRow => ({
  kind: String(found['kind']) as RowKind,
  id: String(found['id']),
  version: Number(found['version']),
  order: Number(found['ord']),
  json: String(found['value']),
});

export const entryOf = (found: Found): StoredEntry => ({
  index: Number(found['idx']),
  bytes: blob(found['bytes']),
  leaf: blob(found['leaf']),
});

export const headOf = (found: Found): { readonly size: number; readonly root: Uint8Array } => ({
  size: Number(found['idx']) + 1,
  root: blob(found['root']),
});

/** In an array of its own: what `pg` gives is a window on what it received. */
export function blob(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new StoreError('ERR_STORE_CORRUPT', 'expected bytes in a column');
  return Uint8Array.from(value);
}

/** Asks over any connection that is free. */
export type Ask = (statement: Statement, values?: readonly unknown[]) => Promise<readonly Found[]>;

/** What is read of the tables outside the fence: committed rows only. */
export interface PostgresReader {
  rows(keys: readonly RowKey[]): Promise<readonly StoredRow[]>;
  list(query: ListQuery): Promise<readonly Row[]>;
  /** Ids of rows that are due: of this replica's share, and of everybody's once they are `lateMs` late. */
  due(nowMs: number, limit: number, share: Share): Promise<readonly string[]>;
  entries(start: number, end: number): Promise<readonly StoredEntry[]>;
  entriesOf(exec: string): Promise<readonly StoredEntry[]>;
  find(leaf: Uint8Array): Promise<number | undefined>;
  count(): Promise<number>;
  /** The first acknowledged tree of at least this size. */
  headFrom(size: number): Promise<{ readonly size: number; readonly root: Uint8Array } | undefined>;
  heads(start: number, end: number): Promise<readonly { readonly size: number; readonly root: Uint8Array }[]>;
  notes(exec: string): Promise<readonly string[]>;
  record(id: string): Promise<Uint8Array | undefined>;
}

/** Which of the live replicas this one is. */
export interface Share {
  readonly replicas: number;
  readonly place: number;
}

/** How late a row may be before any replica takes it, milliseconds. */
const LATE_MS = 2_000;

export function createPostgresReader(ask: Ask): PostgresReader {
  return {
    rows: async (keys) =>
      keys.length === 0 ? [] : (await ask(ROWS, rowsAsked(keys))).map((found) => storedRow(found)),
    async list(query) {
      const where = conditions(query);
      const ascending = query.ascending === true;
      const listed = cellOf(query.kind) === undefined;
      const values: unknown[] = [query.kind];
      const value = (given: unknown): string => `$${values.push(given)}`;
      const clauses = [
        'kind = $1',
        // These let the partial indexes be used.
        ...(listed ? ['listed'] : []),
        ...where.map(
          ([field, wanted]) =>
            `${field} = ${value(wanted)}${field === 'parent' && wanted !== '' ? " AND parent > ''" : ''}`,
        ),
        ...(query.after === undefined ? [] : [`ord ${ascending ? '>' : '<'} ${value(query.after)}`]),
      ];
      const text = `SELECT kind, id, version, ord, value FROM projection WHERE ${clauses.join(' AND ')}
        ORDER BY ord ${ascending ? 'ASC' : 'DESC'} LIMIT ${value(query.limit)}`;
      const shape = `${listed ? 'l' : 'c'}${where.map(([field]) => field).join()}${query.after === undefined ? '' : 'a'}${ascending ? '+' : '-'}`;
      return (await ask({ name: `list-${shape}`, text }, values)).map((found) => rowOf(storedRow(found)));
    },
    due: async (nowMs, limit, { replicas, place }) =>
      (
        await ask(
          {
            name: 'due',
            text: `SELECT id FROM projection WHERE due <= $1 AND (due <= $1 - ${LATE_MS} OR abs(hashtext(id)::bigint) % $3 = $4)
              ORDER BY due, id LIMIT $2`,
          },
          [nowMs, limit, replicas, place],
        )
      ).map((found) => String(found['id'])),
    entries: async (start, end) => (await ask(ENTRIES, [start, end])).map(entryOf),
    entriesOf: async (exec) =>
      (
        await ask(
          { name: 'entries-of', text: 'SELECT idx, bytes, leaf FROM entry WHERE exec = $1 ORDER BY idx' },
          [exec],
        )
      ).map(entryOf),
    async find(leaf) {
      const [found] = await ask(
        { name: 'find', text: 'SELECT idx FROM entry WHERE substring(leaf FROM 1 FOR 6) = $1 AND leaf = $2' },
        [Buffer.from(leaf.subarray(0, 6)), Buffer.from(leaf)],
      );
      return found === undefined ? undefined : Number(found['idx']);
    },
    count: async () =>
      Number((await ask({ name: 'count', text: 'SELECT count(*) AS n FROM entry' }))[0]?.['n']),
    async headFrom(size) {
      const [found] = await ask(HEADS, [Math.max(0, size - 1), Number.MAX_SAFE_INTEGER, 1]);
      return found === undefined ? undefined : headOf(found);
    },
    heads: async (start, end) => (await ask(HEADS, [start, end, null])).map(headOf),
    notes: async (exec) =>
      (await ask({ name: 'notes', text: 'SELECT note FROM note WHERE exec = $1 ORDER BY n' }, [exec])).map(
        (found) => String(found['note']),
      ),
    async record(id) {
      const [found] = await ask({ name: 'record', text: 'SELECT body FROM record WHERE id = $1' }, [id]);
      return found === undefined ? undefined : blob(found['body']);
    },
  };
}
