/**
 * The PostgreSQL store as the plane sees it (DESIGN §9): several replicas write one log through one database, none of
 * them leading. Each batches its own requests; the state row is the fence. What is known here is brought up to date by
 * this replica's batches, by notifications and by a poll; every commit looks again under the fence (RULE 4).
 */
import {
  consistencyProof,
  EvidenceError,
  inclusionProof,
  parseTilePath,
  TILE_WIDTH,
  HASH_LENGTH,
  type Json,
  type TileRef,
} from '@licet/evidence';
import '@licet/evidence/node';
import {
  checkpointSigner,
  createBatcher,
  guardSigner,
  readTile,
  serveTile,
  type Settled,
  type SyncNoteSigner,
} from '@licet/log';
import type {
  Clock,
  CommitAnswer,
  CommitResult,
  IdemRow,
  LeaseSigner,
  Machine,
  Row,
  RowKey,
  Store,
} from '@licet/control-plane';
import { checkedEntry, checkRange, committed, committedAt, type StoredEntry } from './answers.ts';
import { checkTree } from './check.ts';
import { seenOf, type BatchCommand, type Planned } from './engine.ts';
import { messageOf, StoreError } from './errors.ts';
import { parsePostgresUrl } from './postgres-connection.ts';
import { createPostgresKeys } from './postgres-keys.ts';
import { checkedPostgres } from './postgres-checked.ts';
import { createPostgresReader } from './postgres-reader.ts';
import { rebuildPostgres } from './postgres-rebuild.ts';
import { openReplica } from './postgres-replica.ts';
import { rowOf } from './postgres-rows.ts';
import { BatchFailure, createPostgresWriter, type WrittenBatch } from './postgres-writer.ts';
import { unseal } from './seal.ts';
import { Bell, follow, Recent } from './watch.ts';
import type { FaultPlan } from './wire.ts';

export interface PostgresStoreOptions {
  /** `postgres://user@host/database?schema=NAME`; the schema's default is `licet`. */
  readonly url: string;
  /** The log's signer, whose name is the origin; all replicas have the same key. */
  readonly log: SyncNoteSigner;
  readonly lease: LeaseSigner;
  readonly machine: Machine;
  readonly clock: Clock;
  /** 32 bytes that all replicas hold and the database does not: record keys are wrapped under it (RULE 41). */
  readonly secret: Uint8Array;
  /** File in which this replica keeps the newest tree it has seen (RULE 7). Default: it remembers nothing. */
  readonly knownHead?: string;
  /** Milliseconds within which the server must answer. Default 5,000. */
  readonly answerMs?: number;
  /** Most commands waiting in the normal and in the safety lane. Default 4,096 and 8,192. */
  readonly queue?: { readonly normal: number; readonly safety: number };
  /** For tests: batches that are to fail. */
  readonly faults?: readonly FaultPlan[];
}

export interface PostgresStore extends Store {
  /** Whether the log has its genesis: the first boot of an empty store makes it. */
  genesis(): Promise<boolean>;
  /**
   * After a failure: comes to the server again, which may be another one by now, waits for what was in doubt, and goes
   * on when everything that this replica knew is there (RULE 7, RULE 37). Until then nothing is written.
   */
  recover(): Promise<void>;
  /** The bytes of a tlog-tiles path, undefined when it is not here. */
  serve(path: string): Promise<Uint8Array | undefined>;
}

