/**
 * Rebuilding the rows of a SQLite store from entries, details and notes, in one transaction: either all rows are
 * the rebuilt ones or nothing has changed.
 */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { EntryDetail, Machine } from '@licet/control-plane';
import { StoreError, messageOf } from './errors.ts';
import type { KeysFile } from './keys-file.ts';
import { Overlay } from './overlay.ts';
import { replay, type Recorded } from './project.ts';
import { RowTable } from './row-table.ts';
import { unseal } from './seal.ts';
import { blob, integer, text, type SqliteReader } from './sqlite-reader.ts';

/** Rows are written out after so many transitions, so that a long log needs no more memory than a short one. */
const FLUSH = 1_000;

export interface Rebuilt {
  readonly db: DatabaseSync;
  readonly reader: SqliteReader;
  readonly keys: KeysFile;
  /** The writer's own table: it must forget what it remembers. */
  readonly rows: RowTable;
}

/** Returns how many rows there are after the rebuild. @throws StoreError `ERR_STORE_CORRUPT`; nothing has changed then */
export function rebuildRows(files: Rebuilt, machine: Machine): number {
  const { db } = files;
  db.exec('BEGIN IMMEDIATE');
  try {
    db.exec('DELETE FROM row; DELETE FROM cell');
    const table = new RowTable(db, files.reader);
    let rows = new Overlay(table);
    let pending = 0;
    const flush = (): void => {
      table.write(rows.changed.values());
      table.committed();
      rows = new Overlay(table);
      pending = 0;
    };
    for (const recorded of recordedIn(files)) {
      replay(machine, rows, recorded);
      if (++pending === FLUSH) flush();
    }
    flush();
    const count = integer(
      db.prepare('SELECT (SELECT count(*) FROM row) + (SELECT count(*) FROM cell) AS n').get()?.['n'],
    );
    db.exec('COMMIT');
    return count;
  } catch (cause) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw new StoreError('ERR_STORE_CORRUPT', `the rows cannot be rebuilt: ${messageOf(cause)}`, { cause });
  } finally {
    files.rows.rolledBack();
  }
}

/** Yields the transitions in order: entries and notes of two cursors, merged by the transition's number. */
function* recordedIn({ db, keys }: Rebuilt): Generator<Recorded> {
  const entries = db
    .prepare('SELECT idx, bytes, leaf, transition, record, detail FROM entry ORDER BY idx')
    .iterate();
  const notes = db.prepare('SELECT exec, note, transition FROM note ORDER BY n').iterate();
  let entry = entries.next();
  let note = notes.next();
  while (!entry.done || !note.done) {
    const transition = Math.min(
      entry.done ? Infinity : integer(entry.value['transition']),
      note.done ? Infinity : integer(note.value['transition']),
    );
    const recorded: { entries: Recorded['entries'][number][]; notes: Recorded['notes'][number][] } = {
      entries: [],
      notes: [],
    };
    while (!entry.done && entry.value['transition'] === transition) {
      const index = integer(entry.value['idx']);
      const detail = detailOf(index, entry.value, keys);
      const stored = { index, bytes: blob(entry.value['bytes']), leaf: blob(entry.value['leaf']) };
      recorded.entries.push({ ...stored, ...(detail === undefined ? {} : { detail }) });
      entry = entries.next();
    }
    while (!note.done && note.value['transition'] === transition) {
      recorded.notes.push({ exec: text(note.value['exec']), note: text(note.value['note']) });
      note = notes.next();
    }
    yield { transition, ...recorded };
  }
}

/** The detail of an erased record is gone with its key; a rebuild without it denies more, not less (RULE 41). */
function detailOf(
  index: number,
  found: Record<string, SQLOutputValue>,
  keys: KeysFile,
): EntryDetail | undefined {
  if (found['detail'] === null || found['detail'] === undefined) return undefined;
  const body = blob(found['detail']);
  if (found['record'] === null) return JSON.parse(Buffer.from(body).toString('utf8')) as EntryDetail;
  const record = text(found['record']);
  const key = keys.get(record);
  if (key === undefined) throw new StoreError('ERR_STORE_CORRUPT', `the key of record ${record} is lost`);
  return key === 'erased' ? undefined : (unseal(key, `detail:${index}`, body) as EntryDetail);
}
