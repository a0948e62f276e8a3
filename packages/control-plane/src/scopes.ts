// Scopes of resources as the log may name them: an HMAC under the tenant key and never the name (RULE 42).
import type { ScopeKind } from '@licet/evidence';
import { resourceScope } from './core/containment.ts';
import type { Question } from './prepare.ts';

/** Scope ids of resources and of all that they lie in. */
export function touchedScopes(tenantKey: Uint8Array, resources: Question['resources']): readonly string[] {
  const uids = resources.flatMap(({ uid, ancestors }) => [uid, ...ancestors]);
  return [...new Set(uids.map((uid) => resourceScope(tenantKey, uid)))];
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
