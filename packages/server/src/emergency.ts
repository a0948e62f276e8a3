/**
 * The file `DATA/STOP` (RULE 34): works when login, policy or database do not. A kill order in it is obeyed; anything
 * else in it, an empty file too, bars new work until it is gone: who could write there meant to stop.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plane } from '@licet/control-plane';

/** Name of the file in the data folder. */
export const STOP_FILE = 'STOP';
const MAX_STOP_BYTES = 65_536;

export interface StopFile {
  /** Looks at the file once. Never throws. */
  look(): Promise<void>;
  /** Why the file bars new work, while it does. */
  barred(): string | undefined;
}

/** Returns the watcher of a data folder. */
export function watchStopFile(data: string, plane: Pick<Plane, 'order'>): StopFile {
  const path = join(data, STOP_FILE);
  let obeyed: string | undefined;
  let barred: string | undefined;
  return {
    async look() {
      let note: string;
      try {
        note = (await readFile(path)).subarray(0, MAX_STOP_BYTES).toString('utf8');
      } catch (error) {
        // Fail closed: a file that is there and cannot be read still means stop.
        barred =
          (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : `${STOP_FILE} cannot be read`;
        if (barred === undefined) obeyed = undefined;
        return;
      }
      if (note === obeyed) return;
      barred = `${STOP_FILE} is there and holds no order that can be verified`;
      try {
        await plane.order(note);
        // The order stands in the log or in memory from here; a person can lift it there.
        obeyed = note;
        barred = undefined;
      } catch {
        // Not an order: barred as said.
      }
    },
    barred: () => barred,
  };
}
