/** Private files: written whole and synced before they have their name, readable by this user only. */
import { randomBytes } from 'node:crypto';
import { access, chmod, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ServerError } from './errors.ts';

/** Makes a folder of mode 0700, also when it was there with another. */
export async function privateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
}

/** Returns whether there is such a file. @throws ServerError `ERR_SERVER_STATE` when nobody can say */
export const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return false;
      throw new ServerError('ERR_SERVER_STATE', `${path} cannot be read`, { cause });
    },
  );

/** Writes a file of mode 0600 whose bytes and name are durable when this resolves; never half a file. */
export async function writePrivate(path: string, content: string | Uint8Array): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.new`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
