/**
 * Goal: the emergency stop works when disk and database do not (RULE 34). Method: the real server process; its data
 * folder on a file system that is filled to the last byte, or its database locked by another process; then a signed
 * order through `plane.sock`, or the file `STOP`. What runs is halted, nothing is permitted.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { formatContainOrder, formatNote } from '@licet/evidence';
import { ed25519NoteSigner } from '@licet/evidence/node';
import { connect, type Permitted, type PinnedPlane } from '@licet/api';
import { readSeed } from '@licet/server';
import { afterEach, describe, expect, test } from 'vitest';
import { engineUnderTest } from '../../packages/store/test/under-test.ts';
import {
  clientOf,
  known,
  makeFolders,
  registerAgent,
  startServer,
  type Folders,
  type Known,
  type ServerProcess,
} from '../support/server-process.ts';

/** Room for the store, its reserve of 16 MiB, and little else. */
const DISK_MIB = 64;
const isRoot = process.getuid?.() === 0;
/**
 * LOST: the disks and locks of a database are its server's. That an order acts without a store, and is its first entry
 * when it is back, is shown in packages/control-plane/test/operate.test.ts.
 */
const inDatabase = engineUnderTest === 'postgresql';
const nonce = (): string => randomBytes(16).toString('base64url');
const DOOR = { grade: 'gateway', confine: 'none' } as const;

interface Scene {
  readonly folders: Folders & { remove(): void };
  readonly known: Known;
  readonly agent: PinnedPlane;
  readonly operator: PinnedPlane;
  server: ServerProcess;
  /** One that runs, and one that is permitted and not started. */
  readonly running: Permitted;
  readonly permitted: Permitted;
  readonly instance: string;
}

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

async function aScene(onDisk: boolean): Promise<Scene> {
  const folders = makeFolders('stop');
  undo.push(() => folders.remove());
  if (onDisk) {
    mkdirSync(folders.data);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'licet-test', folders.data]);
    undo.push(() => execFileSync('umount', ['-l', folders.data]));
  }
  const server = await startServer(folders);
  const plane = await known(folders);
  const operator = await clientOf(plane, server.url, { token: plane.operatorToken });
  const agent = await clientOf(plane, server.url, { key: await registerAgent(operator, 'a-load') });
  const instance = nonce();
  const ask = async (start: boolean): Promise<Permitted> => {
    const answer = await agent.request({ ...aRequest(folders), instance, start });
    if (answer.verdict !== 'allow') throw new Error(answer.code);
    return answer;
  };
  const scene = {
    folders,
    known: plane,
    agent,
    operator,
    server,
    running: await ask(true),
    permitted: await ask(false),
    instance,
  };
  undo.push(() => scene.server.kill());
  return scene;
}

const aRequest = ({ workspace }: Folders) => ({
  action: 'files/write_file',
  arguments: { path: `${workspace}/a.txt`, content: 'hi' },
  idempotencyKey: nonce(),
  instance: nonce(),
  start: true,
  door: DOOR,
});

