/**
 * Deciding again (RULE 19). The verifier builds principal, action, resource and `context.input` itself, from the
 * entry, the disclosed arguments and the bundle's own mapping; only entities of principals and facts come from
 * the recorded inputs. Agreement shows that the recorded facts give the recorded verdict, not that they are true.
 */
import { canonicalize, type Json } from '@licet/evidence';
import { bundleDigest, parseBundle, type Bundle, type BundleRef } from './bundle.ts';
import { uidKey } from './cedar.ts';
import {
  actorOf,
  doorValue,
  nowMsOf,
  type Door,
  type ExactInputs,
  type MandateOnChain,
} from './decision-input.ts';
import { DECIDABLE_CODES, type DenyCode } from './deny-codes.ts';
import { loadMandates, parseMandateBody, type MandateAt } from './mandate.ts';
import type { Engine } from './engine.ts';
import { evaluateExact, type Evaluation } from './evaluate.ts';
import type { Hold } from './holds.ts';
import { buildInput, resourceEntities, resourceRefs } from './input.ts';
import { loadBundle, type LoadedBundle } from './load.ts';
import { ASSURANCES, GRADES, type Assurance, type Confinement, type Grade } from './terms.ts';

/** The fields of a `permit` or `refusal` entry that a re-decision reads. */
export interface DecidedEntry {
  readonly type: 'permit' | 'refusal';
  readonly at: number;
  readonly chain?: readonly {
    readonly kind: 'user' | 'agent';
    readonly id: string;
    readonly mandate?: string;
  }[];
  readonly action?: string;
  readonly bound?: readonly string[];
  readonly reasons?: readonly string[];
  readonly bundles?: readonly BundleRef[];
  readonly engine?: string;
  readonly grade?: Grade;
  readonly custody?: 'same-user' | 'separate';
  readonly confine?: Confinement;
  readonly lease?: { readonly ttlMs: number; readonly maxMs: number };
  readonly assurance?: Assurance;
  readonly verdict?: 'deny' | 'hold';
  readonly code?: string;
  readonly failedLink?: number;
  readonly holds?: readonly Omit<Hold, 'untilMs'>[];
}

/** What one committed part of an execution shows: `[salt, name, value]`, and how much it withholds. */
export interface DisclosedPart {
  readonly disclosed: readonly (readonly [string, string, Json])[];
  readonly withheld: readonly string[];
}

/** The answer of the policy rung. */
export interface Redecision {
  readonly status: 'pass' | 'fail' | 'not checked';
  readonly why?: string;
}

/** Entries name at most this many policies; a decision with more lists the first, sorted. */
export const MAX_REASONS = 16;
/** How far the recorded `now` may lie from the entry's time. Evaluations older than 1 s are stale (RULE 4). */
const MAX_DRIFT_MS = 60_000;

/**
 * Returns what differs between a decision and its repetition; empty means they agree. `differences` name fields,
 * never values. The commitments themselves are checked by the verifier that discloses them.
 */
export function redecide(
  engine: Engine,
  loaded: LoadedBundle,
  decision: {
    readonly entry: DecidedEntry;
    readonly args: Json;
    readonly inputs: ExactInputs;
    /** As committed to: argument → type and id. Checked when given. */
    readonly resources?: Readonly<Record<string, Json>>;
    readonly mandates?: readonly MandateOnChain[];
  },
): { readonly same: boolean; readonly differences: readonly string[] } {
  const differences: string[] = [];
  const { entry, inputs, mandates = [] } = decision;
  const rebuilt = rebuild(loaded, engine.version, decision, differences);
  if (rebuilt === undefined) return { same: false, differences };
  for (const field of Object.keys({ ...rebuilt, ...inputs }) as (keyof ExactInputs)[])
    if (!same(rebuilt[field], inputs[field])) differences.push(`inputs.${field}`);
  if (
    decision.resources !== undefined &&
    !same(decision.resources, resourceRefs(rebuiltResources(loaded, decision)))
  )
    differences.push('resources');
  if (Math.abs(entry.at - nowMsOf(inputs)) > MAX_DRIFT_MS) differences.push('context.now');
  compare(entry, evaluateExact(engine, loaded, rebuilt, mandates), differences);
  return { same: differences.length === 0, differences };
}

/**
 * Returns a hook for `verifyBundle` in `@licet/evidence`. Never throws: what cannot be read fails, what is
 * withheld or of another engine is `not checked`.
 */
