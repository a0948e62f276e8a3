// Goal: tenants share two listeners and nothing else. Method: two planes behind one server; the table of routes crossed
// with every credential of the one tenant, called at the other; and names of the one asked for with rights in the other.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  connect,
  makeProof,
  newPrivateJwk,
  publicHalf,
  readTrustStore,
  ROUTE_NAMES,
  ROUTES,
  type PinnedPlane,
  type PrivateJwk,
  type Route,
} from '@licet/api';
import { keptBy } from '../../store/test/under-test.ts';
import { openPlane, openTenants, STOP_FILE, tenantFolder, tenantsOf, type Tenants } from '../src/index.ts';
import { aFolder, aRequest, proved, random, raw, sizeOf, type RawAnswer } from './fixture.ts';

const CANARY = 'canary-7c1f';
const NAMES = ['amber', 'birch'] as const;
type Name = (typeof NAMES)[number];

interface Side {
  readonly name: Name;
  readonly url: string;
  readonly publicUrl: string;
  readonly token: string;
  readonly origin: string;
  readonly agentKey: PrivateJwk;
  readonly operator: PinnedPlane;
  readonly agent: PinnedPlane;
  readonly executionId: string;
  readonly instance: string;
  readonly cookie: string;
  readonly csrf: string;
}

// Each tenant has a database of its own; the house is told of none.
const { store: _, ...folder } = aFolder();
let house: Tenants;
let root: string;
let publicRoot: string;
const sides = {} as Record<Name, Side>;
const other = (name: Name): Name => (name === 'amber' ? 'birch' : 'amber');

beforeAll(async () => {
  const tokens = new Map<Name, string>();
  for (const name of NAMES) {
    const made = await openPlane({
      ...folder,
      ...keptBy(tenantFolder(folder.data, name)),
      data: tenantFolder(folder.data, name),
      tenant: name,
      solo: true,
      socket: false,
    });
    tokens.set(name, made.operatorToken!);
    await made.close();
  }
  house = await openTenants({ ...folder, controlPort: 0, publicPort: 0, deadlineMs: 10_000 });
  root = house.url!;
  publicRoot = house.publicUrl!;
  const trust = await readTrustStore(folder.stateDir);
  for (const tenant of house.tenants) {
    if (!('plane' in tenant)) throw tenant.failure;
    const name = tenant.name as Name;
    const { origin } = tenant.plane;
    const token = tokens.get(name)!;
    const common = { url: tenant.url!, trust, origin, audience: name, deadlineMs: 10_000 };
    const operator = await connect({ ...common, token });
    const agentKey = await newPrivateJwk();
    const registered = await operator.register({
      subject: `a-${name}`,
      kind: 'agent',
      name: `${CANARY}-${name}`,
      groups: ['assistants'],
      for: 'u-owner',
      keys: [publicHalf(agentKey)],
      root: { perDay: 1_000, concurrent: 1_000 },
    });
    if (registered.verdict !== 'done') throw new Error(registered.code);
    const agent = await connect({ ...common, key: agentKey });
    const request = {
      ...aRequest({ folder }),
      arguments: { path: join(folder.workspace, `${CANARY}-${name}.txt`), content: `${CANARY}-${name}` },
    };
    const answer = await agent.request(request);
    if (answer.verdict !== 'allow') throw new Error(answer.code);
    const login = await raw(root, 'POST', `/t/${name}/v1/login`, {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
    });
    sides[name] = {
      name,
      url: tenant.url!,
      publicUrl: tenant.publicUrl!,
      token,
      origin,
      agentKey,
      operator,
      agent,
      executionId: answer.executionId,
      instance: request.instance,
      cookie: String(login.headers['set-cookie']).split(';')[0]!,
      csrf: String(login.json['csrf']),
    };
    expect(String(login.headers['set-cookie'])).toContain(`Path=/t/${name}/;`);
  }
}, 120_000);
afterAll(async () => {
  for (const { operator, agent } of Object.values(sides))
    await Promise.all([operator.close(), agent.close()]);
  await house.close();
  folder.remove();
});

const targetOf = (route: Route, side: Side): string =>
  route.path
    .replace(':id', route.path.includes('identities') ? `a-${side.name}` : side.executionId)
    .replace('*', '0/000');

/** Every credential of a tenant, as it is sent in a call to `target` below another tenant's path. */
const CREDENTIALS: Readonly<
  Record<string, (of: Side, method: string, target: string) => Promise<Record<string, string>>>
