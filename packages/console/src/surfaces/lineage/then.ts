/** What was the case at one moment of a run, from its entries: what ran, what was decided, under which permit. Pure. */
import type { RunTree } from './run-tree.ts';

/** A moment of a run. */
export interface Moment {
  /** Executions with a start and no outcome yet. */
  readonly running: number;
  readonly permitted: number;
  readonly refused: number;
  /** The last execution decided by then, and the last one permitted; positions in the tree. */
  readonly last: number | undefined;
  readonly lastPermitted: number | undefined;
}

/** Returns the moment `ms`. The items of a tree are in order of their first entry. */
export function momentAt(tree: RunTree, ms: number): Moment {
  let [running, permitted, refused] = [0, 0, 0];
  let last: number | undefined;
  let lastPermitted: number | undefined;
  for (const { at, node, endMs, kind } of tree.items) {
    if (node.atMs > ms) break;
    last = at;
    if (node.verdict === 'allow') {
      permitted += 1;
      lastPermitted = at;
    } else refused += 1;
    if (node.start !== undefined && kind !== 'gap' && (node.outcome === undefined || endMs > ms))
      running += 1;
  }
  return { running, permitted, refused, last, lastPermitted };
}
