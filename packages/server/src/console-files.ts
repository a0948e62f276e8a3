/**
 * The pages (DESIGN §10, UI §5): files of packages/console/dist on both listeners, GET only, under a content security
 * policy without anything inline. The page is told which listener served it; what it may do is decided by routes alone.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PlaneError } from '@licet/api';
import { isPage, PAGES } from './page-addresses.ts';
import { pagePolicy } from './page-policy.ts';

/** Where the pages are built to; in the published form they lie beside the code. */
const PLACES = [
  join(import.meta.dirname, '..', '..', 'console', 'dist'),
  join(import.meta.dirname, 'console'),
];
const DIST = PLACES.find((place) => existsSync(place)) ?? PLACES[0]!;

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  woff2: 'font/woff2',
  wasm: 'application/wasm',
  json: 'application/json',
};

/** Registers the pages of a listener. */
export function serveConsole(
  app: FastifyInstance,
  listener: 'control' | 'public',
  base: string,
  dist = DIST,
): void {
  const page = async (_request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const html = (await read(join(dist, 'index.html'))).toString('utf8');
    return send(reply, 'html', 'no-cache', pagePolicy('index.html')).send(
      html
        .replace('name="licet-listener" content="control"', `name="licet-listener" content="${listener}"`)
        .replace('name="licet-base" content=""', `name="licet-base" content="${base}"`),
    );
  };
  // Pages are no part of the contract that /openapi.json describes.
  const pages = { schema: { hide: true } } as const;
  app.get('/', pages, page);
  for (const path of PAGES) {
    app.get(path, pages, page);
    app.get(`${path}/*`, pages, page);
  }
  app.get('/licet.svg', pages, async (_request, reply) =>
    send(reply, 'svg', 'max-age=3600', pagePolicy('licet.svg')).send(await read(join(dist, 'licet.svg'))),
  );
  app.get<{ readonly Params: { readonly name: string } }>(
    '/assets/:name',
    pages,
    async ({ params }, reply) => {
      // A name of the build, not a path: nothing can be reached through it but a file of this folder.
      const match = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,120}\.([a-z0-9]+)$/.exec(params.name);
      const type = match?.[1];
      if (type === undefined || !Object.hasOwn(TYPES, type) || params.name.includes('..')) throw missing();
      const bytes = await read(join(dist, 'assets', params.name));
      return send(reply, type, 'public, max-age=31536000, immutable', pagePolicy(params.name)).send(bytes);
    },
  );
}

/**
 * Whether somebody follows a link to a page. Pages hold no data and cannot be framed, so they may be linked to from
 * other sites; every call that they make afterwards is checked as any other.
 */
export function isPageVisit({
  method,
  url,
  headers,
}: Pick<FastifyRequest, 'method' | 'url' | 'headers'>): boolean {
  const path = url.split('?', 1)[0]!;
  return (
    method === 'GET' &&
    headers['sec-fetch-mode'] === 'navigate' &&
    headers['sec-fetch-dest'] === 'document' &&
    isPage(path)
  );
}

function send(reply: FastifyReply, type: string, cache: string, policy: string): FastifyReply {
  return reply
    .type(TYPES[type]!)
    .header('cache-control', cache)
    .header('content-security-policy', policy)
    .header('cross-origin-opener-policy', 'same-origin')
    .header('permissions-policy', 'camera=(), microphone=(), geolocation=(), payment=()');
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch {
    throw missing();
  }
}

const missing = (): PlaneError =>
  new PlaneError(
    'not_found',
    'not_found: there is no such page; if there is none at all, run npm run build -w packages/console',
  );
