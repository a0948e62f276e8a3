// Goal: one data folder has one plane, whoever dies (DESIGN §4), and stopping works when nothing else does (RULE 34).
// Method: real processes on one folder, killed without warning; files put where an operator would put them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatContainOrder, formatNote } from '@licet/evidence';
import { ed25519NoteSigner } from '@licet/evidence/node';
import { openPlane, readPlaneFolder, readSeed, statePaths, STOP_FILE } from '../src/index.ts';
import { aFolder, aPlane, aRequest, raw } from './fixture.ts';

const OWNER = `
import { openPlane } from ${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)};
const [folder] = process.argv.slice(2);
const plane = await openPlane({ ...JSON.parse(folder), solo: true });
console.log(plane.role);
setInterval(() => {}, 1000);
`;

test('an attached process takes over when the owner is killed, and nothing acknowledged is lost', async () => {
  const folder = aFolder();
  const script = join(folder.path, 'owner.mjs');
  writeFileSync(script, OWNER);
  const owner = spawn(process.execPath, [script, JSON.stringify(folder)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(owner.stdout, 'data')) as [Buffer];
  expect(line.toString().trim()).toBe('owner');
  const plane = await openPlane({ ...folder, init: false, deadlineMs: 10_000 });
  expect(plane.role).toBe('attached');
  const before = await plane.request(aRequest({ folder }));
  expect(before.verdict).toBe('allow');
  const { size } = await plane.status();
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  // Asked while nobody serves: waits for the take-over, then is decided by this process.
  const request = aRequest({ folder });
  const after = await plane.request(request);
  expect([after.verdict, plane.role]).toEqual(['allow', 'owner']);
  expect((await plane.execution(before.executionId)).decision.index).toBeLessThan(size);
  expect((await plane.checkpoint({ seen: size })).consistency?.length).toBeGreaterThan(0);
  const third = await openPlane({ ...folder, init: false });
  expect(third.role).toBe('attached');
  expect((await third.request(request)).executionId).toBe(after.executionId);
  await third.close();
  await plane.close();
  folder.remove();
}, 60_000);

test('two that open an empty folder at once become one plane', async () => {
  const folder = aFolder();
  const planes = await Promise.all([1, 2, 3].map(() => openPlane({ ...folder, deadlineMs: 10_000 })));
  expect(planes.map(({ role }) => role).toSorted()).toEqual(['attached', 'attached', 'owner']);
  expect(new Set(planes.map(({ origin }) => origin)).size).toBe(1);
  expect(planes.filter(({ operatorToken }) => operatorToken !== undefined)).toHaveLength(1);
  for (const plane of planes.toSorted((a, b) => (a.role < b.role ? -1 : 1))) await plane.close();
  folder.remove();
});

test('a folder too deep for the name of a socket works all the same', async () => {
  const folder = aFolder();
  const data = join(folder.path, 'd'.repeat(120), 'data');
  const [plane, second] = [await openPlane({ ...folder, data }), await openPlane({ ...folder, data })];
  expect([plane.role, second.role]).toEqual(['owner', 'attached']);
  expect((await second.request(aRequest({ folder }))).verdict).toBe('allow');
  await second.close();
  await plane.close();
  folder.remove();
});

test('the folder, its keys and the socket are for this user only, and neither token nor contain key is in it', async () => {
  const fixture = await aPlane();
  const { data, stateDir } = fixture.folder;
  const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
  const paths = statePaths(stateDir, fixture.plane.origin);
  expect([
    mode(data),
    mode(join(data, 'plane.sock')),
    mode(join(data, 'keys/log.seed')),
    mode(paths.operatorToken),
    mode(paths.containSeed),
  ]).toEqual(['700', '600', '600', '600', '600']);
  expect(readFileSync(paths.operatorToken, 'utf8').trim()).toBe(fixture.token);
  const contain = readFileSync(paths.containSeed, 'utf8').trim();
  for (const file of ['plane.json', 'keys/log.seed', 'keys/lease.seed']) {
    const text = readFileSync(join(data, file), 'utf8');
    expect([text.includes(fixture.token), text.includes(contain)], file).toEqual([false, false]);
  }
  await fixture.close();
});

test('a trust store that names other keys for the origin is not believed, and never written again', async () => {
  const fixture = await aPlane();
  const { plane, folder } = fixture;
  const trust = readFileSync(plane.trustPath);
  await plane.close();
  rmSync(plane.trustPath);
  await expect(openPlane({ ...folder })).rejects.toMatchObject({ code: 'garbled' });
  writeFileSync(plane.trustPath, trust);
  // Without the key of plane.json the folder is not opened at all.
  writeFileSync(join(folder.data, 'keys/status.seed'), `${'ab'.repeat(32)}\n`);
  await expect(openPlane({ ...folder })).rejects.toMatchObject({ code: 'ERR_SERVER_DATA' });
  folder.remove();
});

test('a state folder under the data folder is refused', async () => {
  const folder = aFolder();
  await expect(openPlane({ data: folder.data, stateDir: join(folder.data, 'state') })).rejects.toMatchObject({
    code: 'ERR_SERVER_STATE',
  });
  folder.remove();
});

test('beyond loopback the control listener wants TLS', async () => {
  const folder = aFolder();
  await expect(openPlane({ ...folder, controlPort: 0, controlHost: '0.0.0.0' })).rejects.toMatchObject({
    code: 'ERR_SERVER_TLS',
  });
  // And what failed to open lets go of the folder.
  const plane = await openPlane({ ...folder });
  expect(plane.role).toBe('owner');
  await plane.close();
  folder.remove();
});

async function anOrder(
  fixture: Awaited<ReturnType<typeof aPlane>>,
  change: { readonly seed?: Uint8Array; readonly exp?: number; readonly serial?: number } = {},
): Promise<string> {
  const { origin } = await readPlaneFolder(fixture.folder.data);
  const seed = change.seed ?? (await readSeed(statePaths(fixture.folder.stateDir, origin).containSeed));
  const text = formatContainOrder({
    origin,
    scope: { kind: 'everything', id: '*' },
    serial: change.serial ?? 1,
    exp: change.exp ?? Date.now() + 60_000,
  });
  return formatNote(text, [ed25519NoteSigner(`${origin}/contain`, seed).signSync(text)]);
}
const eventually = async (check: () => Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 40; tries += 1) {
    if (await check()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error('it did not come to be');
};

test('rule 34: an order needs no login, only the pinned contain key', async () => {
  const fixture = await aPlane();
  const send = async (note: string) =>
    raw(fixture.url, 'POST', '/order', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ note }),
    });
  for (const bad of [
    await anOrder(fixture, { seed: new Uint8Array(32) }),
    await anOrder(fixture, { exp: Date.now() - 1 }),
    'stop',
  ]) {
    expect((await send(bad)).status).toBe(403);
  }
  expect((await fixture.plane.request(aRequest(fixture))).verdict).toBe('allow');
  expect((await send(await anOrder(fixture))).json).toEqual({ effective: true, durable: true });
  expect(await fixture.plane.request(aRequest(fixture))).toMatchObject({ code: 'contained' });
  await fixture.close();
});