export function createRedecide(engine: Engine): (decision: {
  readonly entry: DecidedEntry;
  readonly execution: {
    readonly arguments: DisclosedPart;
    readonly resources: DisclosedPart;
    readonly inputs: DisclosedPart;
  };
  readonly bundles: readonly Json[];
  /** Opened bodies of mandates, their commitments proven. */
  readonly mandates?: readonly Json[];
}) => Promise<Redecision> {
  return async ({ entry, execution, bundles, mandates: opened = [] }) => {
    try {
      if (entry.type === 'refusal' && !decidable(entry.code))
        return notChecked(`the code ${entry.code ?? ''} is not a verdict of the policy`);
      if (entry.engine === undefined || entry.bundles === undefined)
        return notChecked('the entry names no engine');
      if (entry.engine !== engine.version)
        return notChecked(`decided by ${entry.engine}, this is ${engine.version}`);
      if (execution.inputs.withheld.length > 0) return notChecked('withheld: inputs');
      if (execution.arguments.withheld.length > 0)
        return notChecked(`withheld: ${execution.arguments.withheld.length} argument(s)`);
      const recorded = execution.inputs.disclosed.find(([, name]) => name === 'inputs')?.[2];
      if (recorded === undefined) return notChecked('withheld: inputs');
      const found = findBundles(entry.bundles, bundles);
      if (found === undefined) return notChecked('a policy bundle that decided is not in the file');
      const loaded = loadBundle(engine, found);
      const inputs = recorded as unknown as ExactInputs;
      const mandates = mandatesOf(engine, loaded, inputs, opened);
      if (mandates === undefined) return notChecked('withheld: mandates');
      const answer = redecide(engine, loaded, {
        entry,
        args: Object.fromEntries(execution.arguments.disclosed.map(([, name, value]) => [name, value])),
        inputs,
        mandates,
        ...(execution.resources.withheld.length > 0
          ? {}
          : {
              resources: Object.fromEntries(
                execution.resources.disclosed.map(([, name, value]) => [name, value]),
              ),
            }),
      });
      if (!answer.same) return { status: 'fail', why: `differs in ${answer.differences.join(', ')}` };
      return { status: 'pass', why: 'agrees with the recorded facts; it does not prove that they were true' };
    } catch (cause) {
      return {
        status: 'fail',
        why: `cannot be decided again: ${cause instanceof Error ? cause.message : 'unreadable'}`,
      };
    }
  };
}

/** The mandates that took part, from their opened bodies; undefined when one is withheld. */
function mandatesOf(
  engine: Engine,
  loaded: LoadedBundle,
  inputs: ExactInputs,
  opened: readonly Json[],
): readonly MandateOnChain[] | undefined {
  const bodies = opened.map(parseMandateBody);
  const found = inputs.mandates.map(({ id, from }) => {
    const body = bodies.find((one) => one.id === id);
    return body === undefined ? undefined : { body, from };
  });
  return found.includes(undefined) ? undefined : loadMandates(engine, loaded, found as readonly MandateAt[]);
}

function decidable(code: string | undefined): boolean {
  // RULE 19: only what the policy decided can be decided again; limits, containment and time cannot.
  return code !== undefined && DECIDABLE_CODES.has(code as DenyCode);
}

function findBundles(
  refs: readonly BundleRef[],
  candidates: readonly Json[],
): { readonly org?: Bundle; readonly team: Bundle } | undefined {
  const found: { org?: Bundle; team?: Bundle } = {};
  for (const ref of refs) {
    for (const candidate of candidates) {
      const inner = (candidate as { readonly bundle?: unknown }).bundle ?? candidate;
      if (bundleDigest(inner as Bundle) !== ref.digest) continue;
      const bundle = parseBundle(inner);
      if (bundle.layer === ref.layer && bundle.version === ref.version) found[ref.layer] = bundle;
    }
    if (found[ref.layer] === undefined) return undefined;
  }
  return found.team === undefined ? undefined : { ...found, team: found.team };
}

