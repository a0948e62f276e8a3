/** Search inside a run: ids, actions, agents, resources, codes, gaps. Every word must be found. Pure. */
import type { RunTree } from './run-tree.ts';

/** Returns the positions of the executions that match, in time; undefined when nothing is searched for. */
export function searchRun(
  tree: RunTree,
  text: string,
  nameOf: (agent: string) => string,
): readonly number[] | undefined {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return undefined;
  return tree.items.flatMap(({ at, node, kind }) => {
    const agent = node.chain.at(-1)?.id ?? '';
    const resources = Object.values(node.resources ?? {}).map(({ id }) => id);
    const hay = [
      node.exec,
      node.action,
      agent,
      nameOf(agent),
      node.code,
      node.verdict,
      node.outcome?.status,
      kind,
      ...node.gaps,
      ...resources,
    ]
      .join('\n')
      .toLowerCase();
    return words.every((word) => hay.includes(word)) ? [at] : [];
  });
}
