// Emergency: kill orders that act in memory at once, before and without the log (RULE 34). `orders.ts` verifies them and
// brings them into the log; from then on the containment there takes over.
import type { OrderCommand } from './core/commands.ts';
import { covers, MAX_DEPTH, subjectOf } from './core/containment.ts';
import type { ExecutionRow } from './core/rows.ts';
import { executionOf } from './look-up.ts';
import type { Store } from './ports.ts';

export class Emergency {
  readonly #orders: OrderCommand[] = [];

  /** Orders that are not in the log yet, oldest first. */
  get orders(): readonly OrderCommand[] {
    return this.#orders;
  }

  /** From here on the order acts. */
  add(order: OrderCommand): void {
    // The same order played again while the log is down is one order.
    if (!this.#orders.some(({ digest }) => digest === order.digest)) this.#orders.push(order);
  }

  /** The log carries this very order now. */
  drop(order: OrderCommand): void {
    const at = this.#orders.findIndex(({ digest }) => digest === order.digest);
    if (at >= 0) this.#orders.splice(at, 1);
  }

  /** True when a kill order that is not in the log yet covers this execution. `resources` are scope ids. */
  async covers(
    { store, tenant }: { readonly store: Store; readonly tenant: string },
    execution: Pick<ExecutionRow, 'exec' | 'run' | 'action' | 'chain'> & {
      readonly parent?: { readonly exec: string };
    },
    resources: readonly string[],
  ): Promise<boolean> {
    if (this.#orders.length === 0) return false;
    const ids = new Set([execution.exec]);
    for (let next = execution.parent?.exec; next !== undefined && ids.size <= MAX_DEPTH + 1;) {
      ids.add(next);
      next = (await executionOf(store, next))?.parent?.exec;
    }
    const subject = subjectOf(tenant, { ...execution, resources });
    return this.#orders.some(({ scope }) => covers(scope, subject, ids));
  }
}
