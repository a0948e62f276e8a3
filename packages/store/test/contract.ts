/**
 * The contract of `Store`, run for every implementation. What a store promises is here; what only one of them can
 * show (files, processes, disks) is beside it.
 */
import {
  base64url,
  decodeEntryBundle,
  equalBytes,
  leafHash,
  parseCheckpoint,
  parseNote,
  parseTlogProof,
  parseVkey,
  tilePath,
  treeRoot,
  verifyConsistency,
  verifyInclusion,
  verifyNote,
  nodeHash,
  type HashReader,
} from '@licet/evidence';
import { ed25519NoteSigner, nodeCrypto } from '@licet/evidence/node';
import type { CommitResult, Committed, Prepared, Row, Store } from '@licet/control-plane';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FAULT_POINTS, PERSISTED, UNKNOWN, type FaultPoint } from '../src/index.ts';
import { anExecution, aRenewal, boot, codeOf, digestOf, execId, KEYS } from './builders.ts';

export interface AnyStore extends Store {
  genesis(): Promise<boolean>;
  recover(): Promise<void>;
  serve(path: string): Promise<Uint8Array | undefined>;
}

export interface OpenOptions {
  readonly faults?: readonly { readonly point: FaultPoint; readonly batch: number }[];
  readonly queue?: { readonly normal: number; readonly safety: number };
}

/** One place where a store is kept; `open` again after `close` is a restart. */
export interface Place {
  open(options?: OpenOptions): Promise<AnyStore>;
  dispose(): Promise<void>;
}

const vkey = parseVkey(ed25519NoteSigner(KEYS.log.name, KEYS.log.seed).vkey);

async function verified(entry: Committed): Promise<{ size: number; root: Uint8Array }> {
  expect(leafHash(entry.bytes)).toEqual(new Uint8Array(entry.leaf));
  const { index, proof, checkpoint } = parseTlogProof(entry.proof);
  expect(index).toBe(entry.index);
  const note = await verifyNote(checkpoint, [vkey], nodeCrypto);
  const { size, root, origin } = parseCheckpoint(note.text);
  expect(origin).toBe(KEYS.log.name);
  expect(verifyInclusion({ index, size, leaf: entry.leaf, proof, root })).toBe(true);
  return { size, root };
}

async function done(
  store: Store,
  prepared: Prepared,
  options?: Parameters<Store['commit']>[1],
): Promise<CommitResult> {
  const answer = await store.commit(prepared, options);
  if (answer === 'stale') throw new Error('stale');
  return answer;
}

/** `own`: each opening is a new incarnation. `shared`: it is the server's, which outlives the processes (RULE 7). */
export interface Kind {
  readonly opening: 'own' | 'shared';
}

