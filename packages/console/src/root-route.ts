/** The root of all routes; `?proof=` opens the drawer on every page. */
import { createRootRoute } from '@tanstack/react-router';
import { Frame } from './frame/frame.tsx';
import { text } from './search-params.ts';

export const rootRoute = createRootRoute({
  component: Frame,
  validateSearch: (search: Readonly<Record<string, unknown>>): { readonly proof?: string } =>
    text(search, ['proof']),
});
