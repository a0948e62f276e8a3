/**
 * Evaluation: the verdict over every link of the chain and every resource (RULES 12–17). All pairs must allow;
 * an error anywhere denies. Pure: same bundle, same inputs, same engine, same answer (P2).
 */
import {
  exactInputs,
  missingEntity,
  nowMsOf,
  requestAt,
  type DecisionInput,
  type ExactInputs,
  type MandateOnChain,
} from './decision-input.ts';
import { unmetAttestation } from './attestation.ts';
import type { DenyCode } from './deny-codes.ts';
import type { Engine } from './engine.ts';
import { holdsOf, type Hold } from './holds.ts';
import { attestRequired, type LoadedBundle } from './load.ts';
import { narrowed } from './narrow.ts';
import { shadowOf, type ShadowResult } from './shadow.ts';
import { sliceOf, type PolicySet } from './slices.ts';
import {
  confinementSatisfies,
  DEFAULT_TERMS,
  gradeSatisfies,
  tighten,
  type Confinement,
  type Grade,
  type Terms,
} from './terms.ts';

/** What one link was told about one resource. `link` and `resource` are indices into the inputs. */
export interface PairVerdict {
  readonly link: number;
  readonly resource: number;
  readonly verdict: 'allow' | 'deny';
  readonly reasons: readonly string[];
  readonly errors: readonly string[];
}

/** What a denial may show of one policy (RULE 45). */
export interface PolicyNote {
  readonly id: string;
  readonly explain: 'full' | 'code';
  readonly advice?: string;
}

export interface Evaluation {
  readonly verdict: 'allow' | 'deny' | 'hold';
  /** Present unless the verdict is allow. Of a hold: `policy`. */
  readonly code?: DenyCode;
  /** For the operator: which argument or entity, never its value. */
  readonly detail?: string;
  /** Determining policies, sorted; on a denial only those of the failing pairs. */
  readonly reasons: readonly string[];
  /** Present exactly when the verdict is hold. */
  readonly holds?: readonly Hold[];
  /** The first link that was refused. */
  readonly failedLink?: number;
  /** Terms of the permit; of a denial, the floor. */
  readonly terms: Terms;
  /** Empty, or one: what the verdict would be with the shadow policies in force. */
  readonly shadow: readonly ShadowResult[];
  readonly explain: readonly PolicyNote[];
  /** What the entry's `inputs` commits to; absent when the call was refused before policies were asked. */
  readonly inputs?: ExactInputs;
  readonly perPair: readonly PairVerdict[];
}

/** Returns the evaluation of a decision. `mandates` must allow as well (RULE 17). */
export function evaluate(
  engine: Engine,
  loaded: LoadedBundle,
  input: DecisionInput,
  mandates: readonly MandateOnChain[] = [],
): Evaluation {
  const inputs = exactInputs(loaded, engine.version, input, mandates);
  if ('deny' in inputs) {
    return {
      verdict: 'deny',
      code: inputs.deny,
      detail: inputs.detail,
      reasons: [],
      terms: loaded.actions.get(input.action)?.floor ?? DEFAULT_TERMS,
      shadow: [],
      explain: [],
      perPair: [],
    };
  }
  return evaluateSubject({ engine, loaded, inputs, mandates, narrow: true });
}

/**
 * Returns the evaluation of recorded inputs. Cedar is asked with the whole context and schema, so that every
 * re-decision is also a check that the narrower question of the first time was the same one.
 */
export function evaluateExact(
  engine: Engine,
  loaded: LoadedBundle,
  inputs: ExactInputs,
  mandates: readonly MandateOnChain[] = [],
): Evaluation {
  return evaluateSubject({ engine, loaded, inputs, mandates, narrow: false });
}

function evaluateSubject(subject: Subject): Evaluation {
  const { loaded, inputs } = subject;
  const outcome = verdictOf(subject, loaded.enforced);
  return {
    ...outcome,
    shadow: shadowOf(loaded, inputs, (set) => verdictOf(subject, set)),
    explain: outcome.reasons.flatMap((id) => {
      const policy = loaded.enforced.byId.get(id);
      if (policy === undefined) return [];
      const { advice } = policy.annotations;
      return [{ id, explain: policy.explain, ...(advice === undefined ? {} : { advice }) }];
    }),
    inputs,
  };
}

/** An evaluation without what is recorded beside it. */
export type Verdict = Omit<Evaluation, 'shadow' | 'explain' | 'inputs'>;

interface Subject {
  readonly engine: Engine;
  readonly loaded: LoadedBundle;
  readonly inputs: ExactInputs;
  readonly mandates: readonly MandateOnChain[];
  /** Whether Cedar is handed only the parts of the context that the policies asked can read. */
  readonly narrow: boolean;
}

function verdictOf(subject: Subject, set: PolicySet): Verdict {
  const first = decideAll(subject, set, subject.inputs);
  if (first.verdict === 'allow' || first.code !== 'policy') return first;
  const failing = first.perPair.filter((pair) => pair.verdict === 'deny');
  // A pair denied for want of a permit is lifted by nobody.
  if (failing.some((pair) => pair.reasons.length === 0)) return first;
  const holds = holdsOf(set, first.reasons, subject.loaded.approvals, nowMsOf(subject.inputs));
  if (holds === undefined) return first;
  // RULE 15: assume exactly the union of the approvals asked for, and see that it allows.
  const given = subject.inputs.context['approvals'] as readonly string[];
  const approvals = [...new Set([...given, ...holds.map(({ group }) => group)])].sort();
  const lifted = decideAll(subject, set, {
    ...subject.inputs,
    context: { ...subject.inputs.context, approvals },
  });
  return lifted.verdict === 'allow' ? { ...first, verdict: 'hold', holds, terms: lifted.terms } : first;
}

