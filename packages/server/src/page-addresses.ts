/** The addresses of the pages: views of the one page that is built, on every listener that serves it. */

/** Addresses that are views of the one page; a path below each is one too. */
export const PAGES = [
  '/console',
  '/decisions',
  '/approvals',
  '/policies',
  '/facts',
  '/agents',
  '/containment',
  '/in-doubt',
  '/you',
  '/demo',
  '/proof',
  '/health',
  '/lineage',
] as const;

/** Whether a path, without its query, is one of them. */
export const isPage = (path: string): boolean =>
  path === '/' || PAGES.some((page) => path === page || path.startsWith(`${page}/`));
