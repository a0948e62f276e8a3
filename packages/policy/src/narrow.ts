/**
 * The question as narrow as the policies that are asked: of the context, Cedar gets the arguments and the fields that
 * a policy of the slice names, and a schema that says just that. Reading a field costs Cedar as much as deciding by
 * it, so what nobody looks at was two thirds of a call.
 *
 * RULE 12: what is left out can change nothing: no policy of the slice names it. A property test holds narrowed equal
 * to full, and every re-decision asks the full question. RULE 11: what is handed over is still validated against its
 * schema on every call, arguments always; `exactInputs` checks the rest.
 */
import type { ActionPlan } from './action-plan.ts';
import type { CedarRequest, EngineSchema } from './engine.ts';
import type { LoadedBundle } from './load.ts';
import { withContext } from './schema-mapping.ts';
import type { Slice } from './slices.ts';

/** Returns schema and request for one slice. */
export function narrowed(
  loaded: LoadedBundle,
  plan: ActionPlan,
  slice: Slice,
  request: CedarRequest,
): { readonly schema: EngineSchema; readonly request: CedarRequest } {
  const whole = loaded.actionSchemas.get(plan.name)!;
  const { context: reads } = slice;
  if (reads === 'all') return { schema: whole, request };
  const keeps = (field: string): boolean => field === 'input' || reads.has(field);
  const name = `${plan.name}\n${[...reads].sort().join(',')}`;
  let schema = loaded.narrowSchemas.get(name);
  if (schema === undefined) {
    schema = { digest: `${loaded.schemaDigest}/${name}`, json: withContext(whole.json, plan, keeps) };
    loaded.narrowSchemas.set(name, schema);
  }
  const context = Object.fromEntries(Object.entries(request.context).filter(([field]) => keeps(field)));
  return { schema, request: { ...request, context } };
}
