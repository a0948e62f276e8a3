/**
 * Loading: from bundles to something that can decide, or a refusal that names every problem (RULE 14). Two
 * layers (RULE 20): the organisation's forbids and holds, which no team can lift, and the team's bundle.
 */
import { base64url, canonicalBytes, domainTag, sha256, utf8, type Json } from '@licet/evidence';
import { DEFAULT_ATTESTATION_AGE_MS, type AttestRequirement, type AttestSpec } from './attestation.ts';
import {
  BUILT_IN_ACTIONS,
  compileCheck,
  GOVERNED,
  planAction,
  SELF_TEST,
  type ActionPlan,
} from './action-plan.ts';
import {
  bundleRef,
  parseBundle,
  type ActionSpec,
  type ApprovalSpec,
  type Bundle,
  type BundleRef,
  type ContainmentRule,
  type FactType,
  type FloorSpec,
  type LimitSpec,
} from './bundle.ts';
import type { CedarSchemaJson } from './cedar.ts';
import type { Engine, EngineSchema } from './engine.ts';
import { PolicyError, problem, type Problem, type ProblemKind } from './errors.ts';
import { readPolicies, validatePolicies, type Policy } from './policies.ts';
import { cedarSchema, schemaOfAction } from './schema-mapping.ts';
import { policySet, type PolicySet } from './slices.ts';
import { ASSURANCES, DEFAULT_TERMS, GRADES, parseDuration } from './terms.ts';

/** A bundle that may decide. Plain data apart from the validators in `actions`; made only by {@link loadBundle}. */
export interface LoadedBundle {
  /** Organisation first. Every decision entry lists them. */
  readonly refs: readonly BundleRef[];
  readonly layers: { readonly org?: Bundle; readonly team: Bundle };
  readonly schema: CedarSchemaJson;
  /** base64url digest of the generated Cedar schema. */
  readonly schemaDigest: string;
  readonly actions: ReadonlyMap<string, ActionPlan>;
  /** What the engine is given for each action: the part of the schema that it needs. */
  readonly actionSchemas: ReadonlyMap<string, EngineSchema>;
  /** The same with fewer context fields, made as they are asked for. */
  readonly narrowSchemas: Map<string, EngineSchema>;
  /** Policies in force. */
  readonly enforced: PolicySet;
  /** The same with the `@mode("shadow")` ones in force too; undefined when there are none. */
  readonly observed?: PolicySet;
  readonly limits: Readonly<Record<string, LimitSpec>>;
  readonly facts: Readonly<Record<string, FactType>>;
  readonly pins: Readonly<Record<string, string>>;
  readonly containment: readonly ContainmentRule[];
  /** How each group approves; a group that is not named has the defaults. */
  readonly approvals: Readonly<Record<string, ApprovalSpec>>;
  /** What has to be attested, by action or group, of both layers. */
  readonly attest: ReadonlyMap<string, readonly AttestSpec[]>;
  /** Milliseconds after publication from which nothing is decided; undefined: no such age. */
  readonly maxAgeMs?: number;
  /** True when a permit without conditions covers every governed action for anybody, and nothing above forbids: nothing is being stopped. */
  readonly observing: boolean;
}

/** A mandate's policies, held apart from the bundle: they must allow as well (RULE 17). */
export interface LoadedMandate {
  readonly id: string;
  readonly digest: string;
  readonly policies: PolicySet;
}

/** What one set of layers was loaded to before, by engine and content: publishing, checking and deciding meet the same. */
const known = new WeakMap<Engine, Map<string, LoadedBundle>>();
const MAX_KNOWN = 8;

/**
 * Returns the loaded bundle; the same one again for the same content. Throws ERR_BUNDLE_FORMAT or ERR_BUNDLE_INVALID
 * with all problems; what was refused is looked at anew each time.
 */
export function loadBundle(
  engine: Engine,
  layers: { readonly org?: Bundle; readonly team: Bundle },
): LoadedBundle {
  const digest = contentOf(layers);
  if (digest === undefined) return loadLayers(engine, layers);
  const bundles = known.get(engine) ?? new Map<string, LoadedBundle>();
  known.set(engine, bundles);
  // Of a copy: what the caller does to its object later is not what was loaded.
  const loaded = bundles.get(digest) ?? loadLayers(engine, structuredClone(layers));
  bundles.delete(digest);
  if (bundles.size >= MAX_KNOWN) bundles.delete(bundles.keys().next().value!);
  bundles.set(digest, loaded);
  return loaded;
}

/** Undefined for what has no canonical form and so is no bundle. */
function contentOf(layers: object): string | undefined {
  try {
    return digestOf('loaded-layers', layers as unknown as Json);
  } catch {
    return undefined;
  }
}

