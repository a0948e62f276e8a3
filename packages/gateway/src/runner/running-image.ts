// What a process executes: the image behind `/proc/PID/exe`, which stays what was started whatever is put under its name,
// and changes when the process executes something else (RULES 29).
import { closeSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { openImage } from './image.mjs';

/** The first process of a command, as this side of a namespace names it. */
export interface FirstProcess {
  /** As its guardian named it. */
  readonly pid: number;
  /** Link text of its PID namespace, when that is not ours. */
  readonly pidNamespace?: string;
}

/** Returns the base64url SHA-256 of the image; undefined when the process has ended or cannot be looked at here. */
export function imageDigest(first: FirstProcess): string | undefined {
  try {
    const pid = first.pidNamespace === undefined ? first.pid : pidOutside(first.pid, first.pidNamespace);
    if (pid === undefined) return undefined;
    const image = openImage(`/proc/${pid}/exe`);
    closeSync(image.file);
    return image.digest;
  } catch {
    return undefined;
  }
}

/** `NSpid` lists a process's ids from our namespace down to its own. */
function pidOutside(inside: number, pidNamespace: string): number | undefined {
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      if (readlinkSync(`/proc/${name}/ns/pid`) !== pidNamespace) continue;
      const ids = /^NSpid:\s*(.*)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1]?.split(/\s+/);
      if (Number(ids?.at(-1)) === inside) return Number(name);
    } catch {
      // Gone meanwhile.
    }
  }
  return undefined;
}
