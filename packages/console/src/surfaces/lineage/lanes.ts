/**
 * The lanes: one per agent, indented by delegation, x = time. What does not fit is folded, never dropped: agents into
 * the lane of whoever they act for, marks that would overlap into one mark with a count that shows the worst of them.
 * Pure and O(n log n) in marks; nothing is ever laid out as a general graph (UI §2.1).
 */
import { KINDS, type MarkKind, type RunTree } from './run-tree.ts';
import type { TimeScale } from './time-scale.ts';

/** One lane. */
export interface Lane {
  readonly agent: number;
  readonly depth: number;
  /** Agents below it whose executions are shown in it. */
  readonly folded: number;
  /** Executions of this lane in time, positions in the tree. */
  readonly items: readonly number[];
  /** Places of the same executions, 0 to 1. */
  readonly us: Float64Array;
  /** Whether `expand` would give agents below it lanes of their own. */
  readonly canExpand: boolean;
}

/** One mark, or several folded into one. */
export interface Mark {
  readonly lane: number;
  /** Pixels from the left of the view. */
  readonly x: number;
  /** Pixels: where its running time ends; the same as `x` for a point. */
  readonly toX: number;
  readonly kind: MarkKind;
  /** Positions from `first` to before `end` in the lane's items. */
  readonly first: number;
  readonly end: number;
  /** The execution that is shown: the worst, the first of its kind. */
  readonly item: number;
}

export interface Viewport {
  /** Place at the left edge, 0 to 1. */
  readonly fromU: number;
  /** Pixels that the whole of time would take. */
  readonly scale: number;
  /** Pixels. */
  readonly width: number;
}

/** Marks nearer than this become one, pixels. */
export const CELL = 15;

/**
 * Returns the lanes: at most `max`, agents with incidents first, each with all agents above it. Agents whose parent
 * is in `expanded` get lanes whatever their rank, up to `hardMax`.
 */
export function lanesOf(
  tree: RunTree,
  scale: TimeScale,
  {
    max,
    hardMax = 200,
    expanded,
  }: { readonly max: number; readonly hardMax?: number; readonly expanded: ReadonlySet<number> },
): readonly Lane[] {
  const { agents } = tree;
  const kept = new Set<number>();
  const keep = (at: number, limit: number): void => {
    const path: number[] = [];
    for (
      let next: number | undefined = at;
      next !== undefined && !kept.has(next);
      next = agents[next]!.parent
    )
      path.push(next);
    if (kept.size + path.length <= limit) for (const one of path) kept.add(one);
  };
  const ranked = agents
    .map((agent, at) => ({ at, depth: agent.depth, rank: agent.incidents * 1_000 + agent.items.length }))
    .toSorted((a, b) => Number(b.depth === 0) - Number(a.depth === 0) || b.rank - a.rank || a.at - b.at);
  for (const { at } of ranked) keep(at, max);
  if (kept.size === 0 && agents.length > 0) kept.add(0);
  for (const [at, { parent }] of agents.entries())
    if (parent !== undefined && expanded.has(parent)) keep(at, hardMax);
  // Everybody else is shown in the nearest lane above; a root without one, in the first.
  const home = new Array<number>(agents.length);
  const fallback = [...kept].sort((a, b) => a - b)[0] ?? 0;
  for (const [at, { parent }] of agents.entries())
    home[at] = kept.has(at) ? at : parent === undefined ? fallback : home[parent]!;
  const folded = new Map<number, number>();
  const items = new Map<number, number[]>();
  const open = new Set<number>();
  for (const [at, agent] of agents.entries()) {
    const lane = home[at]!;
    if (lane !== at) {
      folded.set(lane, (folded.get(lane) ?? 0) + 1);
      open.add(lane);
    }
    const all = items.get(lane);
    if (all === undefined) items.set(lane, [...agent.items]);
    else for (const one of agent.items) all.push(one);
  }
  return [...kept]
    .sort((a, b) => a - b)
    .map((at): Lane => {
      const own = (items.get(at) ?? []).sort(
        (a, b) => tree.items[a]!.node.atMs - tree.items[b]!.node.atMs || a - b,
      );
      const us = Float64Array.from(own, (one) => scale.toU(tree.items[one]!.node.atMs));
      return {
        agent: at,
        depth: agents[at]!.depth,
        folded: folded.get(at) ?? 0,
        items: own,
        us,
        canExpand: open.has(at),
      };
    });
}

/** Returns the marks of a lane that the viewport shows, left to right, folded where they would overlap. */
export function marksOf(
  tree: RunTree,
  scale: TimeScale,
  lane: Lane,
  at: number,
  view: Viewport,
): readonly Mark[] {
  const { fromU, scale: pixels, width } = view;
  const marks: Mark[] = [];
  const { us, items } = lane;
  // Cells are fixed in time, not in the view: while panning, marks keep their company and do not flicker.
  const cellOf = (u: number): number => Math.floor((u * pixels) / CELL);
  let next = lowerBound(us, fromU - (2 * CELL) / pixels);
  const beyond = fromU + (width + 2 * CELL) / pixels;
  while (next < us.length && us[next]! <= beyond) {
    const first = next;
    const cell = cellOf(us[first]!);
    let [worst, item] = [-1, items[first]!];
    while (next < us.length && cellOf(us[next]!) === cell) {
      const rank = KINDS.indexOf(tree.items[items[next]!]!.kind);
      if (rank > worst) [worst, item] = [rank, items[next]!];
      next += 1;
    }
    const single = next - first === 1;
    const x = (us[first]! - fromU) * pixels;
    const middle = single ? x : ((us[first]! + us[next - 1]!) / 2 - fromU) * pixels;
    const toX = single ? (scale.toU(tree.items[item]!.endMs) - fromU) * pixels : middle;
    marks.push({ lane: at, x: middle, toX, kind: KINDS[worst]!, first, end: next, item });
  }
  return marks;
}

/** Returns the first position whose value is at least `value`. */
export function lowerBound(values: Float64Array, value: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Returns the mark under a point, the nearest of those within reach. */
export function hit(marks: readonly Mark[], x: number, reach = 9): Mark | undefined {
  let best: Mark | undefined;
  for (const mark of marks) {
    const away = Math.abs(mark.x - x);
    if (away <= reach && (best === undefined || away < Math.abs(best.x - x))) best = mark;
  }
  return best;
}

/** How many executions of each kind lie in each of `bins` equal parts of the line. */
export function densityOf(
  tree: RunTree,
  scale: TimeScale,
  bins: number,
): readonly Readonly<Record<MarkKind, number>>[] {
  const counted = Array.from({ length: bins }, () => ({ allow: 0, hold: 0, halted: 0, deny: 0, gap: 0 }));
  for (const { node, kind } of tree.items)
    counted[Math.min(bins - 1, Math.floor(scale.toU(node.atMs) * bins))]![kind] += 1;
  return counted;
}