function loadLayers(engine: Engine, layers: { readonly org?: Bundle; readonly team: Bundle }): LoadedBundle {
  const problems: Problem[] = [];
  const team = parseBundle(layers.team);
  const org = layers.org === undefined ? undefined : parseBundle(layers.org);
  if (team.layer !== 'team')
    problems.push(problem('layer', 'the team layer is given an organisation bundle'));
  if (org !== undefined && org.layer !== 'org')
    problems.push(problem('layer', 'the organisation layer is given a team bundle'));

  const specs = mergeActions(org, team, problems);
  const actions = planActions(specs, problems);
  const limits = mergeFixed('limit', org?.limits ?? {}, team.limits, problems);
  const facts = mergeFixed('fact', org?.facts ?? {}, team.facts ?? {}, problems);
  const pins = mergeFixed('pin', org?.pins ?? {}, team.pins, problems);
  const approvals = mergeFixed('approval group', org?.approvals ?? {}, team.approvals ?? {}, problems);
  checkMeters(actions, limits, problems);
  const attest = mergeAttest(org, team);
  checkAttest(attest, actions, pins, problems);

  const schema = cedarSchema(actions, limits, facts);
  const mapped = new Set([...actions.values()].flatMap((plan) => Object.keys(plan.spec.resources)));
  const policies: Policy[] = [];
  for (const bundle of org === undefined ? [team] : [org, team])
    policies.push(
      ...readPolicies(
        engine.cedar,
        bundle.policies,
        { layer: bundle.layer, explain: bundle.explain ?? 'code', mapped },
        problems,
      ),
    );
  checkQuorums(policies, approvals, problems);
  checkHoldsOfOrganisation(policies, org?.approvals ?? {}, team.approvals ?? {}, problems);
  validatePolicies(engine.cedar, schema, policies, problems);
  if (problems.length > 0)
    throw new PolicyError(
      'ERR_BUNDLE_INVALID',
      `${problems.length} problem(s); nothing is decided by this bundle`,
      {
        problems,
      },
    );

  const enforced = policies.filter((policy) => !policy.annotations.shadow);
  const schemaDigest = digestOf('cedar-schema', schema as unknown as Json);
  const ages = [org?.maxAge, team.maxAge].flatMap((age) => (age === undefined ? [] : [parseDuration(age)!]));
  return {
    refs: [...(org === undefined ? [] : [bundleRef(org)]), bundleRef(team)],
    layers: { team, ...(org === undefined ? {} : { org }) },
    schema,
    schemaDigest,
    actions,
    actionSchemas: new Map(
      [...actions.values()].map((plan) => [
        plan.name,
        { digest: `${schemaDigest}/${plan.name}`, json: schemaOfAction(schema, plan) },
      ]),
    ),
    narrowSchemas: new Map(),
    enforced: policySet(enforced),
    ...(enforced.length === policies.length ? {} : { observed: policySet(policies) }),
    limits,
    facts,
    pins,
    approvals,
    containment: [...(org?.containment ?? []), ...(team.containment ?? [])],
    attest,
    ...(ages.length === 0 ? {} : { maxAgeMs: Math.min(...ages) }),
    observing: enforced.some(permitsEverything) && !enforced.some(forbidsAbove),
  };
}

/** Returns a mandate's policies, validated against the schema of the bundle. Throws ERR_MANDATE_INVALID. */
export function loadMandate(
  engine: Engine,
  loaded: LoadedBundle,
  body: {
    readonly id: string;
    readonly policies: readonly { readonly name: string; readonly text: string }[];
    readonly limits?: { readonly [limit: string]: { readonly max: number | string } };
  },
): LoadedMandate {
  const problems: Problem[] = [];
  for (const [name, { max }] of Object.entries(body.limits ?? {})) {
    const limit = loaded.limits[name];
    const counts = limit !== undefined && limit.kind !== 'depth';
    // An amount is a decimal in text, a count a whole number; a budget of another kind would never be compared right.
    if (!counts || (limit.kind === 'amount') !== (typeof max === 'string'))
      problems.push(problem('format', `mandate.limits.${name}: expected a limit of the bundle, in its kind`));
  }
  const mapped = new Set([...loaded.actions.values()].flatMap((plan) => Object.keys(plan.spec.resources)));
  const policies = readPolicies(
    engine.cedar,
    body.policies,
    { layer: 'mandate', explain: 'code', mapped },
    problems,
  );
  validatePolicies(engine.cedar, loaded.schema, policies, problems);
  if (problems.length > 0) throw new PolicyError('ERR_MANDATE_INVALID', `mandate ${body.id}`, { problems });
  return {
    id: body.id,
    digest: digestOf('mandate-policies', body.policies as unknown as Json),
    policies: policySet(policies),
  };
}

