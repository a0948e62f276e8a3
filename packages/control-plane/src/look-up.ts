// Look-ups: single rows as they are now, outside a snapshot. Nothing that Apply must hold fast is read through these.
import type { Door } from './core/commands.ts';
import type { ExecutionRow, PolicyRow } from './core/rows.ts';
import { SELF } from './core/rows.ts';
import { invariant } from './errors.ts';
import type { Store } from './ports.ts';

/** The execution with this id, or undefined. */
export async function executionOf(store: Store, exec: string): Promise<ExecutionRow | undefined> {
  const [row] = await store.read([{ kind: 'execution', id: exec }]);
  return row?.value as ExecutionRow | undefined;
}

/** What the log says is published; undefined before the first publication. */
export async function policyOf(store: Store): Promise<PolicyRow | undefined> {
  const [row] = await store.read([{ kind: 'policy', id: SELF }]);
  return row?.value as PolicyRow | undefined;
}

/** The plane's custody (RULE 28). */
export async function custodyOf(store: Store): Promise<Door['custody']> {
  const [row] = await store.read([{ kind: 'plane', id: SELF }]);
  invariant(row !== undefined, 'the log has no genesis');
  return (row.value as { readonly custody: Door['custody'] }).custody;
}
