// Goal: every route lets in exactly whom the table names. Method: the table of routes itself crossed with one identity
// of each kind, on real listeners; a new route is tested the moment it is in the table.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROUTE_NAMES, ROUTES, type PrivateJwk, type Route } from '@licet/api';
import { aPlane, aSession, anIdentity, proved, random, raw, sizeOf, type Fixture } from './fixture.ts';

const CALLERS = [
  'nobody',
  'stranger',
  'agent',
  'door',
  'viewer',
  'approver',
  'operator',
  'author',
  'auditor',
  'revoked',
  'expired',
] as const;
const HOUR_MS = 3_600_000;
const EXEC = '01890000-0000-7000-8000-000000000000';

let fixture: Fixture;
const keys = new Map<string, PrivateJwk>();
const clock = { aheadMs: -HOUR_MS, nowMs: () => Date.now() + clock.aheadMs };
let expired: Awaited<ReturnType<typeof aSession>>;
beforeAll(async () => {
  fixture = await aPlane({ ports: { clock } });
  // Somebody with every role, whose session was opened an hour ago.
  const { key } = await anIdentity(fixture, 'user', CALLERS.slice(4, 9));
  expired = await aSession(fixture.url, key, fixture.plane.origin, clock.nowMs());
  expect((await raw(fixture.url, 'GET', '/v1/me', { headers: expired('GET', '/v1/me', '') })).status).toBe(
    200,
  );
  clock.aheadMs = 0;
  const { newPrivateJwk } = await import('@licet/api');
  keys.set('stranger', await newPrivateJwk());
  for (const caller of CALLERS.slice(2, -1)) {
    const kind = caller === 'agent' || caller === 'door' ? caller : 'user';
    const roles = caller === 'revoked' ? CALLERS.slice(4, 9) : kind === 'user' ? [caller] : [];
    const { key, subject } = await anIdentity(fixture, kind, roles);
    keys.set(caller, key);
    // Whatever roles it had: taken away, it is nobody's key.
    if (caller === 'revoked') await fixture.operator.changeIdentity(subject, 'revoke');
  }
});
afterAll(() => fixture.close());

/** Whether the table lets this caller in. */
function allowed(route: Route, caller: (typeof CALLERS)[number]): 'yes' | 'no role' | 'nobody' {
  if (route.who.includes('anyone')) return 'yes';
  if (['nobody', 'stranger', 'revoked', 'expired'].includes(caller)) return 'nobody';
  return route.who.includes('door') || (route.who as readonly string[]).includes(caller) ? 'yes' : 'no role';
}

function targetOf(route: Route): string {
  const id = /(?:containments|passkeys|standing-approvals)\//.test(route.path)
    ? random(32)
    : route.path.includes('identities')
      ? 'u-none'
      : EXEC;
  return route.path.replace(':id', id).replace('*', '0/000');
}

describe('on the control listener', () => {
  for (const name of ROUTE_NAMES) {
    const route: Route = ROUTES[name];
    if (route.listener === 'public' || name === 'events') continue;
    test(`${name} lets in ${route.who.join(', ')} and nobody else`, async () => {
      for (const caller of CALLERS) {
        const target = targetOf(route);
        const key = keys.get(caller);
        const body = route.method === 'POST' ? '{"surprise":1}' : '';
        const headers: Record<string, string> =
          caller === 'expired'
            ? { ...expired(route.method, target, body) }
            : key === undefined
              ? {}
              : { ...(await proved(key, fixture.url, route.method, target)) };
        if (route.method === 'POST') headers['content-type'] = 'application/json';
        const before = await sizeOf(fixture.plane);
        const answer = await raw(fixture.url, route.method, target, {
          headers,
          ...(body === '' ? {} : { body }),
        });
        const verdict = allowed(route, caller);
        const label = `${name} as ${caller}: ${answer.status} ${answer.text.slice(0, 120)}`;
        if (verdict === 'nobody') expect(answer.status, label).toBe(401);
        else if (verdict === 'no role') expect(answer.json['code'], label).toBe('forbidden');
        // A stranger's proof is refused even where none was asked for: a wrong credential is not none.
        else if (['stranger', 'revoked', 'expired'].includes(caller) && route.method === 'GET')
          expect(answer.status, label).toBe(401);
        else if (route.method === 'POST') expect([400, 401], label).toContain(answer.status);
        else expect([200, 404], label).toContain(answer.status);
        // Whatever was asked, and by whom: nothing that was refused is in the log (RULE 38).
        expect(await sizeOf(fixture.plane), label).toBe(before);
      }
    });
  }
  test('events lets in whoever is identified', async () => {
    expect((await raw(fixture.url, 'GET', '/v1/events')).status).toBe(401);
    const client = await fixture.plane.as({ key: keys.get('agent')! });
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 200);
    for await (const event of client.events({ after: -1, signal: stop.signal }))
      expect(event.entry.type).toBe('containment');
  });
  test('has no route of the public projection', async () => {
    expect((await raw(fixture.url, 'GET', '/v1/public/feed')).status).toBe(404);
  });
});

describe('on the public listener', () => {
  test('rule 42: exactly the public routes exist, and no other method on them', async () => {
    for (const name of ROUTE_NAMES) {
      const route: Route = ROUTES[name];
      const answer = await raw(
        fixture.publicUrl,
        route.method,
        targetOf(route),
        route.method === 'POST' ? { body: '{}', headers: { 'content-type': 'application/json' } } : {},
      );
      const shared = ROUTE_NAMES.some(
        (other) => ROUTES[other].listener !== 'control' && targetOf(ROUTES[other]) === targetOf(route),
      );
      if (route.listener === 'control' && !shared) expect(answer.status, name).toBe(404);
      if (route.listener === 'control') continue;
      expect([200, 404], name).toContain(answer.status);
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD']) {
        expect((await raw(fixture.publicUrl, method, targetOf(route))).status, `${method} ${name}`).toBe(405);
      }
    }
  });
});

test('the description names every route of the table', async () => {
  const { json } = await raw(fixture.url, 'GET', '/openapi.json');
  const described = Object.values(
    json['paths'] as Record<string, Record<string, { readonly operationId: string }>>,
  ).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));
  const expected = ROUTE_NAMES.filter((name) => ROUTES[name].listener !== 'public');
  expect(described.toSorted()).toEqual([...expected].toSorted());
});
