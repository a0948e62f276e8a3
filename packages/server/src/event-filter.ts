/**
 * Which committed entries a caller hears of (RULE 32): people all, a door those about its own executions, and the
 * containments that may reach it. Hints only; the lease is the authority.
 */
import type { Entry } from '@licet/evidence';
import type { Plane } from '@licet/control-plane';
import { isOwn, isPerson } from './handlers.ts';
import type { Principal } from './principals.ts';

const MAX_KNOWN = 10_000;

/** Returns the filter of one stream. */
export function eventFilter(
  plane: Pick<Plane, 'execution'>,
  principal: Principal,
): (entry: Entry) => Promise<boolean> {
  if (isPerson(principal)) return async () => true;
  const known = new Map<string, boolean>();
  const own = async (exec: string): Promise<boolean> => {
    const cached = known.get(exec);
    if (cached !== undefined) return cached;
    const row = await plane.execution(exec);
    const mine = row !== undefined && isOwn(principal, row);
    if (known.size >= MAX_KNOWN) known.clear();
    if (row !== undefined) known.set(exec, mine);
    return mine;
  };
  return async (entry) => {
    if (entry.type === 'containment') {
      const { kind, id } = entry.scope;
      // A tool, a resource or another agent of the chain may stop something of this door: it looks for itself. The
      // scope is an opaque id and says nothing about anybody's run.
      return kind === 'execution' || kind === 'run' || kind === 'subtree' ? own(id) : true;
    }
    return 'exec' in entry && entry.exec !== undefined ? own(entry.exec) : false;
  };
}
