// Goal: the guard with the real plane, in process and over HTTP: what a developer's three lines do. Method: a plane in
// a folder of its own with the starter policy; real files; the operator approves and contains.
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, newPrivateJwk } from '@licet/api';
import { aPlane, anIdentity, type Fixture } from '../../server/test/fixture.ts';
import { createDoor, Denied, fileMemory, guard, Halted, type Door, type DoorSettings } from '../src/index.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await aPlane();
});
afterAll(async () => fixture.close());

const inside = (name: string): string => join(fixture.folder.workspace, name);
const aDoor = (settings: DoorSettings = {}): Door =>
  createDoor(
    fixture.plane,
    { ...fixture.plane.pinned, memory: fileMemory(fixture.folder.stateDir) },
    { deadlineMs: 20_000, ...settings },
  );
const writer = (door: Door) =>
  guard(
    door,
    'files/write_file',
    async ({ path, content }: { readonly path: string; readonly content: string }) => {
      await writeFile(path, content);
      return { written: path };
    },
  );
async function denial(promise: Promise<unknown>): Promise<Denied> {
  const error: unknown = await promise.then(
    () => new Error('it ran'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Denied);
  return error as Denied;
}
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('the guard with a real plane', () => {
  it('runs what the policy permits, and the plane has the outcome', async () => {
    expect(await writer(aDoor())({ path: inside('a.txt'), content: 'hi' })).toEqual({
      written: inside('a.txt'),
    });
    expect(readFileSync(inside('a.txt'), 'utf8')).toBe('hi');
    const { items } = await fixture.operator.executions({ action: 'files/write_file' });
    expect(items[0]).toMatchObject({ state: 'completed', grade: 'in-process' });
  });

  it('the permit may be looked at first and redeemed then', async () => {
    const call = guard(aDoor(), 'files/write_file', () => 'ran', { mode: 'redeem' });
    expect(await call({ path: inside('a.txt'), content: 'x' })).toBe('ran');
  });

  it('does not run what the policy denies, and says why in words', async () => {
    const denied = await denial(writer(aDoor())({ path: '/etc/licet-was-here', content: 'x' }));
    expect(existsSync('/etc/licet-was-here')).toBe(false);
    expect(denied.code).toBe('policy');
    expect(denied.decisionId).not.toBe('');
    expect(String(denied)).toContain('Next: ');
  });

  it('rule 13: a link that leads out of the workspace is refused', async () => {
    symlinkSync('/etc', inside('link'));
    expect((await denial(writer(aDoor())({ path: inside('link/x'), content: 'x' }))).code).toBe(
      'not_canonical',
    );
  });

  it('many at once run once each', async () => {
    const runs: string[] = [];
    const write = guard(
      aDoor(),
      'files/write_file',
      async (args: { readonly path: string; readonly content: string }) => {
        runs.push(args.content);
        await writeFile(args.path, args.content);
      },
    );
    const names = Array.from({ length: 20 }, (_, at) => `many-${at}`);
    // On a busy machine some come too late to be decided: nothing has run, and they are asked again.
    const asked = async (name: string): Promise<void> => {
      for (let tries = 0; ; tries += 1)
        try {
          return await write({ path: inside(name), content: name });
        } catch (error) {
          if (tries === 50 || !(error instanceof Denied) || error.code !== 'plane_unreachable') throw error;
        }
    };
    await Promise.all(names.map(asked));
    expect(runs.toSorted()).toEqual(names.toSorted());
    expect(names.map((name) => readFileSync(inside(name), 'utf8'))).toEqual(names);
  });

  it('rule 18: a call within a call is its child in the same run', async () => {
    const door = aDoor();
    const inner = writer(door);
    const outer = guard(door, 'files/create_directory', async (_: object, { executionId }) => {
      await inner({ path: inside('inner.txt'), content: 'x' });
      return executionId;
    });
    const parent = await outer({ path: inside('d') });
    const { items } = await fixture.operator.executions({ run: parent });
    expect(items.find(({ action }) => action === 'files/write_file')).toMatchObject({
      parent,
      run: parent,
      depth: 1,
    });
  });

  it('rule 23: a move waits for a person; once approved, the same call runs', async () => {
    const moved: string[] = [];
    const move = guard(
      aDoor(),
      'files/move_file',
      ({ source }: { readonly source: string; readonly destination: string }) => void moved.push(source),
      { holdWaitMs: 20_000 },
    );
    const running = move({ source: inside('a.txt'), destination: inside('b.txt') });
    const held = await waitForHold();
    expect(moved).toEqual([]);
    await fixture.operator.approve(held.executionId, {
      hold: held.hold!.leaf,
      group: 'operators',
      verdict: 'approve',
    });
    await running;
    expect(moved).toEqual([inside('a.txt')]);
  });

  it('rule 23: who does not wait is told whom it waits for, and calls again with the same arguments', async () => {
    const door = aDoor();
    const root = guard(door, 'files/create_directory', async () => {
      let runs = 0;
      const move = guard(door, 'files/move_file', () => ++runs, { holdWaitMs: 50 });
      const args = { source: inside('c.txt'), destination: inside('d.txt') };
      const denied = await denial(move(args));
      expect(denied).toMatchObject({ code: 'held' });
      expect(denied.reason).toContain('operators');
      const held = await waitForHold();
      await fixture.operator.approve(held.executionId, {
        hold: held.hold!.leaf,
        group: 'operators',
        verdict: 'approve',
      });
      expect(await move(args)).toBe(1);
    });
    await root({ path: inside('root') });
  });

  it('containment ends what runs, and denies what comes after', async () => {
    const call = guard(
      aDoor(),
      'files/write_file',
      (_: object, { signal }) =>
        new Promise<never>((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(new Error('stopped'))),
        ),
    );
    const running = call({ path: inside('long.txt'), content: 'x' }).catch((error: unknown) => error);
    await sleep(300);
    const from = performance.now();
    const answer = await fixture.operator.contain({ kind: 'everything', id: '*' });
    expect(answer.verdict).toBe('done');
    const error = await running;
    expect(error).toBeInstanceOf(Halted);
    // Sooner than the beat of a lease of 30 s would have told it.
    expect(performance.now() - from).toBeLessThan(9_000);
    expect((await denial(writer(aDoor())({ path: inside('after.txt'), content: 'x' }))).code).toBe(
      'contained',
    );
    const [active] = (await fixture.operator.containments()).active;
    await fixture.operator.lift(active!.leaf);
    await writer(aDoor())({ path: inside('after.txt'), content: 'x' });
  });

  it('over HTTP with a key of its own the same things hold', async () => {
    const { key } = await anIdentity(fixture, 'agent');
    const client = await connect({
      url: fixture.url,
      key,
      trust: fixture.plane.pinned.trust,
      origin: fixture.plane.origin,
    });
    const door = createDoor(
      client,
      { ...client.pinned, memory: fileMemory(fixture.folder.stateDir) },
      { deadlineMs: 5_000 },
    );
    expect(await writer(door)({ path: inside('http.txt'), content: 'hi' })).toEqual({
      written: inside('http.txt'),
    });
    expect((await denial(writer(door)({ path: '/etc/x', content: 'x' }))).code).toBe('policy');
    await client.close();
  });

  it('a key that nobody enrolled is told so, not that the plane is away', async () => {
    const client = await connect({
      url: fixture.url,
      key: await newPrivateJwk(),
      trust: fixture.plane.pinned.trust,
      origin: fixture.plane.origin,
    });
    const refused = await denial(
      writer(createDoor(client, client.pinned))({ path: inside('who.txt'), content: 'x' }),
    );
    expect([refused.code, refused.retryAfterMs]).toEqual(['unidentified', undefined]);
    expect(existsSync(inside('who.txt'))).toBe(false);
    await client.close();
  });

  it('a plane that is gone is a denial within the deadline', async () => {
    const client = await connect({
      socket: join(fixture.folder.data, 'no.sock'),
      token: 'x',
      trust: fixture.plane.pinned.trust,
      origin: fixture.plane.origin,
    });
    const door = createDoor(client, { ...client.pinned, memory: fileMemory(fixture.folder.stateDir) });
    expect((await denial(writer(door)({ path: inside('gone.txt'), content: 'x' }))).code).toBe(
      'plane_unreachable',
    );
    expect(existsSync(inside('gone.txt'))).toBe(false);
  });
});

async function waitForHold() {
  for (;;) {
    const [held] = await fixture.operator.approvals();
    if (held !== undefined) return held;
    await sleep(25);
  }
}
