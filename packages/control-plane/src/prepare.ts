// Prepare: everything that can be worked out before the write fence, many requests at once (DESIGN §3). It reads rows
// with their versions, builds the chain from identity records, asks the evaluator, and hands Apply a command that Apply
// will refuse if anything it rested on has changed (RULE 4).
import {
  base64url,
  canonicalBytes,
  canonicalize,
  commitArguments,
  commitInputs,
  commitResources,
  hmacSha256,
  sha256,
  unbase64url,
  utf8,
  type ChainLink,
  type Json,
} from '@licet/evidence';
import {
  buildInput,
  parseDuration,
  resourceRefs,
  type ActionPlan,
  type Arguments,
  type ChainLink as PolicyLink,
  type DecisionInput,
  type Evaluation,
  type LoadedBundle,
} from '@licet/policy';
import { approvedGroups, sameBundles, standing } from './core/approvals.ts';
import type { Caller, ConsequenceRule, Door, Reservation, Verdict } from './core/commands.ts';
import type {
  ApprovalRow,
  ExecutionRow,
  IdentityRow,
  MeterRow,
  Row,
  RowKey,
  RowKind,
  RowReader,
  RowValues,
  Versions,
} from './core/rows.ts';
import type { Evaluator, Random, Resolver, Store } from './ports.ts';
import { countersOf, meterFacts, reservationsOf, tooDeep, type LimitScope } from './limits.ts';

