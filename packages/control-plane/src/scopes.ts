// Scopes of resources as the log may name them: an HMAC under the tenant key and never the name (RULE 42).
import type { ScopeKind } from '@licet/evidence';
import { resourceScope } from './core/containment.ts';
import type { Question } from './prepare.ts';

/** Ids of the newest resources, per tenant key: the folders that everything lies in come again with each request. */
const known = new WeakMap<Uint8Array, Map<string, string>>();
const MAX_KNOWN = 4_096;

function scopeOf(tenantKey: Uint8Array, uid: { readonly type: string; readonly id: string }): string {
  const ids = known.get(tenantKey) ?? new Map<string, string>();
  known.set(tenantKey, ids);
  const name = `${uid.type}::${uid.id}`;
  const before = ids.get(name);
  const id = before ?? resourceScope(tenantKey, uid);
  // Asked again = young again.
  if (before !== undefined) ids.delete(name);
  else if (ids.size >= MAX_KNOWN) ids.delete(ids.keys().next().value!);
  ids.set(name, id);
  return id;
}

/** Scope ids of resources and of all that they lie in. */
export function touchedScopes(tenantKey: Uint8Array, resources: Question['resources']): readonly string[] {
  const uids = resources.flatMap(({ uid, ancestors }) => [uid, ...ancestors]);
  return [...new Set(uids.map((uid) => scopeOf(tenantKey, uid)))];
}

/** A scope as the log may name it: of a resource, given as `Type::id`, only an HMAC. */
export function loggedScope<K extends { readonly kind: ScopeKind; readonly id: string }>(
  tenantKey: Uint8Array,
  scope: K,
): K {
  const at = scope.kind === 'resource' ? scope.id.indexOf('::') : -1;
  if (at < 0) return scope;
  const uid = { type: scope.id.slice(0, at), id: scope.id.slice(at + 2) };
  return { ...scope, id: resourceScope(tenantKey, uid) };
}
