/**
 * The lineage of a run (DESIGN §1, P9): a graph folded from entries, in which each node names the entries that prove
 * it. What is missing is a gap with a name, never silently absent.
 */
import type { Disclosure } from './disclosures.ts';
import type { ChainLink, Entry, EntryOf, OutcomeStatus } from './entries.ts';
import { isObject } from './shape.ts';

/** An entry at its place in the log. */
export interface LineageEntry {
  readonly index: number;
  readonly entry: Entry;
  /** base64url of the leaf hash. */
  readonly leaf: string;
}

/** What is known of an execution besides its entries, by execution id. */
export type LineageDisclosures = Readonly<
  Record<string, { readonly resources?: readonly Disclosure[]; readonly renewals?: number }>
>;

/** A place in the log that proves part of a node. */
export interface ProofRef {
  readonly index: number;
  readonly leaf: string;
}

/** What should be there and is not, or is there and should not. */
export type Gap =
  | 'no decision'
  | 'start without a permit'
  | 'outcome without a start'
  | 'started more than once'
  | 'ended more than once'
  | 'parent unknown'
  | 'permit without a start or an end'
  | 'start without an outcome';

/** One execution. */
export interface LineageNode {
  readonly exec: string;
  /** The execution that caused it; absent for a root. */
  readonly parent?: string;
  /** From the user to the acting agent; empty when no decision is known. */
  readonly chain: readonly ChainLink[];
  readonly action?: string;
  /** Argument name → Cedar type and id, when disclosed. */
  readonly resources?: Readonly<Record<string, { readonly type: string; readonly id: string }>>;
  /** The last word: a hold that was lifted is an `allow`. Absent when no decision is known. */
  readonly verdict?: 'allow' | 'deny' | 'hold';
  /** Why it was denied or held. */
  readonly code?: string;
  readonly refusals: readonly ProofRef[];
  readonly permit?: ProofRef;
  readonly approvals: readonly ProofRef[];
  readonly start?: ProofRef;
  readonly outcome?: ProofRef & { readonly status: OutcomeStatus };
  /** Milliseconds since the epoch: its first entry. */
  readonly atMs: number;
  /** Milliseconds since the epoch: its outcome. */
  readonly endMs?: number;
  readonly renewals: number;
  readonly gaps: readonly Gap[];
}

/** `caused`: parent to child. `lifted`: a held execution to the one its approvals let go on. */
export interface LineageEdge {
  readonly kind: 'caused' | 'lifted';
  readonly from: string;
  readonly to: string;
}

/** A run as a graph; nodes in order of their first entry. */
export interface Lineage {
  /** The run's id; absent when no decision is known. */
  readonly run?: string;
  readonly nodes: readonly LineageNode[];
  readonly edges: readonly LineageEdge[];
}

interface Trail {
  readonly permits: (LineageEntry & { readonly entry: EntryOf<'permit'> })[];
  readonly refusals: (LineageEntry & { readonly entry: EntryOf<'refusal'> })[];
  readonly approvals: LineageEntry[];
  readonly starts: (LineageEntry & { readonly entry: EntryOf<'start'> })[];
  readonly outcomes: (LineageEntry & { readonly entry: EntryOf<'outcome'> })[];
  first: LineageEntry;
}

/** Returns the lineage that these entries tell. Order of the input does not matter; entries of other types are skipped. */
export function foldLineage(entries: readonly LineageEntry[], disclosures: LineageDisclosures = {}): Lineage {
  const trails = new Map<string, Trail>();
  const byLeaf = new Map<string, LineageEntry>();
  for (const placed of entries.toSorted((a, b) => a.index - b.index)) {
    byLeaf.set(placed.leaf, placed);
    follow(trails, placed);
  }
  const nodes = [...trails].map(([exec, trail]) =>
    nodeOf(exec, trail, trails, byLeaf, own(disclosures, exec)),
  );
  const edges = nodes.flatMap((node): readonly LineageEdge[] => {
    const held = heldBefore(trails.get(node.exec)!, byLeaf);
    return [
      ...(node.parent === undefined ? [] : [{ kind: 'caused', from: node.parent, to: node.exec } as const]),
      ...(held === undefined || held === node.exec
        ? []
        : [{ kind: 'lifted', from: held, to: node.exec } as const]),
    ];
  });
  const run = [...trails.values()]
    .map(({ permits, refusals }) => permits[0]?.entry.run ?? refusals[0]?.entry.run)
    .find((id) => id !== undefined);
  return { ...(run === undefined ? {} : { run }), nodes, edges };
}

