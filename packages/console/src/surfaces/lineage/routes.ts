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
    ): { readonly node?: string; readonly t?: number; readonly view?: string; readonly label?: string } => {
      // Milliseconds; a number, so that the address holds it without quotes.
      const t = Number(search['t']);
      return { ...text(search, ['node', 'view', 'label']), ...(Number.isSafeInteger(t) ? { t } : {}) };
    },
  }),
] as const;
