/**
 * Checks values against the schemas of the route table. One place for both sides: the server refuses bodies with
 * it, a client refuses answers with it.
 */
import Compile, { type Validator } from 'typebox/compile';
import type { TSchema } from 'typebox';
import type { Json } from '@licet/evidence';

const compiled = new WeakMap<TSchema, Validator>();

/** Returns undefined when `value` fits, else one sentence that names the first field that does not. */
export function misfit(schema: TSchema, value: unknown): string | undefined {
  let validator = compiled.get(schema);
  if (validator === undefined) {
    validator = Compile(schema) as unknown as Validator;
    compiled.set(schema, validator);
  }
  if (validator.Check(value)) return undefined;
  const [first] = validator.Errors(value);
  // The field is named, its value is not quoted: it may be a secret.
  const where =
    first === undefined || first.instancePath === '' ? 'the body' : first.instancePath.slice(0, 200);
  return `${where}: ${first?.message ?? 'does not fit'}`;
}

/**
 * Returns the values of a query string by the types of `schema`: decimal integers become numbers, all else stays
 * text, and a name that comes twice is kept as a list, which no schema accepts.
 */
export function readQuery(schema: TSchema, search: URLSearchParams): { readonly [name: string]: Json } {
  const types =
    (schema as { readonly properties?: Readonly<Record<string, { readonly type?: string }>> }).properties ??
    {};
  const values: { [name: string]: Json } = Object.create(null) as { [name: string]: Json };
  for (const name of new Set(search.keys())) {
    const all = search.getAll(name);
    const text = all[0]!;
    const wholeNumber =
      Object.hasOwn(types, name) && types[name]!.type === 'integer' && /^-?(0|[1-9][0-9]{0,15})$/.test(text);
    values[name] = all.length > 1 ? all : wholeNumber ? Number(text) : text;
  }
  return values;
}
