/**
 * The server itself: which one it is (RULE 7), and whether what it acknowledges can still be lost. Looked at when a
 * session begins and again every few seconds; what is refused is said with its fix.
 */
import { base64url, sha256, utf8, domainTag } from '@licet/evidence';
import { StoreError } from './errors.ts';
import type { Found, Session } from './postgres-connection.ts';

/** The server as it says it is. */
export interface ServerFacts {
  /** Differs after a promotion (timeline), a restore (system or table) and a copy (database). */
  readonly incarnation: string;
  /** Whether commits wait for a synchronous standby. */
  readonly synchronous: boolean;
}

/** PostgreSQL 14: the oldest that is still maintained. */
const OLDEST = 140_000;

// The timeline of the WAL being written: that of the control file lags behind a promotion until the next checkpoint.
const TIMELINE = 'left(pg_walfile_name(pg_current_wal_lsn()), 8)';

const FACTS = {
  name: 'facts',
  text: `SELECT pg_is_in_recovery() AS standby, current_setting('server_version_num')::int AS version,
    current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('server_encoding') AS encoding,
    current_setting('synchronous_standby_names') AS standbys,
    (SELECT count(*) FROM pg_stat_replication
      WHERE application_name NOT IN ('pg_basebackup', 'pg_receivewal', 'pg_recvlogical')) AS followers,
    (SELECT count(*) FROM pg_stat_replication WHERE application_name IS NULL) AS hidden`,
};

const IDENTITY = {
  name: 'identity',
  text: `SELECT (SELECT system_identifier FROM pg_control_system())::text AS system, ${TIMELINE} AS timeline,
    (SELECT oid FROM pg_database WHERE datname = current_database())::text AS database,
    to_regclass('state')::oid::text AS state`,
};

/**
 * Returns what the server is, once nothing that it acknowledges can be lost.
 * @throws StoreError `ERR_STORE_DURABILITY`, `ERR_STORE_OPEN`
 */
export async function inspectServer(session: Session): Promise<ServerFacts> {
  const [facts] = await session.ask(FACTS);
  refuseUnsafe(facts ?? {});
  const [identity] = await session.ask(IDENTITY);
  const { system, timeline, database, state } = identity ?? {};
  return {
    incarnation: incarnationOf([system, timeline, database, state].map(String)),
    synchronous: facts?.['standbys'] !== '',
  };
}

/** @throws StoreError `ERR_STORE_DURABILITY`, `ERR_STORE_OPEN` */
function refuseUnsafe(facts: Found): void {
  const refuse = (what: string, fix: string): never => {
    throw new StoreError('ERR_STORE_DURABILITY', `${what}; ${fix}`);
  };
  if (facts['standby'] !== false)
    throw new StoreError('ERR_STORE_OPEN', 'this server is a standby; name the primary, or promote it');
  if (!(Number(facts['version']) >= OLDEST))
    throw new StoreError(
      'ERR_STORE_OPEN',
      `PostgreSQL ${String(facts['version'])} is too old; 14 is the oldest`,
    );
  if (facts['encoding'] !== 'UTF8')
    throw new StoreError(
      'ERR_STORE_OPEN',
      `the database is in ${String(facts['encoding'])}; create it with ENCODING UTF8`,
    );
  if (facts['fsync'] !== 'on')
    refuse('fsync is off: a power cut loses what was acknowledged', 'set fsync = on and restart the server');
  if (facts['full_page_writes'] !== 'on')
    refuse('full_page_writes is off: a power cut tears pages', 'set full_page_writes = on and reload');
  if (facts['synchronous_commit'] !== 'on')
    refuse(
      `synchronous_commit is ${String(facts['synchronous_commit'])} in our session`,
      'take away what sets it (a pooler in between ignores the options of a session)',
    );
  // A standby that may be behind is one that may be promoted behind: the tail would be lost, and the log forked.
  if (facts['standbys'] !== '') return;
  if (Number(facts['followers']) > 0)
    refuse(
      'a standby follows this server and no commit waits for it: a failover loses what was acknowledged',
      "set synchronous_standby_names = 'ANY 1 (…)' and reload, or take the standby away",
    );
  if (Number(facts['hidden']) > 0)
    refuse(
      'something follows this server, and this role may not see whether it is a backup or a standby',
      'GRANT pg_monitor to the role, or set synchronous_standby_names',
    );
}

/** In the form of `boot` entries: letters and digits, named by hash, so that the log tells nothing of the server. */
function incarnationOf(parts: readonly string[]): string {
  const digest = sha256(utf8(domainTag('incarnation')), utf8(parts.join('\n')));
  return `i-${base64url(digest.slice(0, 16)).replace(/[_-]/g, '0')}`;
}

/** In the statement that takes the fence: the server must still be the one that was inspected. */
export const TIMELINE_SQL = TIMELINE;
