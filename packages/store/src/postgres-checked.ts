/**
 * What the check reads of a PostgreSQL store: state and number of entries in one snapshot, everything else as it is.
 */
import { concat, TILE_WIDTH } from '@licet/evidence';
import type { Checked } from './check.ts';
import type { Session } from './postgres-connection.ts';
import { blob, createPostgresReader, STATE, stateOf, TILES } from './postgres-reader.ts';

/** Returns the view of a session at one committed state. */
export async function checkedPostgres(
  session: Session,
): Promise<Checked & { readonly key: string; readonly origin: string }> {
  const [, found, counted] = await session.askAll([
    [{ name: 'read', text: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' }],
    [STATE],
    [{ name: 'count', text: 'SELECT count(*) AS n FROM entry' }],
    [{ name: 'end', text: 'COMMIT' }],
  ]);
  const { size, root, frontier, key, origin } = stateOf(found![0]);
  const reader = createPostgresReader((statement, values) => session.ask(statement, values));
  return {
    origin,
    key,
    size,
    root,
    frontier,
    count: Number(counted![0]?.['n']),
    entries: (start, end) => reader.entries(start, end),
    async tile(level, index) {
      const [tile] = await session.ask(TILES, [[level], [index]]);
      if (tile !== undefined) return blob(tile['hashes']);
      if (level !== 0) return undefined;
      const entries = await reader.entries(index * TILE_WIDTH, (index + 1) * TILE_WIDTH);
      return entries.length === 0 ? undefined : concat(...entries.map(({ leaf }) => leaf));
    },
    heads: (start, end) => reader.heads(start, end),
    pause: () => Promise.resolve(),
  };
}