/**
 * Opens a replica. A `boot` command must be the first to commit on a server that none has been committed on (RULE 7).
 * @throws StoreError `ERR_STORE_OPEN`, `ERR_STORE_FORMAT`, `ERR_STORE_KEY`, `ERR_STORE_DURABILITY`,
 *   `ERR_STORE_INCARNATION`, `ERR_STORE_CORRUPT`; LogError `ERR_LOG_FORK`
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  const bell = new Bell();
  const recent = new Recent();
  let closed = false;
  const replica = await openReplica({
    target: parsePostgresUrl(options.url),
    identity: { origin: options.log.name, key: options.log.vkey },
    knownHead: options.knownHead,
    answerMs: options.answerMs ?? 5_000,
    news: () => bell.ring(),
    failed: (why) => batcher.rejectWaiting(new StoreError('ERR_STORE_UNAVAILABLE', why)),
  });
  const { ask, tiles } = replica;
  const reader = createPostgresReader(ask);
  const keys = createPostgresKeys(ask, options.secret);
  const write = createPostgresWriter({
    machine: options.machine,
    lease: options.lease,
    clock: options.clock,
    faults: options.faults ?? [],
    wrap: (id, key) => keys.wrap(id, key),
    session: () => replica.writing(),
    view: () => replica.view,
    reopen: () => replica.reopen(),
  });
  /** The tree whose root is certain, because it was committed: what the guard is told of smaller sizes (RULE 36). */
  let certain: { readonly size: number; readonly root: Uint8Array } = replica.view.log;
  const guarded = guardSigner(
    checkpointSigner(options.log),
    (size) => (certain.size === size ? certain.root : undefined),
    (message) => new StoreError('ERR_STORE_CORRUPT', message),
  );
  const sign = (head: { readonly size: number; readonly root: Uint8Array }): string => {
    certain = head;
    return guarded.signCheckpoint(head.size, head.root);
  };
  let signed: { readonly note: string; readonly size: number; readonly root: Uint8Array } | undefined;

  const batcher = createBatcher<BatchCommand, CommitAnswer>({
    commit: commitBatch,
    busy: (lane) => new StoreError('ERR_STORE_BUSY', `the ${lane} lane is full`),
    ...(options.queue === undefined
      ? {}
      : { maxNormal: options.queue.normal, maxSafety: options.queue.safety }),
  });

  async function commitBatch(
    items: readonly { readonly item: BatchCommand }[],
  ): Promise<readonly Settled<CommitAnswer>[]> {
    requireWritable();
    let written: WrittenBatch;
    try {
      written = await write(items.map(({ item }) => item));
    } catch (error) {
      throw failure(error);
    }
    try {
      return await answer(written);
    } catch (error) {
      // Durable and not signed: whoever asks again reads it back, once the store has recovered.
      replica.fail(error);
      throw new StoreError('ERR_STORE_UNKNOWN_RESULT', messageOf(error), { cause: error });
    }
  }

  /** What callers are told of a batch that failed; everything but a full disk stops writing. */
  function failure(error: unknown): StoreError {
    const left = error instanceof BatchFailure ? error.left : 'before';
    // A connection that was cut because of something else: that is the reason to give.
    const why = replica.trouble ?? messageOf(error);
    if (left === 'full') return new StoreError('ERR_STORE_FULL', why, { cause: error });
    replica.fail(error);
    const code = left === 'unknown' ? 'ERR_STORE_UNKNOWN_RESULT' : 'ERR_STORE_UNAVAILABLE';
    return new StoreError(code, why, { cause: error });
  }

  async function answer({ plan, base }: WrittenBatch): Promise<readonly Settled<CommitAnswer>[]> {
    const { size, root } = plan.appended.state;
    // RULE 36: signed only now, after COMMIT.
    const note = sign({ size, root });
    if (plan.entries.length > 0) {
      plan.entries.forEach(({ bytes, leaf }, place) => recent.add(base + place, bytes, leaf));
      replica.committed();
      bell.ring();
    }
    return Promise.all(plan.answers.map((answered) => settled(answered, plan, { base, size, note })));
  }

  async function settled(
    answered: Planned,
    plan: WrittenBatch['plan'],
    batch: { readonly base: number; readonly size: number; readonly note: string },
  ): Promise<Settled<CommitAnswer>> {
    if (answered.kind === 'stale') return { ok: true, answer: 'stale' };
    if (answered.kind === 'error')
      return { ok: false, error: new StoreError(answered.code, answered.message) };
    const entries = plan.entries.slice(answered.first, answered.first + answered.count).map((entry, i) => {
      const place = answered.first + i;
      const stored = { index: batch.base + place, bytes: entry.bytes, leaf: entry.leaf };
      return committed(stored, () => plan.appended.proof(place), batch.note);
    });
    const result: CommitResult = { reply: answered.reply, entries, notes: answered.notes, size: batch.size };
    const seen = seenOf(answered, batch.size);
    if (seen === undefined) return { ok: true, answer: result };
    const consistency = await tiles.over((read) => consistencyProof(seen, batch.size, read));
    return { ok: true, answer: { ...result, consistency } };
  }

  async function readRows(wanted: readonly RowKey[]): Promise<readonly (Row | undefined)[]> {
    const { rows } = replica.view;
    const missing = wanted.filter(({ kind, id }) => rows.get(kind, id) === undefined);
    if (missing.length === 0) return wanted.map(({ kind, id }) => rows.get(kind, id));
    const before = rows.forgotten;
    const found = await reader.rows(missing);
    // Something newer may have come and gone meanwhile; then this answer is given and not remembered.
    if (rows.forgotten === before) for (const row of found) rows.put(row);
    const fetched = new Map(found.map((row) => [`${row.kind}\0${row.id}`, row]));
    return wanted.map(({ kind, id }) => {
      const known = rows.get(kind, id);
      const row = fetched.get(`${kind}\0${id}`);
      return known ?? (row === undefined ? undefined : rowOf(row));
    });
  }

  function requireOpen(): void {
    if (closed) throw new StoreError('ERR_STORE_CLOSED', 'the store is closed');
  }
  function requireWritable(): void {
    requireOpen();
    if (replica.trouble !== undefined) throw new StoreError('ERR_STORE_UNAVAILABLE', replica.trouble);
  }

  function head(): { readonly note: string; readonly size: number; readonly root: Uint8Array } {
    const { size, root } = replica.view.log;
    if (signed?.size !== size) signed = { note: sign({ size, root }), size, root };
    return signed;
  }
  /** The newest head, once it holds the entry. */
  async function headAbove(index: number): Promise<ReturnType<typeof head>> {
    await reach(index + 1);
    if (index >= replica.view.log.size)
      throw new StoreError('ERR_STORE_CORRUPT', `entry ${index} is in no signed tree`);
    return head();
  }

  /** What another replica has just acknowledged is asked for here before the notification has come: it is fetched. */
  async function reach(size: number): Promise<void> {
    if (Number.isSafeInteger(size) && size > replica.view.log.size) await replica.sync();
  }

  async function entriesOf(start: number, end: number): Promise<readonly StoredEntry[]> {
    await reach(end);
    checkRange(start, end, replica.view.log.size);
    const found = (await reader.entries(start, end)).map(checkedEntry);
    if (found.length !== end - start)
      throw new StoreError('ERR_STORE_CORRUPT', `entries [${start}, ${end}) are not all there`);
    return found;
  }

  /** Makes the tile's first `width` hashes be here. */
  async function needTile(level: number, index: number, width: number): Promise<void> {
    if ((tiles.store.get(level, index)?.length ?? 0) < width * HASH_LENGTH)
      await tiles.load([{ level, index }]);
  }

  return {
    async read(wanted) {
      requireOpen();
      return readRows(wanted);
    },
    async commit(prepared, { lane = 'normal', seen } = {}) {
      requireWritable();
      return batcher.submit(seen === undefined ? { prepared } : { prepared, seen }, lane);
    },
    async readBack(idem) {
      // While the outcome of a commit is in doubt there is no answer to give, not even "nothing".
      requireWritable();
      const [row] = await readRows([{ kind: 'idem', id: idem }]);
      if (row === undefined) return undefined;
      const { exec } = row.value as IdemRow;
      const entries = (await reader.entriesOf(exec)).map(checkedEntry);
      const { size, note } = await headAbove(entries.at(-1)?.index ?? -1);
      return { exec, entries: await tiles.over((read) => committedAt(entries, { size, note }, { read })) };
    },
    opening: () => ({
      incarnation: replica.incarnation,
      booted: replica.view.incarnation === replica.incarnation,
    }),
    async due(nowMs, limit) {
      requireOpen();
      const ids = replica.replicas.map(({ id }) => id);
      const place = ids.indexOf(replica.id);
      const share = place < 0 ? { replicas: 1, place: 0 } : { replicas: ids.length, place };
      return reader.due(nowMs, limit, share);
    },
    async list(query) {
      requireOpen();
      return reader.list(query);
    },
    records: {
      async get(id) {
        requireOpen();
        const body = await reader.record(id);
        if (body === undefined) return undefined;
        const key = await keys.get(id);
        if (key === 'erased') return 'erased';
        if (key === undefined) throw new StoreError('ERR_STORE_CORRUPT', `the key of record ${id} is lost`);
        return { key, body: unseal(key, `record:${id}`, body) as Json };
      },
      async notes(exec) {
        requireOpen();
        return reader.notes(exec);
      },
      async destroyKey(id) {
        requireWritable();
        await keys.destroy(id);
      },
    },
    log: {
      async checkpoint() {
        requireOpen();
        return head();
      },
      async tile(level, index, width) {
        requireOpen();
        const { size } = replica.view.log;
        await needTile(level, index, width ?? TILE_WIDTH);
        const at = { level, index, size };
        return readTile(tiles.store, width === undefined ? at : { ...at, width })?.slice();
      },
      async entries(start, end) {
        requireOpen();
        return (await entriesOf(start, end)).map(({ bytes }) => bytes);
      },
      async find(leaf) {
        requireOpen();
        const index = await reader.find(leaf);
        if (index !== undefined) await reach(index + 1);
        return index === undefined || index >= replica.view.log.size ? undefined : index;
      },
      async inclusion(index, size) {
        requireOpen();
        await reach(size);
        checkRange(index, size, replica.view.log.size);
        return tiles.over((read) => inclusionProof(index, size, read));
      },
      async consistency(oldSize, newSize) {
        requireOpen();
        await reach(newSize);
        checkRange(oldSize, newSize, replica.view.log.size);
        return tiles.over((read) => consistencyProof(oldSize, newSize, read));
      },
      async checkpointAt(size) {
        requireOpen();
        const first = await reader.headFrom(size);
        if (first !== undefined) await reach(first.size);
        return first === undefined || first.size > replica.view.log.size ? undefined : sign(first);
      },
    },
    watch: (after, signal) =>
      follow(
        {
          size: () => replica.view.log.size,
          closed: () => closed,
          read: entriesOf,
          recent: (index) => recent.get(index),
          bell,
        },
        after,
        signal,
      ),
    async check(progress) {
      requireOpen();
      return replica.long(async (session) => checkTree(await checkedPostgres(session), progress));
    },
    async rebuild() {
      requireWritable();
      const rows = await replica.long((session) => rebuildPostgres(session, options.machine, keys));
      await replica.sync();
      return { rows };
    },
    sessions: {
      async put(id, value, expiresAtMs) {
        requireWritable();
        await keys.putSession(id, value, expiresAtMs);
      },
      async get(id) {
        requireOpen();
        return keys.session(id, options.clock.nowMs());
      },
      async take(id) {
        requireWritable();
        return keys.takeSession(id, options.clock.nowMs());
      },
      async delete(where) {
        requireOpen();
        await keys.deleteSessions(where);
      },
    },
    async health() {
      const why = closed ? 'closed' : replica.trouble;
      const booted = replica.view.incarnation === replica.incarnation;
      return {
        ok: why === undefined,
        why: why ?? (booted ? 'taking writes' : 'open; waiting for boot'),
        size: replica.view.log.size,
        queue: batcher.outstanding,
        kind: 'postgresql',
        replicas: replica.replicas.map(({ id, size, ageMs }) => ({
          id,
          size,
          ageMs,
          self: id === replica.id,
        })),
      };
    },
    async close() {
      if (closed) return;
      await batcher.close();
      closed = true;
      bell.ring();
      await replica.close();
    },
    async genesis() {
      requireOpen();
      return replica.view.log.size > 0;
    },
    async recover() {
      requireOpen();
      await replica.recover();
      recent.clear();
      await keys.sweep(options.clock.nowMs());
    },
    async serve(path) {
      requireOpen();
      const { size } = replica.view.log;
      const asked = tileAsked(path);
      if (asked === undefined) return undefined;
      const { level, index, width } = asked;
      const start = index * TILE_WIDTH;
      if (level !== 'entries') await needTile(level, index, width);
      else if (start + width > size) return undefined;
      const entries = level === 'entries' ? await entriesOf(start, start + width) : [];
      return serveTile(path, { size, tiles: tiles.store, entries: () => entries.map(({ bytes }) => bytes) });
    },
  };
}

/** A path that names no tile is an ordinary question with the answer "not here". */
function tileAsked(path: string): TileRef | undefined {
  try {
    return parseTilePath(path);
  } catch (error) {
    if (error instanceof EvidenceError) return undefined;
    throw error;
  }
}