function follow(trails: Map<string, Trail>, placed: LineageEntry): void {
  const { entry } = placed;
  if (
    entry.type !== 'permit' &&
    entry.type !== 'refusal' &&
    entry.type !== 'approval' &&
    entry.type !== 'start' &&
    entry.type !== 'outcome'
  )
    return;
  // A refusal may be of nobody's execution: before it had an id.
  if (entry.exec === undefined) return;
  const trail = trails.get(entry.exec) ?? {
    permits: [],
    refusals: [],
    approvals: [],
    starts: [],
    outcomes: [],
    first: placed,
  };
  trails.set(entry.exec, trail);
  switch (entry.type) {
    case 'permit':
      trail.permits.push({ ...placed, entry });
      break;
    case 'refusal':
      trail.refusals.push({ ...placed, entry });
      break;
    case 'approval':
      trail.approvals.push(placed);
      break;
    case 'start':
      trail.starts.push({ ...placed, entry });
      break;
    case 'outcome':
      trail.outcomes.push({ ...placed, entry });
      break;
    default:
      entry satisfies never;
  }
}

function nodeOf(
  exec: string,
  trail: Trail,
  trails: ReadonlyMap<string, Trail>,
  byLeaf: ReadonlyMap<string, LineageEntry>,
  disclosed: LineageDisclosures[string] | undefined,
): LineageNode {
  const permit = trail.permits.at(-1);
  const refusal = trail.refusals.findLast(({ entry }) => entry.action !== undefined) ?? trail.refusals.at(-1);
  const decision = permit?.entry ?? refusal?.entry;
  const start = trail.starts[0];
  // RULE 25: a late report moves no state; a person's word on what was in doubt is the last one.
  const endings = trail.outcomes.filter(({ entry }) => entry.late !== true);
  const outcome = endings.at(-1) ?? trail.outcomes.at(-1);
  const parent = decision?.parent?.exec;
  const resources = resourcesOf(disclosed?.resources);
  const renewals = outcome?.entry.renewals ?? disclosed?.renewals ?? 0;
  return {
    exec,
    ...(parent === undefined ? {} : { parent }),
    chain: decision?.chain ?? [],
    ...(decision?.action === undefined ? {} : { action: decision.action }),
    ...(resources === undefined ? {} : { resources }),
    ...(permit !== undefined
      ? { verdict: 'allow' as const }
      : refusal !== undefined
        ? { verdict: trail.refusals.at(-1)!.entry.verdict }
        : {}),
    ...(permit === undefined && refusal !== undefined ? { code: trail.refusals.at(-1)!.entry.code } : {}),
    refusals: trail.refusals.map(ref),
    ...(permit === undefined ? {} : { permit: ref(permit) }),
    approvals: trail.approvals.map(ref),
    ...(start === undefined ? {} : { start: ref(start) }),
    ...(outcome === undefined ? {} : { outcome: { ...ref(outcome), status: outcome.entry.status } }),
    atMs: trail.first.entry.at,
    ...(outcome === undefined ? {} : { endMs: outcome.entry.at }),
    renewals,
    gaps: gapsOf(trail, parent, trails, byLeaf),
  };
}

function gapsOf(
  trail: Trail,
  parent: string | undefined,
  trails: ReadonlyMap<string, Trail>,
  byLeaf: ReadonlyMap<string, LineageEntry>,
): readonly Gap[] {
  const { permits, refusals, starts, outcomes } = trail;
  const gaps: Gap[] = [];
  if (permits.length === 0 && refusals.length === 0) gaps.push('no decision');
  if (starts.some(({ entry }) => byLeaf.get(entry.permit)?.entry.type !== 'permit'))
    gaps.push('start without a permit');
  const lost = ({ entry }: Trail['outcomes'][number]): boolean =>
    entry.start === undefined ? entry.status !== 'expired' : byLeaf.get(entry.start)?.entry.type !== 'start';
  if (outcomes.some(lost)) gaps.push('outcome without a start');
  if (new Set(starts.map(({ entry }) => entry.permit)).size < starts.length)
    gaps.push('started more than once');
  if (outcomes.filter(({ entry }) => entry.late !== true && entry.resolves === undefined).length > 1)
    gaps.push('ended more than once');
  if (parent !== undefined && !trails.has(parent)) gaps.push('parent unknown');
  if (permits.length > 0 && starts.length === 0 && outcomes.length === 0)
    gaps.push('permit without a start or an end');
  if (starts.length > 0 && outcomes.length === 0) gaps.push('start without an outcome');
  return gaps;
}

/** The execution whose hold this one's approvals lifted. */
function heldBefore(trail: Trail, byLeaf: ReadonlyMap<string, LineageEntry>): string | undefined {
  const prior = trail.permits.at(-1)?.entry.prior;
  const hold = prior === undefined ? undefined : byLeaf.get(prior)?.entry;
  return hold?.type === 'refusal' ? hold.exec : undefined;
}

function resourcesOf(disclosures: readonly Disclosure[] | undefined): LineageNode['resources'] {
  if (disclosures === undefined) return undefined;
  return Object.fromEntries(
    disclosures.flatMap(([, name, value]) => {
      if (!isObject(value)) return [];
      const { type, id } = value;
      return typeof type === 'string' && typeof id === 'string' ? [[name, { type, id }]] : [];
    }),
  );
}

const own = (disclosures: LineageDisclosures, exec: string): LineageDisclosures[string] | undefined =>
  Object.hasOwn(disclosures, exec) ? disclosures[exec] : undefined;

const ref = ({ index, leaf }: LineageEntry): ProofRef => ({ index, leaf });
