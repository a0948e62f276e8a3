/**
 * Writing a batch: one statement, so that the server works through it in one round trip while the fence is held. All of
 * it hangs on the state row being the one that the batch was planned on (compare and set): otherwise nothing is written.
 */
import { serializeFrontier, TILE_WIDTH } from '@licet/evidence';
import type { LogState } from '@licet/log';
import { cellOf, dueOf, indexOf, INDEXED } from './columns.ts';
import type { BatchPlan, PlannedDetail } from './engine.ts';
import type { Overlay } from './overlay.ts';
import { Packed, type Places } from './packed.ts';
import type { Statement } from './postgres-connection.ts';
import { seal } from './seal.ts';

/** Places of packed values as two parameters, and how SQL cuts them out again. */
const cut = (at: string): string => `substring($1::bytea FROM ${at} FOR ${at}_n)`;
const word = (at: string): string => `convert_from(${cut(at)}, 'UTF8')`;

/** Writes rows whose values begin with parameter `first`. */
const putRows = (first: number, fence: string): string => {
  const types = 'text text bigint bigint int int boolean text text text text text text bigint'.split(' ');
  const columns = `listed, ${INDEXED.join(', ')}, due`;
  return `INSERT INTO projection (kind, id, version, ord, value, ${columns})
    SELECT kind, id, version, ord, ${word('value')}, ${columns}
      FROM ${fence}unnest(${types.map((type, i) => `$${first + i}::${type}[]`).join(', ')})
        AS p (kind, id, version, ord, value, value_n, ${columns})
    ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, ord = excluded.ord, value = excluded.value,
      ${INDEXED.map((field) => `${field} = excluded.${field}`).join(', ')}, due = excluded.due`;
};

/** Writes rows alone: for a rebuild, which holds the fence. */
export const PUT_ROWS: Statement = { name: 'put-rows', text: putRows(2, '') };

export const WRITE: Statement = {
  name: 'write',
  text: `WITH fence AS (
    UPDATE state SET size = $5, root = $6, frontier = $7, transition = $8, incarnation = $9, synchronous = $46
      WHERE size = $2 AND root = $3 AND transition = $4 RETURNING 1
  ), records AS (
    INSERT INTO record (id, body) SELECT id, ${cut('body')}
      FROM fence, unnest($10::text[], $11::int[], $12::int[]) AS r (id, body, body_n)
  ), keys AS (
    INSERT INTO record_key (id, key) SELECT id, ${cut('key')}
      FROM fence, unnest($10::text[], $13::int[], $14::int[]) AS k (id, key, key_n)
      ON CONFLICT (id) DO UPDATE SET key = excluded.key
  ), entries AS (
    INSERT INTO entry (idx, leaf, root, transition, exec, record, detail, bytes)
      SELECT $2::bigint + i - 1, ${cut('leaf')}, CASE WHEN $2::bigint + i = $5 THEN $6::bytea END, transition, exec, record,
        ${cut('detail')}, ${cut('bytes')}
      FROM fence, unnest($15::int[], $16::int[], $17::bigint[], $18::text[], $19::text[], $20::int[], $21::int[], $22::int[], $23::int[])
        WITH ORDINALITY AS e (leaf, leaf_n, transition, exec, record, detail, detail_n, bytes, bytes_n, i)
  ), notes AS (
    INSERT INTO note (exec, note, transition) SELECT exec, ${word('note')}, transition
      FROM fence, unnest($24::text[], $25::int[], $26::int[], $27::bigint[])
        WITH ORDINALITY AS n (exec, note, note_n, transition, i) ORDER BY i
  ), tiles AS (
    INSERT INTO tile (level, idx, hashes) SELECT level, idx, ${cut('hashes')}
      FROM fence, unnest($28::int[], $29::bigint[], $30::int[], $31::int[]) AS t (level, idx, hashes, hashes_n)
      ON CONFLICT (level, idx) DO UPDATE SET hashes = excluded.hashes
  ), projections AS (${putRows(32, 'fence, ')}
  ) SELECT count(*) AS n FROM fence`,
};

/** Returns the values of {@link WRITE}. `wrap` makes a record key unreadable to whoever has the database alone. */
export function writeValues(
  plan: BatchPlan,
  before: { readonly log: LogState; readonly transition: number },
  server: { readonly incarnation: string | undefined; readonly waits: boolean },
  wrap: (id: string, key: Uint8Array) => Uint8Array,
): readonly unknown[] {
  const packed = new Packed();
  const both = ({ at, length }: Places): readonly unknown[] => [at, length];
  const { log } = before;
  const { size, root, frontier } = plan.appended.state;
  const { entries, records, notes } = plan;
  // RULE 41: K becomes durable in the very commit that makes record and entry durable.
  const recordValues = [
    records.map(({ id }) => id),
    ...both(packed.add(records.map(({ id, key, body }) => seal(key, `record:${id}`, JSON.stringify(body))))),
    ...both(packed.add(records.map(({ id, key }) => wrap(id, key)))),
  ];
  const entryValues = [
    ...both(packed.add(entries.map(({ leaf }) => leaf))),
    entries.map(({ transition }) => transition),
    entries.map(({ exec }) => exec ?? null),
    entries.map(({ detail }) => detail?.record?.id ?? null),
    ...both(packed.add(entries.map(({ detail }, i) => keptDetail(log.size + i, detail)))),
    ...both(packed.add(entries.map(({ bytes }) => bytes))),
  ];
  const noteValues = [
    notes.map(({ exec }) => exec),
    ...both(packed.add(notes.map(({ note }) => note))),
    notes.map(({ transition }) => transition),
  ];
  // The growing tile of level 0 is in the entries already.
  const tiles = plan.appended.tiles.filter(({ level, width }) => level > 0 || width === TILE_WIDTH);
  const tileValues = [
    tiles.map(({ level }) => level),
    tiles.map(({ index }) => index),
    ...both(packed.add(tiles.map(({ hashes }) => hashes))),
  ];
  const rowValues = projectionValues(plan.rows, packed);
  return [
    packed.bytes(),
    log.size,
    Buffer.from(log.root),
    before.transition,
    size,
    Buffer.from(root),
    Buffer.from(serializeFrontier(frontier)),
    plan.transition,
    server.incarnation ?? null,
    ...recordValues,
    ...entryValues,
    ...noteValues,
    ...tileValues,
    ...rowValues,
    server.waits,
  ];
}

/** Returns the values of {@link PUT_ROWS}. */
export function putRowsValues(rows: Overlay): readonly unknown[] {
  const packed = new Packed();
  const values = projectionValues(rows, packed);
  return [packed.bytes(), ...values];
}

function projectionValues(rows: Overlay, packed: Packed): readonly unknown[] {
  const changed = [...rows.changed.values()];
  const indexes = changed.map((row) => indexOf(row));
  const values = packed.add(changed.map(({ value }) => JSON.stringify(value)));
  return [
    changed.map(({ kind }) => kind),
    changed.map(({ id }) => id),
    changed.map(({ version }) => version),
    changed.map(({ order }) => order),
    values.at,
    values.length,
    changed.map(({ kind }) => cellOf(kind) === undefined),
    ...INDEXED.map((field) => indexes.map((index) => index?.[field] ?? null)),
    changed.map((row) => dueOf(row) ?? null),
  ];
}

function keptDetail(index: number, detail: PlannedDetail | undefined): Uint8Array | string | undefined {
  if (detail === undefined) return undefined;
  const text = JSON.stringify(detail.body);
  return detail.record === undefined ? text : seal(detail.record.key, `detail:${index}`, text);
}
