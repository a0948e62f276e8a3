/**
 * The effect's host side of RULE 13: what a path really is. Lexical form is `policy`'s; here each component is looked
 * at. Every door on this host repeats it just before start, because a link can be made in between.
 */
import { lstat, realpath } from 'node:fs/promises';
import type { Resolver } from '@licet/control-plane';
import type { Resource } from '@licet/policy';

/** Cedar types that are paths of this host. */
const PATH_TYPES: ReadonlySet<string> = new Set(['Folder', 'File', 'Program']);

/**
 * Resolves to why a path is not its own canonical name, or undefined when it is. Components that do not exist yet
 * are fine (a write makes them); a symlink, or a file where a folder has to be, is not. Anything unreadable is a
 * reason too.
 */
export async function pathObjection(path: string): Promise<string | undefined> {
  if (!path.startsWith('/') || path.includes('\0')) return 'not an absolute path';
  const parts = path.split('/').slice(1);
  let current = '';
  let last = '/';
  for (const [at, part] of parts.entries()) {
    if (part === '' && parts.length === 1) break;
    current += `/${part}`;
    let found: Awaited<ReturnType<typeof lstat>>;
    try {
      found = await lstat(current);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return 'a component cannot be looked at';
      break;
    }
    // RULE 13: a symlink in any component, the last one included, makes it another path.
    if (found.isSymbolicLink()) return 'a component is a symlink';
    if (at < parts.length - 1 && !found.isDirectory()) return 'a component is no folder';
    last = current;
  }
  try {
    // What exists must be itself: catches links that were made while we looked, and names that fold case.
    return (await realpath(last)) === last ? undefined : 'the real path is another';
  } catch {
    return 'the path cannot be resolved';
  }
}

/** Confirms the paths among resources against this host's file system. */
export const hostResolver: Resolver = {
  async confirm(resources: readonly Resource[]) {
    for (const resource of resources) {
      const { type, id } = resource.uid;
      if (PATH_TYPES.has(type) && (await pathObjection(id)) !== undefined) return resource;
    }
    return undefined;
  },
};
