// A lock that processes of one user share: a file that only one of them can make. The kernel does not let go of it when its
// holder dies, so it stops counting after a while; whoever then goes on finds out whether it is still the holder.
import { randomBytes } from 'node:crypto';
import { readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { SdkError } from './errors.ts';

/** Age at which the lock of a process that died stops counting, milliseconds. */
export const STALE_LOCK_MS = 5_000;
const PAUSE_MS = 10;
/** Longer than a dead process's lock lasts: it costs a wait, never a failure. */
const TRIES = (2 * STALE_LOCK_MS) / PAUSE_MS;

/**
 * Runs under the lock. `stillHeld` throws when somebody else has taken it meanwhile: call it before what cannot be undone.
 * @throws SdkError `ERR_SDK_MEMORY` when the lock cannot be taken or was lost
 */
export async function withLock<T>(
  lock: string,
  run: (stillHeld: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const holder = randomBytes(16).toString('hex');
  await take(lock, holder);
  const isOurs = async (): Promise<boolean> =>
    (await readFile(lock, 'utf8').catch(() => undefined)) === holder;
  try {
    return await run(async () => {
      if (!(await isOurs())) throw new SdkError('ERR_SDK_MEMORY', `${lock} was taken over; it took too long`);
    });
  } finally {
    if (await isOurs()) await unlink(lock).catch(() => undefined);
  }
}

async function take(lock: string, holder: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await writeFile(lock, holder, { flag: 'wx', mode: 0o600 });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST' || tries >= TRIES)
        throw new SdkError('ERR_SDK_MEMORY', `${lock} cannot be taken`, { cause });
    }
    if (await isStale(lock)) await breakStale(lock);
    await new Promise((done) => setTimeout(done, PAUSE_MS));
  }
}

/** One at a time: of two that found it stale, the second would remove the lock that the first has taken by then. */
async function breakStale(lock: string): Promise<void> {
  const breaking = `${lock}.breaking`;
  try {
    await writeFile(breaking, '', { flag: 'wx', mode: 0o600 });
  } catch {
    // Another is at it. If it died there, its mark gets old as well.
    if (await isStale(breaking)) await unlink(breaking).catch(() => undefined);
    return;
  }
  try {
    if (await isStale(lock)) await unlink(lock);
  } finally {
    await unlink(breaking).catch(() => undefined);
  }
}

/** Whether the file is there and old. */
const isStale = (file: string): Promise<boolean> =>
  stat(file).then(
    ({ mtimeMs }) => Date.now() - mtimeMs > STALE_LOCK_MS,
    () => false,
  );
