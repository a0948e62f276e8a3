/**
 * JSON Schema → Cedar, a closed mapping (DESIGN §6; RULE 11). From the pinned schema of an action comes a plan:
 * for each argument the one Cedar type it is built into, or the reason why policies cannot see it. Values are
 * built by the plan, never passed through, so that an argument shaped like `{"__entity": …}` stays data.
 */
import type { JsonSchema, ActionSpec, ResourceSpec } from './bundle.ts';
import type { CedarType } from './cedar.ts';
import { TYPES_OF_KIND } from './resources.ts';

/** How a value of one argument is built. */
export type InputPlan =
  | { readonly kind: 'string' | 'long' | 'decimal' | 'boolean' }
  | { readonly kind: 'set'; readonly element: InputPlan }
  | { readonly kind: 'record'; readonly fields: readonly FieldPlan[] }
  | { readonly kind: 'resource'; readonly spec: ResourceSpec; readonly type: string; readonly many: boolean }
  | { readonly kind: 'opaque' }
  | { readonly kind: 'unmappable'; readonly why: string };

export interface FieldPlan {
  readonly name: string;
  readonly plan: InputPlan;
  readonly required: boolean;
}

/** JSON keys that mean something to Cedar's JSON form; refused as names anywhere (RULE 11). */
export const RESERVED_KEYS: readonly string[] = ['__entity', '__extn', '__expr'];

/** Returns the plans of an action's arguments. Faults in the mapping are reported to `fault`. */
export function planArguments(spec: ActionSpec, fault: (message: string) => void): readonly FieldPlan[] {
  const properties = objectAt(spec.schema, 'properties');
  for (const name of [...Object.keys(spec.resources), ...(spec.opaque ?? []), ...(spec.unordered ?? [])])
    if (!Object.hasOwn(properties, name)) fault(`the argument ${name} is mapped but not in the schema`);
  for (const name of Object.keys(spec.resources))
    if (spec.opaque?.includes(name)) fault(`the argument ${name} is both mapped and opaque`);
  return fields(spec.schema, spec.schema, (name, schema) => {
    const mapped = Object.hasOwn(spec.resources, name) ? spec.resources[name] : undefined;
    if (mapped !== undefined) return planResource(name, mapped, schema, spec.schema, fault);
    if (spec.opaque?.includes(name)) return { kind: 'opaque' };
    return planValue(schema, spec.schema, spec.unordered?.includes(name) ?? false, 0);
  });
}

/** Returns the Cedar record type of the fields that policies see. */
export function cedarRecord(plans: readonly FieldPlan[]): CedarType {
  const attributes: Record<string, CedarType & { required?: boolean }> = {};
  for (const { name, plan, required } of plans) {
    const type = cedarType(plan);
    if (type !== undefined) attributes[name] = { ...type, required };
  }
  return { type: 'Record', attributes } as CedarType;
}

function cedarType(plan: InputPlan): CedarType | undefined {
  switch (plan.kind) {
    case 'string':
      return { type: 'String' };
    case 'long':
      return { type: 'Long' };
    case 'boolean':
      return { type: 'Boolean' };
    case 'decimal':
      return { type: 'Extension', name: 'decimal' } as CedarType;
    case 'set':
      return { type: 'Set', element: cedarType(plan.element)! } as CedarType;
    case 'record':
      return cedarRecord(plan.fields);
    case 'resource': {
      const entity = { type: 'Entity', name: plan.type } as CedarType;
      return plan.many ? ({ type: 'Set', element: entity } as CedarType) : entity;
    }
    case 'opaque':
    case 'unmappable':
      return undefined;
    default:
      return plan satisfies never;
  }
}

function fields(
  object: JsonSchema,
  root: JsonSchema,
  planOf: (name: string, schema: JsonSchema) => InputPlan,
): FieldPlan[] {
  const required = Array.isArray(object['required']) ? (object['required'] as readonly string[]) : [];
  return Object.entries(objectAt(object, 'properties'))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, schema]) => {
      const plan = RESERVED_KEYS.includes(name)
        ? ({ kind: 'unmappable', why: 'a reserved name' } as const)
        : planOf(name, isSchema(schema) ? schema : {});
      // A value that may be null may be absent for the policy.
      const nullable = isSchema(schema) && stripNull(resolveRef(schema, root) ?? {}).nullable;
      return { name, plan, required: required.includes(name) && !nullable };
    });
}