function rebuild(
  loaded: LoadedBundle,
  version: string,
  { entry, args, inputs, mandates = [] }: Parameters<typeof redecide>[2],
  differences: string[],
): ExactInputs | undefined {
  const plan = loaded.actions.get(entry.action ?? '');
  if (plan === undefined) {
    differences.push('action');
    return undefined;
  }
  const built = checkedInput(loaded, entry.action!, args);
  if ('deny' in built) {
    differences.push(`arguments (${built.deny})`);
    return undefined;
  }
  const chain = entry.chain ?? [];
  if (chain.length === 0 || chain.length !== inputs.links.length) {
    differences.push('chain');
    return undefined;
  }
  const links = chain.map((link, index) => {
    const principal = { type: link.kind === 'user' ? 'User' : 'Agent', id: link.id };
    const entities = inputs.links[index]!.entities;
    // Groups and roles are recorded facts; that the first entity is the principal's own is not.
    if (entities[0] === undefined || uidKey(entities[0].uid) !== uidKey(principal))
      differences.push(`chain[${index}]`);
    return { principal, entities };
  });
  const { grade, custody, confine, bound } = entry;
  const door = inputs.context['door'] as unknown as Door;
  const recordedDoor = doorValue({
    grade: grade ?? door.grade,
    custody: custody ?? door.custody,
    confine: confine ?? door.confine,
    bound: bound ?? door.bound,
    assurance: door.assurance,
  });
  return {
    ...inputs,
    v: 1,
    engine: version,
    schema: loaded.schemaDigest,
    bundles: loaded.refs,
    mandates: mandates.map(({ mandate, from }) => ({ id: mandate.id, digest: mandate.digest, from })),
    action: plan.name,
    context: { ...inputs.context, input: built.input, actor: actorOf(links), door: recordedDoor },
    links,
    resources: built.resources.map(({ uid }) => uid),
    entities: resourceEntities(built.resources),
  };
}

function rebuiltResources(loaded: LoadedBundle, { entry, args }: Parameters<typeof redecide>[2]) {
  const built = checkedInput(loaded, entry.action ?? '', args);
  return 'deny' in built ? [] : built.resources;
}

function checkedInput(loaded: LoadedBundle, action: string, args: Json): ReturnType<typeof buildInput> {
  const plan = loaded.actions.get(action)!;
  try {
    return buildInput(plan, args);
  } catch (cause) {
    // A page that bars code generation cannot run the schema's validator. The plan still checks every type that
    // a policy can see, so agreement of the policy is proven all the same.
    if (cause instanceof EvalError) return buildInput(plan, args, { validate: false });
    throw cause;
  }
}

function compare(entry: DecidedEntry, evaluation: Evaluation, differences: string[]): void {
  const expected = entry.type === 'permit' ? 'allow' : (entry.verdict ?? '');
  if (evaluation.verdict !== expected) differences.push('verdict');
  if (!same(entry.reasons ?? [], evaluation.reasons.slice(0, MAX_REASONS))) differences.push('reasons');
  if (entry.type === 'refusal') {
    if (entry.code !== evaluation.code) differences.push('code');
    if (entry.failedLink !== evaluation.failedLink) differences.push('failedLink');
    // Whom it asks and on what terms; how long it waits may be cut short by its parent (RULE 18).
    const asks = (list: readonly Omit<Hold, 'untilMs'>[] | undefined): Json =>
      (list ?? []).map(({ group, need, also, apart, ttl, reason, method }) => ({
        group,
        need,
        also: (also ?? []).map((step) => ({ ...step })),
        apart: [...(apart ?? [])],
        ttl: ttl ?? null,
        reason: reason ?? false,
        method: method ?? 'token',
      }));
    if (!same(asks(entry.holds), asks(evaluation.holds))) differences.push('holds');
    return;
  }
  const { terms } = evaluation;
  // RULE 16: the permit may be stricter than the policy's terms, never looser.
  if (entry.lease === undefined || entry.lease.ttlMs > terms.leaseMs || entry.lease.maxMs > terms.maxMs)
    differences.push('lease');
  if (terms.grade !== undefined && GRADES.indexOf(entry.grade ?? 'in-process') < GRADES.indexOf(terms.grade))
    differences.push('grade');
  if (
    terms.assurance !== undefined &&
    ASSURANCES.indexOf(entry.assurance ?? 'logged') < ASSURANCES.indexOf(terms.assurance)
  )
    differences.push('assurance');
}

function same(a: unknown, b: unknown): boolean {
  if (a === undefined || b === undefined) return a === b;
  return canonicalize(a as Json) === canonicalize(b as Json);
}

function notChecked(why: string): Redecision {
  return { status: 'not checked', why };
}
