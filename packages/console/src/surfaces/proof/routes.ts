/** Addresses of the proof viewer. */
import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { rootRoute } from '../../root-route.ts';

const page = lazyRouteComponent(() => import('./page.tsx'), 'ProofPage');

export const proofRoutes = [
  createRoute({ getParentRoute: () => rootRoute, path: '/proof', component: page }),
  /** `ref` is `<index>` or `<index>@<size>`. */
  createRoute({ getParentRoute: () => rootRoute, path: '/proof/entry/$ref', component: page }),
  createRoute({ getParentRoute: () => rootRoute, path: '/proof/checkpoint/$size', component: page }),
] as const;
