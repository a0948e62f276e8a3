/**
 * The Cedar schema of a bundle: entity types, action groups, and for every action its context (DESIGN §6).
 * Generated, never written by hand, so that what policies are validated against is what the engine builds.
 */
import { GOVERNED, type ActionPlan } from './action-plan.ts';
import { ATTESTATION_KINDS } from './attestation.ts';
import type { FactType, LimitSpec } from './bundle.ts';
import type { CedarSchemaJson, CedarType } from './cedar.ts';
import { cedarRecord } from './json-mapping.ts';

const T = (type: string): CedarType => ({ type }) as CedarType;
const setOf = (type: string): CedarType => ({ type: 'Set', element: T(type) }) as CedarType;
const record = (attributes: Record<string, CedarType>): CedarType =>
  ({ type: 'Record', attributes }) as CedarType;
const optional = (type: CedarType): CedarType => ({ ...type, required: false }) as unknown as CedarType;
/** One attestation: its status in EAR's words, what was measured, how old it is and how long it lasts, whose word it is. */
const attestedType = record({
  status: T('String'),
  measured: T('String'),
  ageMs: T('Long'),
  leftMs: T('Long'),
  by: T('String'),
});
const decimalType = { type: 'Extension', name: 'decimal' } as CedarType;

/** Which entity types can stand directly under which (Cedar's `memberOfTypes`). */
export const MEMBERSHIP: Readonly<Record<string, readonly string[]>> = {
  User: ['UserGroup'],
  UserGroup: ['UserGroup'],
  Agent: ['AgentGroup'],
  AgentGroup: ['AgentGroup'],
  Folder: ['Folder'],
  File: ['Folder'],
  Url: ['Url', 'Host'],
  Host: ['Host'],
  Account: [],
  Program: [],
  Tool: [],
};

/** Types that act. Both are in every action (RULE 17). */
export const PRINCIPAL_TYPES = ['User', 'Agent'] as const;
export type PrincipalType = (typeof PRINCIPAL_TYPES)[number];

/** Returns the types a uid of `type` can be in, itself included. */
export function typesAbove(type: string): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (at: string): void => {
    if (found.has(at)) return;
    found.add(at);
    for (const parent of MEMBERSHIP[at] ?? []) visit(parent);
  };
  visit(type);
  return found;
}

/** Returns the schema of these actions. `limits` and `facts` give `context.meters` and `context.facts` their fields. */
export function cedarSchema(
  actions: ReadonlyMap<string, ActionPlan>,
  limits: Readonly<Record<string, LimitSpec>>,
  facts: Readonly<Record<string, FactType>>,
): CedarSchemaJson {
  const entityTypes: Record<string, object> = {};
  for (const [type, parents] of Object.entries(MEMBERSHIP))
    entityTypes[type] = {
      memberOfTypes: [...parents],
      ...(type === 'User' || type === 'Agent' ? { shape: record({ roles: setOf('String') }) } : {}),
    };
  const shared = sharedContext(limits, facts);
  const declared: Record<string, object> = { [GOVERNED]: {} };
  for (const plan of actions.values()) for (const group of plan.groups) declared[group] ??= { memberOf: [] };
  for (const plan of actions.values())
    declared[plan.name] = {
      memberOf: plan.groups.map((id) => ({ id })),
      appliesTo: {
        principalTypes: [...PRINCIPAL_TYPES],
        resourceTypes: [...plan.resourceTypes],
        context: record({ ...shared, input: cedarRecord(plan.fields) }),
      },
    };
  return { '': { entityTypes, actions: declared } } as unknown as CedarSchemaJson;
}

/**
 * Returns the part of a schema that one action needs: itself and its groups. Every entity type stays. Cedar's
 * cost grows with the actions in a schema, and a request is checked against its own action's alone.
 */
export function schemaOfAction(schema: CedarSchemaJson, plan: ActionPlan): CedarSchemaJson {
  const { entityTypes, actions } = schema['']!;
  const needed = [plan.name, ...plan.groups].map((name) => [name, actions[name]!] as const);
  return { '': { entityTypes, actions: Object.fromEntries(needed) } };
}

/**
 * Returns an action's schema with only these fields in its context.
 * @throws TypeError when the schema is not one of {@link schemaOfAction}
 */
export function withContext(
  schema: CedarSchemaJson,
  plan: ActionPlan,
  keeps: (field: string) => boolean,
): CedarSchemaJson {
  const whole = schema['']!;
  const action = whole.actions[plan.name]!;
  const context = action.appliesTo?.context;
  if (context === undefined || !('attributes' in context)) throw new TypeError(`${plan.name} has no context`);
  const attributes = Object.fromEntries(Object.entries(context.attributes).filter(([name]) => keeps(name)));
  const applies = { ...action.appliesTo!, context: { ...context, attributes } };
  return { '': { ...whole, actions: { ...whole.actions, [plan.name]: { ...action, appliesTo: applies } } } };
}

/** All of the context but `input`, which each action has its own of. */
function sharedContext(
  limits: Readonly<Record<string, LimitSpec>>,
  facts: Readonly<Record<string, FactType>>,
): Record<string, CedarType> {
  const meters: Record<string, CedarType> = {};
  for (const [name, spec] of Object.entries(limits).sort(byName)) {
    const type = spec.kind === 'amount' ? decimalType : T('Long');
    meters[name] = optional(record({ used: type, left: type }));
  }
  const attested = Object.fromEntries(ATTESTATION_KINDS.map((kind) => [kind, optional(attestedType)]));
  const known: Record<string, CedarType> = {};
  for (const [name, type] of Object.entries(facts).sort(byName)) known[name] = optional(factCedarType(type));
  return {
    approvals: setOf('String'),
    meters: record(meters),
    attestation: record(attested),
    facts: record(known),
    labels: setOf('String'),
    depth: T('Long'),
    link: T('Long'),
    actor: record({ kind: T('String'), id: T('String'), groups: setOf('String') }),
    door: record({
      grade: T('String'),
      custody: T('String'),
      confine: T('String'),
      bound: setOf('String'),
      assurance: T('String'),
    }),
    // Whole numbers in UTC: a Cedar datetime costs as much as the rest of the context together.
    now: record({ ms: T('Long'), weekday: T('Long'), hour: T('Long'), minute: T('Long') }),
  };
}

function factCedarType(type: FactType): CedarType {
  if (type === 'boolean') return T('Boolean');
  if (type === 'integer') return T('Long');
  return type === 'decimal' ? decimalType : T('String');
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
