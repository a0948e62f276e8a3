/**
 * An action as the engine holds it: its argument plan, validator, groups and floor, made once at load from the
 * bundle's spec. Also the actions that every schema has whatever the bundle says (DESIGN §6).
 */
import { argumentCheck, type ArgumentCheck } from './argument-schema.ts';
import type { ActionSpec, MeterRef } from './bundle.ts';
import { planArguments, type FieldPlan } from './json-mapping.ts';
import { DEFAULT_TERMS, parseDuration, tighten, type Terms } from './terms.ts';

/** Every action but the self-test is in this group. */
export const GOVERNED = 'licet/governed';
/** The action that nothing may ever permit (DESIGN §6, boot self-test). */
export const SELF_TEST = 'licet/self-test';

/** Actions of the plane itself: a gateway's session root (RULE 18), and spawning a sub-agent. */
export const BUILT_IN_ACTIONS: Readonly<Record<string, ActionSpec>> = {
  [SELF_TEST]: { schema: { type: 'object', properties: {} }, resources: {} },
  'licet/session': {
    schema: { type: 'object', properties: {} },
    resources: {},
    floor: { lease: '30s', max: '12h' },
  },
  'licet/spawn': {
    schema: {
      type: 'object',
      properties: { agent: { type: 'string' }, key: { type: 'string' } },
      required: ['agent', 'key'],
    },
    resources: {},
    floor: { lease: '30s', max: '12h' },
  },
};

export interface ActionPlan {
  readonly name: string;
  readonly spec: ActionSpec;
  /** All action groups that hold it. */
  readonly groups: readonly string[];
  readonly fields: readonly FieldPlan[];
  readonly names: ReadonlySet<string>;
  /** True when at least one argument is a resource; else the tool itself is. */
  readonly mapped: boolean;
  readonly resourceTypes: readonly string[];
  readonly floor: Terms;
  readonly meters: readonly MeterRef[];
  readonly check: ArgumentCheck;
  /** Arguments that policies cannot see and that deny the call when present. */
  readonly unmappable: readonly string[];
}

/** Returns the plan; faults in the mapping are reported to `fault`. */
export function planAction(name: string, spec: ActionSpec, fault: (message: string) => void): ActionPlan {
  const fields = planArguments(spec, fault);
  const check = argumentCheck(spec.schema, spec.opaque ?? []);
  const server = name.slice(0, name.indexOf('/'));
  const own = new Set(spec.groups ?? []);
  if (own.has(GOVERNED) || own.has(SELF_TEST)) fault('names a built-in group');
  const resourceTypes = new Set(fields.flatMap(({ plan }) => (plan.kind === 'resource' ? [plan.type] : [])));
  return {
    name,
    spec,
    // INVARIANT: the self-test is in no group, so a permit for a group never reaches it. `rule 14` tests.
    groups: name === SELF_TEST ? [] : [...new Set([server, GOVERNED, ...own])].sort(),
    fields,
    names: new Set(fields.map((field) => field.name)),
    mapped: resourceTypes.size > 0,
    resourceTypes: resourceTypes.size > 0 ? [...resourceTypes].sort() : ['Tool'],
    floor: floorOf(spec),
    meters: spec.meters ?? [],
    check,
    unmappable: fields.flatMap((field) => (field.plan.kind === 'unmappable' ? [field.name] : [])),
  };
}

/** Compiles the validator now; returns why the schema is refused, or undefined. Needs code generation. */
export function compileCheck(plan: ActionPlan): string | undefined {
  try {
    (plan.check as ArgumentCheck & { compile(): void }).compile();
    return undefined;
  } catch (cause) {
    // A page that bars code generation can still re-decide; it never decides first.
    if (cause instanceof EvalError) return undefined;
    return cause instanceof Error ? cause.message : String(cause);
  }
}

/** RULE 16: the floor may lengthen the defaults; permits then only shorten. */
function floorOf(spec: ActionSpec): Terms {
  const { lease, max, ...rest } = spec.floor ?? {};
  return tighten(
    {
      leaseMs: (lease === undefined ? undefined : parseDuration(lease)) ?? DEFAULT_TERMS.leaseMs,
      maxMs: (max === undefined ? undefined : parseDuration(max)) ?? DEFAULT_TERMS.maxMs,
    },
    rest,
  );
}
