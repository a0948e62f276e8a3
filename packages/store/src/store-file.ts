/**
 * `DATA/store.json`: which database keeps the plane of a data folder. A folder without it keeps the plane itself, in
 * SQLite. The address may hold a password, so the file is for the plane's user alone.
 *
 *     {"v":1, "url":"postgres://…", "fresh":true}      fresh   the log's genesis is not known to be written yet
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, StoreError } from './errors.ts';

export interface StoreFile {
  readonly url: string;
  /** Whether the log may still have to be made. Only the call that makes the plane sets it. */
  readonly fresh: boolean;
}

const NAME = 'store.json';

/** Returns what a folder says; undefined when it keeps the plane itself. @throws StoreError `ERR_STORE_OPEN` */
export function readStoreFile(data: string): StoreFile | undefined {
  const file = join(data, NAME);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new StoreError('ERR_STORE_OPEN', `${file}: ${messageOf(cause)}`, { cause });
  }
  try {
    const { v, url, fresh } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    if (v !== 1 || typeof url !== 'string') throw new TypeError('not of this version');
    return { url, fresh: fresh === true };
  } catch (cause) {
    // Taken for absent, it would let the plane begin a second log in SQLite.
    throw new StoreError('ERR_STORE_OPEN', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** Says which database keeps the plane. */
export function writeStoreFile(data: string, { url, fresh }: StoreFile): void {
  const file = join(data, NAME);
  writeFileSync(`${file}.new`, `${JSON.stringify({ v: 1, url, ...(fresh ? { fresh } : {}) })}\n`, {
    mode: 0o600,
  });
  renameSync(`${file}.new`, file);
}
