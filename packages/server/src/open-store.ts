/**
 * What keeps the plane of a data folder: SQLite in the folder itself, or a PostgreSQL database that several replicas of
 * the plane write, each with a copy of the folder's keys (DESIGN §9).
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { formatNote } from '@licet/evidence';
import { ed25519NoteSigner } from '@licet/evidence/node';
import { machine, type Clock, type Store } from '@licet/control-plane';
import { openPostgresStore, openSqliteStore, readStoreFile, writeStoreFile } from '@licet/store';
import type { PlaneFolder } from './data-folder.ts';
import { ServerError } from './errors.ts';

/** A store as the shell drives it. */
export interface PlaneStore extends Store {
  genesis(): Promise<boolean>;
  recover(): Promise<void>;
}

/**
 * Says which database keeps a plane. `made`: this call has just made the folder, so its log is to be made too.
 * @throws ServerError `ERR_SERVER_STORE` when the folder keeps the plane itself, or another database does
 */
export function chooseStore(data: string, url: string, made: boolean): void {
  const chosen = readStoreFile(data);
  if (chosen?.url === url) return;
  const sqlite = existsSync(data) && readdirSync(data).some((name) => /^store-[0-9]+\.db$/.test(name));
  // Another store begins another log under the same key: two histories of one origin.
  if (sqlite)
    throw new ServerError(
      'ERR_SERVER_STORE',
      `${data} keeps its plane in SQLite; licet store copy moves it to a database`,
    );
  // Whoever did not make the plane finds its log there, or is refused.
  writeStoreFile(data, { url, fresh: made || chosen?.fresh === true });
}

/** The log is made: from now on an empty database is refused. */
export function storeBegun(data: string): void {
  const chosen = readStoreFile(data);
  if (chosen?.fresh === true) writeStoreFile(data, { url: chosen.url, fresh: false });
}

/** Opens the store of a folder whose lock is held. @throws ServerError, StoreError */
export async function openStore(folder: PlaneFolder, clock: Clock): Promise<PlaneStore> {
  const { data, origin, seeds } = folder;
  const log = { name: origin, seed: seeds.log };
  const lease = { name: `${origin}/lease`, seed: seeds.lease };
  const elsewhere = readStoreFile(data);
  if (elsewhere === undefined) return openSqliteStore({ path: data, keys: { log, lease } });
  const leaseSigner = ed25519NoteSigner(lease.name, lease.seed);
  const store = await openPostgresStore({
    url: elsewhere.url,
    log: ed25519NoteSigner(log.name, log.seed),
    lease: { signNote: (text) => formatNote(text, [leaseSigner.signSync(text)]) },
    machine,
    clock,
    secret: seeds.tenant,
    knownHead: join(data, 'head.json'),
  });
  try {
    // RULE 7: an empty database in the place of a full one would begin a second history.
    if (!elsewhere.fresh && !(await store.genesis()))
      throw new ServerError('ERR_SERVER_STORE', `the database holds no log, and ${origin} has one`);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}
