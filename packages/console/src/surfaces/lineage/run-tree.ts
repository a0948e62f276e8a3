/**
 * A run as a tree of executions and a tree of agents, built once in O(n) from the folded lineage (DESIGN P9). Data as
 * the plane sent it: parents that are not in the run, and cycles that a lying server could send, end as roots.
 */
import type { Lineage, LineageNode } from '@licet/evidence';

/** What a mark says at a glance. `gap`: something is missing; `halted`: permitted, started, stopped. */
export type MarkKind = 'allow' | 'deny' | 'hold' | 'halted' | 'gap';

/** Worst last: when marks fold into one, the worst is the one that shows. */
export const KINDS: readonly MarkKind[] = ['allow', 'hold', 'halted', 'deny', 'gap'];

/** One execution in its place. Numbers are positions in `RunTree.items`. */
export interface RunItem {
  readonly at: number;
  readonly node: LineageNode;
  readonly parent: number | undefined;
  readonly children: readonly number[];
  /** 0 for a root. */
  readonly depth: number;
  /** Executions below it. */
  readonly below: number;
  /** Position in `RunTree.agents`. */
  readonly agent: number;
  readonly kind: MarkKind;
  /** Milliseconds: its outcome, else its last known moment. */
  readonly endMs: number;
}

/** One agent of the run, below the agent on whose behalf it acts. */
export interface RunAgent {
  readonly id: string;
  readonly parent: number | undefined;
  readonly depth: number;
  /** Its executions, in time. */
  readonly items: readonly number[];
  /** How many of them are not plainly permitted. */
  readonly incidents: number;
}

export interface RunTree {
  readonly items: readonly RunItem[];
  readonly roots: readonly number[];
  /** In order of delegation: each agent after the one it acts for. */
  readonly agents: readonly RunAgent[];
  readonly byExec: ReadonlyMap<string, number>;
  readonly fromMs: number;
  readonly toMs: number;
  readonly counts: Readonly<Record<MarkKind, number>>;
}

/** Shown where no decision names who acted. */
export const NOBODY = 'not known';

/** Returns what the mark of an execution says; what is unclear is never a permit. */
export function kindOf(node: LineageNode): MarkKind {
  // An execution that still runs has no outcome yet; that is no fault.
  const missing = node.gaps.some(
    (gap) => gap !== 'start without an outcome' && gap !== 'permit without a start or an end',
  );
  if (missing) return 'gap';
  if (node.verdict === 'hold') return 'hold';
  if (node.verdict !== 'allow') return 'deny';
  return node.outcome?.status === 'halted' || node.outcome?.status === 'in_doubt' ? 'halted' : 'allow';
}

/** Returns the tree of a run. */
export function runTree(lineage: Lineage): RunTree {
  const { nodes } = lineage;
  const byExec = new Map(nodes.map(({ exec }, at) => [exec, at]));
  const parents = nodes.map(({ parent }, at) => {
    const found = parent === undefined ? undefined : byExec.get(parent);
    return found === at ? undefined : found;
  });
  const children: number[][] = nodes.map(() => []);
  const depth = depthsOf(parents);
  for (const [at, parent] of parents.entries())
    if (parent !== undefined && depth[at]! > 0) children[parent]!.push(at);
  const roots = nodes.flatMap((_, at) => (depth[at] === 0 ? [at] : []));
  const below = new Array<number>(nodes.length).fill(0);
  for (const at of byDepth(depth)) {
    const parent = depth[at] === 0 ? undefined : parents[at];
    if (parent !== undefined) below[parent]! += below[at]! + 1;
  }
  const kinds = nodes.map(kindOf);
  const { agents, agentOf } = agentsOf(nodes, parents, depth, kinds);
  const counts = { allow: 0, hold: 0, halted: 0, deny: 0, gap: 0 };
  let [fromMs, toMs] = [Infinity, -Infinity];
  const items = nodes.map((node, at): RunItem => {
    const kind = kinds[at]!;
    counts[kind] += 1;
    const endMs = node.endMs ?? node.atMs;
    fromMs = Math.min(fromMs, node.atMs);
    toMs = Math.max(toMs, endMs);
    const parent = depth[at] === 0 ? undefined : parents[at];
    return {
      at,
      node,
      parent,
      children: children[at]!,
      depth: depth[at]!,
      below: below[at]!,
      agent: agentOf[at]!,
      kind,
      endMs,
    };
  });
  if (items.length === 0) [fromMs, toMs] = [0, 0];
  return { items, roots, agents, byExec, fromMs, toMs, counts };
}

