// Ticking: what happens because time passes, or because the clock was set back.
import { commit } from './commits.ts';
import type { PlaneContext } from './context.ts';
import type { ExecutionState } from './core/rows.ts';
import { logOrder } from './orders.ts';
import type { Store } from './ports.ts';

/** Logs what only acted in memory, and lets due executions expire, lapse or fall in doubt. Returns their ids. */
export async function tick(context: PlaneContext): Promise<readonly string[]> {
  const { store, clock, emergency } = context;
  // RULE 34: the first entries when the log lives again.
  for (const order of [...emergency.orders]) await logOrder(context, order);
  const due = await store.due(clock.nowMs(), 256);
  if (due.length === 0) return [];
  const { reply } = await commit(context, { kind: 'tick', execs: due }, { lane: 'safety' });
  return reply.kind === 'ticked' ? reply.changed : [];
}

/** Ends what was permitted before the clock was set back (RULE 39). */
export async function endSegment(context: PlaneContext): Promise<void> {
  const { store } = context;
  for (const state of ['running', 'permitted', 'held', 'approved'] as const) {
    // Each tick ends those it is given, oldest first, so the next page is the first one again.
    for (let open = await inState(store, state); open.length > 0; open = await inState(store, state)) {
      const { reply } = await commit(context, { kind: 'tick', execs: open }, { lane: 'safety' });
      if (reply.kind !== 'ticked' || reply.changed.length === 0) break;
    }
  }
}

/** Ids of the oldest executions in a state, a page of them. */
async function inState(store: Store, state: ExecutionState): Promise<readonly string[]> {
  const rows = await store.list({ kind: 'execution', where: { state }, ascending: true, limit: 1_000 });
  return rows.map(({ id }) => id);
}
