/**
 * What the check reads of a SQLite store.
 */
import type { Frontier } from '@licet/evidence';
import type { Checked } from './check.ts';
import type { SqliteReader } from './sqlite-reader.ts';

/** Returns the view of a reader at one committed state. */
export function checkedBy(
  reader: SqliteReader,
  state: { readonly frontier: Frontier; readonly root: Uint8Array },
  pause: () => Promise<void> = () => Promise.resolve(),
): Checked {
  return {
    size: state.frontier.size,
    root: state.root,
    frontier: state.frontier,
    count: reader.count(),
    entries: (start, end) => reader.entries(start, end),
    tile: (level, index) => reader.get(level, index),
    heads: (start, end) => reader.heads(start, end),
    pause,
  };
}
