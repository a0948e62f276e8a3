/**
 * What of a row is indexed: the fields of an execution that `list` filters by, and when a timer must look at it.
 */
import {
  executionIndex,
  type ExecutionRow,
  type ListQuery,
  type Row,
  type RowKind,
} from '@licet/control-plane';
import { StoreError } from './errors.ts';

/** Fields that a list can filter by. */
export const INDEXED = ['state', 'run', 'parent', 'agent', 'action', 'verdict'] as const;
export type Indexed = (typeof INDEXED)[number];

/**
 * Kinds that are kept as cells, by place: nobody lists them, so they have no index beside their key. Those that every
 * commit writes come first and share their pages; the two that grow with the log come last, in the order of time and
 * at random. Stored as numbers: only ever append.
 */
const CELLS: readonly RowKind[] = [
  'clock',
  'plane',
  'containment',
  'policy',
  'tally',
  'roots',
  'meter',
  'key',
  'order',
  'hold',
  'run',
  'idem',
];

/** Returns the number of a kind that is kept as a cell; undefined for the kinds that are listed. */
export function cellOf(kind: RowKind): number | undefined {
  const at = CELLS.indexOf(kind);
  return at < 0 ? undefined : at;
}

/** Returns the indexed fields of a row; undefined for rows that are not filtered. */
export function indexOf(row: Row): Readonly<Record<string, string>> | undefined {
  return row.kind === 'execution' ? executionIndex(row.value as ExecutionRow) : undefined;
}

/** Returns when the row is due, milliseconds; undefined when no timer waits for it. */
export function dueOf(row: Row): number | undefined {
  return row.kind === 'execution' ? (row.value as ExecutionRow).dueAtMs : undefined;
}

/**
 * Returns the query's conditions. An unknown field is refused: a filter that is silently dropped shows more than
 * was asked for.
 * @throws StoreError `ERR_STORE_QUERY`
 */
export function conditions(query: ListQuery): readonly (readonly [Indexed, string])[] {
  if (!Number.isSafeInteger(query.limit) || query.limit < 1 || query.limit > 10_000) {
    throw new StoreError('ERR_STORE_QUERY', `limit ${query.limit} is not between 1 and 10,000`);
  }
  return Object.entries(query.where ?? {}).map(([field, value]) => {
    const known = INDEXED.find((name) => name === field);
    if (known === undefined || query.kind !== 'execution') {
      throw new StoreError(
        'ERR_STORE_QUERY',
        `${query.kind} rows are not indexed by ${JSON.stringify(field)}`,
      );
    }
    return [known, value];
  });
}
