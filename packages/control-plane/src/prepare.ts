// Prepare: everything that can be worked out before the write fence, many requests at once (DESIGN §3). It resolves the
// arguments, asks the evaluator with today's facts, meters and approvals, and makes the verdict that a command carries;
// Apply will refuse the command if anything that it rested on has changed (RULE 4).
import type { Json } from '@licet/evidence';
import {
  attestRequired,
  buildInput,
  parseDuration,
  type ActionPlan,
  type Arguments,
  type ChainLink as PolicyLink,
  type DecisionInput,
  type Evaluation,
  type LoadedBundle,
} from '@licet/policy';
import type { Chain, Refused } from './chain.ts';
import { attestedFacts, attestationEnds } from './attesting.ts';
import { approvedGroups, sameBundles, standing } from './core/approvals.ts';
import type { ConsequenceRule, Door, Reservation, Verdict } from './core/commands.ts';
import type { ApprovalRow, ExecutionRow, IdentityRow, MeterRow, RowKey } from './core/rows.ts';
import { countersOf, meterFacts, reservationsOf, tooDeep, type LimitScope } from './limits.ts';
import { bodiesOf, budgetsOf } from './mandates.ts';
import type { Evaluator, Resolver } from './ports.ts';
import type { Snapshot } from './snapshot.ts';
import { loadPeople } from './speakers.ts';

/** What of a request stays the same while it waits, is permitted, runs: enough to ask the policy again. */
export interface Question {
  readonly action: string;
  readonly args: Arguments;
  readonly resources: DecisionInput['resources'];
  readonly chain: Chain;
  readonly door: Door & { readonly bound: readonly string[] };
  readonly exec: string;
  /** The held, permitted or running execution itself, where there is one. */
  readonly execution?: ExecutionRow;
}

/** The policy's word, with all that Apply and the record need. */
export interface Judged {
  readonly verdict: Verdict;
  readonly evaluation: Evaluation;
  readonly input: DecisionInput;
  readonly reservations: readonly Reservation[];
  readonly approvals: readonly string[];
  readonly consequences: readonly ConsequenceRule[];
}

/** Default time a hold waits for people. */
const HOLD_MS = 900_000;

/** Resolves arguments and resources, on paper and on the host (RULE 11, 13). */
export async function resolveArguments(
  resolver: Resolver,
  plan: ActionPlan,
  args: { readonly [name: string]: Json },
): Promise<{ readonly args: Arguments; readonly resources: DecisionInput['resources'] } | Refused> {
  const built = buildInput(plan, args);
  if ('deny' in built) return { deny: built.deny };
  const other = await resolver.confirm(built.resources);
  return other === undefined ? { args: built.args, resources: built.resources } : { deny: 'not_canonical' };
}

/** Asks the policy about a question, with today's facts, meters and approvals. */
export async function judge(
  evaluator: Evaluator,
  snapshot: Snapshot,
  loaded: LoadedBundle,
  question: Question,
  nowMs: number,
): Promise<Judged | Refused> {
  const plan = loaded.actions.get(question.action);
  if (plan === undefined) return { deny: 'unknown_action' };
  const { chain, execution } = question;
  if (tooDeep(loaded, plan, chain.depth)) return { deny: 'limit' };
  const under = bodiesOf(chain.mandates, chain.links.length);
  if (under === undefined) return { deny: 'mandate', failedLink: chain.links.length - 1 };
  const scope: LimitScope = {
    run: chain.run,
    exec: question.exec,
    agent: chain.links.at(-1)!.id,
    user: chain.links[0]!.id,
    ...(chain.parent === undefined ? {} : { parent: chain.parent.exec }),
    tool: question.action,
    groups: chain.identities.at(-1)!.groups,
  };
  const counters = countersOf(loaded, scope, nowMs);
  const reservations = reservationsOf(loaded, plan, question.args, counters);
  if ('deny' in reservations) return { deny: reservations.deny };
  await snapshot.load([
    ...Object.keys(loaded.facts).map((id): RowKey => ({ kind: 'fact', id })),
    ...counters.map(({ meter }): RowKey => ({ kind: 'meter', id: meter })),
    ...(execution?.approvals ?? []).flatMap(({ standing: grant }): RowKey[] =>
      grant === undefined ? [] : [{ kind: 'standing', id: grant }],
    ),
    { kind: 'attestation', id: scope.agent },
    ...(execution?.start === undefined ? [] : [{ kind: 'attestation', id: question.exec } as const]),
  ]);
  const meters = new Map(
    counters.flatMap(({ meter }): [string, MeterRow][] => {
      const row = snapshot.get('meter', meter);
      return row === undefined ? [] : [[meter, row]];
    }),
  );
  const own = new Map((execution?.reserved ?? []).map((meter) => [meter.name, meter.amount]));
  await loadPeople(
    snapshot,
    (execution?.approvals ?? []).map(({ by }) => by),
  );
  const { counted, groups } = approvalsOf(snapshot, loaded, execution, nowMs);
  const input: DecisionInput = {
    action: question.action,
    args: question.args,
    chain: chain.identities.map(policyLink),
    resources: question.resources,
    approvals: groups,
    meters: meterFacts(loaded, counters, meters, own),
    attestation: await attestedFacts(
      snapshot,
      { subject: scope.agent, exec: question.exec, bound: question.door.bound },
      nowMs,
    ),
    facts: Object.fromEntries(
      Object.keys(loaded.facts).flatMap((name) => {
        const row = snapshot.get('fact', name);
        if (row === undefined || row.expMs <= nowMs) return [];
        return [[name, { value: row.value, cite: { index: row.index, leaf: row.leaf } }]];
      }),
    ),
    labels: [],
    depth: chain.depth,
    door: { ...question.door, assurance: 'logged' },
    nowMs,
  };
  const evaluation = await evaluator.evaluate(loaded, input, under, execution?.start !== undefined);
  return {
    evaluation,
    input,
    verdict: {
      ...verdictOf(evaluation, evaluator.engine, nowMs),
      ...goodUntil([
        ...Object.keys(input.facts).map((name) => snapshot.get('fact', name)?.expMs ?? 0),
        ...chain.mandates.map(({ row }) => row.expMs),
        ...attestationEnds(input.attestation, attestRequired(loaded, plan), nowMs),
      ]),
    },
    reservations: [...reservations, ...budgetsOf(loaded, plan, question.args, chain.mandates)],
    approvals: counted.filter(({ group }) => groups.includes(group)).map(({ leaf }) => leaf),
    consequences: consequencesOf(loaded),
  };
}

