/**
 * Looking at the store of a data folder without being its plane: over a connection that only reads, at one committed
 * state, so that a plane that runs on it is neither disturbed nor seen half-way. For `log fsck`.
 */
import { existsSync } from 'node:fs';
import { checkTree } from './check.ts';
import { openDataFolder } from './data-folder.ts';
import { StoreError } from './errors.ts';
import { checkedPostgres } from './postgres-checked.ts';
import { openSession, parsePostgresUrl } from './postgres-connection.ts';
import { openForReading } from './schema.ts';
import { checkedBy } from './sqlite-checked.ts';
import { createReader } from './sqlite-reader.ts';
import { readStoreFile } from './store-file.ts';
import '@licet/evidence/node';

/** One committed state of a store, for reading. */
export interface Inspection {
  readonly origin: string;
  /** The log's vkey. */
  readonly key: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** Whether a commit failed and the plane has not recovered since (RULE 37). */
  readonly poisoned: boolean;
  /** Entries of [start, end). */
  entries(
    start: number,
    end: number,
  ): Promise<readonly { readonly index: number; readonly bytes: Uint8Array }[]>;
  /** Computes the tree again from the entries. @throws StoreError `ERR_STORE_CORRUPT` naming the first bad index */
  check(
    progress?: (done: number, total: number) => void,
  ): Promise<{ readonly size: number; readonly root: Uint8Array }>;
  close(): Promise<void>;
}

/** Looks at what keeps the plane of a data folder. @throws StoreError `ERR_STORE_OPEN`, `ERR_STORE_FORMAT`, `ERR_STORE_CORRUPT` */
export async function inspectDataFolder(path: string): Promise<Inspection> {
  const elsewhere = readStoreFile(path);
  return elsewhere === undefined ? inspectSqlite(path) : inspectPostgres(elsewhere.url);
}

/** Looks at a database. */
async function inspectPostgres(url: string): Promise<Inspection> {
  const session = await openSession(parsePostgresUrl(url), { answerMs: 3_600_000, name: 'inspection' });
  try {
    const checked = await checkedPostgres(session);
    const { origin, key, size, root } = checked;
    return {
      origin,
      key,
      size,
      root,
      poisoned: false,
      entries: async (start, end) => checked.entries(start, end),
      check: (progress) => checkTree(checked, progress),
      close: () => session.close(),
    };
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** Opens the newest generation of a data folder. */
function inspectSqlite(path: string): Inspection {
  const folder = openDataFolder(path);
  const generation = folder.generation();
  if (generation === 0) throw new StoreError('ERR_STORE_OPEN', `${path} holds no store`);
  const db = openForReading(folder.storeFile(generation), 'store');
  try {
    db.exec('BEGIN');
    const reader = createReader(db);
    const state = reader.state();
    if (state === undefined) throw new StoreError('ERR_STORE_CORRUPT', 'the store has no state');
    const pause = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
    return {
      origin: state.origin,
      key: state.key,
      size: state.frontier.size,
      root: state.root,
      poisoned: existsSync(folder.poisonFile),
      entries: async (start, end) => reader.entries(start, end),
      check: (progress) => checkTree(checkedBy(reader, state, pause), progress),
      close: async () => db.close(),
    };
  } catch (error) {
    db.close();
    throw error;
  }
}
