/**
 * Who holds the data folder is the plane (DESIGN §4): `BEGIN EXCLUSIVE` on `DATA/lock.db`. The kernel lets go of
 * the lock when the process dies, however it dies.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openDataFolder } from './data-folder.ts';
import { messageOf, StoreError } from './errors.ts';

export interface DataFolderLock {
  /** Lets another process have the folder. A second call does nothing. */
  release(): void;
}

/**
 * Resolves to the lock, or to `held` when another holds it now; it does not wait. Makes the folder (0700).
 * @throws StoreError `ERR_STORE_OPEN` when the folder cannot be used
 */
export async function holdDataFolder(path: string): Promise<DataFolderLock | 'held'> {
  openDataFolder(path);
  const file = join(path, 'lock.db');
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { timeout: 0 });
    db.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    db?.close();
    if (/locked|busy/i.test(messageOf(cause))) return 'held';
    throw new StoreError('ERR_STORE_OPEN', `${file}: ${messageOf(cause)}`, { cause });
  }
  const held = db;
  return {
    release() {
      if (held.isOpen) held.close();
    },
  };
}
