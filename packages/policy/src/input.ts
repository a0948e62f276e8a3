/**
 * From arguments to `context.input` and resources, directed by the plan of the action (RULE 11, RULE 13).
 * Runs once per call; all pairs of link and resource share the result.
 */
import type { Json } from '@licet/evidence';
import type { ActionPlan } from './action-plan.ts';
import type { CedarValue, Entity, Uid } from './cedar.ts';
import { uidKey } from './cedar.ts';
import type { DenyCode } from './deny-codes.ts';
import { RESERVED_KEYS, type FieldPlan, type InputPlan } from './json-mapping.ts';
import { resolveResource, type ResourceKind } from './resources.ts';

/** Arguments as they came off the wire: a JSON object. */
export type Arguments = { readonly [name: string]: Json };

/** One thing that an action touches. Ancestors are nearest first; each is the parent of the one before. */
export interface Resource {
  readonly argument: string;
  readonly kind: ResourceKind | 'tool';
  readonly uid: Uid;
  readonly ancestors: readonly Uid[];
}

/** What policies get to see of a call, and the arguments that the executor must be given. */
export interface BuiltInput {
  readonly input: { readonly [name: string]: CedarValue };
  readonly resources: readonly Resource[];
  /** The arguments with every mapped one in its resolved form. */
  readonly args: Arguments;
}

export interface InputDenial {
  readonly deny: Extract<DenyCode, 'schema' | 'unmappable' | 'not_canonical' | 'too_large'>;
  /** Which argument and why, without its value. */
  readonly detail: string;
}

/** Most things one call may touch; every one is decided for every link. */
const MAX_RESOURCES = 32;
const MAX_NESTING = 64;

/**
 * Returns input, resources and resolved arguments, or a denial. `validate: false` leaves out the JSON Schema
 * check (types are still checked by the plan); only re-decision where code generation is barred does that.
 */
export function buildInput(
  plan: ActionPlan,
  args: Json,
  options: { readonly validate?: boolean } = {},
): BuiltInput | InputDenial {
  if (!isRecord(args)) return { deny: 'schema', detail: 'the arguments are not an object' };
  const reserved = findReserved(args, 0);
  if (reserved !== undefined) return { deny: 'schema', detail: reserved };
  if (options.validate ?? true) {
    const fault = plan.check(args);
    if (fault !== undefined) return { deny: 'schema', detail: fault };
  }
  for (const name of Object.keys(args))
    if (!plan.names.has(name)) return { deny: 'schema', detail: 'an argument that the schema does not name' };
  const found: Resource[] = [];
  const resolved: Record<string, Json> = { ...args };
  const input: Record<string, CedarValue> = {};
  for (const field of plan.fields) {
    const value = Object.hasOwn(args, field.name) ? args[field.name] : undefined;
    const fault = buildField(field, value, input, resolved, found);
    if (fault !== undefined) return fault;
  }
  if (found.length > MAX_RESOURCES)
    return { deny: 'too_large', detail: `more than ${MAX_RESOURCES} resources` };
  if (!plan.mapped) found.push(toolResource(plan.name));
  // Every mapped argument was optional and absent: what the tool would touch then is not known.
  if (found.length === 0) return { deny: 'schema', detail: 'no argument names a resource' };
  return { input, resources: found, args: resolved };
}

/** Returns the resource of an action without mapped arguments: the tool itself. */
export function toolResource(action: string): Resource {
  return { argument: '', kind: 'tool', uid: { type: 'Tool', id: action }, ancestors: [] };
}

/**
 * Returns the resources by name, as entries commit to them: the argument, `argument#2` for its second one, and
 * `$` for the tool itself.
 */
export function resourceRefs(
  resources: readonly Resource[],
): Readonly<Record<string, { type: string; id: string }>> {
  const refs: Record<string, { type: string; id: string }> = {};
  const counts = new Map<string, number>();
  for (const { argument, uid } of resources) {
    const count = (counts.get(argument) ?? 0) + 1;
    counts.set(argument, count);
    refs[argument === '' ? '$' : count === 1 ? argument : `${argument}#${count}`] = {
      type: uid.type,
      id: uid.id,
    };
  }
  return refs;
}

/** Returns the entities of resources and all their ancestors, each once. RULE 12: closed. */
export function resourceEntities(resources: readonly Resource[]): readonly Entity[] {
  const entities = new Map<string, Entity>();
  for (const { uid, ancestors } of resources) {
    const chain = [uid, ...ancestors];
    for (const [index, member] of chain.entries()) {
      const key = uidKey(member);
      if (entities.has(key)) continue;
      const parent = chain[index + 1];
      entities.set(key, { uid: member, attrs: {}, parents: parent === undefined ? [] : [parent] });
    }
  }
  return [...entities.values()];
}

