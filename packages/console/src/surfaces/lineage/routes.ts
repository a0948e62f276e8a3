/** Addresses of the lineage explorer. */
import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { rootRoute } from '../../root-route.ts';
import { text } from '../../search-params.ts';

const page = lazyRouteComponent(() => import('./page.tsx'), 'LineagePage');

export const lineageRoutes = [
  createRoute({ getParentRoute: () => rootRoute, path: '/lineage', component: page }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/lineage/$id',
    component: page,
    validateSearch: (
      search,
    ): { readonly node?: string; readonly t?: string; readonly view?: string; readonly label?: string } =>
      text(search, ['node', 't', 'view', 'label']),
  }),
] as const;
