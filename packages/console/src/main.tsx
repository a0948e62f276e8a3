/** The entry of the pages. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { createRoot } from 'react-dom/client';
import './styles/fonts.css';
import './styles/tokens.css';
import './styles/base.css';
import { applyTheme } from './frame/theme.ts';
import { router } from './router.tsx';
import { CallError } from './data/call.ts';

applyTheme();
const client = new QueryClient({
  defaultOptions: {
    queries: {
      // The feed says what became old; a refused call is not repeated, a lost one is, a little.
      staleTime: 30_000,
      refetchOnWindowFocus: false,
      networkMode: 'always',
      retry: (count, error) => count < 2 && error instanceof CallError && error.code === 'unreachable',
    },
    mutations: { networkMode: 'always', retry: false },
  },
});

createRoot(document.getElementById('root')!).render(
  <QueryClientProvider client={client}>
    <RouterProvider router={router} />
  </QueryClientProvider>,
);
