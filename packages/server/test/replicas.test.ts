// Goal: what a user does to run several servers of one plane works as it says: name a database, copy the keys, start.
// Method: two planes in this process, each with a data folder of its own, over one PostgreSQL server.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inspectDataFolder } from '@licet/store';
import { hasPostgres, startCluster, type Cluster } from '../../store/test/cluster.ts';
import { openPlane, type OpenedPlane } from '../src/index.ts';
import { aFolder, aPlane, aRequest, random, type Fixture } from './fixture.ts';

/** What a second machine gets: who the plane is and its keys, and which database keeps it. */
function replicaFolder(fixture: Fixture): string {
  const data = join(fixture.folder.path, `replica-${random(4)}`);
  mkdirSync(data, { mode: 0o700 });
  for (const name of ['plane.json', 'keys', 'store.json'])
    cpSync(join(fixture.folder.data, name), join(data, name), { recursive: true });
  return data;
}

// LOST: without PostgreSQL's server it is not shown that `--store` is all that is needed.
describe.skipIf(!hasPostgres)('a plane that a database keeps', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.dispose());

  const second = (first: Fixture): Promise<OpenedPlane> =>
    openPlane({
      data: replicaFolder(first),
      stateDir: first.folder.stateDir,
      init: false,
      controlPort: 0,
      publicPort: 0,
      deadlineMs: 10_000,
    });

  test('is made by naming it; a copy of its keys is another replica; what one decides the other knows', async () => {
    const first = await aPlane({ store: cluster.url('both') });
    const other = await second(first);
    const request = aRequest(first);
    const decided = await first.plane.request(request);
    expect(decided.verdict).toBe('allow');
    // RULE 6: the same request at the other replica is the same decision.
    expect((await other.request(request)).executionId).toBe(decided.executionId);
    expect((await other.execution(decided.executionId)).state).toBe('running');

    const operator = await other.as({ token: first.token });
    const contained = await operator.contain({ kind: 'agent', id: 'a-default' });
    expect(contained.verdict).toBe('done');
    expect((await first.plane.request(aRequest(first))).verdict).toBe('deny');

    // Both have said that they are there, and neither has said twice in the log that it opened.
    let health = await first.operator.health();
    while (health.store.replicas?.length !== 2) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      health = await first.operator.health();
    }
    expect(health.store.kind).toBe('postgresql');
    expect(health.store.replicas.filter(({ self }) => self)).toHaveLength(1);
    const inspection = await inspectDataFolder(first.folder.data);
    const { size } = await inspection.check();
    const types = (await inspection.entries(0, size)).map(
      ({ bytes }) => (JSON.parse(Buffer.from(bytes).toString()) as { readonly type: string }).type,
    );
    expect(types.filter((type) => type === 'boot')).toHaveLength(1);
    await inspection.close();
    await operator.close();
    await other.close();
    await first.close();
  });

  test('rule 7: is not begun a second time in an empty database, nor beside the log in a folder', async () => {
    const first = await aPlane({ store: cluster.url('once') });
    await first.plane.request(aRequest(first));
    const replica = replicaFolder(first);
    const { stateDir } = first.folder;
    await first.plane.close();
    const again = { stateDir, init: false, data: replica };
    await expect(openPlane({ ...again, store: cluster.url('empty') })).rejects.toThrow('ERR_SERVER_STORE');
    await expect(
      openPlane({ ...again, data: first.folder.data, store: cluster.url('empty') }),
    ).rejects.toThrow('ERR_STORE_CORRUPT');
    writeFileSync(join(replica, 'store.json'), 'torn');
    await expect(openPlane(again)).rejects.toThrow('ERR_STORE_OPEN');
    rmSync(first.folder.path, { recursive: true, force: true });

    const { store: _, ...folder } = aFolder();
    await (await openPlane({ ...folder, solo: true })).close();
    await expect(openPlane({ ...folder, store: cluster.url('beside') })).rejects.toThrow('ERR_SERVER_STORE');
    folder.remove();
  });

  test('denies while the database is gone, and goes on by itself when it is back', async () => {
    const first = await aPlane({ store: cluster.url('gone'), deadlineMs: 2_000 });
    expect((await first.plane.request(aRequest(first))).verdict).toBe('allow');
    await cluster.kill();
    await expect(first.plane.request(aRequest(first))).rejects.toThrow(/unavailable|unreachable|unknown/);
    await cluster.start();
    for (;;) {
      const answer = await first.plane.request(aRequest(first)).catch(() => undefined);
      if (answer?.verdict === 'allow') break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(readFileSync(join(first.folder.data, 'store.json'), 'utf8')).not.toContain('fresh');
    await first.close();
  });
});
