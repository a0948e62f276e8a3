/**
 * What the pages ask the plane for, as query options. Keys begin with the noun that `feed.ts` makes old; what is
 * immutable (evidence at a log size, a tile) never goes stale.
 */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import type {
  AttestationView,
  AuthorView,
  ExecutionView,
  FactsView,
  IdentityView,
  IssuerView,
  LimitView,
  MandateView,
  PlaneClient,
  PlaneStatus,
  ProposalView,
  StandingView,
} from '@licet/api';
import { get, getBytes } from './call.ts';
import { isPublic } from './listener.ts';
import { isQuiet } from './quiet.ts';

/** Filters of the decision feed; each is part of the address. */
export interface ExecutionFilters {
  readonly verdict?: string | undefined;
  readonly state?: string | undefined;
  readonly agent?: string | undefined;
  readonly action?: string | undefined;
  readonly run?: string | undefined;
}

/** One row of the public feed (RULE 42). */
export interface PublicEntry {
  readonly index: number;
  readonly leaf: string;
  readonly type: string;
  readonly at: number;
  readonly executionId?: string;
  readonly verdict?: string;
  readonly code?: string;
  readonly status?: string;
}
/** An execution as the public listener shows it. */
export type PublicExecution = Pick<
  ExecutionView,
  | 'executionId'
  | 'run'
  | 'parent'
  | 'state'
  | 'verdict'
  | 'code'
  | 'grade'
  | 'custody'
  | 'confine'
  | 'atMs'
  | 'depth'
  | 'decision'
  | 'start'
> & {
  readonly permit?: { readonly leaf: string; readonly index: number };
  readonly outcome?: {
    readonly leaf: string;
    readonly index: number;
    readonly status: string;
    readonly atMs: number;
  };
};

type Containments = Awaited<ReturnType<PlaneClient['containments']>>;
type Bundles = Awaited<ReturnType<PlaneClient['bundles']>>;

const PAGE = 60;
const search = (values: Readonly<Record<string, string | number | undefined>>): string =>
  new URLSearchParams(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  ).toString();

/** What the plane says of itself. Asked every two seconds: a plane that has gone is news. */
export const statusQuery = queryOptions({
  queryKey: ['status'],
  queryFn: ({ signal }) => get<PlaneStatus>('/status', signal),
  refetchInterval: () => (isQuiet() ? false : 2_000),
  refetchIntervalInBackground: true,
  retry: false,
  staleTime: 1_000,
});

/** Executions, newest first, page by page. */
export const executionsQuery = (filters: ExecutionFilters, limit = PAGE) =>
  infiniteQueryOptions({
    queryKey: ['executions', filters, limit],
    queryFn: ({ pageParam, signal }) =>
      get<{ readonly items: readonly ExecutionView[]; readonly next?: number }>(
        `/v1/executions?${search({ ...filters, limit, after: pageParam })}`,
        signal,
      ),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: ({ next }) => next,
  });

/** One execution; with its arguments for whoever may read them. */
export const executionQuery = (id: string) =>
  queryOptions({
    queryKey: ['execution', id],
    queryFn: ({ signal }) => get<ExecutionView>(`/v1/executions/${encodeURIComponent(id)}`, signal),
  });

/** The evidence bundle of an execution, as bytes; asked again when `size` (its newest log index) grows. */
export const evidenceQuery = (id: string, size: number) =>
  queryOptions({
    queryKey: ['evidence', id, size],
    queryFn: ({ signal }) => getBytes(`/v1/executions/${encodeURIComponent(id)}/evidence`, signal),
    staleTime: Infinity,
    structuralSharing: false,
  });