> = {
  nobody: async () => ({}),
  'operator by token': async ({ token }) => ({ authorization: `Bearer ${token}` }),
  'agent by proof': ({ agentKey }, method, target) => proved(agentKey, root, method, target),
  'agent by proof for the other origin': async ({ agentKey, name }, method, target) => ({
    dpop: await makeProof(
      agentKey,
      { method, url: `${root}${target}`, origin: sides[other(name)].origin, share: random(32) },
      Date.now(),
    ),
  }),
  'person by cookie': async ({ cookie, csrf }) => ({ cookie, 'licet-csrf': csrf }),
};

/** Nothing that belongs to one side may stand in an answer of the other. */
function expectNothingOf(side: Side, answer: RawAnswer, label: string): void {
  for (const secret of [`${CANARY}-${side.name}`, side.executionId, side.origin])
    expect(answer.text.includes(secret), `${label}: ${answer.text.slice(0, 200)}`).toBe(false);
}

test('each is served below its own path, by its own plane, with its own log', async () => {
  expect(await tenantsOf(folder.data)).toEqual(['amber', 'birch']);
  for (const name of NAMES) {
    const { operator, origin, executionId } = sides[name];
    expect((await operator.status()).origin).toBe(origin);
    expect((await operator.execution(executionId)).state).toBe('running');
    expect((await raw(publicRoot, 'GET', `/t/${name}/status`)).text).toContain(origin);
  }
  expect(sides.amber.origin).not.toBe(sides.birch.origin);
});

describe('what belongs to one tenant is nothing to the other', () => {
  // Over, before the log's size is looked at: the end of its lease would be an entry too.
  beforeAll(async () => {
    for (const { agent, executionId, instance } of Object.values(sides))
      await agent.report(executionId, { instance, status: 'completed' });
  });

  for (const name of ROUTE_NAMES) {
    const route: Route = ROUTES[name];
    if (route.listener === 'public') continue;
    test(`${name} with each credential of the other tenant`, async () => {
      for (const here of NAMES) {
        const there = sides[other(here)];
        const target = `/t/${here}${targetOf(route, there)}`;
        const before = await sizeOf(sides[here].operator);
        for (const [who, headersOf] of Object.entries(CREDENTIALS)) {
          const headers = await headersOf(there, route.method, target);
          const ask = () =>
            raw(root, route.method, target, {
              headers: route.method === 'POST' ? { ...headers, 'content-type': 'application/json' } : headers,
              ...(route.method === 'POST' ? { body: '{}' } : {}),
            });
          let answer = await ask();
          // Who is refused so often has to wait (RULE 38): then it is asked again, not taken for an answer.
          for (; answer.status === 429; answer = await ask()) await new Promise((go) => setTimeout(go, 100));
          const label = `${name} at ${here} as ${who} of ${there.name}: ${answer.status}`;
          expectNothingOf(there, answer, label);
          // Routes that ask for nobody answer; what needs an identity knows none of these.
          if (!route.who.includes('anyone')) expect(answer.status, label).toBe(401);
        }
        expect(await sizeOf(sides[here].operator)).toBe(before);
      }
    });
    if (route.method === 'GET' && name !== 'events')
      test(`${name} asked about the other tenant's names by a person of this one`, async () => {
        for (const here of NAMES) {
          const there = sides[other(here)];
          const target = `/t/${here}${targetOf(route, there)}`;
          const answer = await raw(root, 'GET', target, {
            headers: { authorization: `Bearer ${sides[here].token}` },
          });
          expectNothingOf({ ...there, executionId: random() }, answer, `${name} at ${here}`);
          if (route.path.includes('executions/:id') || route.path.includes('runs/:id'))
            expect(answer.status, `${name} at ${here}: ${answer.text.slice(0, 200)}`).toBe(404);
        }
      });
  }
});

test('public routes of one tenant show nothing of the other', async () => {
  for (const name of ROUTE_NAMES) {
    const route: Route = ROUTES[name];
    if (route.listener === 'control') continue;
    for (const here of NAMES) {
      const there = sides[other(here)];
      const answer = await raw(publicRoot, 'GET', `/t/${here}${targetOf(route, there)}`);
      expectNothingOf({ ...there, executionId: random() }, answer, `${name} at ${here}`);
    }
  }
});

test('a stream carries the entries of its own tenant alone', async () => {
  const ending = new AbortController();
  const after = (await sides.amber.operator.status()).size - 1;
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { entry } of sides.amber.operator.events({ after, signal: ending.signal }))
      if (seen.push(entry.origin) === 4) return;
  })();
  // Two entries each, permit and start; the ones of the other tenant first.
  for (const name of ['birch', 'birch', 'amber', 'amber'] as const)
    expect((await sides[name].agent.request(aRequest({ folder }))).verdict).toBe('allow');
  await reading;
  ending.abort();
  expect(new Set(seen)).toEqual(new Set([sides.amber.origin]));
});

