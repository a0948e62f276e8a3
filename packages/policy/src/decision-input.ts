/**
 * What a decision is made from, and the exact Cedar requests it becomes (RULE 19). `DecisionInput` is what the
 * plane gathers; `ExactInputs` is what Cedar sees and what an entry's `inputs` commits to.
 */
import type { Json } from '@licet/evidence';
import type { ActionPlan } from './action-plan.ts';
import { attestationValue, type AttestationFacts } from './attestation.ts';
import type { BundleRef, FactType, LimitSpec } from './bundle.ts';
import { uidKey, type CedarValue, type Entity, type Uid } from './cedar.ts';
import type { DenyCode } from './deny-codes.ts';
import type { CedarRequest } from './engine.ts';
import { buildInput, resourceEntities, type Arguments, type BuiltInput, type Resource } from './input.ts';
import type { LoadedBundle, LoadedMandate } from './load.ts';
import type { PrincipalType } from './schema-mapping.ts';
import type { Assurance, Confinement, Grade } from './terms.ts';

/** A group a principal is in. `parents` are groups of the same type that hold it; all must be listed too. */
export interface Group {
  readonly id: string;
  readonly parents?: readonly string[];
}

/** One link of the chain, from identity records and never from the request (RULE 17). */
export interface ChainLink {
  readonly uid: { readonly type: PrincipalType; readonly id: string };
  readonly attrs: { readonly roles: readonly string[] };
  /** Every group above the principal, closed under parents. */
  readonly groups: readonly Group[];
}

/** What the door is (RULES 26–29). */
export interface Door {
  readonly grade: Grade;
  readonly custody: 'same-user' | 'separate';
  readonly confine: Confinement;
  /** Parts that the door binds: `resource`, `input` (all arguments), `input.<argument>`, … */
  readonly bound: readonly string[];
  readonly assurance: Assurance;
}

/** A meter's state: whole numbers for counts, exact decimals as text for amounts. */
export interface MeterFact {
  readonly used: number | string;
  readonly left: number | string;
}

/** An operators' fact; `cite` names the entry it came from (RULE 19). */
export interface OperatorFact {
  readonly value: boolean | number | string;
  readonly cite?: { readonly index: number; readonly leaf: string };
}

/** Everything a decision rests on besides the bundle. Serialisable; recorded, so that it can be repeated. */
export interface DecisionInput {
  readonly action: string;
  /** The arguments; resolved or not, they are resolved again. */
  readonly args: Arguments;
  /** The user first, the acting agent last; the index is `context.link`. 1 to 8 links. */
  readonly chain: readonly ChainLink[];
  /** As `buildInput` gave them and the resolver port confirmed them. */
  readonly resources: readonly Resource[];
  /** Groups whose quorum is met (RULE 15). */
  readonly approvals: readonly string[];
  readonly meters: { readonly [limit: string]: MeterFact };
  readonly attestation: AttestationFacts;
  readonly facts: { readonly [name: string]: OperatorFact };
  readonly labels: readonly string[];
  readonly depth: number;
  readonly door: Door;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
}

/** The exact Cedar requests of one decision, with what all of them share written once. Canonical JSON. */
export interface ExactInputs {
  readonly v: 1;
  readonly engine: string;
  /** Digest of the generated Cedar schema. */
  readonly schema: string;
  readonly bundles: readonly BundleRef[];
  readonly mandates: readonly { readonly id: string; readonly digest: string; readonly from: number }[];
  readonly action: string;
  /** The context of every request but for `link`. */
  readonly context: { readonly [name: string]: CedarValue };
  readonly links: readonly { readonly principal: Uid; readonly entities: readonly Entity[] }[];
  readonly resources: readonly Uid[];
  /** The resources with all their ancestors. */
  readonly entities: readonly Entity[];
  /** Entries that operators' facts came from, and attestations under `attestation.<kind>`. */
  readonly cites: { readonly [fact: string]: { readonly index: number; readonly leaf: string } };
}

/** A mandate and the first link it binds. */
export interface MandateOnChain {
  readonly mandate: LoadedMandate;
  readonly from: number;
}

/** A denial met before any policy was asked. */
export interface InputRefusal {
  readonly deny: DenyCode;
  readonly detail: string;
}

const MAX_LINKS = 8;

