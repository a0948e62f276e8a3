// The door's own look at a permitted path, just before the start (RULE 13): the plane decided by the text, and a
// symbolic link in any component would make the same text name something else on the host of the effect.
import { lstat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import type { Resource } from './believe.ts';

/** Resource types whose id is an absolute path on this host. */
const PATH_TYPES: ReadonlySet<string> = new Set(['File', 'Folder', 'Program']);

/**
 * Returns the first symbolic link among the components of the permitted paths, or undefined. What does not exist is
 * no link; what cannot be looked at counts as one.
 * GAP: between this look and the effect a link can be made by another process; a target that opens with O_NOFOLLOW
 * or a sandbox closes that, a door cannot.
 */
export async function findLink(resources: readonly Resource[]): Promise<string | undefined> {
  for (const { type, id } of resources) {
    if (!PATH_TYPES.has(type) || !isAbsolute(id)) continue;
    const parts = id.split('/').slice(1);
    for (let length = 1; length <= parts.length; length++) {
      const path = `/${parts.slice(0, length).join('/')}`;
      try {
        if ((await lstat(path)).isSymbolicLink()) return path;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT' || code === 'ENOTDIR') break;
        return path;
      }
    }
  }
  return undefined;
}