test("nobody signs in to a tenant with another's token, nor opens a session with another's key", async () => {
  for (const here of NAMES) {
    const there = sides[other(here)];
    const json = { 'content-type': 'application/json' };
    const login = await raw(root, 'POST', `/t/${here}/v1/login`, {
      headers: json,
      body: JSON.stringify({ token: there.token }),
    });
    expect(login.json).toMatchObject({ code: 'unidentified' });
    const target = `/t/${here}/v1/sessions`;
    const proof = await CREDENTIALS['agent by proof for the other origin']!(there, 'POST', target);
    const opened = await raw(root, 'POST', target, { headers: { ...json, ...proof }, body: '{}' });
    expect(opened.status).toBe(401);
  }
});

test('a session opened at one tenant is none at the other, and its MAC covers the whole path', async () => {
  const session = { 'licet-session': random(18), 'licet-counter': '1', 'licet-mac': random(32) };
  const answer = await raw(root, 'GET', '/t/birch/v1/me', { headers: session });
  expect(answer.status).toBe(401);
  // The same call below another path has another target: the agent's client signs the one it calls.
  expect((await sides.birch.agent.execution(sides.birch.executionId)).executionId).toBe(
    sides.birch.executionId,
  );
  await expect(sides.birch.agent.execution(sides.amber.executionId)).rejects.toMatchObject({
    code: 'not_found',
  });
});

test('paths that name no tenant, or another than they seem to, reach nobody', async () => {
  for (const path of ['/', '/status', '/v1/executions', '/t', '/t/', '/t//status', '/T/amber/status'])
    expect((await raw(root, 'GET', path)).json, path).toMatchObject({ code: 'not_found' });
  for (const path of ['/t/none/status', '/t/AMBER/status', '/t/am%62er/status', '/t/%2e%2e/status'])
    expect((await raw(root, 'GET', path)).json, path).toMatchObject({ code: 'unavailable' });
  for (const path of ['/t/amber/../birch/status', '/t/amber/t/birch/status', '/t/amber//status'])
    expect((await raw(root, 'GET', path)).status, path).toBe(404);
  const wrongHost = await raw(root, 'GET', '/t/amber/status', { headers: { host: 'evil.example' } });
  expect(wrongHost.json).toMatchObject({ code: 'wrong_host' });
});

test('what stops one tenant leaves the other going', async () => {
  const file = join(tenantFolder(folder.data, 'amber'), STOP_FILE);
  writeFileSync(file, '');
  await expect(sides.amber.agent.request(aRequest({ folder }))).rejects.toMatchObject({
    code: 'unavailable',
  });
  expect((await sides.birch.agent.request(aRequest({ folder }))).verdict).toBe('allow');
  rmSync(file);
  const contained = await sides.amber.operator.contain({ kind: 'everything', id: '*' });
  expect(contained.verdict).toBe('done');
  expect(await sides.amber.agent.request(aRequest({ folder }))).toMatchObject({ code: 'contained' });
  expect((await sides.birch.agent.request(aRequest({ folder }))).verdict).toBe('allow');
});

test('a tenant whose plane cannot be opened is served nothing, and the others are', async () => {
  const { store: _none, ...broken } = aFolder();
  const made = await openPlane({
    ...broken,
    ...keptBy(tenantFolder(broken.data, 'good')),
    data: tenantFolder(broken.data, 'good'),
    solo: true,
    socket: false,
  });
  await made.close();
  mkdirSync(tenantFolder(broken.data, 'bad'), { recursive: true });
  writeFileSync(join(tenantFolder(broken.data, 'bad'), 'plane.json'), '{"v":1}');
  const opened = await openTenants({ ...broken, controlPort: 0 });
  try {
    expect(opened.tenants.map((tenant) => [tenant.name, 'plane' in tenant])).toEqual([
      ['bad', false],
      ['good', true],
    ]);
    expect((await raw(opened.url!, 'GET', '/t/bad/status')).status).toBe(503);
    expect((await raw(opened.url!, 'GET', '/t/good/status')).status).toBe(200);
  } finally {
    await opened.close();
    broken.remove();
  }
});

test('a folder without tenants, and a name that is none, are refused', async () => {
  const empty = aFolder();
  await expect(openTenants({ ...empty })).rejects.toMatchObject({ code: 'ERR_SERVER_TENANT' });
  for (const name of ['', '..', 'A', 'a/b', '-a', 'a-', 'a.b', 'a'.repeat(64)])
    expect(() => tenantFolder(empty.data, name), name).toThrow('ERR_SERVER_TENANT');
  empty.remove();
});