function planActions(
  specs: Readonly<Record<string, ActionSpec>>,
  problems: Problem[],
): Map<string, ActionPlan> {
  const actions = new Map<string, ActionPlan>();
  for (const [name, spec] of Object.entries({ ...specs, ...BUILT_IN_ACTIONS }).sort(([a], [b]) =>
    a < b ? -1 : 1,
  )) {
    const fault = (message: string): void => void problems.push(inBundle('action', `${name}: ${message}`));
    const plan = planAction(name, spec, fault);
    const refused = compileCheck(plan);
    if (refused !== undefined) fault(`the schema is refused: ${refused}`);
    for (const group of plan.groups)
      if (Object.hasOwn(specs, group) || (group !== GOVERNED && Object.hasOwn(BUILT_IN_ACTIONS, group)))
        fault(`the group ${group} has the name of an action`);
    actions.set(name, plan);
  }
  return actions;
}

/** RULE 20: what the organisation has mapped stays mapped that way; a team can only make the floor stricter. */
function mergeActions(
  org: Bundle | undefined,
  team: Bundle,
  problems: Problem[],
): Record<string, ActionSpec> {
  const merged: Record<string, ActionSpec> = { ...org?.actions };
  for (const [name, spec] of Object.entries(team.actions)) {
    const fixed = merged[name];
    if (fixed === undefined) {
      merged[name] = spec;
      continue;
    }
    const { floor: fixedFloor, ...fixedRest } = fixed;
    const { floor, ...rest } = spec;
    if (!sameJson(fixedRest, rest))
      problems.push(inBundle('layer', `${name} differs from the organisation's mapping`));
    merged[name] = { ...fixed, floor: stricterFloor(fixedFloor ?? {}, floor ?? {}) };
  }
  for (const name of Object.keys(merged))
    if (name.startsWith('licet/'))
      problems.push(inBundle('action', `${name}: names under licet/ are built in`));
  return merged;
}

function stricterFloor(a: FloorSpec, b: FloorSpec): FloorSpec {
  const shorter = (x?: string, y?: string): string | undefined =>
    x === undefined || y === undefined ? (x ?? y) : parseDuration(x)! <= parseDuration(y)! ? x : y;
  const higher = <T extends string>(order: readonly T[], x?: T, y?: T): T | undefined =>
    x === undefined || y === undefined ? (x ?? y) : order.indexOf(x) >= order.indexOf(y) ? x : y;
  // What the organisation left out is the default, not an opening: a team cannot lengthen it.
  const lease = shorter(a.lease ?? `${DEFAULT_TERMS.leaseMs}ms`, b.lease);
  const max = shorter(a.max ?? `${DEFAULT_TERMS.maxMs}ms`, b.max);
  const grade = higher(GRADES, a.grade, b.grade);
  const assurance = higher(ASSURANCES, a.assurance, b.assurance);
  const confine = a.confine ?? b.confine;
  return {
    ...(lease === undefined ? {} : { lease }),
    ...(max === undefined ? {} : { max }),
    ...(grade === undefined ? {} : { grade }),
    ...(assurance === undefined ? {} : { assurance }),
    ...(confine === undefined ? {} : { confine }),
  };
}

function mergeFixed<T>(
  what: string,
  org: Readonly<Record<string, T>>,
  team: Readonly<Record<string, T>>,
  problems: Problem[],
): Record<string, T> {
  for (const [name, value] of Object.entries(team))
    if (Object.hasOwn(org, name) && !sameJson(org[name], value))
      problems.push(inBundle('layer', `the ${what} ${name} differs from the organisation's`));
  return { ...team, ...org };
}

function checkMeters(
  actions: ReadonlyMap<string, ActionPlan>,
  limits: Readonly<Record<string, LimitSpec>>,
  problems: Problem[],
): void {
  for (const plan of actions.values())
    for (const { limit, cost } of plan.meters) {
      if (!Object.hasOwn(limits, limit))
        problems.push(inBundle('action', `${plan.name}: no limit is named ${limit}`));
      if (typeof cost === 'object' && !plan.names.has(cost.argument))
        problems.push(inBundle('action', `${plan.name}: the cost names no argument`));
    }
}

/** RULE 20: a team adds to what the organisation wants attested; it takes nothing away. */
function mergeAttest(org: Bundle | undefined, team: Bundle): ReadonlyMap<string, readonly AttestSpec[]> {
  const merged = new Map<string, readonly AttestSpec[]>();
  for (const layer of [org?.attest ?? {}, team.attest ?? {}])
    for (const [name, specs] of Object.entries(layer))
      merged.set(name, [...(merged.get(name) ?? []), ...specs]);
  return merged;
}