export function contract(name: string, place: () => Promise<Place>, kind: Kind = { opening: 'own' }): void {
  let at: Place;
  let store: AnyStore;
  const booted = async (options?: OpenOptions): Promise<AnyStore> => {
    store = await at.open(options);
    await store.commit(boot);
    return store;
  };
  beforeEach(async () => {
    at = await place();
  });
  afterEach(async () => {
    await store.close();
    await at.dispose();
  });

  describe(`${name}: committing`, () => {
    test('an empty store has an empty signed checkpoint and no genesis', async () => {
      store = await at.open();
      expect(await store.genesis()).toBe(false);
      expect(parseCheckpoint(parseNote((await store.log.checkpoint()).note).text).size).toBe(0);
      await store.commit(boot);
      expect(await store.genesis()).toBe(true);
    });

    test('rule 7: nothing but a boot is committed before this opening has booted', async () => {
      store = await at.open();
      expect(await codeOf(store.commit(anExecution(1)))).toBe('ERR_STORE_UNAVAILABLE');
      expect((await store.health()).size).toBe(0);
      await store.commit(boot);
      await store.commit(anExecution(1));
      await store.close();
      store = await at.open();
      const again = await codeOf(store.commit(anExecution(2)));
      expect(again).toBe(kind.opening === 'own' ? 'ERR_STORE_UNAVAILABLE' : 'no error');
      expect(store.opening?.().booted ?? false).toBe(kind.opening === 'shared');
    });

    test('every entry comes back with a proof that leads to a checkpoint signed by the log key', async () => {
      await booted();
      const results = await Promise.all(Array.from({ length: 300 }, (_, i) => done(store, anExecution(i))));
      for (const [i, result] of results.entries()) {
        expect(result.entries).toHaveLength(1);
        expect(result.entries[0]!.index).toBe(i + 1);
        expect((await verified(result.entries[0]!)).size).toBe(result.size);
      }
    });

    test('commands of a batch see the rows that earlier ones of it wrote', async () => {
      await booted();
      const stale = anExecution(3, { reads: [['tally', 'observation', 0]] });
      const [, second, third] = await Promise.all([
        store.commit(anExecution(1)),
        store.commit(anExecution(2, { behaviour: 'two' })),
        store.commit(stale),
      ]);
      expect((second as CommitResult).entries.map(({ index }) => index)).toEqual([2, 3]);
      // RULE 4: what it read has changed under it, within the same batch.
      expect(third).toBe('stale');
      expect((await store.read([{ kind: 'tally', id: 'observation' }]))[0]?.value).toEqual({ count: 3 });
      expect((await store.health()).size).toBe(4);
    });

    test('rule 4: a command whose reads are outdated is stale and leaves no trace', async () => {
      await booted();
      await store.commit(anExecution(1));
      const [row] = await store.read([{ kind: 'execution', id: execId(1) }]);
      expect(row!.version).toBeGreaterThan(0);
      const fresh: Prepared['reads'] = [
        ['execution', execId(1), row!.version],
        ['execution', execId(2), 0],
      ];
      expect(await store.commit(anExecution(2, { reads: fresh }))).not.toBe('stale');
      expect(await store.commit(anExecution(4, { reads: fresh }))).toBe('stale');
      expect(await store.read([{ kind: 'execution', id: execId(4) }])).toEqual([undefined]);
    });

    test('a command at which the machine throws is refused alone', async () => {
      await booted();
      const settled = await Promise.allSettled([
        store.commit(anExecution(1)),
        store.commit(anExecution(2, { behaviour: 'throw' })),
        store.commit(anExecution(3)),
      ]);
      expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(await codeOf(store.commit(anExecution(4, { behaviour: 'throw' })))).toBe('ERR_STORE_APPLY');
      expect(await store.read([{ kind: 'execution', id: execId(2) }])).toEqual([undefined]);
      expect((await store.check()).size).toBe(3);
    });

    test('a command that writes nothing appends nothing and leaves no record behind', async () => {
      await booted();
      const record = { id: execId(1), key: new Uint8Array(32).fill(9), body: { a: 1 } };
      const result = await done(store, anExecution(1, { behaviour: 'nothing', record }));
      expect(result).toMatchObject({ reply: { kind: 'conflict' }, entries: [], size: 1 });
      expect(await store.records.get(execId(1))).toBeUndefined();
    });

    test('rule 8: a caller that names what it has seen gets the consistency proof, and none for more than there is', async () => {
      await booted();
      const first = await done(store, anExecution(1));
      const seen = await verified(first.entries[0]!);
      await Promise.all(Array.from({ length: 20 }, (_, i) => store.commit(anExecution(10 + i))));
      const last = await done(store, anExecution(2), { seen: seen.size });
      const now = await verified(last.entries[0]!);
      const proof = last.consistency!.map((hash) => new Uint8Array(hash));
      expect(
        verifyConsistency({
          oldSize: seen.size,
          newSize: now.size,
          oldRoot: seen.root,
          newRoot: now.root,
          proof,
        }),
      ).toBe(true);
      expect((await done(store, anExecution(3), { seen: 10_000 })).consistency).toBeUndefined();
    });

    test('rule 38: the full normal lane is pushed back while safety still gets through', async () => {
      await booted({ queue: { normal: 4, safety: 4 } });
      const normal = Array.from({ length: 6 }, (_, i) => codeOf(store.commit(anExecution(i))));
      const safety = store.commit(anExecution(100), { lane: 'safety' });
      const codes = await Promise.all(normal);
      expect(codes.filter((code) => code === 'ERR_STORE_BUSY')).toHaveLength(2);
      expect(await safety).not.toBe('stale');
    });

    test('a closed store answers ERR_STORE_CLOSED', async () => {
      await booted();
      await store.close();
      expect(await codeOf(store.commit(anExecution(1)))).toBe('ERR_STORE_CLOSED');
      expect(await codeOf(store.read([]))).toBe('ERR_STORE_CLOSED');
      expect((await store.health()).ok).toBe(false);
    });
  });

  describe(`${name}: reading`, () => {
    test('lists page through rows newest first or oldest first, filtered by indexed fields', async () => {
      await booted();
      for (let i = 1; i <= 5; i++)
        await store.commit(anExecution(i, { behaviour: i % 2 === 0 ? 'deny' : 'one' }));
      const ids = async (query: Partial<Parameters<Store['list']>[0]>): Promise<readonly string[]> =>
        (await store.list({ kind: 'execution', limit: 10, ...query })).map(({ id }) => id);
      expect(await ids({})).toEqual([5, 4, 3, 2, 1].map(execId));
      expect(await ids({ ascending: true, limit: 2 })).toEqual([1, 2].map(execId));
      const [, second] = await store.list({ kind: 'execution', limit: 2 });
      expect(await ids({ after: second!.order })).toEqual([3, 2, 1].map(execId));
      expect(await ids({ where: { state: 'refused' } })).toEqual([4, 2].map(execId));
      expect(await ids({ where: { verdict: 'allow', agent: 'agent-1' } })).toEqual([5, 3, 1].map(execId));
      expect(await ids({ where: { agent: 'nobody' } })).toEqual([]);
      await store.commit(aRenewal(1, 1));
      expect(await ids({ limit: 1 })).toEqual([execId(1)]);
    });

    test('rows written by one commit can be paged one at a time, none skipped', async () => {
      await booted();
      await Promise.all(Array.from({ length: 5 }, (_, i) => store.commit(anExecution(i))));
      const found: Row[] = [];
      for (;;) {
        const after = found.at(-1)?.order;
        const page = await store.list({
          kind: 'execution',
          limit: 1,
          ...(after === undefined ? {} : { after }),
        });
        if (page.length === 0) break;
        found.push(...page);
      }
      expect(new Set(found.map(({ id }) => id)).size).toBe(5);
    });

    test('a filter by a field that is not indexed is refused, not ignored', async () => {
      await booted();
      const bad = { kind: 'execution', where: { jkt: 'x' }, limit: 1 } as const;
      expect(await codeOf(store.list(bad))).toBe('ERR_STORE_QUERY');
      expect(await codeOf(store.list({ kind: 'tally', where: { state: 'x' }, limit: 1 }))).toBe(
        'ERR_STORE_QUERY',
      );
      expect(await codeOf(store.list({ kind: 'tally', limit: 0 }))).toBe('ERR_STORE_QUERY');
    });

    test('executions are due at their time, the earliest first', async () => {
      await booted();
      for (let i = 1; i <= 3; i++) await store.commit(anExecution(i));
      expect(await store.due(2_000, 10)).toEqual([1, 2].map(execId));
      expect(await store.due(9_000, 1)).toEqual([execId(1)]);
      expect(await store.due(0, 10)).toEqual([]);
    });

    test('rule 6: a decision is read back by its idempotency digest, with proofs that verify, over a restart too', async () => {
      await booted();
      await store.commit(anExecution(1));
      const { entries } = await done(store, anExecution(2, { behaviour: 'two' }));
      for (const when of ['now', 'after a restart']) {
        if (when !== 'now') {
          await store.close();
          store = await at.open();
        }
        const back = (await store.readBack(digestOf('idem 2')))!;
        expect(back.exec).toBe(execId(2));
        expect(back.entries.map(({ leaf }) => base64url(leaf))).toEqual(
          entries.map(({ leaf }) => base64url(leaf)),
        );
        for (const entry of back.entries) await verified(entry);
        expect(await store.readBack(digestOf('never'))).toBeUndefined();
      }
    });

    test('the log gives entries, tiles, proofs and earlier checkpoints', async () => {
      await booted();
      const results = await Promise.all(Array.from({ length: 270 }, (_, i) => done(store, anExecution(i))));
      await store.commit(anExecution(900));
      const { size, root, note } = await store.log.checkpoint();
      expect(size).toBe(272);
      const entries = await store.log.entries(0, size);
      const leaves = entries.map((bytes) => leafHash(bytes));
      const plain: HashReader = (level, index) =>
        level === 0 ? leaves[index]! : nodeHash(plain(level - 1, 2 * index), plain(level - 1, 2 * index + 1));
      expect(equalBytes(treeRoot(size, plain), root)).toBe(true);
      expect((await verifyNote(note, [vkey], nodeCrypto)).verified).toEqual([KEYS.log.name]);

      expect((await store.log.tile(0, 0))!.length).toBe(256 * 32);
      expect((await store.log.tile(0, 1))!.length).toBe(16 * 32);
      expect((await store.log.tile(0, 1, 7))!.length).toBe(7 * 32);
      expect(await store.log.tile(0, 1, 17)).toBeUndefined();
      expect((await store.log.tile(1, 0))!.length).toBe(32);
      expect(await store.log.tile(1, 1)).toBeUndefined();
      const bundle = (await store.serve(tilePath({ level: 'entries', index: 1, width: 16 })))!;
      expect(decodeEntryBundle(bundle, 16).map(base64url)).toEqual(entries.slice(256).map(base64url));
      expect(await store.serve('checkpoint')).toBeUndefined();

      const proof = (await store.log.inclusion(5, 200)).map((hash) => new Uint8Array(hash));
      expect(
        verifyInclusion({ index: 5, size: 200, leaf: leaves[5]!, proof, root: treeRoot(200, plain) }),
      ).toBe(true);
      expect(await store.log.find(leaves[5]!)).toBe(5);
      expect(await store.log.find(new Uint8Array(32))).toBeUndefined();
      const acknowledged = results[0]!.size;
      const consistency = (await store.log.consistency(acknowledged, size)).map(
        (hash) => new Uint8Array(hash),
      );
      const earlier = (await store.log.checkpointAt(acknowledged))!;
      const oldRoot = parseCheckpoint(parseNote(earlier).text).root;
      expect(
        verifyConsistency({
          oldSize: acknowledged,
          newSize: size,
          oldRoot,
          newRoot: root,
          proof: consistency,
        }),
      ).toBe(true);
      expect(await codeOf(store.log.entries(0, size + 1))).toBe('ERR_STORE_QUERY');
      expect(await codeOf(store.log.inclusion(0, size + 1))).toBe('ERR_STORE_QUERY');
    });

    test('rule 36: the checkpoint of an acknowledged size is made again byte for byte; another size gives the next acknowledged one', async () => {
      await booted();
      const { entries, size } = await done(store, anExecution(1, { behaviour: 'two' }));
      const { checkpoint } = parseTlogProof(entries[0]!.proof);
      await store.commit(anExecution(2));
      expect(await store.log.checkpointAt(size)).toBe(checkpoint);
      expect(await store.log.checkpointAt(size - 1)).toBe(checkpoint);
      expect(await store.log.checkpointAt(1_000_000)).toBeUndefined();
      await store.close();
      store = await at.open();
      expect(await store.log.checkpointAt(size)).toBe(checkpoint);
    });

    test('a follower gets each committed entry once, in order, and ends when the store closes', async () => {
      await booted();
      await store.commit(anExecution(1));
      const seen: number[] = [];
      const following = (async () => {
        for await (const { index, entry, leaf } of store.watch(0, new AbortController().signal)) {
          expect(leaf.length).toBe(32);
          expect(entry.type).toBe('observation');
          seen.push(index);
        }
      })();
      for (let i = 2; i <= 4; i++) await store.commit(anExecution(i));
      await Promise.all(Array.from({ length: 600 }, (_, i) => store.commit(anExecution(10 + i))));
      while (seen.length < 604) await new Promise((resolve) => void setTimeout(resolve, 1));
      await store.close();
      await following;
      expect(seen).toEqual(Array.from({ length: 604 }, (_, i) => i + 1));
    });

    test('a follower that aborts ends', async () => {
      await booted();
      const control = new AbortController();
      const following = (async () => {
        for await (const _ of store.watch(100, control.signal)) throw new Error('nothing is beyond 100');
      })();
      control.abort();
      await following;
    });
  });

  describe(`${name}: records, notes and sessions`, () => {
    const key = new Uint8Array(32).fill(9);
    const body = { arguments: { path: '/workspace/a.txt', text: 'hé' } };

    test('a record is kept with its entry and read back, over a restart', async () => {
      await booted();
      await store.commit(anExecution(1, { record: { id: execId(1), key, body } }));
      await store.close();
      store = await at.open();
      const found = await store.records.get(execId(1));
      expect(found).toEqual({ key: expect.anything(), body });
      expect(found !== 'erased' && equalBytes(found!.key, key)).toBe(true);
      expect(await store.records.get(execId(2))).toBeUndefined();
    });

    test('rule 41: destroying the key erases the record and its later parts, the entry and its proof stay', async () => {
      await booted();
      await store.commit(anExecution(1, { record: { id: execId(1), key, body } }));
      await store.commit(anExecution(2, { record: { id: `${execId(1)}/result`, key, body } }));
      await store.commit(anExecution(3, { record: { id: execId(3), key, body } }));
      await store.records.destroyKey(execId(1));
      expect(await store.records.get(execId(1))).toBe('erased');
      expect(await store.records.get(`${execId(1)}/result`)).toBe('erased');
      expect(await store.records.get(execId(3))).toMatchObject({ body });
      for (const entry of (await store.readBack(digestOf('idem 1')))!.entries) await verified(entry);
      await store.rebuild();
      // What the detail said is gone; what the entry says is not.
      const [row] = await store.read([{ kind: 'execution', id: execId(1) }]);
      expect(row!.value).toMatchObject({ state: 'permitted', reasons: [] });
    });

    test('a second record under one id is kept beside the first, never over it', async () => {
      await booted();
      await store.commit(anExecution(1, { record: { id: 'r', key, body: { n: 1 } } }));
      const late = await done(store, anExecution(2, { record: { id: 'r', key, body: { n: 2 } } }));
      expect(await store.records.get('r')).toMatchObject({ body: { n: 1 } });
      expect(await store.records.get(`r/${late.entries[0]!.index}`)).toMatchObject({ body: { n: 2 } });
    });

    test('notes are signed in the transaction and kept in order', async () => {
      await booted();
      await store.commit(anExecution(1));
      const [row] = await store.read([{ kind: 'execution', id: execId(1) }]);
      const notes = [
        (await done(store, aRenewal(1, 1))).notes,
        (await done(store, aRenewal(1, 2))).notes,
      ].flat();
      expect(await store.records.notes(execId(1))).toEqual(notes);
      const lease = parseVkey(ed25519NoteSigner(KEYS.lease.name, KEYS.lease.seed).vkey);
      expect((await verifyNote(notes[1]!, [lease], nodeCrypto)).verified).toEqual([KEYS.lease.name]);
      const [renewed] = await store.read([{ kind: 'execution', id: execId(1) }]);
      expect(renewed!.version).toBeGreaterThan(row!.version);
    });

    test('what is taken is taken once, by one of all that ask at the same time, and stays gone', async () => {
      await booted();
      const later = Date.now() + 3_600_000;
      await store.sessions.put('once', { challenge: 'c' }, later);
      await store.sessions.put('late', { challenge: 'c' }, Date.now() - 1);
      const taken = await Promise.all(Array.from({ length: 8 }, () => store.sessions.take('once')));
      expect(taken.filter((one) => one !== undefined)).toEqual([{ challenge: 'c' }]);
      expect(await store.sessions.take('late')).toBeUndefined();
      expect(await store.sessions.get('once')).toBeUndefined();
    });

    test('sessions are kept over a restart, expire, and end with their subject', async () => {
      await booted();
      const later = Date.now() + 60_000;
      await store.sessions.put('a', { subject: 'agent-1', secret: 's' }, later);
      await store.sessions.put('b', { subject: 'agent-2' }, later);
      await store.sessions.put('c', { subject: 'agent-1' }, Date.now() - 1);
      expect(await store.sessions.get('c')).toBeUndefined();
      await store.close();
      store = await at.open();
      expect(await store.sessions.get('a')).toEqual({ subject: 'agent-1', secret: 's' });
      await store.sessions.delete({ subject: 'agent-1' });
      expect(await store.sessions.get('a')).toBeUndefined();
      expect(await store.sessions.get('b')).toEqual({ subject: 'agent-2' });
      await store.sessions.delete({ id: 'b' });
      expect(await store.sessions.get('b')).toBeUndefined();
    });
  });

  describe(`${name}: rebuilding`, () => {
    test('rebuilt rows are the live ones: values, versions and order', async () => {
      await booted();
      const record = { id: execId(7), key: new Uint8Array(32).fill(3), body: { n: 7 } };
      await Promise.all(
        Array.from({ length: 30 }, (_, i) =>
          store.commit(anExecution(i, { behaviour: i % 3 === 0 ? 'two' : 'deny' })),
        ),
      );
      await store.commit(anExecution(77, { record }));
      await Promise.all([
        store.commit(aRenewal(1, 1)),
        store.commit(anExecution(40)),
        store.commit(aRenewal(2, 1)),
      ]);
      const all = async (): Promise<unknown> =>
        Promise.all(
          (['execution', 'idem', 'tally'] as const).map((kind) => store.list({ kind, limit: 1_000 })),
        );
      const live = structuredClone(await all());
      const { rows } = await store.rebuild();
      expect(await all()).toEqual(live);
      expect(rows).toBe((live as unknown[][]).flat().length);
      await store.commit(anExecution(41));
      expect((await store.check()).size).toBeGreaterThan(40);
    });
  });

  describe(`${name}: failing`, () => {
    test.each(FAULT_POINTS)('every write fails two ways: %s', async (point) => {
      await booted({ faults: [{ point, batch: 3 }] });
      await store.commit(anExecution(1));
      const before = await store.log.checkpoint();
      const key = new Uint8Array(32).fill(5);
      const failing = [2, 3].map((n) =>
        codeOf(store.commit(anExecution(n, { record: { id: execId(n), key, body: n } }))),
      );
      const expected = UNKNOWN[point] ? 'ERR_STORE_UNKNOWN_RESULT' : 'ERR_STORE_UNAVAILABLE';
      expect(await Promise.all(failing)).toEqual([expected, expected]);
      // RULE 37: no further commit, no answer about what is in doubt, nothing unacknowledged released.
      expect(await codeOf(store.commit(anExecution(4)))).toBe('ERR_STORE_UNAVAILABLE');
      expect(await codeOf(store.readBack(digestOf('idem 2')))).toBe('ERR_STORE_UNAVAILABLE');
      expect((await store.health()).ok).toBe(false);
      expect(await store.log.entries(0, before.size)).toHaveLength(before.size);

      await store.close();
      await booted();
      const back = await store.readBack(digestOf('idem 2'));
      expect(back === undefined).toBe(!PERSISTED[point]);
      expect(await store.records.get(execId(2))).toEqual(
        PERSISTED[point] ? { key: expect.anything(), body: 2 } : undefined,
      );
      for (const entry of back?.entries ?? []) await verified(entry);
      const after = await store.check();
      expect(after.size).toBe(before.size + (PERSISTED[point] ? 2 : 0) + 1);
      const proof = (await store.log.consistency(before.size, after.size)).map(
        (hash) => new Uint8Array(hash),
      );
      const claim = { oldSize: before.size, newSize: after.size, proof };
      expect(
        verifyConsistency({
          ...claim,
          oldRoot: new Uint8Array(before.root),
          newRoot: new Uint8Array(after.root),
        }),
      ).toBe(true);
    });

    test.each(FAULT_POINTS)('rule 37: after %s the store recovers in place and goes on', async (point) => {
      await booted({ faults: [{ point, batch: 3 }] });
      await store.commit(anExecution(1));
      await codeOf(store.commit(anExecution(2)));
      await store.recover();
      expect((await store.readBack(digestOf('idem 2'))) !== undefined).toBe(PERSISTED[point]);
      const result = await done(store, anExecution(3));
      await verified(result.entries[0]!);
      expect((await store.check()).size).toBe(PERSISTED[point] ? 4 : 3);
      expect((await store.health()).ok).toBe(true);
    });

    test('what waits behind a failed batch was not written and is told so', async () => {
      await booted({ faults: [{ point: 'unknown-result', batch: 2 }] });
      const first = codeOf(store.commit(anExecution(1)));
      await Promise.resolve();
      await Promise.resolve();
      const second = codeOf(store.commit(anExecution(2)));
      expect(await first).toBe('ERR_STORE_UNKNOWN_RESULT');
      expect(await second).toMatch(/ERR_STORE_(UNAVAILABLE|UNKNOWN_RESULT)/);
    });
  });
}
