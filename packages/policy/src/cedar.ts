/**
 * The Cedar module as this package uses it. The caller passes the build that fits its runtime
 * (`@cedar-policy/cedar-wasm/nodejs` or `/web`), so nothing here loads WebAssembly.
 */
import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs';

/** The functions of `@cedar-policy/cedar-wasm` 4.13 that the engine calls. */
export type CedarModule = Pick<
  typeof Cedar,
  | 'getCedarVersion'
  | 'policySetTextToParts'
  | 'policyToJson'
  | 'preparsePolicySet'
  | 'preparseSchema'
  | 'statefulIsAuthorized'
  | 'validate'
>;

export type CedarPolicyJson = Cedar.PolicyJson;
export type CedarExpr = Cedar.Expr;
export type CedarSchemaJson = Cedar.SchemaJson<string>;
export type CedarType = Cedar.Type<string>;
export type CedarError = Cedar.DetailedError;

/** A Cedar value in its JSON form; entities and decimals are `{__entity}` and `{__extn}`. */
export type CedarValue =
  string | number | boolean | readonly CedarValue[] | { readonly [name: string]: CedarValue };

/** The name of an entity. */
export interface Uid {
  readonly type: string;
  readonly id: string;
}

/** An entity as it is handed to Cedar and recorded in `inputs`. */
export interface Entity {
  readonly uid: Uid;
  readonly attrs: { readonly [name: string]: CedarValue };
  readonly parents: readonly Uid[];
}

/** Returns a text that no two different uids share: the first `::` ends the type, which has none. */
export function uidKey(uid: Uid): string {
  return `${uid.type}::${uid.id}`;
}