/** Returns the exact inputs of a decision, or why there are none. */
export function exactInputs(
  loaded: LoadedBundle,
  engineVersion: string,
  input: DecisionInput,
  mandates: readonly MandateOnChain[],
): ExactInputs | InputRefusal {
  const plan = loaded.actions.get(input.action);
  if (plan === undefined) return { deny: 'unknown_action', detail: 'no bundle describes the action' };
  if (input.chain.length === 0) return { deny: 'unidentified', detail: 'the chain is empty' };
  if (input.chain.length > MAX_LINKS)
    return { deny: 'too_large', detail: `the chain has more than ${MAX_LINKS} links` };
  const built = buildInput(plan, input.args as Json);
  if ('deny' in built) return built;
  // RULE 13: what the resolver confirmed must be what policies are asked about.
  if (!sameResources(built.resources, input.resources))
    return { deny: 'not_canonical', detail: 'the resources given are not those of the arguments' };
  const facts = factValues(loaded.facts, input.facts);
  const meters = meterValues(loaded.limits, input.meters);
  const attestation = attestationValue(input.attestation);
  if (
    facts === undefined ||
    meters === undefined ||
    attestation === undefined ||
    !Number.isSafeInteger(input.depth)
  )
    return { deny: 'policy_error', detail: 'a fact, meter or attestation is not of its declared type' };
  const texts = contextTexts(input);
  if (!texts.every((text) => typeof text === 'string' && text.isWellFormed()))
    return { deny: 'policy_error', detail: 'a part of the context is not text' };
  const now = new Date(input.nowMs);
  if (!Number.isSafeInteger(input.nowMs) || Number.isNaN(now.getTime()))
    return { deny: 'policy_error', detail: 'the time is not milliseconds since the epoch' };
  return {
    v: 1,
    engine: engineVersion,
    schema: loaded.schemaDigest,
    bundles: loaded.refs,
    mandates: mandates.map(({ mandate, from }) => ({ id: mandate.id, digest: mandate.digest, from })),
    action: plan.name,
    context: {
      input: built.input,
      approvals: sortedSet(input.approvals),
      meters,
      attestation,
      facts,
      labels: sortedSet(input.labels),
      depth: input.depth,
      actor: actorOf(input.chain.map(linkEntities)),
      door: doorValue(input.door),
      now: nowValue(now),
    },
    links: input.chain.map(linkEntities),
    resources: built.resources.map(({ uid }) => uid),
    entities: resourceEntities(built.resources),
    cites: citesOf(input),
  };
}

/**
 * Every text of the context that comes from outside the arguments. Cedar is shown, and so checks, only those that a
 * policy reads; what it is not shown must be what the schema says as well.
 */
function contextTexts({ approvals, labels, door, chain }: DecisionInput): readonly unknown[] {
  const { grade, custody, confine, assurance, bound } = door;
  const actor = chain.at(-1)!;
  const names = [actor.uid.id, ...actor.groups.map(({ id }) => id)];
  const words = [grade, custody, confine, assurance, ...bound];
  return [...approvals, ...labels, ...names, ...words];
}

/** Returns the Cedar request of one link and resource. Link and resource are indices into the inputs. */
export function requestAt(inputs: ExactInputs, link: number, resource: number): CedarRequest {
  const { principal, entities } = inputs.links[link]!;
  return {
    principal,
    action: { type: 'Action', id: inputs.action },
    resource: inputs.resources[resource]!,
    context: { ...inputs.context, link },
    entities: [...entities, ...inputs.entities],
  };
}

/** Returns every Cedar request of the decision, link by link and resource by resource. */
export function requestsOf(inputs: ExactInputs): readonly CedarRequest[] {
  return inputs.links.flatMap((_, link) =>
    inputs.resources.map((__, resource) => requestAt(inputs, link, resource)),
  );
}

/**
 * Returns the first uid that is referred to without its entity, or undefined. RULE 12: a dropped group would
 * silently turn off a forbid that names it.
 */
export function missingEntity(inputs: ExactInputs, plan: ActionPlan): string | undefined {
  const shared = new Set(inputs.entities.map(({ uid }) => uidKey(uid)));
  for (const uid of [...inputs.resources, ...references(plan, inputs.context['input'])])
    if (!shared.has(uidKey(uid))) return uidKey(uid);
  for (const { parents } of inputs.entities)
    for (const parent of parents) if (!shared.has(uidKey(parent))) return uidKey(parent);
  for (const { principal, entities } of inputs.links) {
    const own = new Set(entities.map(({ uid }) => uidKey(uid)));
    if (!own.has(uidKey(principal))) return uidKey(principal);
    for (const { parents } of entities)
      for (const parent of parents) if (!own.has(uidKey(parent))) return uidKey(parent);
  }
  return undefined;
}

/** Returns `context.actor` from the last link: who acts, with all its groups by name. */
export function actorOf(links: ExactInputs['links']): CedarValue {
  const { principal, entities } = links.at(-1)!;
  const groups = entities.filter(({ uid }) => uid.type !== principal.type).map(({ uid }) => uid.id);
  return { kind: principal.type === 'User' ? 'user' : 'agent', id: principal.id, groups: sortedSet(groups) };
}

/** Returns `context.now`, in UTC; Monday is 1. */
function nowValue(now: Date): CedarValue {
  return {
    ms: now.getTime(),
    weekday: now.getUTCDay() === 0 ? 7 : now.getUTCDay(),
    hour: now.getUTCHours(),
    minute: now.getUTCMinutes(),
  };
}

