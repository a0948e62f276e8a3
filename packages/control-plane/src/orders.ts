// Orders: kill orders signed by a contain key, which need neither a login nor a working log (RULE 34).
import { verifyContainOrder } from '@licet/evidence';
import { commit } from './commits.ts';
import type { PlaneContext } from './context.ts';
import type { OrderCommand } from './core/commands.ts';
import { orderOfSerial } from './core/project-plane.ts';
import { ControlPlaneError } from './errors.ts';
import { loggedScope } from './scopes.ts';
import type { Store } from './ports.ts';

/** Verifies the order, lets it act in memory, then logs it. Throws ERR_PLANE_ORDER when it is not to act. */
export async function order(
  context: PlaneContext,
  note: string,
): Promise<{ readonly effective: true; readonly durable: boolean }> {
  const { store, clock, crypto, trust, origin, tenantKey, emergency } = context;
  const nowMs = clock.nowMs();
  let verified: Awaited<ReturnType<typeof verifyContainOrder>>;
  try {
    verified = await verifyContainOrder(note, { trust, crypto, nowMs, origin });
  } catch (cause) {
    throw new ControlPlaneError(
      'ERR_PLANE_ORDER',
      cause instanceof Error ? cause.message : 'unreadable order',
      { cause },
    );
  }
  const { scope, serial } = verified.order;
  const command: OrderCommand = {
    kind: 'order',
    digest: verified.digest,
    serial,
    scope: loggedScope(tenantKey, scope),
  };
  const lifted = new ControlPlaneError('ERR_PLANE_ORDER', `serial ${serial} was lifted`);
  // RULE 34: a lifted serial never acts again, not even in memory. A store that cannot say lets it act.
  if (await wasLifted(store, command)) throw lifted;
  emergency.add(command);
  if (!(await logOrder(context, command))) return { effective: true, durable: false };
  if (await wasLifted(store, command)) throw lifted;
  return { effective: true, durable: true };
}

/** Writes an order that acts in memory; from then on the log carries it, and a person can lift it there. */
export async function logOrder(context: PlaneContext, command: OrderCommand): Promise<boolean> {
  try {
    const { reply } = await commit(context, command, { lane: 'safety' });
    // Logged, or lifted by a person: anything else leaves it acting in memory.
    const settled = reply.kind === 'operated' || (reply.kind === 'conflict' && reply.code === 'order_lifted');
    if (!settled) return false;
  } catch {
    // RULE 34: effective in memory already; durable only after the write. `tick` tries again.
    return false;
  }
  context.emergency.drop(command);
  return true;
}

async function wasLifted(store: Store, { digest, serial }: OrderCommand): Promise<boolean> {
  try {
    const keys = [digest, orderOfSerial(serial)].map((id) => ({ kind: 'order', id }) as const);
    const rows = await store.read(keys);
    return rows.some((row) => (row?.value as { readonly lifted?: boolean } | undefined)?.lifted === true);
  } catch {
    return false;
  }
}
