/**
 * What only PostgreSQL can show: several replicas of one log, connections that break in the middle of a commit, servers
 * that are killed, promoted, set back or badly set up. Method: real servers, real connections, the tiny machine.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { base64url, formatNote } from '@licet/evidence';
import { ed25519NoteSigner } from '@licet/evidence/node';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openPostgresStore, type PostgresStore, type PostgresStoreOptions } from '../src/index.ts';
import { anExecution, boot, codeOf, digestOf, execId, KEYS } from './builders.ts';
import { hasPostgres, startCluster, type Cluster } from './cluster.ts';
import { startProxy } from './proxy.ts';
import { machine } from './tiny-machine.ts';

const lease = ed25519NoteSigner(KEYS.lease.name, KEYS.lease.seed);
const settings = (url: string): PostgresStoreOptions => ({
  url,
  log: ed25519NoteSigner(KEYS.log.name, KEYS.log.seed),
  lease: { signNote: (text) => formatNote(text, [lease.signSync(text)]) },
  machine,
  clock: { nowMs: () => Date.now() },
  secret: new Uint8Array(32).fill(7),
});

/** Waits until `done`; how long is the machine's affair, not the test's. */
async function until(done: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** What a plane does four times a second: comes again until it is let. */
async function recovered(store: PostgresStore): Promise<void> {
  await until(() =>
    store.recover().then(
      () => true,
      () => false,
    ),
  );
}

// LOST: without PostgreSQL's server replicas, failovers and refused settings are not shown.
describe.skipIf(!hasPostgres)('replicas over PostgreSQL', () => {
  let cluster: Cluster;
  let schemas = 0;
  const open: PostgresStore[] = [];
  const opened = async (url: string, more: Partial<PostgresStoreOptions> = {}): Promise<PostgresStore> => {
    const store = await openPostgresStore({ ...settings(url), ...more });
    open.push(store);
    return store;
  };
  const newUrl = (): string => cluster.url(`r${++schemas}`);
  beforeAll(async () => {
    cluster = await startCluster();
  }, 60_000);
  afterEach(async () => {
    for (const store of open.splice(0)) await store.close();
  });
  afterAll(() => cluster.dispose());

  test('replicas that write at once make one log without a gap, and each knows what the others wrote', async () => {
    const url = newUrl();
    const replicas = await Promise.all([opened(url), opened(url), opened(url)]);
    await replicas[0].commit(boot);
    const answers = await Promise.all(
      Array.from({ length: 90 }, (_, n) => replicas[n % 3]!.commit(anExecution(n))),
    );
    const indexes = answers.flatMap((answer) =>
      answer === 'stale' ? [] : answer.entries.map(({ index }) => index),
    );
    expect(indexes.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 90 }, (_, n) => n + 1));
    for (const replica of replicas) {
      await until(async () => (await replica.log.checkpoint()).size === 91);
      expect((await replica.read([{ kind: 'tally', id: 'observation' }]))[0]?.value).toEqual({ count: 90 });
      expect((await replica.readBack(digestOf('idem 40')))?.exec).toBe(execId(40));
    }
    // RULE 36: whoever signs it, it is the same note.
    const notes = await Promise.all(replicas.map(async ({ log }) => (await log.checkpoint()).note));
    expect(new Set(notes).size).toBe(1);
    expect((await replicas[1]!.check()).size).toBe(91);
    // Heard from each other by their heartbeats.
    await until(async () => (await replicas[2]!.health()).replicas?.length === 3);
  });

  test('rule 4: what another replica has changed since it was read makes a command stale, at once', async () => {
    const url = newUrl();
    const [here, there] = await Promise.all([opened(url), opened(url)]);
    await here.commit(boot);
    await here.commit(anExecution(1));
    const [row] = await there.read([{ kind: 'execution', id: execId(1) }]);
    await here.commit(anExecution(2));
    const reads = [['tally', 'observation', row!.version]] as const;
    expect(await there.commit(anExecution(3, { reads }))).toBe('stale');
    // The answer has brought the news: asked again, the replica knows.
    const [tally] = await there.read([{ kind: 'tally', id: 'observation' }]);
    expect(
      await there.commit(anExecution(3, { reads: [['tally', 'observation', tally!.version]] })),
    ).not.toBe('stale');
  });

  test('rule 7: replicas share one boot; a follower on another replica gets every entry', async () => {
    const url = newUrl();
    const here = await opened(url);
    await here.commit(boot);
    const there = await opened(url);
    expect(there.opening!()).toEqual({ incarnation: here.opening!().incarnation, booted: true });
    const seen: number[] = [];
    const control = new AbortController();
    const following = (async () => {
      for await (const { index } of there.watch(0, control.signal)) seen.push(index);
    })();
    for (let n = 0; n < 20; n++) await here.commit(anExecution(n));
    await until(() => seen.length === 20);
    control.abort();
    await following;
    expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
  });

  test('a session that one replica opened is known to all, and ends on all', async () => {
    const url = newUrl();
    const [here, there] = await Promise.all([opened(url), opened(url)]);
    await here.sessions.put('s', { subject: 'agent-1' }, Date.now() + 60_000);
    expect(await there.sessions.get('s')).toEqual({ subject: 'agent-1' });
    await there.sessions.delete({ subject: 'agent-1' });
    expect(await here.sessions.get('s')).toBeUndefined();
  });

  test.each(['request', 'answer'] as const)(
    'rule 6: a connection cut in mid-commit (its %s is lost) loses no acknowledged entry and doubles none',
    async (cut) => {
      const proxy = await startProxy(cluster.port);
      try {
        const url = newUrl();
        const store = await opened(url.replace(`:${cluster.port}`, `:${proxy.port}`));
        await store.commit(boot);
        await store.commit(anExecution(1));
        proxy.cutAt('COMMIT', cut);
        expect(await codeOf(store.commit(anExecution(2)))).toBe('ERR_STORE_UNKNOWN_RESULT');
        expect(proxy.cuts).toBe(1);
        expect(await codeOf(store.commit(anExecution(3)))).toBe('ERR_STORE_UNAVAILABLE');
        expect(await codeOf(store.readBack(digestOf('idem 2')))).toBe('ERR_STORE_UNAVAILABLE');
        await recovered(store);
        const back = await store.readBack(digestOf('idem 2'));
        if (cut === 'answer') expect(back?.exec).toBe(execId(2));
        // What was not there is not there later either: the fence has waited for it.
        else expect(back).toBeUndefined();
        await store.commit(anExecution(3));
        expect((await store.check()).size).toBe(cut === 'answer' ? 4 : 3);
      } finally {
        for (const store of open.splice(0)) await store.close();
        await proxy.close();
      }
    },
  );

  test('a replica that dies with the fence in its hand gives it back', async () => {
    const url = newUrl();
    const store = await opened(url, { answerMs: 1_000 });
    await store.commit(boot);
    // Another process in the middle of a batch that will never end, with the time limit that ours have.
    const dead = new Client({ connectionString: url.split('?')[0]! });
    dead.on('error', () => undefined);
    await dead.connect();
    await dead.query(
      `SET idle_in_transaction_session_timeout = '2s'; BEGIN; SELECT * FROM r${schemas}.state FOR UPDATE`,
    );
    expect(await codeOf(store.commit(anExecution(1)))).toBe('ERR_STORE_UNAVAILABLE');
    await recovered(store);
    await store.commit(anExecution(1));
    expect((await store.check()).size).toBe(2);
    await dead.end().catch(() => undefined);
  });

  test('rule 37: a server that is killed under load loses nothing that was acknowledged', async () => {
    const url = newUrl();
    const [here, there] = await Promise.all([opened(url), opened(url)]);
    await here.commit(boot);
    const acknowledged: number[] = [];
    const load = Array.from({ length: 200 }, async (_, n) => {
      try {
        await (n % 2 === 0 ? here : there).commit(anExecution(n));
        acknowledged.push(n);
      } catch {
        // Refused or not known: read back below.
      }
    });
    await until(() => acknowledged.length > 0);
    await cluster.kill();
    await Promise.all(load);
    await until(async () => !(await here.health()).ok && !(await there.health()).ok);
    expect(await codeOf(here.commit(anExecution(900)))).toBe('ERR_STORE_UNAVAILABLE');
    await cluster.start();
    await Promise.all([recovered(here), recovered(there)]);
    for (const n of acknowledged) expect((await there.readBack(digestOf(`idem ${n}`)))?.exec).toBe(execId(n));
    await there.commit(anExecution(900));
    expect((await here.check()).size).toBeGreaterThan(acknowledged.length);
  });

  test('rule 7: a server that was set back is refused, in a running replica and in one that starts again', async () => {
    const schema = `r${++schemas}`;
    const url = cluster.url(schema);
    const folder = mkdtempSync(join(tmpdir(), 'licet-known-'));
    const knownHead = join(folder, 'head.json');
    try {
      const store = await opened(url, { knownHead });
      await store.commit(boot);
      await store.commit(anExecution(1));
      await cluster.sql(`CREATE TABLE ${schema}_old AS TABLE ${schema}.state`);
      await store.commit(anExecution(2));
      await cluster.sql(`BEGIN; DELETE FROM ${schema}.entry WHERE idx = 2; DELETE FROM ${schema}.state;
        INSERT INTO ${schema}.state SELECT * FROM ${schema}_old; COMMIT`);
      expect(await codeOf(store.commit(anExecution(3)))).toBe('ERR_STORE_UNAVAILABLE');
      expect(await codeOf(store.recover())).toBe('ERR_STORE_CORRUPT');
      await store.close();
      expect(await codeOf(opened(url, { knownHead }))).toBe('ERR_STORE_CORRUPT');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('rule 7: a copy of the tables is another incarnation, and is refused where nothing can vouch for it', async () => {
    const schema = `r${++schemas}`;
    const store = await opened(cluster.url(schema));
    await store.commit(boot);
    await store.close();
    // As a dump that is played back: the same rows in a table that was made anew.
    await cluster.sql(`ALTER TABLE ${schema}.state RENAME TO old; CREATE TABLE ${schema}.state (LIKE ${schema}.old INCLUDING ALL);
      INSERT INTO ${schema}.state SELECT * FROM ${schema}.old`);
    expect(await codeOf(opened(cluster.url(schema)))).toBe('ERR_STORE_INCARNATION');
  });

  test.each([
    ['fsync', 'off', /fsync is off.*set fsync = on/],
    ['full_page_writes', 'off', /full_page_writes is off.*set full_page_writes = on/],
  ] as const)(
    'rule 37: a server with %s = %s is refused with the fix, also while running',
    async (name, value, words) => {
      const url = newUrl();
      const store = await opened(url);
      try {
        await cluster.set({ [name]: value });
        await expect(openPostgresStore(settings(url))).rejects.toThrow(words);
        await until(async () => !(await store.health()).ok);
        expect((await store.health()).why).toMatch(words);
      } finally {
        await cluster.set({ [name]: 'on' });
      }
      await recovered(store);
    },
  );

  test('a newer format, and another log, are refused', async () => {
    const schema = `r${++schemas}`;
    const store = await opened(cluster.url(schema));
    await store.commit(boot);
    await store.close();
    const other = ed25519NoteSigner(KEYS.log.name, KEYS.lease.seed);
    expect(await codeOf(opened(cluster.url(schema), { log: other }))).toBe('ERR_STORE_KEY');
    await cluster.sql(`UPDATE ${schema}.version SET version = version + 1`);
    expect(await codeOf(opened(cluster.url(schema)))).toBe('ERR_STORE_FORMAT');
    await cluster.sql('CREATE SCHEMA taken; CREATE TABLE taken.things ()');
    expect(await codeOf(opened(cluster.url('taken')))).toBe('ERR_STORE_FORMAT');
  });

  test('a database elsewhere is reached over TLS or not at all, unless somebody says so', async () => {
    await expect(opened('postgres://u@db.example/licet')).rejects.toThrow(/sslmode=verify-full/);
    expect(await codeOf(opened('mysql://u@localhost/x'))).toBe('ERR_STORE_OPEN');
    expect(await codeOf(opened(`${cluster.url('bad-name')}`))).toBe('ERR_STORE_OPEN');
  });

  test('rule 41: a dump without the data folder opens no record', async () => {
    const schema = `r${++schemas}`;
    const url = cluster.url(schema);
    const store = await opened(url);
    await store.commit(boot);
    const key = new Uint8Array(32).fill(9);
    await store.commit(anExecution(1, { record: { id: execId(1), key, body: { path: '/a' } } }));
    await store.close();
    const [stored] = await cluster.sql(`SELECT key FROM ${schema}_keys.record_key`);
    expect(Buffer.from(stored!['key'] as Uint8Array).includes(Buffer.from(base64url(key)))).toBe(false);
    const stranger = await opened(url, { secret: new Uint8Array(32).fill(8) });
    expect(await codeOf(stranger.records.get(execId(1)))).toBe('ERR_STORE_CORRUPT');
  });
});