/** Depth of each; a member of a cycle counts as a root. */
function depthsOf(parents: readonly (number | undefined)[]): readonly number[] {
  const depth = new Array<number>(parents.length).fill(-1);
  for (let at = 0; at < parents.length; at += 1) {
    const path: number[] = [];
    const seen = new Set<number>();
    let next: number | undefined = at;
    while (next !== undefined && depth[next] === -1 && !seen.has(next)) {
      seen.add(next);
      path.push(next);
      next = parents[next];
    }
    // A cycle is cut where it was met again.
    let level = next === undefined || depth[next] === -1 ? 0 : depth[next]! + 1;
    for (const one of path.toReversed()) depth[one] = level++;
  }
  return depth;
}

/** Positions, deepest first. */
function byDepth(depth: readonly number[]): readonly number[] {
  const levels: number[][] = [];
  for (const [at, level] of depth.entries()) (levels[level] ??= []).push(at);
  return levels.toReversed().flat();
}

function agentsOf(
  nodes: readonly LineageNode[],
  parents: readonly (number | undefined)[],
  depth: readonly number[],
  kinds: readonly MarkKind[],
): { readonly agents: readonly RunAgent[]; readonly agentOf: readonly number[] } {
  const known = new Map<string, { id: string; parent?: string; items: number[]; incidents: number }>();
  const idOf = ({ chain }: LineageNode): string => chain.at(-1)?.id ?? NOBODY;
  for (const [at, node] of nodes.entries()) {
    const id = idOf(node);
    const parent = depth[at] === 0 ? undefined : parents[at];
    const above = parent === undefined ? undefined : idOf(nodes[parent]!);
    const agent = known.get(id) ?? { id, items: [], incidents: 0 };
    // The first execution that another agent caused says below whom it stands.
    if (agent.parent === undefined && above !== undefined && above !== id) agent.parent = above;
    agent.items.push(at);
    if (kinds[at] !== 'allow') agent.incidents += 1;
    known.set(id, agent);
  }
  const below = new Map<string | undefined, string[]>();
  const settled = new Set<string>();
  const rooted = (id: string): boolean => {
    // Follows the agents above; a cycle has no root and is cut here.
    const seen = new Set<string>([id]);
    for (let next = known.get(id)?.parent; next !== undefined; next = known.get(next)?.parent) {
      if (seen.has(next)) return false;
      seen.add(next);
    }
    return true;
  };
  for (const { id, parent } of known.values()) {
    const key = parent !== undefined && known.has(parent) && rooted(id) ? parent : undefined;
    below.set(key, [...(below.get(key) ?? []), id]);
  }
  const agents: RunAgent[] = [];
  const place = new Map<string, number>();
  const stack = (below.get(undefined) ?? [])
    .toReversed()
    .map((id) => ({ id, parent: undefined as number | undefined, depth: 0 }));
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (settled.has(next.id)) continue;
    settled.add(next.id);
    const { items, incidents } = known.get(next.id)!;
    const at = agents.length;
    place.set(next.id, at);
    agents.push({ id: next.id, parent: next.parent, depth: next.depth, items, incidents });
    const level = next.depth + 1;
    for (const id of (below.get(next.id) ?? []).toReversed()) stack.push({ id, parent: at, depth: level });
  }
  return { agents, agentOf: nodes.map((node) => place.get(idOf(node))!) };
}

/** Returns the executions that caused this one, the root first. */
export function causesOf(tree: RunTree, at: number): readonly number[] {
  const path: number[] = [];
  for (let next = tree.items[at]?.parent; next !== undefined; next = tree.items[next]?.parent)
    path.push(next);
  return path.toReversed();
}