/** Held executions that wait for people. */
export const approvalsQuery = queryOptions({
  queryKey: ['approvals'],
  queryFn: async ({ signal }) =>
    (await get<{ readonly items: readonly ExecutionView[] }>('/v1/approvals', signal)).items,
});
/** What people approved in advance, newest first. */
export const standingQuery = queryOptions({
  queryKey: ['standing'],
  queryFn: async ({ signal }) =>
    (await get<{ readonly items: readonly StandingView[] }>('/v1/standing-approvals', signal)).items,
});
export const containmentsQuery = queryOptions({
  queryKey: ['containments'],
  queryFn: ({ signal }) => get<Containments>('/v1/containments', signal),
});
export const identitiesQuery = queryOptions({
  queryKey: ['identities'],
  queryFn: async ({ signal }) =>
    (await get<{ readonly items: readonly IdentityView[] }>('/v1/identities', signal)).items,
});
export const issuersQuery = queryOptions({
  queryKey: ['issuers'],
  queryFn: async ({ signal }) =>
    (await get<{ readonly items: readonly IssuerView[] }>('/v1/issuers', signal)).items,
});
/** Providers that people can sign in by; anybody may ask. */
export const signInsQuery = queryOptions({
  queryKey: ['sign-ins'],
  queryFn: async ({ signal }) =>
    (
      await get<{ readonly items: readonly { readonly subject: string; readonly name: string }[] }>(
        '/v1/login/issuers',
        signal,
      )
    ).items,
});
/** What was attested of an identity or about an execution; `''`: of all. */
export const attestationsQuery = (about: string) =>
  queryOptions({
    queryKey: ['attestations', about],
    queryFn: async ({ signal }) =>
      (
        await get<{ readonly items: readonly AttestationView[] }>(
          `/v1/attestations${about === '' ? '' : `?${search({ about })}`}`,
          signal,
        )
      ).items,
  });
export const mandatesQuery = queryOptions({
  queryKey: ['mandates'],
  queryFn: async ({ signal }) =>
    (await get<{ readonly items: readonly MandateView[] }>('/v1/mandates', signal)).items,
});
export const factsQuery = queryOptions({
  queryKey: ['facts'],
  queryFn: ({ signal }) => get<FactsView>('/v1/facts', signal),
});
export const bundlesQuery = queryOptions({
  queryKey: ['bundles'],
  queryFn: async ({ signal }) => (await get<{ readonly items: Bundles }>('/v1/bundles', signal)).items,
});

/** The counters of the limits; polled, because every decision moves them. */
export const limitsQuery = queryOptions({
  queryKey: ['limits'],
  queryFn: async ({ signal }) =>
    (await get<{ readonly items: readonly LimitView[] }>('/v1/limits', signal)).items,
  refetchInterval: 5_000,
});

/** Publications that wait for a second person; made old with the bundles. */
export const proposalsQuery = queryOptions({
  queryKey: ['bundles', 'proposals'],
  queryFn: async ({ signal }) =>
    (await get<{ readonly items: readonly ProposalView[] }>('/v1/bundles/proposals', signal)).items,
});

/** The keys by which bundles are signed. */
export const authorsQuery = queryOptions({
  queryKey: ['authors'],
  queryFn: async ({ signal }) =>
    (await get<{ readonly items: readonly AuthorView[] }>('/v1/authors', signal)).items,
});

/** The newest entries of the public projection, newest first; polled. */
export const publicFeedQuery = (size: number) =>
  queryOptions({
    queryKey: ['public-feed', size],
    queryFn: async ({ signal }) => {
      const after = Math.max(-1, size - 201);
      const { items } = await get<{ readonly items: readonly PublicEntry[] }>(
        `/v1/public/feed?${search({ after, limit: 200 })}`,
        signal,
      );
      return items.toReversed();
    },
    enabled: isPublic && size > 0,
    placeholderData: (previous) => previous,
  });
export const publicExecutionQuery = (id: string) =>
  queryOptions({
    queryKey: ['execution', id],
    queryFn: ({ signal }) => get<PublicExecution>(`/v1/public/executions/${encodeURIComponent(id)}`, signal),
  });
