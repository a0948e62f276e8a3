/**
 * Goal: replicas keep what one plane keeps: a permit is spent once, limits are exact, and what one of them has
 * acknowledged stops all. Method: several replicas of one plane over one real PostgreSQL server, callers at each of them
 * at the same time; then the log is read. LICET_REPLICA_RACES sets how many permits are raced for; when it does, at 1, 2
 * and 4 replicas each.
 */
import { idemDigest, parseEntry, permitId, type Entry } from '@licet/evidence';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasPostgres, startCluster, type Cluster } from '../../packages/store/test/cluster.ts';
import { as, bytes16, openTestReplica, type TestPlane } from '../support/plane.ts';

const races = Number(process.env['LICET_REPLICA_RACES'] ?? 12);
const COUNTS = process.env['LICET_REPLICA_RACES'] === undefined ? [2] : [1, 2, 4];
const REDEEMERS = 8;

// LOST: without PostgreSQL's server it is not shown that replicas spend once and stop together.
describe.skipIf(!hasPostgres).each(COUNTS)('%i replicas of one plane', (count) => {
  let cluster: Cluster;
  const replicas: TestPlane[] = [];
  const replica = (n: number): TestPlane => replicas[n % replicas.length]!;
  const log = async (from = 0): Promise<readonly Entry[]> => {
    const { store } = replicas[0]!;
    // Everything that was acknowledged by any of them.
    const { size } = await store.check();
    while ((await store.log.checkpoint()).size < size)
      await new Promise((resolve) => setTimeout(resolve, 10));
    const entries: Entry[] = [];
    for (let start = from; start < size; start += 1_000)
      for (const bytes of await store.log.entries(start, Math.min(size, start + 1_000)))
        entries.push(parseEntry(bytes));
    return entries;
  };
  /** What the redeemers of one permit were told. On a machine where all of them came too late, of another one. */
  async function raced(first: number): Promise<readonly string[]> {
    for (;;) {
      const permit = await replica(first).permitted(as('a-1'));
      const answers = await Promise.all(
        Array.from({ length: REDEEMERS }, (_, at) => replica(at).redeem(as('a-1'), permit, bytes16())),
      );
      const said = answers.map(({ reply }) => (reply.kind === 'refused' ? reply.code : reply.kind));
      if (said.some((word) => word !== 'expired')) return said;
    }
  }
  beforeAll(async () => {
    cluster = await startCluster();
    const agents = ['a-1', 'a-2', 'a-3', 'a-4'];
    for (let n = 0; n < count; n++) replicas.push(await openTestReplica(cluster.url('races'), agents));
  });
  afterAll(async () => {
    for (const one of replicas) await one.close();
    await cluster.dispose();
  });

  test(
    `rule 2: of ${REDEEMERS} redeemers at ${count} replicas one wins, ${races} times`,
    async () => {
      const AT_ONCE = 8;
      const before = (await log()).length;
      for (let race = 0; race < races; race += AT_ONCE) {
        await Promise.all(
          Array.from({ length: Math.min(AT_ONCE, races - race) }, async (_, n) => {
            const said = await raced(race + n);
            expect(
              said.filter((word) => word === 'started'),
              said.join(', '),
            ).toHaveLength(1);
            expect(said).toHaveLength(REDEEMERS);
          }),
        );
      }
      const starts = (await log(before)).flatMap((entry) => (entry.type === 'start' ? [entry.permit] : []));
      expect(starts).toHaveLength(races);
      expect(new Set(starts).size).toBe(races);
      console.log(JSON.stringify({ replicas: count, races, redeemers: REDEEMERS, starts: starts.length }));
    },
    60_000 + races * 1_000,
  );

  test('rule 6: one key, asked at every replica at the same time, is decided once', async () => {
    const idempotencyKey = Buffer.from(bytes16()).toString('base64url');
    const asked = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        replica(n).plane.decide(as('a-2'), {
          action: 'files/write_file',
          arguments: { path: '/workspace/b.txt' },
          idempotencyKey,
          instance: bytes16(),
          start: true,
          door: { grade: 'gateway', confine: 'none' },
        }),
      ),
    );
    expect(asked.filter(({ reply }) => reply.kind === 'permitted')).toHaveLength(1);
    const idem = idemDigest(as('a-2').jkt, idempotencyKey);
    const decided = (await log()).filter((entry) => entry.type === 'permit' && entry.idem === idem);
    expect(decided).toHaveLength(1);
  });

  test('rule 4: a budget that is spent at every replica at once is exact', async () => {
    await Promise.all(
      Array.from({ length: 24 }, (_, n) =>
        replica(n).decide(as('a-3'), { action: 'bank/pay', arguments: { amount: '7' }, start: true }),
      ),
    );
    const cents = (await log())
      .flatMap((entry) =>
        entry.type === 'permit' && entry.chain.some(({ id }) => id === 'a-3') ? entry.meters : [],
      )
      .reduce((sum, { amount }) => sum + Math.round(Number(amount) * 100), 0);
    expect(cents).toBe(9_800);
  });

  test('rule 4: what one replica has acknowledged as contained starts nowhere', async () => {
    for (let n = 0; n < 4; n++) {
      const here = replica(n);
      const permits = await Promise.all(replicas.map((one) => one.permitted(as('a-4'))));
      const { reply } = await here.operate({ op: 'contain', scope: { kind: 'agent', id: 'a-4' } });
      // Not a moment is given to the notification.
      const answers = await Promise.all([
        ...permits.map((permit, at) => replica(at + n + 1).redeem(as('a-4'), permit)),
        ...replicas.map((one) => one.decide(as('a-4'), { start: true })),
      ]);
      for (const { reply: answer } of answers) expect(answer).toMatchObject({ kind: 'refused' });
      await replica(n + 1).operate({ op: 'lift', leaf: reply.kind === 'operated' ? reply.leaf! : '' });
    }
  });

  test('the log is one, each permit is started at most once, and every replica signs the same head', async () => {
    const entries = await log();
    const permits = new Set<string>();
    const { store } = replicas[0]!;
    for (const [index, entry] of entries.entries()) {
      if (entry.type === 'permit') permits.add(permitId((await store.log.entries(index, index + 1))[0]!));
      if (entry.type === 'start') expect(permits.delete(entry.permit)).toBe(true);
    }
    for (const one of replicas) {
      while ((await one.store.log.checkpoint()).size < entries.length)
        await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const notes = await Promise.all(replicas.map(async (one) => (await one.store.log.checkpoint()).note));
    expect(new Set(notes).size).toBe(1);
    await replicas[0]!.store.rebuild();
    expect((await replicas.at(-1)!.decide(as('a-2'), { start: true })).reply.kind).toBe('permitted');
  });
});