const goodUntil = (ends: readonly number[]): { readonly goodUntilMs?: number } =>
  ends.length === 0 ? {} : { goodUntilMs: Math.min(...ends) };

/** The approvals that count for an execution, and the groups whose quorum they make. */
function approvalsOf(
  snapshot: Snapshot,
  loaded: LoadedBundle,
  execution: ExecutionRow | undefined,
  nowMs: number,
): { readonly counted: readonly ApprovalRow[]; readonly groups: readonly string[] } {
  if (execution?.hold === undefined) return { counted: [], groups: [] };
  if (execution.start !== undefined) {
    // RULE 24: the start consumed them; a running execution goes on seeing its own.
    const used = execution.permit?.approvals ?? [];
    const counted = (execution.approvals ?? []).filter(({ leaf }) => used.includes(leaf));
    return { counted, groups: [...new Set(counted.map(({ group }) => group))] };
  }
  // RULE 22: what people approved under other bundles was another question.
  if (!sameBundles(execution.bundles, loaded.refs)) return { counted: [], groups: [] };
  return {
    counted: standing(snapshot, execution, nowMs),
    groups: approvedGroups(snapshot, execution, nowMs),
  };
}

/** The bundle's rules for containment by consequence, in the core's terms. */
export const consequencesOf = (loaded: LoadedBundle | undefined): readonly ConsequenceRule[] =>
  (loaded?.containment ?? []).map(({ on, scope, count, within }) => ({
    on,
    scope,
    ...(count === undefined ? {} : { count }),
    ...(within === undefined ? {} : { withinMs: parseDuration(within) ?? 0 }),
  }));

function verdictOf(evaluation: Evaluation, engine: string, nowMs: number): Verdict {
  const { terms } = evaluation;
  const shadow = evaluation.shadow[0];
  // RULE 10: above `logged` a start waits for witnesses; without one configured that is a denial, never a pass.
  const unwitnessed =
    evaluation.verdict === 'allow' && terms.assurance !== undefined && terms.assurance !== 'logged';
  return {
    verdict: unwitnessed ? 'deny' : evaluation.verdict,
    ...(unwitnessed
      ? { code: 'assurance_unavailable' }
      : evaluation.code === undefined
        ? {}
        : { code: evaluation.code }),
    reasons: evaluation.reasons,
    ...(evaluation.failedLink === undefined ? {} : { failedLink: evaluation.failedLink }),
    holds: (evaluation.holds ?? []).map((ask) => ({ ...ask, untilMs: ask.untilMs ?? nowMs + HOLD_MS })),
    leaseMs: terms.leaseMs,
    maxMs: terms.maxMs,
    assurance: terms.assurance ?? 'logged',
    ...(shadow === undefined || shadow.verdict === evaluation.verdict
      ? {}
      : { shadow: { verdict: shadow.verdict, reasons: shadow.reasons } }),
    engine,
  };
}

const policyLink = (row: IdentityRow): PolicyLink => ({
  uid: { type: row.kind === 'user' ? 'User' : 'Agent', id: row.subject },
  attrs: { roles: row.roles },
  groups: row.groups.map((id) => ({ id })),
});
