/** The state of the whole, as every page's top bar says it: what the plane says, or that it says nothing. */
import { useQuery } from '@tanstack/react-query';
import type { ExecutionView, PlaneStatus } from '@licet/api';
import { get } from '../data/call.ts';
import { useFeed } from '../data/feed.ts';
import { isPublic } from '../data/listener.ts';
import { statusQuery } from '../data/queries.ts';
import { useSession } from '../data/session.ts';

export type SystemState = PlaneStatus['state'] | 'unreachable' | 'unknown';

export interface System {
  readonly state: SystemState;
  readonly why: string;
  /** The last answer of the plane, kept while it is silent. */
  readonly status: PlaneStatus | undefined;
  /** When that answer came, milliseconds. */
  readonly answeredMs: number;
  /** True while the live feed is lost or the plane is silent: values stay, but are no longer fresh. */
  readonly stale: boolean;
}

const WORDS: Readonly<Record<SystemState, string>> = {
  enforcing: 'Enforcing',
  observing: 'Observing',
  contained: 'Contained',
  'fail-closed': 'Fail-closed',
  unreachable: 'Fail-closed',
  unknown: 'Asking …',
};
export const stateWord = (state: SystemState): string => WORDS[state];

/** Returns the state of the whole. */
export function useSystem(): System {
  const { data: status, error, dataUpdatedAt, failureCount } = useQuery(statusQuery);
  const feed = useFeed();
  const silent = error !== null || failureCount > 0;
  if (silent)
    return {
      state: 'unreachable',
      why: 'The plane does not answer. Doors get no permit without it, and running leases end by themselves.',
      status,
      answeredMs: dataUpdatedAt,
      stale: true,
    };
  return {
    state: status?.state ?? 'unknown',
    why: status?.why ?? 'The plane has not answered yet.',
    status,
    answeredMs: dataUpdatedAt,
    stale: feed.state === 'lost',
  };
}

/** Leases that run, as last heard; their signed ends stay right with the plane gone. */
export function useRunningLeases(): readonly { readonly id: string; readonly untilMs: number }[] {
  const session = useSession();
  const { data } = useQuery({
    queryKey: ['executions', 'running'],
    queryFn: ({ signal }) =>
      get<{ readonly items: readonly ExecutionView[] }>('/v1/executions?state=running&limit=200', signal),
    enabled: !isPublic && session.kind === 'person',
    refetchInterval: 5_000,
    retry: false,
  });
  return (data?.items ?? []).flatMap(({ executionId, lease }) =>
    lease === undefined ? [] : [{ id: executionId, untilMs: lease.untilMs }],
  );
}
