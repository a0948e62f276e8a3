/** Addresses of the governance console. */
import { createRoute, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { rootRoute } from '../../root-route.ts';
import { text } from '../../search-params.ts';

const FEED = ['verdict', 'state', 'agent', 'action', 'run'] as const;

export const consoleRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/',
    beforeLoad: ({ location }) => {
      // What follows the # may be the token that signs in.
      throw redirect({ to: '/console', hash: location.hash, replace: true });
    },
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/console',
    component: lazyRouteComponent(() => import('./feed-page.tsx'), 'FeedPage'),
    validateSearch: (search): { readonly [name in (typeof FEED)[number]]?: string } => text(search, FEED),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/decisions/$id',
    component: lazyRouteComponent(() => import('./decision-page.tsx'), 'DecisionPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/approvals',
    component: lazyRouteComponent(() => import('./approvals/queue-page.tsx'), 'ApprovalsPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/approvals/standing',
    component: lazyRouteComponent(() => import('./approvals/standing-page.tsx'), 'StandingPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/approvals/$id',
    component: lazyRouteComponent(() => import('./approvals/approval-page.tsx'), 'ApprovalPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/policies',
    component: lazyRouteComponent(() => import('./policies-page.tsx'), 'PoliciesPage'),
    validateSearch: (search): { readonly tab?: string; readonly compare?: string } =>
      text(search, ['tab', 'compare']),
  }),
  /** `ref` is a bundle digest. */
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/policies/$ref',
    component: lazyRouteComponent(() => import('./policies-page.tsx'), 'PolicyPage'),
    validateSearch: (search): { readonly tab?: string; readonly compare?: string } =>
      text(search, ['tab', 'compare']),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/agents',
    component: lazyRouteComponent(() => import('./agents-page.tsx'), 'AgentsPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/agents/$id',
    component: lazyRouteComponent(() => import('./agents-page.tsx'), 'AgentPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/you',
    component: lazyRouteComponent(() => import('./you-page.tsx'), 'YouPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/containment',
    component: lazyRouteComponent(() => import('./containment-page.tsx'), 'ContainmentPage'),
    validateSearch: (search): { readonly kind?: string; readonly id?: string } =>
      text(search, ['kind', 'id']),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/facts',
    component: lazyRouteComponent(() => import('./facts-page.tsx'), 'FactsPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/in-doubt',
    component: lazyRouteComponent(() => import('./in-doubt-page.tsx'), 'InDoubtPage'),
  }),
] as const;
