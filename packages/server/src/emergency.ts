/**
 * The file `DATA/STOP` (RULE 34): works when login, policy or database do not. A kill order in it is obeyed; anything
 * else in it, an empty file too, bars new work until it is gone: who could write there meant to stop.
 */
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plane } from '@licet/control-plane';

/** Name of the file in the data folder. */
export const STOP_FILE = 'STOP';
const MAX_STOP_BYTES = 65_536;

export interface StopFile {
  /** Reads the file once and obeys an order in it. Never throws. */
  look(): Promise<void>;
  /** Why the file bars new work, while it does. Asks the file system itself: no call is let through between two looks. */
  barred(): string | undefined;
}

/** Returns the watcher of a data folder. */
export function watchStopFile(data: string, plane: Pick<Plane, 'order'>): StopFile {
  const path = join(data, STOP_FILE);
  /** The file as it lay there when the order in it was obeyed: exactly that one bars no longer. */
  let obeyed: string | undefined;
  return {
    async look() {
      const face = faceOf(path);
      if (face === undefined || face === UNREADABLE || face === obeyed) return;
      try {
        const note = (await readFile(path)).subarray(0, MAX_STOP_BYTES).toString('utf8');
        await plane.order(note);
        // The order stands in the log or in memory from here; a person can lift it there.
        obeyed = face;
      } catch {
        // Not an order: the file goes on barring as it did.
      }
    },
    barred() {
      const face = faceOf(path);
      if (face === undefined || face === obeyed) return undefined;
      return face === UNREADABLE
        ? `${STOP_FILE} cannot be read`
        : `${STOP_FILE} is there and holds no order that was verified`;
    },
  };
}

const UNREADABLE = 'unreadable';

/** What tells one file from another that replaced it; `undefined` when there is none. */
function faceOf(path: string): string | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
    return stat && `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
  } catch {
    // Fail closed: a file that is there and cannot be looked at still means stop.
    return UNREADABLE;
  }
}
