/**
 * The SQLite files: schema, version, how they are opened. Migrations go forward only; a newer file is refused.
 */
import { DatabaseSync } from 'node:sqlite';
import { messageOf, StoreError } from './errors.ts';

/** One statement list per version: the i-th brings version i to i + 1. Never changed once published. */
const STORE_MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    origin TEXT NOT NULL,
    key TEXT NOT NULL,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    frontier BLOB NOT NULL,
    transition INTEGER NOT NULL
  ) STRICT;
  -- \`root\`: that of the tree which this entry was the last one of when a batch ended. Behind the short columns the
  -- entry itself, so that looking for a root or an execution does not walk through its pages.
  CREATE TABLE entry (
    idx INTEGER PRIMARY KEY,
    leaf BLOB NOT NULL,
    root BLOB,
    transition INTEGER NOT NULL,
    exec TEXT,
    record TEXT,
    detail BLOB,
    bytes BLOB NOT NULL
  ) STRICT;
  -- Leaves are random, so nearly each one dirties a page of its index: the fewer bytes, the fewer pages.
  CREATE INDEX entry_leaf ON entry (substr(leaf, 1, 6));
  CREATE INDEX entry_exec ON entry (exec, idx) WHERE exec IS NOT NULL;
  CREATE TABLE tile (
    level INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, idx)
  ) STRICT;
  CREATE TABLE record (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body BLOB NOT NULL) STRICT;
  CREATE TABLE note (
    n INTEGER PRIMARY KEY,
    exec TEXT NOT NULL,
    note TEXT NOT NULL,
    transition INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX note_exec ON note (exec, n);
  -- Rows that nobody lists, most of them written by every commit: by number of their kind, the hot ones together.
  CREATE TABLE cell (
    kind INTEGER NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    ord INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (kind, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE row (
    n INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    ord INTEGER NOT NULL,
    value TEXT NOT NULL,
    state TEXT,
    run TEXT,
    parent TEXT,
    agent TEXT,
    action TEXT,
    verdict TEXT,
    due INTEGER,
    UNIQUE (kind, id)
  ) STRICT;
  CREATE INDEX row_order ON row (kind, ord);
  CREATE INDEX row_state ON row (state, ord) WHERE state IS NOT NULL;
  CREATE INDEX row_run ON row (run, ord) WHERE run IS NOT NULL;
  CREATE INDEX row_parent ON row (parent, ord) WHERE parent > '';
  CREATE INDEX row_agent ON row (agent, ord) WHERE agent IS NOT NULL;
  CREATE INDEX row_action ON row (action, ord) WHERE action IS NOT NULL;
  CREATE INDEX row_verdict ON row (verdict, ord) WHERE verdict IS NOT NULL;
  CREATE INDEX row_due ON row (due) WHERE due IS NOT NULL;
  `,
];

const KEYS_MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE record_key (id TEXT PRIMARY KEY, key BLOB) STRICT, WITHOUT ROWID;
  CREATE TABLE session (
    id TEXT PRIMARY KEY,
    subject TEXT,
    value TEXT NOT NULL,
    expires INTEGER NOT NULL
  ) STRICT;
  `,
];

/** Newest version of each file that this code knows. */
export const STORE_VERSION = STORE_MIGRATIONS.length;
export const KEYS_VERSION = KEYS_MIGRATIONS.length;

/** Marks our files among SQLite files. */
const APPLICATION = { store: 0x6c637374, keys: 0x6c636b79 } as const;

/** Pages in the WAL at which it is moved into the file; more would lengthen the tail of commits. */
const CHECKPOINT_PAGES = 400;

/** KiB of pages that the writer keeps: with fewer, the random pages of a large store are read again for each batch. */
const CACHE_KIB = 16_384;

/**
 * Opens a file for writing and brings it to the newest version.
 * @throws StoreError `ERR_STORE_OPEN`, `ERR_STORE_FORMAT`, `ERR_STORE_CORRUPT`
 */
export function openForWriting(file: string, kind: 'store' | 'keys'): DatabaseSync {
  return opened(file, () => {
    const db = new DatabaseSync(file, { enableForeignKeyConstraints: true, timeout: 5_000 });
    try {
      db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
        PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA cache_size = -${CACHE_KIB}; PRAGMA secure_delete = ${kind === 'keys' ? 'ON' : 'OFF'}`);
      migrate(db, file, kind);
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/** Opens a file for reading only. @throws StoreError `ERR_STORE_OPEN`, `ERR_STORE_FORMAT`, `ERR_STORE_CORRUPT` */
export function openForReading(file: string, kind: 'store' | 'keys'): DatabaseSync {
  return opened(file, () => {
    const db = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
    try {
      if (versionOf(db, file, kind) === 0) throw new StoreError('ERR_STORE_FORMAT', `${file} is empty`);
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

function opened(file: string, open: () => DatabaseSync): DatabaseSync {
  try {
    return open();
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    const damaged = /malformed|not a database|corrupt/i.test(messageOf(cause));
    throw new StoreError(damaged ? 'ERR_STORE_CORRUPT' : 'ERR_STORE_OPEN', `${file}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Returns the version of a file once it is known to be ours and not newer than this code. */
function versionOf(db: DatabaseSync, file: string, kind: 'store' | 'keys'): number {
  const version = pragma(db, 'user_version');
  const application = pragma(db, 'application_id');
  const newest = kind === 'store' ? STORE_VERSION : KEYS_VERSION;
  if (version > newest) {
    throw new StoreError('ERR_STORE_FORMAT', `${file} has version ${version}, this code knows ${newest}`);
  }
  if (version > 0 && application !== APPLICATION[kind]) {
    throw new StoreError('ERR_STORE_FORMAT', `${file} is another program's file`);
  }
  return version;
}

function migrate(db: DatabaseSync, file: string, kind: 'store' | 'keys'): void {
  const version = versionOf(db, file, kind);
  const migrations = kind === 'store' ? STORE_MIGRATIONS : KEYS_MIGRATIONS;
  migrations.slice(version).forEach((sql, i) => {
    db.exec(`BEGIN IMMEDIATE; ${sql}
      PRAGMA application_id = ${APPLICATION[kind]}; PRAGMA user_version = ${version + i + 1}; COMMIT`);
  });
}

const pragma = (db: DatabaseSync, name: string): number =>
  Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0);
