/** Goal: a newcomer moves a running SQLite plane to PostgreSQL by one command, and nothing can take up the old log again. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseEntry, type Entry } from '@licet/evidence';
import { openPlane, type OpenedPlane } from '@licet/server';
import { inspectDataFolder } from '@licet/store';
import { hasPostgres, startCluster, type Cluster } from '../../store/test/cluster.ts';
import { aPlace, type Place } from './process.ts';

const random = () => randomBytes(16).toString('base64url');
const write = (plane: OpenedPlane, place: Place) =>
  plane.request({
    action: 'files/write_file',
    arguments: { path: join(place.workspace, 'a.txt'), content: 'hi' },
    idempotencyKey: random(),
    instance: random(),
    start: true,
    door: { grade: 'in-process', confine: 'none' },
  });

async function entriesOf(
  data: string,
): Promise<{ readonly entries: readonly Entry[]; readonly root: string }> {
  const inspection = await inspectDataFolder(data);
  try {
    const { size, root } = await inspection.check();
    const entries = (await inspection.entries(0, size)).map(({ bytes }) => parseEntry(bytes));
    return { entries, root: Buffer.from(root).toString('base64url') };
  } finally {
    await inspection.close();
  }
}

// LOST: without PostgreSQL's server moving there is not shown.
describe.skipIf(!hasPostgres)('licet store copy', () => {
  let cluster: Cluster;
  let place: Place;
  beforeAll(async () => {
    cluster = await startCluster();
    place = await aPlace();
    expect((await place.run('init', '--solo')).code).toBe(0);
  }, 60_000);
  afterAll(() => cluster.dispose());

  it('rule 7: ends the old log with its successor, begins the new one with what was before, and is believed when a person says so', async () => {
    const stateDir = join(place.folder, 'state');
    const old = await openPlane({ data: place.data, stateDir });
    expect((await write(old, place)).verdict).toBe('allow');
    const moved = join(place.folder, 'moved');
    const copy = [
      'store',
      'copy',
      '--from',
      place.data,
      '--to',
      cluster.url('moved'),
      '--data',
      moved,
      '--json',
    ];
    // What is decided meanwhile would be in neither log.
    expect((await place.run(...copy)).code).not.toBe(0);
    expect(existsSync(join(moved, 'store.json'))).toBe(false);
    await old.close();

    const ran = await place.run(...copy);
    expect(ran.code, ran.stderr + ran.stdout).toBe(0);
    expect(ran.json()).toMatchObject({ ok: true, from: old.origin, published: true });

    const before = await entriesOf(place.data);
    const after = await entriesOf(moved);
    const successor = before.entries.find(({ type }) => type === 'successor');
    const [genesis] = after.entries;
    expect(successor).toMatchObject({ successor: genesis!.origin });
    expect(genesis).toMatchObject({
      prev: { origin: old.origin, size: before.entries.length, root: before.root },
    });

    // The agent has the key it had, the policy decides as it did.
    const plane = await openPlane({ data: moved, stateDir });
    expect(plane.origin).toBe(genesis!.origin);
    expect((await write(plane, place)).verdict).toBe('allow');
    await plane.close();

    // The old log can be read and never goes on.
    const again = await openPlane({ data: place.data, stateDir });
    expect((await write(again, place)).verdict).toBe('deny');
    const { active } = await (await again.as({ token: await tokenOf(place, old.origin) })).containments();
    expect((await place.run('lift', active[0]!.leaf)).code).not.toBe(0);
    await again.close();
    expect((await place.run(...copy)).code).not.toBe(0);
  });
});

async function tokenOf(place: Place, origin: string): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  const { statePaths } = await import('@licet/server');
  return (await readFile(statePaths(join(place.folder, 'state'), origin).operatorToken, 'utf8')).trim();
}
