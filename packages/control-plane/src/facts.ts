// Operators' facts: what people state about the world for policies to go by. A name that no bundle declares would be
// heard by nobody, and a value of another type than declared would deny everything: neither is recorded.
import { isFactValue, type FactType } from '@licet/policy';
import type { PlaneContext } from './context.ts';
import type { Effect } from './core/commands.ts';
import { policyOf } from './look-up.ts';

/** Returns the facts that the bundles in force declare, by name. Empty while there is no usable bundle. */
export async function declaredFacts({
  store,
  keeper,
}: PlaneContext): Promise<Readonly<Record<string, FactType>>> {
  await keeper.ensure(await policyOf(store));
  return keeper.loaded?.facts ?? {};
}

/** Returns the effect with what is wrong with it, by the bundles in force. */
export async function checkedFact(
  context: PlaneContext,
  effect: Effect & { readonly op: 'fact' },
): Promise<Effect & { readonly op: 'fact' }> {
  const declared = await declaredFacts(context);
  const type = Object.hasOwn(declared, effect.name) ? declared[effect.name] : undefined;
  if (type === undefined) return { ...effect, fault: 'undeclared_fact' };
  return isFactValue(type, effect.value) ? effect : { ...effect, fault: 'fact_type' };
}