function decideAll(subject: Subject, set: PolicySet, inputs: ExactInputs): Verdict {
  const plan = subject.loaded.actions.get(inputs.action);
  if (plan === undefined) return denial('unknown_action', DEFAULT_TERMS, []);
  const missing = missingEntity(inputs, plan);
  if (missing !== undefined) return { ...denial('missing_entity', plan.floor, []), detail: missing };
  if (inputs.links.length === 0 || inputs.resources.length === 0)
    return denial('policy_error', plan.floor, []);
  const unattested = unmetAttestation(
    attestRequired(subject.loaded, plan),
    inputs.context['attestation'],
    (inputs.context['door'] as { readonly bound: readonly string[] }).bound,
  );
  if (unattested !== undefined) return denial(unattested, plan.floor, []);
  const pairs = askAll(subject, set, inputs);
  const erring = pairs.filter((pair) => pair.errors.length > 0);
  // RULE 14: a policy that errs is skipped by Cedar; a forbid skipped is a forbid lost.
  if (erring.length > 0) return denial('policy_error', plan.floor, pairs, erring);
  const failing = pairs.filter((pair) => pair.verdict === 'deny');
  if (failing.length > 0) return denial('policy', plan.floor, pairs, failing);

  let terms = tightenedBy(plan.floor, set, pairs);
  let reasons = union(pairs);
  for (const { mandate, from } of subject.mandates) {
    const bound = askAll(subject, mandate.policies, inputs, from);
    const bad = bound.filter((pair) => pair.errors.length > 0 || pair.verdict === 'deny');
    // RULE 17: a separate set that must also allow. A mandate that binds no link of this chain allows nothing.
    if (bound.length === 0 || bad.length > 0) return denial('mandate', plan.floor, pairs, bad);
    terms = tightenedBy(terms, mandate.policies, bound);
    reasons = [...reasons, ...union(bound)];
  }
  const door = inputs.context['door'] as { grade: Grade; confine: Confinement; bound: readonly string[] };
  if (!gradeSatisfies(terms, door.grade)) return denial('grade', terms, pairs);
  if (!confinementSatisfies(terms, door.confine)) return denial('confine', terms, pairs);
  const unbound = unboundReaders(subject, set, inputs, pairs, door.bound);
  const wanting = (plan.spec.bound ?? []).some((part) => !isBound(part, door.bound));
  if (wanting || unbound.length > 0) return { ...denial('unbound', terms, pairs), reasons: unbound };
  return { verdict: 'allow', reasons: [...new Set(reasons)].sort(), terms, perPair: pairs };
}

function askAll(
  { engine, loaded, narrow }: Subject,
  set: PolicySet,
  inputs: ExactInputs,
  from = 0,
): PairVerdict[] {
  const plan = loaded.actions.get(inputs.action)!;
  const whole = loaded.actionSchemas.get(plan.name)!;
  const pairs: PairVerdict[] = [];
  for (let link = from; link < inputs.links.length; link++) {
    for (let resource = 0; resource < inputs.resources.length; resource++) {
      const request = requestAt(inputs, link, resource);
      const slice = sliceOf(set, plan, request.principal.type, request.resource.type);
      const asked = narrow ? narrowed(loaded, plan, slice, request) : { schema: whole, request };
      const { decision, reasons, errors } = engine.authorize(asked.schema, slice, asked.request);
      pairs.push({ link, resource, verdict: decision, reasons, errors });
    }
  }
  return pairs;
}

function denial(
  code: DenyCode,
  terms: Terms,
  perPair: readonly PairVerdict[],
  failing: readonly PairVerdict[] = [],
): Verdict {
  const failedLink = failing.length === 0 ? undefined : Math.min(...failing.map((pair) => pair.link));
  return {
    verdict: 'deny',
    code,
    reasons: union(failing),
    terms,
    perPair,
    ...(failedLink === undefined ? {} : { failedLink }),
  };
}

/** RULE 16: all determining permits of all links tighten. */
function tightenedBy(terms: Terms, set: PolicySet, pairs: readonly PairVerdict[]): Terms {
  return union(pairs).reduce((sofar, id) => {
    const policy = set.byId.get(id);
    return policy === undefined ? sofar : tighten(sofar, policy.annotations.terms);
  }, terms);
}

/**
 * RULE 26: the policies whose answer rests on a part that this door does not bind: the determining permits, and
 * every forbid that was asked, since a claim that nobody binds is how a forbid is slipped past.
 */
function unboundReaders(
  { loaded }: Subject,
  set: PolicySet,
  inputs: ExactInputs,
  pairs: readonly PairVerdict[],
  bound: readonly string[],
): readonly string[] {
  if (bound.includes('resource') && bound.includes('input')) return [];
  const plan = loaded.actions.get(inputs.action)!;
  const readers = new Set<string>();
  for (const { link, resource, reasons } of pairs) {
    const slice = sliceOf(set, plan, inputs.links[link]!.principal.type, inputs.resources[resource]!.type);
    for (const policy of slice.policies) {
      const asked = policy.json.effect === 'forbid' || reasons.includes(policy.id);
      if (asked && policy.reads.parts.some((part) => !isBound(part, bound))) readers.add(policy.id);
    }
  }
  return [...readers].sort();
}

function isBound(part: string, bound: readonly string[]): boolean {
  return bound.includes(part) || (part.startsWith('input.') && bound.includes('input'));
}

function union(pairs: readonly PairVerdict[]): readonly string[] {
  return [...new Set(pairs.flatMap((pair) => pair.reasons))].sort();
}