/** A requirement for an action that is misspelt would be asked of nothing, in silence. */
function checkAttest(
  attest: LoadedBundle['attest'],
  actions: ReadonlyMap<string, ActionPlan>,
  pins: Readonly<Record<string, string>>,
  problems: Problem[],
): void {
  const groups = new Set([...actions.values()].flatMap((plan) => plan.groups));
  for (const [name, specs] of attest) {
    if (name === SELF_TEST || (!actions.has(name) && !groups.has(name)))
      problems.push(inBundle('action', `attest.${name}: no action or group has this name`));
    for (const { allow } of specs) {
      const unpinned = [...actions.values()].filter(
        (plan) => (plan.name === name || plan.groups.includes(name)) && !Object.hasOwn(pins, plan.name),
      );
      if (allow === 'pinned' && unpinned.length > 0)
        problems.push(inBundle('action', `attest.${name}: ${unpinned[0]!.name} has no pin`));
    }
  }
}

/** Returns what has to be attested before this action may be decided, may start or go on. */
export function attestRequired(loaded: LoadedBundle, plan: ActionPlan): readonly AttestRequirement[] {
  return [plan.name, ...plan.groups].flatMap((name) =>
    (loaded.attest.get(name) ?? []).map(({ kind, maxAge, allow, by }): AttestRequirement => {
      const pin = Object.hasOwn(loaded.pins, plan.name) ? [loaded.pins[plan.name]!] : [];
      return {
        kind,
        maxAgeMs: (maxAge === undefined ? undefined : parseDuration(maxAge)) ?? DEFAULT_ATTESTATION_AGE_MS,
        ...(allow === undefined ? {} : { allow: allow === 'pinned' ? pin : allow }),
        ...(by === undefined ? {} : { by }),
      };
    }),
  );
}

/** One group cannot be met at two quorums: `context.approvals` holds names only. */
function checkQuorums(
  policies: readonly Policy[],
  approvals: Readonly<Record<string, ApprovalSpec>>,
  problems: Problem[],
): void {
  const needs = new Map<string, number>();
  for (const { annotations, file, line, layer } of policies) {
    if (annotations.hold === undefined) continue;
    const { group, need } = annotations.hold;
    const fault = (message: string): void =>
      void problems.push(problem('hold', message, { file, line, layer, policy: annotations.id }));
    const known = needs.get(group);
    if (known !== undefined && known !== need)
      fault(`the group ${group} is asked for ${known} and for ${need} approvals`);
    const apart = Object.hasOwn(approvals, group) ? approvals[group]!.apart : undefined;
    if (apart !== undefined && apart.length < need)
      fault(`the group ${group} is asked for ${need} approvals apart, from ${apart.length} groups`);
    needs.set(group, need);
  }
  // A misspelt group would leave the real one with a quorum of one, in silence.
  for (const group of Object.keys(approvals))
    if (!needs.has(group)) problems.push(inBundle('hold', `no policy holds for the approval group ${group}`));
}

/** RULE 20: whom the organisation's holds ask is the organisation's to say: an escalation of the team's would lift them. */
function checkHoldsOfOrganisation(
  policies: readonly Policy[],
  org: Readonly<Record<string, ApprovalSpec>>,
  team: Readonly<Record<string, ApprovalSpec>>,
  problems: Problem[],
): void {
  for (const { layer, annotations } of policies) {
    const group = annotations.hold?.group;
    if (layer !== 'org' || group === undefined) continue;
    if (Object.hasOwn(team, group) && !Object.hasOwn(org, group))
      problems.push(
        inBundle(
          'layer',
          `the approval group ${group} is the organisation's: its own bundle says how it approves`,
        ),
      );
  }
}

function permitsEverything({ json }: Policy): boolean {
  return (
    json.effect === 'permit' &&
    json.conditions.length === 0 &&
    json.principal.op === 'All' &&
    json.resource.op === 'All' &&
    json.action.op === 'in' &&
    JSON.stringify(json.action).includes(`"${GOVERNED}"`)
  );
}

/** What the organisation forbids is stopped, whatever the team observes. */
const forbidsAbove = ({ json, layer }: Policy): boolean => layer === 'org' && json.effect === 'forbid';

function inBundle(kind: ProblemKind, message: string): Problem {
  return problem(kind, message, { file: 'bundle.json' });
}

function sameJson(a: unknown, b: unknown): boolean {
  return equal(canonicalBytes(a as Json), canonicalBytes(b as Json));
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function digestOf(tag: string, value: Json): string {
  return base64url(sha256(utf8(domainTag(tag)), canonicalBytes(value)));
}
