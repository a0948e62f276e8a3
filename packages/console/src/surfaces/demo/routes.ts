/** Addresses of the runtime demo. */
import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { rootRoute } from '../../root-route.ts';

const page = lazyRouteComponent(() => import('./page.tsx'), 'DemoPage');

export const demoRoutes = [
  createRoute({ getParentRoute: () => rootRoute, path: '/demo', component: page }),
  createRoute({ getParentRoute: () => rootRoute, path: '/demo/$scenario/$run', component: page }),
] as const;