function planResource(
  name: string,
  spec: ResourceSpec,
  schema: JsonSchema,
  root: JsonSchema,
  fault: (message: string) => void,
): InputPlan {
  const target = stripNull(resolveRef(schema, root) ?? {}).schema;
  const type = spec.type ?? TYPES_OF_KIND[spec.kind].at(-1)!;
  const items = target['items'];
  const many = target['type'] === 'array' && isSchema(items) && items['type'] === 'string';
  if (target['type'] !== 'string' && !many)
    fault(`the mapped argument ${name} is neither a string nor strings`);
  // Of a command line the first word is the program; the rest is ordered and stays out of sight.
  return { kind: 'resource', spec, type, many: many && spec.kind !== 'program' };
}

function planValue(schema: JsonSchema, root: JsonSchema, unordered: boolean, depth: number): InputPlan {
  const unmappable = (why: string): InputPlan => ({ kind: 'unmappable', why });
  if (depth > 8) return unmappable('nested deeper than 8, or recursive');
  const resolved = resolveRef(schema, root);
  if (resolved === undefined) return unmappable('a reference that is not local');
  const target = stripNull(resolved).schema;
  for (const keyword of ['anyOf', 'oneOf', 'allOf', 'not', 'if', '$ref', '$dynamicRef'])
    if (target[keyword] !== undefined) return unmappable(`the keyword ${keyword}`);
  switch (target['type'] ?? typeOfConstants(target)) {
    case 'string':
      return { kind: 'string' };
    case 'boolean':
      return { kind: 'boolean' };
    case 'integer':
      return { kind: 'long' };
    case 'number':
      return { kind: 'decimal' };
    case 'array': {
      const items = target['items'];
      if (!isSchema(items) || target['prefixItems'] !== undefined)
        return unmappable('an array without one item type');
      if (!unordered && target['uniqueItems'] !== true) return unmappable('an ordered array');
      const element = planValue(items, root, false, depth + 1);
      return ['string', 'long', 'boolean', 'decimal'].includes(element.kind)
        ? { kind: 'set', element }
        : unmappable('an array of something other than scalars');
    }
    case 'object': {
      if (target['patternProperties'] !== undefined || isSchema(target['additionalProperties']))
        return unmappable('an object with free names');
      if (!isSchema(target['properties'])) return unmappable('a free object');
      return {
        kind: 'record',
        fields: fields(target, root, (_, inner) => planValue(inner, root, false, depth + 1)),
      };
    }
    default:
      return unmappable('no single type');
  }
}

/** `enum` and `const` of strings without a `type` are strings; anything mixed has no type. */
function typeOfConstants(schema: JsonSchema): string | undefined {
  const constants = Array.isArray(schema['enum'])
    ? schema['enum']
    : 'const' in schema
      ? [schema['const']]
      : [];
  return constants.length > 0 && constants.every((value) => typeof value === 'string') ? 'string' : undefined;
}

/** Takes `null` out of a type: `["string","null"]`, `anyOf: [X, {type: null}]`. */
function stripNull(schema: JsonSchema): { readonly schema: JsonSchema; readonly nullable: boolean } {
  if (Array.isArray(schema['type'])) {
    const types = schema['type'].filter((type) => type !== 'null');
    if (types.length === 1)
      return { schema: { ...schema, type: types[0]! }, nullable: schema['type'].length > 1 };
  }
  for (const keyword of ['anyOf', 'oneOf']) {
    const options = schema[keyword];
    if (!Array.isArray(options)) continue;
    const rest = options.filter((option) => !(isSchema(option) && option['type'] === 'null'));
    if (rest.length === 1 && options.length === 2 && isSchema(rest[0]))
      return { schema: rest[0], nullable: true };
  }
  return { schema, nullable: false };
}

/** Follows one local `$ref` into `$defs` or `definitions`; a chain of them ends at the depth limit. */
function resolveRef(schema: JsonSchema, root: JsonSchema): JsonSchema | undefined {
  const ref = schema['$ref'];
  if (ref === undefined) return schema;
  const match = typeof ref === 'string' ? /^#\/(\$defs|definitions)\/([^/~%]+)$/.exec(ref) : null;
  if (match === null) return undefined;
  const found = objectAt(root, match[1]!)[match[2]!];
  return isSchema(found) && found['$ref'] === undefined ? found : undefined;
}

function objectAt(schema: JsonSchema, keyword: string): JsonSchema {
  const value = schema[keyword];
  return isSchema(value) ? value : {};
}

/** True for a JSON object, which a schema other than `true` and `false` is. */
export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
