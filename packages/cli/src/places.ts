/** Where things are: the data folder of a plane and the user's state folder. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { DATA_DIR, ENV_PREFIX } from '@licet/evidence';
import { stateFolder } from '@licet/api';
import { CliError } from './errors.ts';

/** Returns the data folder, absolute: `--data`, else LICET_DATA, else `.licet` here. */
export function dataFolderOf({ data }: { readonly data?: string }): string {
  const named = process.env[`${ENV_PREFIX}DATA`];
  return resolve(data ?? (named === undefined || named === '' ? DATA_DIR : named));
}

/** Returns the user's state folder. */
export const stateFolderOf = (): string => stateFolder();

/** Returns the bytes of a file. @throws CliError `ERR_CLI_FILE` */
export async function readInput(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    throw new CliError('ERR_CLI_FILE', `${path} cannot be read: ${reason(cause)}`, { cause });
  }
}

/** Writes a file that must not be there yet. @throws CliError `ERR_CLI_EXISTS`, `ERR_CLI_FILE` */
export async function writeOutput(
  path: string,
  content: string | Uint8Array,
  options: { readonly replace?: boolean } = {},
): Promise<void> {
  try {
    await mkdir(dirname(resolve(path)), { recursive: true });
    await writeFile(path, content, { flag: options.replace === true ? 'w' : 'wx' });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST')
      throw new CliError('ERR_CLI_EXISTS', `${path} is there already`, {
        still: 'It was not touched.',
        cause,
      });
    throw new CliError('ERR_CLI_FILE', `${path} cannot be written: ${reason(cause)}`, { cause });
  }
}

/** Returns why a file operation failed, in a few words. */
export function reason(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  switch (code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EISDIR':
      return 'it is a folder';
    case 'EACCES':
    case 'EPERM':
      return 'this user may not';
    case 'ENOSPC':
      return 'the disk is full';
    default:
      return code ?? (cause instanceof Error ? cause.message : String(cause));
  }
}
