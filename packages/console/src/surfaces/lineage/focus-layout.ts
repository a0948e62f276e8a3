/**
 * The neighbourhood of one execution, for the focus graph: all that caused it, what it caused, to a number of steps.
 * Hard cap; what is beyond is one box with a count. A tidy layering in O(n). Pure.
 */
import { causesOf, type RunTree } from './run-tree.ts';

/** A box: an execution, or `more` of them folded. */
export interface FocusBox {
  readonly id: string;
  /** Position in the tree; of the parent when it is a fold. */
  readonly item: number;
  /** Executions in the fold; absent for an execution. */
  readonly more?: number;
  readonly column: number;
  readonly row: number;
}

export interface FocusGraph {
  readonly boxes: readonly FocusBox[];
  /** Positions in `boxes`. `lifted` is drawn dashed. */
  readonly lines: readonly {
    readonly from: number;
    readonly to: number;
    readonly kind: 'caused' | 'lifted';
  }[];
  readonly columns: number;
  readonly rows: number;
}

/** Never more boxes than this, whatever is asked. */
export const FOCUS_MAX = 300;
/** Children of one execution shown side by side before the rest folds. */
const SIDE_BY_SIDE = 24;

/** Returns the graph around an execution. `steps`: how far below it, at least 1. */
export function focusGraph(
  tree: RunTree,
  item: number,
  {
    steps = 1,
    lifted = [],
  }: {
    readonly steps?: number;
    readonly lifted?: readonly { readonly from: number; readonly to: number }[];
  } = {},
): FocusGraph {
  const causes = causesOf(tree, item);
  // A deep chain keeps its root and its near end.
  const shownCauses = causes.length <= 40 ? causes : [...causes.slice(0, 1), ...causes.slice(-39)];
  const boxes: FocusBox[] = [];
  const lines: { from: number; to: number; kind: 'caused' | 'lifted' }[] = [];
  const place = new Map<number, number>();
  let row = 0;
  const left = (): number => FOCUS_MAX - shownCauses.length - boxes.length;
  const below = (at: number, column: number, depth: number): { box: number; row: number } => {
    const { children } = tree.items[at]!;
    const mine: { box: number; row: number }[] = [];
    if (depth < steps) {
      // One place is kept for the fold itself, and one for this box.
      const room = Math.max(0, Math.min(SIDE_BY_SIDE, left() - 2));
      const shown = children.length <= room ? children : children.slice(0, Math.max(0, room - 1));
      for (const child of shown) {
        if (left() <= 2) break;
        mine.push(below(child, column + 1, depth + 1));
      }
      const more = children.length - mine.length;
      if (more > 0) mine.push(fold(at, more, column + 1));
    } else if (children.length > 0 && left() > 2) mine.push(fold(at, children.length, column + 1));
    const own = mine.length === 0 ? row++ : (mine[0]!.row + mine.at(-1)!.row) / 2;
    const box = boxes.push({ id: tree.items[at]!.node.exec, item: at, column, row: own }) - 1;
    place.set(at, box);
    for (const { box: to } of mine) lines.push({ from: box, to, kind: 'caused' });
    return { box, row: own };
  };
  const fold = (at: number, more: number, column: number): { box: number; row: number } => {
    const own = row++;
    const box =
      boxes.push({ id: `${tree.items[at]!.node.exec}+${more}`, item: at, more, column, row: own }) - 1;
    return { box, row: own };
  };
  const centre = below(item, shownCauses.length, 0);
  let to = centre.box;
  for (const [away, at] of shownCauses.toReversed().entries()) {
    const column = shownCauses.length - 1 - away;
    const box = boxes.push({ id: tree.items[at]!.node.exec, item: at, column, row: centre.row }) - 1;
    place.set(at, box);
    lines.push({ from: box, to, kind: 'caused' });
    to = box;
  }
  for (const { from, to: end } of lifted) {
    const [a, b] = [place.get(from), place.get(end)];
    if (a !== undefined && b !== undefined) lines.push({ from: a, to: b, kind: 'lifted' });
  }
  const columns = 1 + Math.max(...boxes.map(({ column }) => column));
  return { boxes, lines, columns, rows: Math.max(1, row) };
}
