// The pages of the console as the supervisor serves them: the same build, told that a supervisor is behind it.
import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pagePolicy } from '@licet/server';

const DIST = join(import.meta.dirname, '..', '..', '..', 'console', 'dist');
const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  woff2: 'font/woff2',
  wasm: 'application/wasm',
};
/** Sends the page. */
export async function page(response: ServerResponse): Promise<void> {
  const html = await readFile(join(DIST, 'index.html'), 'utf8').catch(() => undefined);
  if (html === undefined) return missing(response);
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': pagePolicy('index.html'),
    'cross-origin-opener-policy': 'same-origin',
  });
  // What is not the control listener is the public one to every page: it can do less (RULE 42).
  response.end(
    html.replace(
      'name="licet-listener" content="control"',
      'name="licet-listener" content="public" data-supervisor="1"',
    ),
  );
}

/** Sends a file of the build. */
export async function asset(path: string, response: ServerResponse): Promise<void> {
  const match = /^\/(?:assets\/)?([A-Za-z0-9_-][A-Za-z0-9_.-]{0,120}\.([a-z0-9]+))$/.exec(path);
  const type = match === null ? undefined : TYPES[match[2]!];
  if (match === null || type === undefined || match[1]!.includes('..')) return missing(response);
  const file = path === '/licet.svg' ? join(DIST, 'licet.svg') : join(DIST, 'assets', match[1]!);
  const bytes = await readFile(file).catch(() => undefined);
  if (bytes === undefined) return missing(response);
  response.writeHead(200, {
    'content-type': type,
    'content-security-policy': pagePolicy(match[1]!),
    'cache-control': 'max-age=3600',
  });
  response.end(bytes);
}

function missing(response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'text/plain' });
  response.end('There is no such page. If there is none at all: npm run build -w packages/console\n');
}
