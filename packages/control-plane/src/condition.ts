// Condition: what the plane can say of itself in words, for health and the console. Fail-closed is said before anything
// that would sound better.
import type { PlaneContext } from './context.ts';
import type { Plane } from './face.ts';
import { containments } from './reading.ts';

/** The plane's state, why, and the numbers that belong to it. */
export async function condition(context: PlaneContext): ReturnType<Plane['state']> {
  const { store, keeper, emergency, clock, tenant } = context;
  const health = await store.health();
  const { epoch, active } = await containments(context);
  const count = async (state: string): Promise<number> =>
    (await store.list({ kind: 'execution', where: { state }, limit: 10_000 })).length;
  const [inDoubt, running] = [await count('in_doubt'), await count('running')];
  const everything = [...active, ...emergency.orders].some(
    ({ scope: { kind, id } }) => kind === 'everything' || (kind === 'tenant' && id === tenant),
  );
  const { loaded } = keeper;
  const bundles = loaded?.refs ?? [];
  const rest = { bundles, epoch, inDoubt, running };
  if (!health.ok) return { state: 'fail-closed', why: health.why, ...rest };
  if (loaded === undefined)
    return {
      state: 'fail-closed',
      why: `Nothing is permitted: ${keeper.problem ?? 'no bundle'}.`,
      ...rest,
    };
  if (keeper.tooOld(loaded, clock.nowMs()))
    return {
      state: 'fail-closed',
      why: 'Nothing is permitted: the bundle is older than it allows itself to be. Publish it again.',
      ...rest,
    };
  if (everything)
    return {
      state: 'contained',
      why: 'A containment covers everything: nothing is permitted until a person lifts it.',
      ...rest,
    };
  if (loaded.observing) return { state: 'observing', why: 'Observing: nothing is being stopped.', ...rest };
  const partly =
    active.length === 0 ? '' : ` ${active.length} containment${active.length === 1 ? '' : 's'} in force.`;
  return {
    state: 'enforcing',
    why: `Every request is decided by bundle version ${bundles.at(-1)?.version ?? 0}.${partly}`,
    ...rest,
  };
}
