/** The rows of the tree view: executions below executions, those shown given what is expanded. Pure. */
import type { RunTree } from './run-tree.ts';

/** One row, with what a screen reader is told of its place. */
export interface TreeRow {
  readonly item: number;
  /** 1 for a root. */
  readonly level: number;
  /** 1-based among its siblings. */
  readonly position: number;
  readonly siblings: number;
}

/** Returns the visible rows in order. */
export function treeRows(tree: RunTree, expanded: ReadonlySet<number>): readonly TreeRow[] {
  const rows: TreeRow[] = [];
  const stack: TreeRow[] = rowsOf(tree.roots, 1).toReversed();
  for (let row = stack.pop(); row !== undefined; row = stack.pop()) {
    rows.push(row);
    const { children } = tree.items[row.item]!;
    if (children.length > 0 && expanded.has(row.item))
      for (const child of rowsOf(children, row.level + 1).toReversed()) stack.push(child);
  }
  return rows;
}

const rowsOf = (items: readonly number[], level: number): TreeRow[] =>
  items.map((item, at) => ({ item, level, position: at + 1, siblings: items.length }));

/** Returns what is expanded at first: everything in a small run, the first levels of a large one. */
export function firstExpanded(tree: RunTree): ReadonlySet<number> {
  const expanded = new Set<number>();
  let rows = tree.roots.length;
  let level: readonly number[] = tree.roots;
  while (level.length > 0) {
    const next: number[] = [];
    for (const at of level) {
      const { children } = tree.items[at]!;
      if (children.length === 0 || rows + children.length > 300) continue;
      expanded.add(at);
      rows += children.length;
      next.push(...children);
    }
    level = next;
  }
  return expanded;
}

/** Returns the item and everything below it. */
export function withBelow(tree: RunTree, item: number): readonly number[] {
  const found = [item];
  for (let at = 0; at < found.length; at += 1)
    for (const child of tree.items[found[at]!]!.children) found.push(child);
  return found;
}
