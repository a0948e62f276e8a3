/**
 * The page's side of the supervisor (RULE 46): the start token arrives in the fragment and is exchanged for a cookie;
 * then one event stream brings everything, also while the plane is dead.
 */
import { useEffect } from 'react';
import { cell, useCell } from '../../data/store.ts';
import type { DemoView } from './view.ts';

/** `none`: this page was served by a plane, not by a supervisor. `out`: the start token is missing or wrong. */
export type Link =
  | { readonly kind: 'none' }
  | { readonly kind: 'entering' }
  | { readonly kind: 'out' }
  | { readonly kind: 'in'; readonly view: DemoView; readonly lost: boolean };

/** Whether a supervisor served this page; it writes so into it. */
const supervised =
  document.querySelector('meta[name="licet-listener"]')?.hasAttribute('data-supervisor') === true;
const API = '/demo/api';
const CSRF_HEADER = 'licet-demo-csrf';
const HINT = 'licet.demo-in';

const link = cell<Link>(supervised ? { kind: 'entering' } : { kind: 'none' });
let csrf = '';
let following = false;

/** Returns the link to the supervisor, followed while a page shows it. */
export function useSupervisor(): Link {
  useEffect(() => {
    if (supervised && !following) void enter();
  }, []);
  return useCell(link);
}

/** Does one of the fixed things. @throws Error with the supervisor's reason */
export async function act(what: string): Promise<void> {
  const response = await fetch(`${API}/${what}`, {
    method: 'POST',
    headers: { [CSRF_HEADER]: csrf },
    credentials: 'same-origin',
  });
  if (response.ok) return;
  const problem = (await response.json().catch(() => undefined)) as { readonly detail?: string } | undefined;
  throw new Error(problem?.detail ?? `The supervisor answered ${response.status}.`);
}

/** Addresses of what can be taken along. */
export const evidencePath = (run: string): string => `${API}/evidence/${run}`;
export const TRUST_PATH = `${API}/trust`;

async function enter(): Promise<void> {
  following = true;
  const token = /[#&]token=([A-Za-z0-9_-]{16,256})/.exec(location.hash)?.[1];
  if (token !== undefined) history.replaceState(history.state, '', location.pathname + location.search);
  else if (localStorage.getItem(HINT) === null) return out();
  const response = await fetch(
    token === undefined ? `${API}/me` : `${API}/enter`,
    token === undefined ? {} : { method: 'POST', body: JSON.stringify({ token }) },
  ).catch(() => undefined);
  if (response?.ok !== true) return out();
  csrf = ((await response.json()) as { readonly csrf: string }).csrf;
  localStorage.setItem(HINT, '1');
  follow();
}

function out(): void {
  following = false;
  localStorage.removeItem(HINT);
  link.write({ kind: 'out' });
}

function follow(): void {
  const source = new EventSource(`${API}/events`);
  source.addEventListener('message', ({ data }: MessageEvent<string>) =>
    link.write({ kind: 'in', view: JSON.parse(data) as DemoView, lost: false }),
  );
  source.addEventListener('error', () => {
    const before = link.read();
    if (before.kind === 'in') link.write({ ...before, lost: true });
    // The browser tries again by itself; a supervisor that was started anew has another token.
    if (source.readyState === EventSource.CLOSED) out();
  });
}
