/**
 * Policy slices: the few policies of a set whose scope can match a request at all. RULE 12: a slice looks only
 * at the action with its groups, the principal's type and the resource's type, never at conditions; then the
 * policies left out could neither apply nor err, and a property test holds sliced equal to full.
 */
import { base64url, canonicalBytes, domainTag, sha256, utf8 } from '@licet/evidence';
import type { ActionPlan } from './action-plan.ts';
import type { CedarPolicyJson } from './cedar.ts';
import { scopeUids, type Policy } from './policies.ts';
import { typesAbove } from './schema-mapping.ts';

/** Policies that are evaluated together. `key` is a digest of their ids and texts. */
export interface Slice {
  readonly key: string;
  readonly policies: readonly Policy[];
  /** Fields of the context that one of them names; `all` when it cannot be said which. */
  readonly context: ReadonlySet<string> | 'all';
}

/** A set of policies with its slices, made as they are asked for. */
export interface PolicySet {
  readonly all: readonly Policy[];
  readonly byId: ReadonlyMap<string, Policy>;
  readonly slices: Map<string, Slice>;
}

/** Returns a set over these policies. */
export function policySet(policies: readonly Policy[]): PolicySet {
  const all = [...policies].sort((a, b) => (a.id < b.id ? -1 : 1));
  return { all, byId: new Map(all.map((policy) => [policy.id, policy])), slices: new Map() };
}

/** Returns the policies that can bear on a request of these types. */
export function sliceOf(
  set: PolicySet,
  plan: ActionPlan,
  principalType: string,
  resourceType: string,
): Slice {
  const name = `${plan.name}\n${principalType}\n${resourceType}`;
  let slice = set.slices.get(name);
  if (slice === undefined) {
    slice = sliceFrom(set.all.filter((policy) => mayMatch(policy.json, plan, principalType, resourceType)));
    set.slices.set(name, slice);
  }
  return slice;
}

/** Returns all policies of the set as one slice: what every slice must agree with. */
export function wholeSlice(set: PolicySet): Slice {
  return sliceFrom(set.all);
}

function sliceFrom(policies: readonly Policy[]): Slice {
  const content = policies.map(({ id, text }) => [id, text]);
  const key = base64url(sha256(utf8(domainTag('slice')), canonicalBytes(content)));
  return { key, policies, context: contextOf(policies) };
}

function contextOf(policies: readonly Policy[]): Slice['context'] {
  const fields = new Set<string>();
  for (const { reads } of policies) {
    if (reads.context === 'all') return 'all';
    for (const field of reads.context) fields.add(field);
  }
  return fields;
}

function mayMatch(
  json: CedarPolicyJson,
  plan: ActionPlan,
  principalType: string,
  resourceType: string,
): boolean {
  return (
    actionMayMatch(json.action, plan) &&
    typeMayMatch(json.principal, principalType) &&
    typeMayMatch(json.resource, resourceType)
  );
}

function actionMayMatch(scope: CedarPolicyJson['action'], plan: ActionPlan): boolean {
  if (scope.op === 'All') return true;
  const named = scopeUids(scope).map((uid) => uid.id);
  return (
    named.includes(plan.name) || (scope.op === 'in' && plan.groups.some((group) => named.includes(group)))
  );
}

function typeMayMatch(scope: CedarPolicyJson['principal'], type: string): boolean {
  switch (scope.op) {
    case 'All':
      return true;
    case '==':
      return scopeUids(scope).some((uid) => uid.type === type);
    case 'in':
      return scopeUids(scope).some((uid) => typesAbove(type).has(uid.type));
    case 'is':
      return (
        scope.entity_type === type &&
        (scope.in === undefined || typeMayMatch({ op: 'in', ...scope.in }, type))
      );
    default:
      return scope satisfies never;
  }
}
