/** All addresses of all surfaces. A surface adds its own in `surfaces/<name>/routes.ts`; pages load when visited. */
import { createRouter } from '@tanstack/react-router';
import { CallError } from './data/call.ts';
import { base } from './data/listener.ts';
import { Failed, Empty, Loading } from './components/states.tsx';
import { rootRoute } from './root-route.ts';
import { consoleRoutes } from './surfaces/console/routes.ts';
import { demoRoutes } from './surfaces/demo/routes.ts';
import { healthRoutes } from './surfaces/health/routes.ts';
import { lineageRoutes } from './surfaces/lineage/routes.ts';
import { proofRoutes } from './surfaces/proof/routes.ts';

export const router = createRouter({
  routeTree: rootRoute.addChildren([
    ...consoleRoutes,
    ...demoRoutes,
    ...proofRoutes,
    ...healthRoutes,
    ...lineageRoutes,
  ]),
  basepath: base === '' ? '/' : base,
  defaultPendingComponent: () => <Loading what="the page" />,
  defaultErrorComponent: ({ error, reset }) => (
    <Failed error={error} what={error instanceof CallError ? 'the page' : 'this page'} retry={reset} />
  ),
  defaultNotFoundComponent: () => (
    <Empty title="There is no such page." action={<a href={`${base}/console`}>To the console</a>} />
  ),
  defaultPreload: 'intent',
  scrollRestoration: false,
});

declare module '@tanstack/react-router' {
  interface Register {
    readonly router: typeof router;
  }
}
