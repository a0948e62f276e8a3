/** A run from either listener, as a tree: the operator's with names and resources, the public one redacted (RULE 42). */
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { ExecutionView, RunExecutions } from '@licet/api';
import type { Lineage } from '@licet/evidence';
import { get } from '../../data/call.ts';
import { isPublic } from '../../data/listener.ts';
import { identitiesQuery, type PublicExecution } from '../../data/queries.ts';
import { useSession } from '../../data/session.ts';
import { fromExecutions } from './from-executions.ts';
import { runTree, type RunTree } from './run-tree.ts';

/** What the page holds of a run. */
export interface RunData {
  readonly run: string;
  /** The execution that the address named; the root when it named the run. */
  readonly named: string;
  readonly lineage: Lineage;
  readonly tree: RunTree;
  /** Whether it was folded from the run's entries: only then gaps are named and resources are known. */
  readonly folded: boolean;
}

/**
 * Returns the run that an execution belongs to; any execution of a run leads to it. All of its executions come at once
 * from the plane's rows. What takes the plane longer, folding their entries and opening their resources, comes after
 * them and takes their place.
 */
export function useRun(id: string) {
  const first = useQuery({
    queryKey: ['lineage', id, 'first'],
    queryFn: async ({ signal }): Promise<RunData> =>
      isPublic ? publicRun(id, signal) : runData(id, await executionsOf(id, signal), false),
    structuralSharing: false,
    staleTime: 5_000,
  });
  const run = first.data?.run;
  const whole = useQuery({
    queryKey: ['lineage', id, 'whole'],
    queryFn: async ({ signal }) => runData(id, await get<Lineage>(`/v1/runs/${run!}/lineage`, signal), true),
    enabled: run !== undefined && !isPublic,
    // A run of ten thousand is not compared field by field each time the log grows.
    structuralSharing: false,
    staleTime: 5_000,
  });
  return {
    data: whole.data ?? first.data,
    error: first.error ?? whole.error,
    refetch: () => (first.error === null ? whole.refetch() : first.refetch()),
  };
}

const runData = (named: string, lineage: Lineage, folded: boolean): RunData => ({
  run: lineage.run ?? named,
  named,
  lineage,
  tree: runTree(lineage),
  folded,
});

/** An address names any execution; the one that its run is named after is the usual one, and saves a question. */
async function executionsOf(id: string, signal: AbortSignal): Promise<Lineage> {
  const ask = (run: string) => get<RunExecutions>(`/v1/runs/${encodeURIComponent(run)}/executions`, signal);
  const found = await ask(id);
  if (found.items.length > 0) return fromExecutions(found);
  return fromExecutions(await ask((await get<ExecutionView>(`/v1/executions/${id}`, signal)).run));
}

async function publicRun(id: string, signal: AbortSignal): Promise<RunData> {
  const { run } = await get<{ readonly run: string }>(
    `/v1/public/executions/${encodeURIComponent(id)}`,
    signal,
  );
  const { executions } = await get<{ readonly executions: readonly PublicExecution[] }>(
    `/v1/public/lineage/${run}`,
    signal,
  );
  // The public view has neither entries nor resources: this is all there is to it.
  return runData(
    id,
    fromExecutions({
      run,
      chains: [[]],
      items: executions.map((one) => ({ ...one, chain: 0, renewals: 0 })),
    }),
    true,
  );
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
