/**
 * Record keys and sessions: a file of their own, outside backups (RULE 41). A destroyed key leaves its row without
 * the key, so that "erased" and "lost" are told apart; the bytes are overwritten and the WAL is emptied.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Json } from '@licet/evidence';
import { subjectOf } from './session.ts';
import { blob, integer, text } from './sqlite-reader.ts';

export interface StoredSession {
  readonly id: string;
  readonly value: Json;
  readonly expiresAtMs: number;
}

export interface KeysFile {
  /** Makes keys durable in one transaction. */
  put(keys: readonly { readonly id: string; readonly key: Uint8Array }[]): void;
  /** The key; `erased` when it was destroyed; undefined when there never was one. */
  get(id: string): Uint8Array | 'erased' | undefined;
  /** Destroys the key of a record and of its later parts (`<id>/…`). */
  destroy(id: string): void;
  /** Deletes keys of records that never became durable. Returns how many. */
  sweep(hasRecord: (id: string) => boolean): number;
  readonly count: number;
  putSession(session: StoredSession): void;
  deleteSessions(where: { readonly id?: string; readonly subject?: string }): void;
  /** Sessions that have not expired at `nowMs`; the others are deleted. */
  sessions(nowMs: number): readonly StoredSession[];
}

/** Returns the keys in an open file. Methods that write need a connection that may. */
export function createKeysFile(db: DatabaseSync): KeysFile {
  const get = db.prepare('SELECT key FROM record_key WHERE id = ?');
  let insert: StatementSync | undefined;
  const inTransaction = (work: () => void): void => {
    db.exec('BEGIN IMMEDIATE');
    try {
      work();
      db.exec('COMMIT');
    } catch (error) {
      // SQLite has often rolled back already; then there is nothing left to do.
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  };
  return {
    put(keys) {
      const put = (insert ??= db.prepare(
        'INSERT INTO record_key (id, key) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET key = excluded.key',
      ));
      inTransaction(() => keys.forEach(({ id, key }) => put.run(id, key)));
    },
    get(id) {
      const found = get.get(id);
      if (found === undefined) return undefined;
      return found['key'] === null ? 'erased' : blob(found['key']);
    },
    destroy(id) {
      // '0' follows '/': everything that begins with `<id>/`.
      const parts = db.prepare('UPDATE record_key SET key = NULL WHERE id = ? OR (id >= ? AND id < ?)');
      inTransaction(() => parts.run(id, `${id}/`, `${id}0`));
      db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    },
    sweep(hasRecord) {
      const orphans = db
        .prepare('SELECT id FROM record_key')
        .all()
        .map((found) => text(found['id']))
        .filter((id) => !hasRecord(id));
      if (orphans.length === 0) return 0;
      const remove = db.prepare('DELETE FROM record_key WHERE id = ?');
      inTransaction(() => orphans.forEach((id) => remove.run(id)));
      return orphans.length;
    },
    get count() {
      return integer(db.prepare('SELECT count(*) AS n FROM record_key').get()?.['n']);
    },
    putSession({ id, value, expiresAtMs }) {
      db.prepare(
        'INSERT INTO session (id, subject, value, expires) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET subject = excluded.subject, value = excluded.value, expires = excluded.expires',
      ).run(id, subjectOf(value) ?? null, JSON.stringify(value), expiresAtMs);
    },
    deleteSessions({ id, subject }) {
      db.prepare('DELETE FROM session WHERE id = ? OR subject = ?').run(id ?? null, subject ?? null);
    },
    sessions(nowMs) {
      db.prepare('DELETE FROM session WHERE expires <= ?').run(nowMs);
      return db
        .prepare('SELECT id, value, expires FROM session')
        .all()
        .map((found) => ({
          id: text(found['id']),
          value: JSON.parse(text(found['value'])) as Json,
          expiresAtMs: integer(found['expires']),
        }));
    },
  };
}