/** Returns the milliseconds since the epoch that recorded inputs were decided at. */
export function nowMsOf(inputs: ExactInputs): number {
  return (inputs.context['now'] as { readonly ms: number }).ms;
}

/** Returns `context.door`. */
export function doorValue(door: Door): CedarValue {
  const { grade, custody, confine, assurance } = door;
  return { grade, custody, confine, assurance, bound: sortedSet(door.bound) };
}

/** Returns true when both lists name the same resources with the same ancestors, in the same order. */
export function sameResources(a: BuiltInput['resources'], b: BuiltInput['resources']): boolean {
  return (
    a.length === b.length &&
    a.every((resource, index) => {
      const other = b[index]!;
      return (
        uidKey(resource.uid) === uidKey(other.uid) &&
        resource.argument === other.argument &&
        resource.ancestors.length === other.ancestors.length &&
        resource.ancestors.every((uid, at) => uidKey(uid) === uidKey(other.ancestors[at]!))
      );
    })
  );
}

function linkEntities({ uid, attrs, groups }: ChainLink): { principal: Uid; entities: Entity[] } {
  const type = `${uid.type}Group`;
  const uids = groups.map(({ id }) => ({ type, id }));
  return {
    principal: { type: uid.type, id: uid.id },
    entities: [
      { uid: { type: uid.type, id: uid.id }, attrs: { roles: sortedSet(attrs.roles) }, parents: uids },
      ...groups.map(({ id, parents = [] }) => ({
        uid: { type, id },
        attrs: {},
        parents: parents.map((parent) => ({ type, id: parent })),
      })),
    ],
  };
}

function references(plan: ActionPlan, input: CedarValue | undefined): Uid[] {
  const found: Uid[] = [];
  for (const field of plan.fields) {
    if (field.plan.kind !== 'resource') continue;
    const value = (input as Record<string, CedarValue> | undefined)?.[field.name];
    for (const item of Array.isArray(value) ? (value as readonly CedarValue[]) : [value])
      if (item !== undefined) found.push((item as { __entity: { type: string; id: string } }).__entity);
  }
  return found;
}

function factValues(
  declared: Readonly<Record<string, FactType>>,
  given: DecisionInput['facts'],
): CedarValue | undefined {
  const values: Record<string, CedarValue> = {};
  for (const [name, type] of Object.entries(declared)) {
    if (!Object.hasOwn(given, name)) continue;
    const { value } = given[name]!;
    const built = factValue(type, value);
    if (built === undefined) return undefined;
    values[name] = built;
  }
  return values;
}

/** True when a value is one of a fact's declared type. */
export function isFactValue(type: FactType, value: boolean | number | string): boolean {
  return factValue(type, value) !== undefined;
}

function factValue(type: FactType, value: boolean | number | string): CedarValue | undefined {
  if (type === 'boolean') return typeof value === 'boolean' ? value : undefined;
  if (type === 'integer') return Number.isSafeInteger(value) ? value : undefined;
  if (type === 'decimal') return decimalValue(value);
  return typeof value === 'string' && type.enum.includes(value) ? value : undefined;
}

function meterValues(
  limits: Readonly<Record<string, LimitSpec>>,
  given: DecisionInput['meters'],
): CedarValue | undefined {
  const values: Record<string, CedarValue> = {};
  for (const [name, spec] of Object.entries(limits)) {
    if (!Object.hasOwn(given, name)) continue;
    const { used, left } = given[name]!;
    if (spec.kind === 'amount') {
      const amounts = [decimalValue(used), decimalValue(left)];
      if (amounts[0] === undefined || amounts[1] === undefined) return undefined;
      values[name] = { used: amounts[0], left: amounts[1] };
    } else {
      if (!Number.isSafeInteger(used) || !Number.isSafeInteger(left)) return undefined;
      values[name] = { used, left };
    }
  }
  return values;
}

/** RULE 21: amounts come as exact decimals in text, never as floats. */
function decimalValue(value: unknown): CedarValue | undefined {
  if (typeof value !== 'string' || !/^-?[0-9]{1,14}(\.[0-9]{1,4})?$/.test(value)) return undefined;
  return { __extn: { fn: 'decimal', arg: value.includes('.') ? value : `${value}.0` } };
}

function citesOf({ facts, attestation }: DecisionInput): ExactInputs['cites'] {
  const named = [
    ...Object.entries(facts),
    // No fact's name has a dot.
    ...Object.entries(attestation).map(([kind, fact]) => [`attestation.${kind}`, fact] as const),
  ];
  return Object.fromEntries(
    named.flatMap(([name, { cite }]) => (cite === undefined ? [] : [[name, cite] as const])),
  );
}

function sortedSet(values: readonly string[]): readonly string[] {
  return [...new Set(values)].sort();
}
