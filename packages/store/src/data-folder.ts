/**
 * Files of a data folder. Store and keys are numbered by generation: after a failed sync both are written to new
 * files, which are verified before they count; the old ones are never used again (RULE 37).
 *
 *     store-<g>.db   log, rows, records (sealed)      keys-<g>.db   record keys, sessions: outside backups (RULE 41)
 *     poisoned       a commit failed: recover before anything else      reserve   space for the safety lane (RULE 38)
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { StoreError } from './errors.ts';

const STORE = /^store-([1-9][0-9]{0,8})\.db$/;

export interface DataFolder {
  readonly path: string;
  storeFile(generation: number): string;
  keysFile(generation: number): string;
  readonly poisonFile: string;
  readonly reserveFile: string;
  /** The newest complete generation; 0 when there is none. */
  generation(): number;
  /** Deletes every generation but this one, and what a broken recovery left. */
  sweep(keep: number): void;
  /** Makes names durable. */
  sync(): void;
}

/** Returns the folder, made with mode 0700 when it is not there. @throws StoreError `ERR_STORE_OPEN` */
export function openDataFolder(path: string): DataFolder {
  try {
    if (!existsSync(path)) {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      chmodSync(path, 0o700);
    }
    readdirSync(path);
  } catch (cause) {
    throw new StoreError('ERR_STORE_OPEN', `${path} is no folder that can be used`, { cause });
  }
  const storeFile = (generation: number): string => join(path, `store-${generation}.db`);
  const keysFile = (generation: number): string => join(path, `keys-${generation}.db`);
  return {
    path,
    storeFile,
    keysFile,
    poisonFile: join(path, 'poisoned'),
    reserveFile: join(path, 'reserve'),
    generation: () =>
      readdirSync(path).reduce((newest, name) => Math.max(newest, Number(STORE.exec(name)?.[1] ?? 0)), 0),
    sweep(keep) {
      const files = [storeFile(keep), keysFile(keep)].flatMap((file) => [file, `${file}-wal`, `${file}-shm`]);
      for (const name of readdirSync(path)) {
        const ours = /^(?:store|keys)-[0-9]+\.db(?:\.new)?(?:-wal|-shm|-journal)?$/.test(name);
        if (ours && !files.includes(join(path, name))) rmSync(join(path, name), { force: true });
      }
    },
    sync: () => syncPath(path),
  };
}

/** Makes a file's bytes, or a folder's names, durable. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