function buildField(
  { name, plan, required }: FieldPlan,
  value: Json | undefined,
  input: Record<string, CedarValue>,
  resolved: Record<string, Json>,
  found: Resource[],
): InputDenial | undefined {
  if (plan.kind === 'opaque') return undefined;
  if (value === undefined || value === null) {
    if (plan.kind === 'resource' ? plan.spec.optional === true : !required) return undefined;
    return { deny: 'schema', detail: `the argument ${name} is absent` };
  }
  if (plan.kind !== 'resource') {
    const built = build(plan, value);
    if (isFault(built)) return { deny: 'unmappable', detail: `the argument ${name} is ${built.fault}` };
    input[name] = built;
    return undefined;
  }
  const texts = plan.many
    ? value
    : plan.spec.kind === 'program' && Array.isArray(value)
      ? [value[0]]
      : [value];
  if (!Array.isArray(texts)) return { deny: 'schema', detail: `the argument ${name} is not a list` };
  const uids: Uid[] = [];
  const values: string[] = [];
  for (const item of texts as readonly Json[]) {
    if (typeof item !== 'string')
      return { deny: 'schema', detail: `the argument ${name} does not hold text` };
    const resource = resolveResource(plan.spec.kind, item, { ...plan.spec, type: plan.type });
    if ('deny' in resource)
      return { deny: resource.deny, detail: `the argument ${name}: ${resource.detail}` };
    const uid = { type: resource.type, id: resource.id };
    values.push(resource.value);
    if (uids.some((other) => other.id === uid.id)) continue;
    uids.push(uid);
    // The same thing named by two arguments is one resource: it is decided once.
    if (!found.some((other) => uidKey(other.uid) === uidKey(uid)))
      found.push({ argument: name, kind: plan.spec.kind, uid, ancestors: resource.ancestors });
  }
  // RULE 13: policies get the entity, the executor the value the entity was made from.
  const references = uids.map((uid) => ({ __entity: { type: uid.type, id: uid.id } }));
  input[name] = plan.many ? references : references[0]!;
  if (plan.many) resolved[name] = values;
  else resolved[name] = Array.isArray(value) ? [values[0]!, ...value.slice(1)] : values[0]!;
  return undefined;
}

interface Fault {
  readonly fault: string;
}
const faults = new WeakSet<object>();
function fault(text: string): Fault {
  const made: Fault = { fault: text };
  faults.add(made);
  return made;
}
function isFault(value: CedarValue | Fault): value is Fault {
  return typeof value === 'object' && faults.has(value);
}

function build(plan: InputPlan, value: Json): CedarValue | Fault {
  switch (plan.kind) {
    case 'string':
      return typeof value === 'string' && value.isWellFormed() ? value : fault('not a text');
    case 'boolean':
      return typeof value === 'boolean' ? value : fault('not true or false');
    case 'long':
      return Number.isSafeInteger(value) && !Object.is(value, -0)
        ? (value as number)
        : fault('not an exact whole number');
    case 'decimal':
      return typeof value === 'number' ? decimal(value) : fault('not a number');
    case 'set': {
      if (!Array.isArray(value)) return fault('not a list');
      const items = (value as readonly Json[]).map((item) => build(plan.element, item));
      const bad = items.find(isFault);
      if (bad !== undefined) return bad;
      // A set would hold one of two equal items: not the same list any more.
      if (new Set(value.map((item) => JSON.stringify(item))).size !== value.length)
        return fault('a list with repeats');
      return items as CedarValue[];
    }
    case 'record': {
      if (!isRecord(value)) return fault('not an object');
      const record: Record<string, CedarValue> = {};
      const known = new Set(plan.fields.map((field) => field.name));
      if (Object.keys(value).some((name) => !known.has(name))) return fault('an object with unknown members');
      for (const field of plan.fields) {
        const member = Object.hasOwn(value, field.name) ? value[field.name] : undefined;
        if (member === undefined || member === null) {
          if (field.required) return fault('an object without a required member');
          continue;
        }
        const built = build(field.plan, member);
        if (isFault(built)) return built;
        record[field.name] = built;
      }
      return record;
    }
    case 'unmappable':
      return fault(`not visible to policies (${plan.why}) and not listed as opaque`);
    case 'opaque':
    case 'resource':
      return fault('mapped inside an object');
    default:
      return plan satisfies never;
  }
}

/**
 * Returns a Cedar decimal of exactly this number: at most four places, magnitude below 922337203685477.
 * RULE 11: 0.1 + 0.2 has seventeen places and is refused rather than rounded.
 */
function decimal(value: number): CedarValue | Fault {
  const text = String(value);
  if (
    Object.is(value, -0) ||
    !/^-?[0-9]{1,15}(\.[0-9]{1,4})?$/.test(text) ||
    Math.abs(value) > 922_337_203_685_476
  )
    return fault('a number that a decimal cannot hold exactly');
  return { __extn: { fn: 'decimal', arg: text.includes('.') ? text : `${text}.0` } };
}

/** Returns what is wrong with the names or the depth of a value, or undefined. */
function findReserved(value: Json, depth: number): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > MAX_NESTING) return `nested deeper than ${MAX_NESTING}`;
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) {
      const inner = findReserved(item, depth + 1);
      if (inner !== undefined) return inner;
    }
    return undefined;
  }
  for (const [name, inner] of Object.entries(value)) {
    // RULE 11: refused anywhere, so that no later step can mistake data for an entity or an expression.
    if (RESERVED_KEYS.includes(name)) return 'a reserved member name';
    const deeper = findReserved(inner, depth + 1);
    if (deeper !== undefined) return deeper;
  }
  return undefined;
}

function isRecord(value: Json): value is Arguments {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
