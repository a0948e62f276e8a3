/** A run's executions, as the plane lists them, as the graph that its entries would fold to. Pure. */
import type { RunExecution, RunExecutions } from '@licet/api';
import type { Lineage, LineageNode, OutcomeStatus } from '@licet/evidence';

/** What either listener shows of an execution; the public one names no action. */
type Listed = Omit<RunExecution, 'action'> & Partial<Pick<RunExecution, 'action'>>;

/**
 * Executions as rows tell of them, as the same graph, in time: places, verdicts and causes. Whether entries are missing
 * only the folded run can tell.
 */
export function fromExecutions({
  run,
  chains,
  items,
}: Omit<RunExecutions, 'items'> & { readonly items: readonly Listed[] }): Lineage {
  const nodes = items
    .toSorted((a, b) => a.atMs - b.atMs || a.decision.index - b.decision.index)
    .map(({ executionId, verdict, code, decision, outcome, chain, atMs, renewals, ...one }): LineageNode => {
      const { parent, start, action } = one;
      const permit = one.permit ?? (verdict === 'allow' ? decision : undefined);
      return {
        exec: executionId,
        ...(parent === undefined ? {} : { parent }),
        chain: chains[chain] ?? [],
        ...(action === undefined ? {} : { action }),
        verdict: verdict as NonNullable<LineageNode['verdict']>,
        ...(code === undefined || verdict === 'allow' ? {} : { code }),
        refusals: verdict === 'allow' ? [] : [decision],
        ...(permit === undefined ? {} : { permit }),
        approvals: [],
        ...(start === undefined ? {} : { start: { index: start.index, leaf: start.leaf } }),
        ...(outcome === undefined
          ? {}
          : {
              outcome: { index: outcome.index, leaf: outcome.leaf, status: outcome.status as OutcomeStatus },
              endMs: outcome.atMs,
            }),
        atMs,
        renewals,
        gaps: [],
      };
    });
  const edges = nodes.flatMap(({ exec, parent }) =>
    parent === undefined ? [] : [{ kind: 'caused' as const, from: parent, to: exec }],
  );
  return { run, nodes, edges };
}
