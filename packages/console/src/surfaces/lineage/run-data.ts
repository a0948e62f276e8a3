/** A run from either listener, as a tree: the operator's with names and resources, the public one redacted (RULE 42). */
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { Lineage, LineageNode, OutcomeStatus } from '@licet/evidence';
import { get } from '../../data/call.ts';
import { isPublic } from '../../data/listener.ts';
import { identitiesQuery, type PublicExecution } from '../../data/queries.ts';
import { useSession } from '../../data/session.ts';
import { runTree, type RunTree } from './run-tree.ts';

/** What the page holds of a run. */
export interface RunData {
  readonly run: string;
  /** The execution that the address named; the root when it named the run. */
  readonly named: string;
  readonly lineage: Lineage;
  readonly tree: RunTree;
}

interface Place {
  readonly run: string;
}

/** Returns the run that an execution belongs to. Any execution of a run leads to it. */
export function useRun(id: string) {
  return useQuery({
    queryKey: ['lineage', id],
    queryFn: async ({ signal }): Promise<RunData> => {
      const of = encodeURIComponent(id);
      const base = isPublic ? '/v1/public' : '/v1';
      const { run } = await get<Place>(`${base}/executions/${of}`, signal);
      const path = isPublic ? `/v1/public/lineage/${run}` : `/v1/runs/${run}/lineage`;
      const lineage = isPublic
        ? fromPublic(await get<{ readonly executions: readonly PublicExecution[] }>(path, signal), run)
        : await get<Lineage>(path, signal);
      return { run, named: id, lineage, tree: runTree(lineage) };
    },
    // A run of ten thousand is not compared field by field each time the log grows.
    structuralSharing: false,
    placeholderData: (previous) => (previous?.named === id ? previous : undefined),
    staleTime: 5_000,
  });
}

/** The redacted executions as the same graph: places and verdicts, no principal, action or resource. */
export function fromPublic(
  { executions }: { readonly executions: readonly PublicExecution[] },
  run: string,
): Lineage {
  const nodes = executions.map((one): LineageNode => {
    const { executionId, parent, verdict, code, permit, start, outcome, decision, atMs } = one;
    return {
      exec: executionId,
      ...(parent === undefined ? {} : { parent }),
      chain: [],
      verdict,
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
      renewals: 0,
      gaps:
        outcome !== undefined && start === undefined && outcome.status !== 'expired'
          ? ['outcome without a start']
          : [],
    };
  });
  const edges = nodes.flatMap(({ exec, parent }) =>
    parent === undefined ? [] : [{ kind: 'caused' as const, from: parent, to: exec }],
  );
  return { run, nodes, edges };
}

/** Returns the name of a principal, its id where no name may be seen. */
export function useNames(): (id: string) => string {
  const session = useSession();
  const { data } = useQuery({ ...identitiesQuery, enabled: session.kind === 'person', retry: false });
  return useMemo(() => {
    const names = new Map(
      (data ?? []).flatMap(({ subject, name }) => (name === undefined ? [] : [[subject, name]])),
    );
    return (id) => names.get(id) ?? id;
  }, [data]);
}

/** Executions that another one's approvals let go on, as positions. */
export const liftedOf = ({
  lineage,
  tree,
}: RunData): readonly { readonly from: number; readonly to: number }[] =>
  lineage.edges.flatMap(({ kind, from, to }) => {
    const [a, b] = [tree.byExec.get(from), tree.byExec.get(to)];
    return kind !== 'lifted' || a === undefined || b === undefined ? [] : [{ from: a, to: b }];
  });
