/**
 * Validation of arguments against the pinned JSON Schema, with unknown properties denied (RULE 11). MCP schemas
 * are often open by default; here every object that lists its properties is closed before it is compiled.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Json } from '@licet/evidence';
import type { JsonSchema } from './bundle.ts';
import { isSchema } from './json-mapping.ts';

/** Returns undefined when the arguments fit, else where they do not: a JSON pointer and a keyword, no values. */
export type ArgumentCheck = (args: Json) => string | undefined;

/** Keywords whose value is a schema for another place of the instance. */
const INNER = ['items', 'additionalProperties', 'contains', 'propertyNames', 'unevaluatedItems'];
const INNER_LISTS = ['prefixItems'];
const INNER_MAPS = ['properties', 'patternProperties'];
/** Keywords whose value is a schema for the same place; closing there would close against their siblings. */
const SAME_LISTS = ['anyOf', 'oneOf', 'allOf'];
const DEFINITIONS = ['$defs', 'definitions'];

/** One for all: making one costs tens of milliseconds, mostly for the meta-schema. */
let compiler: Ajv2020 | undefined;

/**
 * Returns a check of arguments; the validator is compiled at its first use, by generating code. `opaque` names
 * the top-level arguments whose insides stay as open as their author wrote them. Throws what Ajv throws for a
 * schema that is not one; call `compile` at load to meet it there.
 */
export function argumentCheck(
  schema: JsonSchema,
  opaque: readonly string[],
): ArgumentCheck & { compile(): void } {
  let validate: ReturnType<Ajv2020['compile']> | undefined;
  const compile = (): ReturnType<Ajv2020['compile']> => {
    if (validate !== undefined) return validate;
    compiler ??= new Ajv2020({ strict: false, validateFormats: false, addUsedSchema: false, logger: false });
    const closedSchema = closeObjects(schema, opaque);
    validate = compiler.compile(closedSchema);
    compiler.removeSchema(closedSchema); // or the shared compiler would hold every schema it ever saw
    return validate;
  };
  const check = (args: Json): string | undefined => {
    const compiled = validate ?? compile();
    if (compiled(args) === true) return undefined;
    const error = compiled.errors?.[0];
    return `${error?.instancePath === '' ? '/' : (error?.instancePath ?? '/')}: ${error?.message ?? 'does not fit'}`;
  };
  return Object.assign(check, { compile: () => void compile() });
}

/** Returns the schema with every object that lists properties closed. Exported for its test. */
export function closeObjects(schema: JsonSchema, opaque: readonly string[]): JsonSchema {
  const properties: Record<string, Json> = {};
  for (const [name, inner] of Object.entries(isSchema(schema['properties']) ? schema['properties'] : {}))
    properties[name] = opaque.includes(name) ? inner : close(inner);
  const { $schema: _, $id: __, ...rest } = schema; // older drafts name themselves; the mapping is 2020-12
  const closedRoot = close({ ...rest, properties: {} }) as Record<string, Json>;
  // Arguments have names; free ones at the top would be unknown properties under another keyword.
  delete closedRoot['additionalProperties'];
  delete closedRoot['patternProperties'];
  return { ...closedRoot, properties, unevaluatedProperties: false };
}

function close(value: Json, here = true): Json {
  if (!isSchema(value)) return value;
  const result: Record<string, Json> = { ...value };
  for (const keyword of INNER) if (isSchema(value[keyword])) result[keyword] = close(value[keyword]);
  for (const keyword of INNER_LISTS)
    if (Array.isArray(value[keyword])) result[keyword] = value[keyword].map((inner) => close(inner as Json));
  for (const keyword of [...INNER_MAPS, ...DEFINITIONS])
    if (isSchema(value[keyword]))
      result[keyword] = Object.fromEntries(
        Object.entries(value[keyword]).map(([name, inner]) => [name, close(inner)]),
      );
  for (const keyword of SAME_LISTS)
    if (Array.isArray(value[keyword]))
      result[keyword] = value[keyword].map((inner) => close(inner as Json, false));
  if (isSchema(value['properties'])) {
    // `additionalProperties: true` would mark every unknown name as known.
    if (!isSchema(value['additionalProperties']) || Object.keys(value['additionalProperties']).length === 0)
      delete result['additionalProperties'];
    if (here) result['unevaluatedProperties'] = false;
  }
  return result;
}
