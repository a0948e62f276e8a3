/**
 * Space (RULE 38, 34): when the disk runs full the normal lane is denied while there is still room, and a file of
 * real blocks is given up so that halts, outcomes and containment can be written to the end.
 */
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';

export interface Space {
  /** Whether this lane may write now. Gives up the reserve when only the safety lane is left without room. */
  admits(lane: 'normal' | 'safety'): boolean;
  /** Words for health; undefined when there is nothing to say. */
  readonly trouble: string | undefined;
}

/** Watches the volume of `folder`, keeping `bytes` (default 16 MiB) in `file`. Never throws for lack of space. */
export function openSpace(folder: string, file: string, bytes = 16 * 1_048_576): Space {
  let held = fill(file, bytes);
  let trouble: string | undefined;
  const free = (): number => {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  };
  return {
    admits(lane) {
      const left = free();
      if (!held && left >= 3 * bytes) held = fill(file, bytes);
      const tight = !held || left < bytes;
      trouble = tight ? `disk nearly full: ${left} bytes left; only the safety lane is written` : undefined;
      if (lane === 'normal') return !tight;
      if (held && left < bytes / 2) {
        rmSync(file, { force: true });
        held = false;
      }
      return true;
    },
    get trouble() {
      return trouble;
    },
  };
}

/** Writes the reserve with real blocks (zeros are written, not skipped). Returns whether it is there in full. */
function fill(file: string, bytes: number): boolean {
  try {
    if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) >= bytes) return true;
    const descriptor = openSync(file, 'w', 0o600);
    try {
      const block = new Uint8Array(Math.min(bytes, 1_048_576));
      for (let at = 0; at < bytes;) at += writeSync(descriptor, block, 0, Math.min(block.length, bytes - at));
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    return true;
  } catch {
    // No room for the reserve is the very case it is for: the normal lane stays closed until there is.
    rmSync(file, { force: true });
    return false;
  }
}