/** A consistent-enough view of some rows: Apply checks the versions again under the fence. */
export class Snapshot implements RowReader {
  readonly #rows = new Map<string, Row>();
  readonly #asked = new Map<string, RowKey>();
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Reads rows that were not read yet. */
  async load(keys: readonly RowKey[]): Promise<void> {
    const missing = keys.filter((key) => !this.#asked.has(`${key.kind}/${key.id}`));
    if (missing.length === 0) return;
    const rows = await this.#store.read(missing);
    for (const [at, key] of missing.entries()) {
      this.#asked.set(`${key.kind}/${key.id}`, key);
      const row = rows[at];
      if (row !== undefined) this.#rows.set(`${key.kind}/${key.id}`, row);
    }
  }

  get<K extends RowKind>(kind: K, id: string): RowValues[K] | undefined {
    return this.#rows.get(`${kind}/${id}`)?.value as RowValues[K] | undefined;
  }

  version(kind: RowKind, id: string): number {
    return this.#rows.get(`${kind}/${id}`)?.version ?? 0;
  }

  /** Versions of what was read of these kinds, absent rows included as 0. */
  versions(kinds: readonly RowKind[]): Versions {
    return [...this.#asked.values()]
      .filter(({ kind }) => kinds.includes(kind))
      .map(({ kind, id }) => [kind, id, this.version(kind, id)] as const);
  }
}

/** Rows whose change makes a decision stale. Meters are not among them: only the reservation enforces limits (RULE 4). */
export const FENCED: readonly RowKind[] = [
  'plane',
  'containment',
  'policy',
  'identity',
  'key',
  'fact',
  'hold',
];

/** A denial that needs no policy: a code of the table. */
export interface Refused {
  readonly deny: string;
  readonly failedLink?: number;
}

/** The chain of a request, made from records and never from the request (RULE 17). */
export interface Chain {
  readonly links: readonly ChainLink[];
  readonly identities: readonly IdentityRow[];
  readonly run: string;
  readonly parent?: { readonly exec: string; readonly start: string };
  readonly depth: number;
}

/** Builds the chain of `caller`, below `parentId` when given. `exec` is the run of a root. */
export async function chainOf(
  snapshot: Snapshot,
  caller: Caller,
  parentId: string | undefined,
  exec: string,
): Promise<Chain | Refused> {
  await snapshot.load([{ kind: 'identity', id: caller.subject }]);
  const self = snapshot.get('identity', caller.subject);
  if (self === undefined || self.revoked || (self.kind !== 'agent' && self.kind !== 'user'))
    return { deny: 'unidentified' };
  if (parentId === undefined) {
    if (self.for === undefined) return withLinks([self], { run: exec, depth: 0 });
    await snapshot.load([{ kind: 'identity', id: self.for }]);
    const user = snapshot.get('identity', self.for);
    return user === undefined || user.revoked
      ? { deny: 'revoked', failedLink: 0 }
      : withLinks([user, self], { run: exec, depth: 0 });
  }
  await snapshot.load([{ kind: 'execution', id: parentId }]);
  const parent = snapshot.get('execution', parentId);
  const speaks = parent?.jkt === caller.jkt || parent?.permit?.child?.jkt === caller.jkt;
  if (parent?.start === undefined || !speaks) return { deny: 'parent' };
  await snapshot.load(parent.chain.map(({ id }) => ({ kind: 'identity', id })));
  const above = parent.chain.map(({ id }) => snapshot.get('identity', id));
  const gone = above.findIndex(
    (row, at) => row === undefined || row.revoked || row.leaf !== parent.chain[at]!.identity,
  );
  if (gone >= 0) return { deny: 'revoked', failedLink: gone };
  const identities = above as IdentityRow[];
  const acting = identities.at(-1)?.subject === self.subject ? identities : [...identities, self];
  if (acting.length > 8) return { deny: 'too_large' };
  return withLinks(acting, {
    run: parent.run,
    parent: { exec: parentId, start: parent.start.leaf },
    depth: parent.depth + 1,
  });
}

const withLinks = (identities: readonly IdentityRow[], rest: Omit<Chain, 'links' | 'identities'>): Chain => ({
  identities,
  links: identities.map((row) => ({
    kind: row.kind === 'user' ? 'user' : 'agent',
    id: row.subject,
    identity: row.leaf,
  })),
  ...rest,
});

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

export interface PrepareTools {
  readonly store: Store;
  readonly evaluator: Evaluator;
  readonly resolver: Resolver;
  readonly random: Random;
  readonly tenantKey: Uint8Array;
}

/** Default time a hold waits for people. */
const HOLD_MS = 900_000;

/** Resolves arguments and resources, on paper and on the host (RULE 11, 13). */
export async function resolveArguments(
  tools: PrepareTools,
  plan: ActionPlan,
  args: { readonly [name: string]: Json },
): Promise<{ readonly args: Arguments; readonly resources: DecisionInput['resources'] } | Refused> {
  const built = buildInput(plan, args);
  if ('deny' in built) return { deny: built.deny };
  const other = await tools.resolver.confirm(built.resources);
  return other === undefined ? { args: built.args, resources: built.resources } : { deny: 'not_canonical' };
}

/** Asks the policy about a question, with today's facts, meters and approvals. */
export async function judge(
  tools: PrepareTools,
  snapshot: Snapshot,
  loaded: LoadedBundle,
  question: Question,
  nowMs: number,
): Promise<Judged | Refused> {
  const plan = loaded.actions.get(question.action);
  if (plan === undefined) return { deny: 'unknown_action' };
  const { chain, execution } = question;
  if (tooDeep(loaded, plan, chain.depth)) return { deny: 'limit' };
  const scope: LimitScope = {
    run: chain.run,
    exec: question.exec,
    agent: chain.links.at(-1)!.id,
    user: chain.links[0]!.id,
  };
  const counters = countersOf(loaded, scope, nowMs);
  const reservations = reservationsOf(loaded, plan, question.args, counters);
  if ('deny' in reservations) return { deny: reservations.deny };
  await snapshot.load([
    ...Object.keys(loaded.facts).map((id): RowKey => ({ kind: 'fact', id })),
    ...counters.map(({ meter }): RowKey => ({ kind: 'meter', id: meter })),
    ...(execution?.approvals ?? []).map(({ by }): RowKey => ({ kind: 'identity', id: by })),
  ]);
  const meters = new Map(
    reservations.flatMap(({ meter }): [string, MeterRow][] => {
      const row = snapshot.get('meter', meter);
      return row === undefined ? [] : [[meter, row]];
    }),
  );
  const own = new Map((execution?.reserved ?? []).map((meter) => [meter.name, meter.amount]));
  const { counted, groups } = approvalsOf(snapshot, loaded, execution, nowMs);
  const input: DecisionInput = {
    action: question.action,
    args: question.args,
    chain: chain.identities.map(policyLink),
    resources: question.resources,
    approvals: groups,
    meters: meterFacts(loaded, counters, meters, own),
    attestation: { status: 'none', kinds: [] },
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
  const evaluation = await tools.evaluator.evaluate(loaded, input);
  return {
    evaluation,
    input,
    verdict: {
      ...verdictOf(evaluation, tools.evaluator.engine, nowMs),
      ...goodUntil(snapshot, Object.keys(input.facts)),
    },
    reservations,
    approvals: counted.filter(({ group }) => groups.includes(group)).map(({ leaf }) => leaf),
    consequences: consequencesOf(loaded),
  };
}

function goodUntil(snapshot: Snapshot, facts: readonly string[]): { readonly goodUntilMs?: number } {
  const ends = facts.map((name) => snapshot.get('fact', name)?.expMs ?? 0);
  return ends.length === 0 ? {} : { goodUntilMs: Math.min(...ends) };
}

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
    holds: (evaluation.holds ?? []).map(({ group, need, untilMs }) => ({
      group,
      need,
      untilMs: untilMs ?? nowMs + HOLD_MS,
    })),
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

/** The record of a decision: what the log only commits to. */
export interface RecordBody {
  readonly arguments: Arguments;
  readonly resources: DecisionInput['resources'];
  readonly disclosures: {
    readonly arguments: readonly Disclosed[];
    readonly resources: readonly Disclosed[];
    readonly inputs: readonly Disclosed[];
  };
  /** Earlier decisions about the same execution: a hold before its permit. */
  readonly earlier: readonly { readonly inputs: readonly Disclosed[] }[];
  /** What the policy was asked, for replay under another bundle. */
  readonly input?: DecisionInput;
}
type Disclosed = readonly [salt: string, name: string, value: Json];

/** Commits to arguments, resources and exact inputs under one record key (RULE 40). */
export function commitRecord(
  key: Uint8Array,
  question: Pick<Question, 'args' | 'resources'>,
  decided: { readonly inputs: Json; readonly input?: DecisionInput },
  before: RecordBody | undefined,
): {
  readonly commitments: { readonly args: string; readonly resource: string; readonly inputs: string };
  readonly body: RecordBody;
} {
  const args = commitArguments(key, question.args);
  const resources = commitResources(key, resourceRefs(question.resources));
  const exact = commitInputs(key, decided.inputs);
  return {
    commitments: { args: args.commitment, resource: resources.commitment, inputs: exact.commitment },
    body: {
      arguments: question.args,
      resources: question.resources,
      disclosures: {
        arguments: args.disclosures,
        resources: resources.disclosures,
        inputs: exact.disclosures,
      },
      earlier: before === undefined ? [] : [...before.earlier, { inputs: before.disclosures.inputs }],
      ...(decided.input === undefined ? {} : { input: decided.input }),
    },
  };
}

/** Digest that binds an idempotency key to its request, the instance left out (RULE 6). */
export const requestDigest = (request: Json): string =>
  base64url(sha256(utf8('licet/request/v1\n'), canonicalBytes(request)));

/** Recognises the caller of a hold when it is there again (RULE 23): HMAC(tenant key, JCS[jkt, chain, action, aud, resolved args]). */
export const recognition = (
  tenantKey: Uint8Array,
  of: {
    readonly jkt: string;
    readonly run: string;
    readonly chain: readonly string[];
    readonly action: string;
    readonly aud: string;
    readonly args: Json;
  },
): string =>
  base64url(
    hmacSha256(tenantKey, utf8(canonicalize([of.jkt, of.run, of.chain, of.action, of.aud, of.args]))),
  );

/** True for base64url of at least 16 bytes. */
export function isIdempotencyKey(text: string): boolean {
  try {
    const { length } = unbase64url(text);
    return length >= 16 && length <= 64;
  } catch {
    return false;
  }
}
