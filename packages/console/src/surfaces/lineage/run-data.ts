/** A run from either listener, as a tree: the operator's with names and resources, the public one redacted (RULE 42). */
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { ExecutionView } from '@licet/api';
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
  /** Only the newest executions are there yet. */
  readonly partial: boolean;
}

type Executions = { readonly items: readonly ExecutionView[] };
/** Executions that are painted before the whole run is there. */
const FIRST = 200;

/**
 * Returns the run that an execution belongs to; any execution of a run leads to it. Folding a long run from its entries
 * takes the plane seconds, so its newest executions are shown first, and said to be that.
 */
export function useRun(id: string) {
  const first = useQuery({
    queryKey: ['lineage', id, 'first'],
    queryFn: async ({ signal }): Promise<RunData> => {
      const base = isPublic ? '/v1/public' : '/v1';
      const { run } = await get<{ readonly run: string }>(
        `${base}/executions/${encodeURIComponent(id)}`,
        signal,
      );
      if (isPublic) return runData(id, await wholeOf(run, signal));
      const { items } = await get<Executions>(`/v1/executions?run=${run}&limit=${FIRST}`, signal);
      return { ...runData(id, fromViews(items, run)), partial: items.length === FIRST };
    },
    structuralSharing: false,
    staleTime: Infinity,
  });
  const run = first.data?.run;
  const whole = useQuery({
    queryKey: ['lineage', id, 'whole'],
    queryFn: async ({ signal }) => runData(id, await wholeOf(run!, signal)),
    enabled: run !== undefined && !isPublic,
    // A run of ten thousand is not compared field by field each time the log grows.
    structuralSharing: false,
    staleTime: 5_000,
  });
  return {
    data: whole.data ?? (first.data?.partial === true || isPublic ? first.data : undefined),
    error: first.error ?? whole.error,
    refetch: () => (first.error === null ? whole.refetch() : first.refetch()),
  };
}

const runData = (named: string, lineage: Lineage): RunData => ({
  run: lineage.run ?? named,
  named,
  lineage,
  tree: runTree(lineage),
  partial: false,
});

async function wholeOf(run: string, signal: AbortSignal): Promise<Lineage> {
  if (!isPublic) return get<Lineage>(`/v1/runs/${run}/lineage`, signal);
  const { executions } = await get<{ readonly executions: readonly PublicExecution[] }>(
    `/v1/public/lineage/${run}`,
    signal,
  );
  return fromViews(executions, run);
}

/**
 * Executions as the lists show them, as the same graph, in time: places and verdicts, and what the listener shows of
 * principals and actions. Whether entries are missing only the folded run can tell.
 */
export function fromViews(
  executions: readonly (PublicExecution & Partial<Pick<ExecutionView, 'chain' | 'action'>>)[],
  run: string,
): Lineage {
  const nodes = executions
    .toSorted((a, b) => a.atMs - b.atMs)
    .map((one): LineageNode => {
      const { executionId, parent, verdict, code, permit, start, outcome, decision, atMs, chain, action } =
        one;
      return {
        exec: executionId,
        ...(parent === undefined ? {} : { parent }),
        chain: chain ?? [],
        ...(action === undefined ? {} : { action }),
        verdict,
        ...(code === undefined || verdict === 'allow' ? {} : { code }),
        refusals: verdict === 'allow' ? [] : [decision],
        ...(permit === undefined ? {} : { permit: { index: permit.index, leaf: permit.leaf } }),
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
        gaps: [],
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
