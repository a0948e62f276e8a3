/**
 * Goal: a newcomer moves a plane of two people from SQLite to PostgreSQL, loses that server, and is up again, by what
 * docs/OPERATING.md says. Method: its commands as processes, over two servers; a dump of the first is played back on the
 * second. What is restored is evidence and no plane: it is read, and never goes on (RULE 7). LICET_MOVES=1 runs it.
 */
import { execFileSync } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasPostgres, postgresPrograms, startCluster, type Cluster } from '../../store/test/cluster.ts';
import { aPlace, type Place, type Ran } from './process.ts';

const serverOf = (url: string): string => url.split('?')[0]!;

const wanted = Number(process.env['LICET_MOVES'] ?? 0) > 0;

// LOST: without PostgreSQL's server the way back after its loss is not shown, nor in CI, which has no time for its twenty
// processes: store.test.ts moves a plane there, and `npm run soak -- moves` runs this.
describe.skipIf(!hasPostgres || !wanted)(
  'a plane of two people that is moved, and whose database is lost',
  () => {
    let place: Place;
    let first: Cluster;
    let second: Cluster;
    beforeAll(async () => {
      place = await aPlace();
      [first, second] = [await startCluster(), await startCluster()];
    }, 120_000);
    afterAll(async () => {
      await Promise.all([first.dispose(), second.dispose()]);
      await rm(place.folder, { recursive: true, force: true });
    });
    const ok = (ran: Ran): Ran => {
      expect(ran.code, ran.stderr + ran.stdout).toBe(0);
      return ran;
    };
    const moved = (): string => join(place.folder, 'moved');
    const exec = (data: string): Promise<Ran> =>
      place.run('exec', '--data', data, '--cwd', place.workspace, '--', '/usr/bin/echo', 'hi');
    const size = async (data: string): Promise<number> =>
      ok(await place.run('log', 'fsck', '--data', data, '--json')).json<{ size: number }>().size;

    it('rule 34: the first run of the move is held, the second one, when somebody else has approved, is done', async () => {
      ok(await place.run('init'));
      const { token } = ok(
        await place.run('people', 'add', 'Grace', '--role', 'operator', '--role', 'approver', '--json'),
      ).json<{ token: string }>();
      const copy = [
        ...['store', 'copy', '--from', place.data, '--to', first.url('moved'), '--data', moved(), '--json'],
      ];
      const held = await place.run(...copy);
      expect(held.code, held.stderr).toBe(3);
      const { answer } = held.json<{ answer: { verdict: string; executionId: string } }>();
      expect(answer.verdict).toBe('hold');
      // Whoever asked does not approve it; nothing has moved.
      expect((await place.run('approve', answer.executionId)).code).not.toBe(0);
      expect((await place.run(...copy)).json()).toMatchObject({ answer: { verdict: 'hold' } });
      ok(await place.runWith({ LICET_TOKEN: token }, 'approve', answer.executionId));
      expect(ok(await place.run(...copy)).json()).toMatchObject({ ok: true, published: true });
      expect((await exec(moved())).stdout).toBe('hi\n');
      // The old one is whole, and permits nothing.
      expect(await size(place.data)).toBeGreaterThan(0);
      expect((await exec(place.data)).code).toBe(3);
    }, 300_000);

    it('rule 7: what a dump brings back is read and does not go on; a new plane does', async () => {
      const before = await size(moved());
      const program = (name: string): string => join(postgresPrograms()!, name);
      const dump = execFileSync(program('pg_dump'), ['--schema=moved', serverOf(first.url('moved'))]);
      await first.kill();
      expect((await exec(moved())).code).not.toBe(0);

      execFileSync(program('psql'), ['-q', '-v', 'ON_ERROR_STOP=1', serverOf(second.url('moved'))], {
        input: dump,
        stdio: ['pipe', 'ignore', 'inherit'],
      });
      const file = join(moved(), 'store.json');
      const restored = (await readFile(file, 'utf8')).replace(first.url('moved'), second.url('moved'));
      await writeFile(file, restored);
      expect(restored).toContain(second.url('moved'));
      expect(await size(moved())).toBe(before);
      const refused = await place.run('agents', 'list', '--data', moved(), '--json');
      expect(refused.code).not.toBe(0);
      expect(refused.error().code).toMatch(/^ERR_STORE_(INCARNATION|CORRUPT|KEY|OPEN)$/);

      const again = join(place.folder, 'again');
      ok(await place.run('init', '--data', again, '--store', second.url('again')));
      expect((await exec(again)).stdout).toBe('hi\n');
    }, 300_000);
  },
);