test('rule 34: a STOP file is obeyed; one without an order bars new work until it is gone', async () => {
  const fixture = await aPlane();
  const file = join(fixture.folder.data, STOP_FILE);
  const code = async (): Promise<string> =>
    fixture.plane.request(aRequest(fixture)).then(
      (answer) => (answer.verdict === 'allow' ? 'allow' : answer.code),
      (error: { readonly code: string }) => error.code,
    );
  expect(await code()).toBe('allow');
  writeFileSync(file, '');
  await eventually(async () => (await code()) === 'unavailable');
  // People still see what is going on, and why.
  expect((await fixture.operator.executions()).items.length).toBeGreaterThan(0);
  expect((await raw(fixture.url, 'GET', '/health.json')).json).toMatchObject({
    ok: false,
    state: 'fail-closed',
    why: expect.stringContaining('STOP'),
  });
  expect((await raw(fixture.url, 'GET', '/readyz')).status).toBe(503);
  rmSync(file);
  await eventually(async () => (await code()) === 'allow');
  writeFileSync(file, await anOrder(fixture));
  await eventually(async () => (await code()) === 'contained');
  await fixture.close();
});

test('closing drains: what is under way is answered, what comes later is not', async () => {
  const fixture = await aPlane();
  const { executionId } = await fixture.plane.request(aRequest(fixture));
  const answers = Array.from({ length: 8 }, () => fixture.plane.request(aRequest(fixture)));
  const target = `/v1/executions/${executionId}?wait=30000`;
  const waiting = raw(fixture.url, 'GET', target, { headers: { authorization: `Bearer ${fixture.token}` } });
  await Promise.all(answers);
  const began = performance.now();
  await fixture.plane.close();
  expect((await waiting).json).toMatchObject({ executionId, state: 'running' });
  expect(performance.now() - began).toBeLessThan(25_000);
  await expect(raw(fixture.url, 'GET', '/status')).rejects.toThrow();
  await expect(fixture.plane.request(aRequest(fixture))).rejects.toMatchObject({ code: 'unreachable' });
  fixture.folder.remove();
});
