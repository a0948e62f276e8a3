/** Addresses of the health surface. */
import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { rootRoute } from '../../root-route.ts';
import { text } from '../../search-params.ts';

const page = lazyRouteComponent(() => import('./page.tsx'), 'HealthPage');

export const healthRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/health',
    component: page,
    validateSearch: (search): { readonly range?: string } => text(search, ['range']),
  }),
  createRoute({ getParentRoute: () => rootRoute, path: '/health/component/$id', component: page }),
] as const;
