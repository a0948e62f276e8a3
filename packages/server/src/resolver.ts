/**
 * The effect's host side of RULE 13: what a path really is. Lexical form is `policy`'s; here the host is asked
 * for the real name. Every door on this host repeats it just before start, because a link can be made in between.
 */
import { lstat, realpath } from 'node:fs';
import { dirname } from 'node:path';
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
  // The end of the name can be missing; so that nothing climbs or hides in what is missing, no part may.
  if (path !== '/' && path.slice(1).split('/').some(isNoName)) return 'a component is no name';
  // Off this thread, whatever it costs: a mount that hangs must not keep a halt from being written.
  for (let last = path; ; last = dirname(last)) {
    const found = await look(last);
    if (found === 'unreadable') return 'a component cannot be looked at';
    // RULE 13: a symlink in any component, the last one included, makes it another path; one to nowhere too.
    if (found === 'link') return 'a component is a symlink';
    // One question for all components: what exists must be itself, in each of them, and in its letters.
    const real = await realNameOf(found === 'missing' ? dirname(last) : last);
    if (real === 'unreadable') return 'the path cannot be resolved';
    if (real !== 'missing') return real.is ? undefined : 'the real path is another';
    // The folder is missing as well, or a link to nowhere: it is looked at next.
    if (last === '/') return 'the path cannot be resolved';
  }
}

const isNoName = (part: string): boolean => part === '' || part === '.' || part === '..';

const isMissing = (error: NodeJS.ErrnoException): boolean => error.code === 'ENOENT';

/** A file under a file is `ENOTDIR`: unreadable, not missing. */
function look(path: string): Promise<'there' | 'link' | 'missing' | 'unreadable'> {
  // By callback: that something is missing is the usual answer, and a rejection costs as much as the question.
  return new Promise((resolve) => {
    lstat(path, (error, stats) => {
      if (error !== null) resolve(isMissing(error) ? 'missing' : 'unreadable');
      else resolve(stats.isSymbolicLink() ? 'link' : 'there');
    });
  });
}

function realNameOf(path: string): Promise<{ readonly is: boolean } | 'missing' | 'unreadable'> {
  return new Promise((resolve) => {
    realpath.native(path, (error, real) => {
      if (error !== null) resolve(isMissing(error) ? 'missing' : 'unreadable');
      else resolve({ is: real === path });
    });
  });
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