/** Fills the data folder's file system to the last byte; returns how to give the room back. */
function fill({ data }: Folders): () => void {
  const path = join(data, 'filler');
  const file = openSync(path, 'w');
  for (let size = 1_048_576; size >= 1; size = Math.floor(size / 2)) {
    try {
      for (;;) writeSync(file, new Uint8Array(size));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
  closeSync(file);
  return () => rmSync(path);
}

/** Takes the write lock of the database, as another process would; returns how to let go of it. */
function lock({ data }: Folders): () => void {
  const name = readdirSync(data).find((file) => /^store-\d+\.db$/.test(file));
  const db = new DatabaseSync(join(data, name!));
  db.exec('BEGIN IMMEDIATE');
  return () => db.close();
}

/** What the order of an emergency looks like from outside: a note by the contain key, through the socket. */
async function stopEverything({ folders, known: plane }: Scene): Promise<{ readonly durable: boolean }> {
  const { origin } = plane.folder;
  const signer = ed25519NoteSigner(`${origin}/contain`, await readSeed(plane.contain));
  const scope = { kind: 'everything', id: '*' } as const;
  const text = formatContainOrder({ origin, scope, serial: 1, exp: Date.now() + 600_000 });
  const client = await connect({
    socket: join(folders.data, 'plane.sock'),
    trust: plane.trust,
    origin,
    token: plane.operatorToken,
    deadlineMs: 30_000,
  });
  const answer = await client.order(formatNote(text, [signer.signSync(text)]));
  await client.close();
  expect(answer.effective).toBe(true);
  return answer;
}

/** What an answer lets a door do; a call that fails lets it do nothing. */
const outcome = async (call: Promise<{ readonly verdict: string }>): Promise<string> =>
  call.then(
    ({ verdict }) => verdict,
    () => 'no answer',
  );

/** Nothing new, nothing spent, nothing renewed. */
async function expectHalted({ agent, folders, running, permitted, instance }: Scene): Promise<void> {
  const said = [
    await outcome(agent.request(aRequest(folders))),
    await outcome(agent.request({ ...aRequest(folders), start: false })),
    await outcome(agent.redeem(permitted.executionId, { permit: permitted.permit, instance, door: DOOR })),
    await outcome(agent.renew(running.executionId, { instance, counter: 1, nonce: nonce() })),
  ];
  for (const verdict of said) expect(['deny', 'no answer']).toContain(verdict);
}

/** Waits until `is` holds; the deadline is the test's. */
async function until(is: () => Promise<boolean>): Promise<void> {
  while (!(await is().catch(() => false))) await new Promise((resolve) => setTimeout(resolve, 100));
}

const denialCode = async ({ agent, folders }: Scene): Promise<string> => {
  const answer = await agent.request(aRequest(folders));
  return answer.verdict === 'allow' ? 'allow' : answer.code;
};

/** The order is in the log: it holds after a restart, and a person can lift it. */
async function expectDurable(scene: Scene): Promise<void> {
  await until(async () => (await denialCode(scene)) === 'contained');
  await until(async () => (await scene.operator.containments()).active.length === 1);
  await scene.server.kill();
  scene.server = await startServer(scene.folders);
  const { known: plane, server } = scene;
  const operator = await clientOf(plane, server.url, { token: plane.operatorToken });
  const { active } = await operator.containments();
  expect(active.map(({ scope, cause }) => [scope.kind, cause])).toEqual([['everything', 'order']]);
}

// LOST: only root can make a file system that is really full; for others nothing shows the stop with a full disk.
// LOST: only root can mount a file system to fill; a locked database is tried everywhere.
describe.skipIf(!isRoot || inDatabase)(
  'with the disk full to the last byte (needs root for a file system of its own)',
  () => {
    test('rule 34: a signed order halts everything, is written into the reserve, and holds after a restart', async () => {
      const scene = await aScene(true);
      const giveBack = fill(scene.folders);
      // Before any order: nothing that cannot be made durable is permitted.
      expect(['deny', 'no answer']).toContain(await outcome(scene.agent.request(aRequest(scene.folders))));
      const { durable } = await stopEverything(scene);
      expect(durable).toBe(true);
      await expectHalted(scene);
      // The halt itself is heard out and recorded.
      const { running, instance, agent } = scene;
      const report = await agent.report(running.executionId, { instance, status: 'halted' });
      expect(report.status).toBe('halted');
      giveBack();
      await expectDurable(scene);
    });

    test('rule 34: an empty file STOP, for which there is always room, bars what is new and what goes on', async () => {
      const scene = await aScene(true);
      const giveBack = fill(scene.folders);
      const stop = join(scene.folders.data, 'STOP');
      writeFileSync(stop, '');
      // At once: the file itself is asked, no round of looking has to come by first.
      await expectHalted(scene);
      giveBack();
      await expectHalted(scene);
      rmSync(stop);
      await until(async () => (await denialCode(scene)) === 'allow');
    });
  },
);

// LOST: see `inDatabase`: a database has no file that another process could lock.
describe.skipIf(inDatabase)('with the database locked by another process', () => {
  test('rule 34: a signed order halts everything at once and is written when the lock is gone', async () => {
    const scene = await aScene(false);
    const unlock = lock(scene.folders);
    undo.push(unlock);
    const asked = stopEverything(scene);
    await expectHalted(scene);
    const { durable } = await asked;
    expect(durable).toBe(false);
    await expectHalted(scene);
    undo.pop();
    unlock();
    await expectDurable(scene);
  });

  test('rule 34: a file STOP bars what is new and what goes on', async () => {
    const scene = await aScene(false);
    const unlock = lock(scene.folders);
    undo.push(unlock);
    writeFileSync(join(scene.folders.data, 'STOP'), 'stop');
    await expectHalted(scene);
    undo.pop();
    unlock();
    // The lock is gone and the file is not.
    await expectHalted(scene);
  });
});
