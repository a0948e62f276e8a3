/** Addresses of the proof viewer. */
import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { rootRoute } from '../../root-route.ts';
import { text } from '../../search-params.ts';

const place = () => import('./place-page.tsx');

export const proofRoutes = [
  /** `#evidence=` may carry a small bundle; a fragment is never sent. */
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/proof',
    component: lazyRouteComponent(() => import('./page.tsx'), 'ProofPage'),
    validateSearch: (search): { readonly view?: string } => text(search, ['view']),
  }),
  /** `ref` is `<index>` or `<index>@<size>`. */
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/proof/entry/$ref',
    component: lazyRouteComponent(place, 'EntryProofPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/proof/checkpoint/$size',
    component: lazyRouteComponent(place, 'CheckpointProofPage'),
  }),
] as const;
