/**
 * Record keys and sessions in the schema of their own. Keys lie wrapped under a key that the data folder holds and the
 * database does not, so that a dump, an archive or a standby alone opens no record (RULE 41). A destroyed key leaves its
 * row without the key, so that "erased" and "lost" are told apart.
 */
import { base64url, hmacSha256, unbase64url, utf8, type Json } from '@licet/evidence';
import { StoreError } from './errors.ts';
import { blob, type Ask } from './postgres-reader.ts';
import { seal, unseal } from './seal.ts';
import { subjectOf } from './session.ts';

export interface PostgresKeys {
  /** A record's key as it is stored. */
  wrap(id: string, key: Uint8Array): Uint8Array;
  /** The key; `erased` when it was destroyed; undefined when there never was one. */
  get(id: string): Promise<Uint8Array | 'erased' | undefined>;
  /** Destroys the key of a record and of its later parts (`<id>/…`). */
  destroy(id: string): Promise<void>;
  putSession(id: string, value: Json, expiresAtMs: number): Promise<void>;
  session(id: string, nowMs: number): Promise<Json | undefined>;
  /** Returns a session and ends it: of all that ask at the same time, one gets it. */
  takeSession(id: string, nowMs: number): Promise<Json | undefined>;
  deleteSessions(where: { readonly id?: string; readonly subject?: string }): Promise<void>;
  /** Deletes the sessions that have expired. */
  sweep(nowMs: number): Promise<void>;
}

/** Returns the keys behind `ask`. `secret`: 32 bytes that all replicas hold and the database does not. */
export function createPostgresKeys(ask: Ask, secret: Uint8Array): PostgresKeys {
  const wrapping = hmacSha256(secret, utf8('licet/record-keys/v1\n'));
  return {
    wrap: (id, key) => seal(wrapping, `key:${id}`, JSON.stringify(base64url(key))),
    async get(id) {
      const [found] = await ask({ name: 'key', text: 'SELECT key FROM record_key WHERE id = $1' }, [id]);
      if (found === undefined) return undefined;
      if (found['key'] === null) return 'erased';
      const text = unseal(wrapping, `key:${id}`, blob(found['key']));
      if (typeof text !== 'string')
        throw new StoreError('ERR_STORE_CORRUPT', `the key of record ${id} is none`);
      return unbase64url(text);
    },
    async destroy(id) {
      // '0' follows '/': everything that begins with `<id>/`.
      await ask(
        {
          name: 'destroy',
          text: `UPDATE record_key SET key = NULL WHERE id = $1 OR (id >= $1 || '/' AND id < $1 || '0')`,
        },
        [id],
      );
    },
    async putSession(id, value, expiresAtMs) {
      await ask(
        {
          name: 'put-session',
          text: `INSERT INTO session (id, subject, value, expires) VALUES ($1, $2, $3, $4)
            ON CONFLICT (id) DO UPDATE SET subject = excluded.subject, value = excluded.value, expires = excluded.expires`,
        },
        [id, subjectOf(value) ?? null, JSON.stringify(value), expiresAtMs],
      );
    },
    async session(id, nowMs) {
      const [found] = await ask(
        { name: 'session', text: 'SELECT value FROM session WHERE id = $1 AND expires > $2' },
        [id, nowMs],
      );
      return found === undefined ? undefined : (JSON.parse(String(found['value'])) as Json);
    },
    async takeSession(id, nowMs) {
      const [found] = await ask(
        { name: 'take-session', text: 'DELETE FROM session WHERE id = $1 RETURNING value, expires' },
        [id],
      );
      if (found === undefined || !(Number(found['expires']) > nowMs)) return undefined;
      return JSON.parse(String(found['value'])) as Json;
    },
    async deleteSessions({ id, subject }) {
      await ask({ name: 'end-session', text: 'DELETE FROM session WHERE id = $1 OR subject = $2' }, [
        id ?? null,
        subject ?? null,
      ]);
    },
    async sweep(nowMs) {
      await ask({ name: 'sweep-sessions', text: 'DELETE FROM session WHERE expires <= $1' }, [nowMs]);
    },
  };
}
