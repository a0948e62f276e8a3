/**
 * Rebuilding the rows in PostgreSQL from entries, details and notes, in one transaction under the fence: either all rows
 * are the rebuilt ones or nothing has changed. Other replicas forget what they remember of rows (`era`).
 */
import type { EntryDetail, Machine } from '@licet/control-plane';
import { StoreError, messageOf } from './errors.ts';
import { Overlay } from './overlay.ts';
import type { Found, Session } from './postgres-connection.ts';
import type { PostgresKeys } from './postgres-keys.ts';
import { blob, FENCE } from './postgres-reader.ts';
import { Wanted } from './postgres-rows.ts';
import { PUT_ROWS, putRowsValues } from './postgres-write.ts';
import { BEGIN, settle } from './postgres-writer.ts';
import { replay, type Recorded } from './project.ts';
import { unseal } from './seal.ts';

/** Transitions at a time, so that a long log needs no more memory than a short one. */
const PAGE = 1_000;

/** Returns how many rows there are after the rebuild. @throws StoreError `ERR_STORE_CORRUPT`; nothing has changed then */
export async function rebuildPostgres(
  session: Session,
  machine: Machine,
  keys: PostgresKeys,
): Promise<number> {
  await session.ask(BEGIN);
  try {
    const [state] = await session.ask(FENCE);
    const last = Number(state?.['transition']);
    await session.run('DELETE FROM projection');
    for (let from = 1; from <= last; from += PAGE) {
      const recorded = await recordedIn(session, keys, from, from + PAGE);
      const wanted = new Wanted({ get: () => undefined });
      const rows = await settle(session, wanted, () => {
        const overlay = new Overlay(wanted);
        for (const one of recorded) replay(machine, overlay, one);
        return overlay;
      });
      await session.ask(PUT_ROWS, putRowsValues(rows));
    }
    await session.run('UPDATE state SET era = era + 1');
    const [count] = await session.ask({ name: 'count-rows', text: 'SELECT count(*) AS n FROM projection' });
    if ((await session.end('COMMIT')) !== 'COMMIT') throw new Error('the server rolled back');
    return Number(count?.['n']);
  } catch (cause) {
    await session.end('ROLLBACK').catch(() => undefined);
    throw new StoreError('ERR_STORE_CORRUPT', `the rows cannot be rebuilt: ${messageOf(cause)}`, { cause });
  }
}

/** Returns the transitions with from ≤ number < to, in order. */
async function recordedIn(
  session: Session,
  keys: PostgresKeys,
  from: number,
  to: number,
): Promise<readonly Recorded[]> {
  const [entries, notes] = await session.askAll([
    [ENTRIES_OF, [from, to]],
    [NOTES_OF, [from, to]],
  ]);
  const all = new Map<
    number,
    { entries: Recorded['entries'][number][]; notes: Recorded['notes'][number][] }
  >();
  const at = (
    found: Found,
  ): { entries: Recorded['entries'][number][]; notes: Recorded['notes'][number][] } => {
    const number = Number(found['transition']);
    const known = all.get(number) ?? { entries: [], notes: [] };
    all.set(number, known);
    return known;
  };
  for (const found of entries!) {
    const index = Number(found['idx']);
    const detail = await detailOf(index, found, keys);
    const stored = { index, bytes: blob(found['bytes']), leaf: blob(found['leaf']) };
    at(found).entries.push({ ...stored, ...(detail === undefined ? {} : { detail }) });
  }
  for (const found of notes!)
    at(found).notes.push({ exec: String(found['exec']), note: String(found['note']) });
  return [...all.keys()]
    .toSorted((a, b) => a - b)
    .map((transition) => ({ transition, ...all.get(transition)! }));
}

/** The detail of an erased record is gone with its key; a rebuild without it denies more, not less (RULE 41). */
async function detailOf(index: number, found: Found, keys: PostgresKeys): Promise<EntryDetail | undefined> {
  if (found['detail'] === null) return undefined;
  const body = blob(found['detail']);
  if (found['record'] === null) return JSON.parse(Buffer.from(body).toString('utf8')) as EntryDetail;
  const record = String(found['record']);
  const key = await keys.get(record);
  if (key === undefined) throw new StoreError('ERR_STORE_CORRUPT', `the key of record ${record} is lost`);
  return key === 'erased' ? undefined : (unseal(key, `detail:${index}`, body) as EntryDetail);
}

const ENTRIES_OF = {
  name: 'entries-between',
  text: `SELECT idx, bytes, leaf, transition, record, detail FROM entry
    WHERE transition >= $1 AND transition < $2 ORDER BY idx`,
};
const NOTES_OF = {
  name: 'notes-between',
  text: 'SELECT exec, note, transition FROM note WHERE transition >= $1 AND transition < $2 ORDER BY n',
};
