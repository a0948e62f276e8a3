/**
 * The SQLite store as the plane sees it (DESIGN §9). Writes go in batches to the writer's thread; reads are made
 * here, over connections that may only read, so a decision waits for no batch. Rows read are remembered until the
 * writer says that they changed.
 */
import type { DatabaseSync } from 'node:sqlite';
import { consistencyProof, inclusionProof, type Json } from '@licet/evidence';
import '@licet/evidence/node';
import {
  createBatcher,
  createTileReader,
  readTile,
  serveTile,
  type Settled,
  type TileReader,
} from '@licet/log';
import type { CommitAnswer, CommitResult, IdemRow, Lane, Row, Store } from '@licet/control-plane';
import { checkedEntry, checkRange, committed, committedAt, type StoredEntry } from './answers.ts';
import { checkTree } from './check.ts';
import { StoreError } from './errors.ts';
import { createKeysFile, type KeysFile } from './keys-file.ts';
import { rowKey } from './overlay.ts';
import { openForReading } from './schema.ts';
import { unseal } from './seal.ts';
import { subjectOf } from './session.ts';
import { checkedBy } from './sqlite-checked.ts';
import { createReader, type SqliteReader } from './sqlite-reader.ts';
import { Bell, follow, Recent } from './watch.ts';
import {
  toWire,
  unpackEntry,
  type BatchReply,
  type CommandReply,
  type FaultPlan,
  type Head,
  type KeySeed,
  type Opened,
  type UnpackedEntry,
  type WireCommand,
} from './wire.ts';
import { startWriter } from './writer-client.ts';

export interface SqliteStoreOptions {
  /** The data folder. Hold its lock first (`holdDataFolder`). */
  readonly path: string;
  /** Name and 32-byte Ed25519 seed of the log's key (its name is the origin) and of the lease key. */
  readonly keys: { readonly log: KeySeed; readonly lease: KeySeed };
  /** Module that exports `machine`. Default `@licet/control-plane`. */
  readonly machine?: string;
  /** Bytes kept back for the safety lane. Default 16 MiB. */
  readonly reserveBytes?: number;
  /** Most commands waiting in the normal and in the safety lane. Default 4,096 and 8,192. */
  readonly queue?: { readonly normal: number; readonly safety: number };
  /** For tests: batches that are to fail. */
  readonly faults?: readonly FaultPlan[];
}

export interface SqliteStore extends Store {
  /** Whether the log has its genesis: the first boot of an empty store makes it. */
  genesis(): Promise<boolean>;
  /**
   * After a failure of COMMIT or of I/O: copies the store to new files, makes them durable, computes the root there,
   * and goes on with them (RULE 37). Until then nothing is written and nothing unacknowledged is released.
   */
  recover(): Promise<void>;
  /** The bytes of a tlog-tiles path, undefined when it is not here. */
  serve(path: string): Promise<Uint8Array | undefined>;
}

interface Reading {
  readonly db: DatabaseSync;
  readonly keysDb: DatabaseSync;
  readonly store: SqliteReader;
  readonly keys: KeysFile;
  readonly tiles: TileReader;
}

const MAX_REMEMBERED_ROWS = 20_000;
/** Kinds that every decision asks for, mostly in vain. */
const ASKED_AGAIN: ReadonlySet<Row['kind']> = new Set(['containment', 'fact', 'mandate', 'meter']);

/**
 * Opens the store of a data folder for writing. A `boot` command must be the first to commit (RULE 7).
 * @throws StoreError `ERR_STORE_OPEN`, `ERR_STORE_FORMAT`, `ERR_STORE_KEY`, `ERR_STORE_CORRUPT`
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const writer = await startWriter({
    path: options.path,
    log: options.keys.log,
    lease: options.keys.lease,
    machine: options.machine ?? import.meta.resolve('@licet/control-plane'),
    faults: options.faults ?? [],
    ...(options.reserveBytes === undefined ? {} : { reserveBytes: options.reserveBytes }),
  });
  const bell = new Bell();
  const recent = new Recent();
  const remembered = new Map<string, Row | undefined>();
  const sessions = new Map(writer.opened.sessions.map((session) => [session.id, session]));
  let reading = openReading(writer.opened);
  let head: Head = writer.opened.head;
  let booted = false;
  let poison: string | undefined;
  let closed = false;

  const batcher = createBatcher<Omit<WireCommand, 'lane'>, CommitAnswer>({
    commit: commitBatch,
    busy: (lane) => new StoreError('ERR_STORE_BUSY', `the ${lane} lane is full`),
    ...(options.queue === undefined
      ? {}
      : { maxNormal: options.queue.normal, maxSafety: options.queue.safety }),
  });

  async function commitBatch(
    items: readonly { readonly item: Omit<WireCommand, 'lane'>; readonly lane: Lane }[],
  ): Promise<readonly Settled<CommitAnswer>[]> {
    requireWritable();
    let reply: BatchReply;
    try {
      reply = await writer.ask(
        'commit',
        items.map(({ item, lane }) => ({ ...item, lane })),
      );
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'ERR_STORE_FULL') {
        poison = (error as Error).message;
        batcher.rejectWaiting(new StoreError('ERR_STORE_UNAVAILABLE', poison));
      }
      // What was written may differ from what is remembered.
      remembered.clear();
      throw error;
    }
    for (const key of reply.changed) remembered.delete(key);
    head = reply.head;
    booted = reply.booted;
    const entries = reply.entries.ends.length > 0 ? unpackedOf(reply) : [];
    if (entries.length > 0) bell.ring();
    return reply.answers.map((answer) => settled(answer, reply, entries));
  }

  function unpackedOf({ base, entries }: BatchReply): readonly UnpackedEntry[] {
    return Array.from(entries.ends, (_, place) => {
      const entry = unpackEntry(entries, place);
      recent.add(base + place, entry.bytes, entry.leaf);
      return entry;
    });
  }

  function settled(
    answer: CommandReply,
    batch: BatchReply,
    unpacked: readonly UnpackedEntry[],
  ): Settled<CommitAnswer> {
    if (answer.kind === 'stale') return { ok: true, answer: 'stale' };
    if (answer.kind === 'error') return { ok: false, error: new StoreError(answer.code, answer.message) };
    const entries = Array.from({ length: answer.count }, (_, i) => {
      const place = answer.first + i;
      const { bytes, leaf, proof } = unpacked[place]!;
      return committed({ index: batch.base + place, bytes, leaf }, proof, batch.head.note);
    });
    const result: CommitResult = { reply: answer.reply, entries, notes: answer.notes, size: batch.head.size };
    const { consistency } = answer;
    return { ok: true, answer: consistency === undefined ? result : { ...result, consistency } };
  }

  function readRow(kind: Row['kind'], id: string): Row | undefined {
    const key = rowKey(kind, id);
    const known = remembered.get(key);
    if (known !== undefined || remembered.has(key)) return known;
    const row = reading.store.row(kind, id)?.row;
    // That a row is not there is remembered where the names are ours: callers could make up others without end.
    if (row !== undefined || ASKED_AGAIN.has(kind)) {
      if (remembered.size >= MAX_REMEMBERED_ROWS) remembered.delete(remembered.keys().next().value!);
      remembered.set(key, row);
    }
    return row;
  }

  function requireOpen(): void {
    if (closed) throw new StoreError('ERR_STORE_CLOSED', 'the store is closed');
  }
  function requireWritable(): void {
    requireOpen();
    const why = poison ?? (writer.trouble?.poisoned === true ? writer.trouble.why : undefined);
    if (why !== undefined) throw new StoreError('ERR_STORE_UNAVAILABLE', why);
  }

  /** The newest head; asks the writer when more is committed than has been signed here. */
  async function headAbove(index: number): Promise<Head> {
    if (index < head.size) return head;
    const newest = await writer.ask('head', undefined);
    if (newest.size > head.size) head = newest;
    if (index >= head.size) throw new StoreError('ERR_STORE_CORRUPT', `entry ${index} is in no signed tree`);
    return head;
  }

  const entriesOf = (start: number, end: number): readonly StoredEntry[] => {
    checkRange(start, end, head.size);
    const found = reading.store.entries(start, end).map(checkedEntry);
    if (found.length !== end - start) {
      throw new StoreError('ERR_STORE_CORRUPT', `entries [${start}, ${end}) are not all there`);
    }
    return found;
  };

  /** Changes outside the log that failed leave the store as untrusted as a failed COMMIT. */
  async function change(work: Promise<undefined>): Promise<void> {
    try {
      await work;
    } catch (error) {
      poison = (error as Error).message;
      throw error;
    }
  }

  return {
    async read(keys) {
      requireOpen();
      return keys.map(({ kind, id }) => readRow(kind, id));
    },
    async commit(prepared, { lane = 'normal', seen } = {}) {
      requireWritable();
      return batcher.submit({ ...toWire(prepared), ...(seen === undefined ? {} : { seen }) }, lane);
    },
    async readBack(idem) {
      // While the outcome of a commit is in doubt there is no answer to give, not even "nothing".
      requireWritable();
      const row = readRow('idem', idem);
      if (row === undefined) return undefined;
      const { exec } = row.value as IdemRow;
      const entries = reading.store.entriesOf(exec).map(checkedEntry);
      return {
        exec,
        entries: committedAt(entries, await headAbove(entries.at(-1)?.index ?? -1), reading.tiles),
      };
    },
    async due(nowMs, limit) {
      requireOpen();
      return reading.store.due(nowMs, limit);
    },
    async list(query) {
      requireOpen();
      return reading.store.list(query);
    },
    records: {
      async get(id) {
        requireOpen();
        const body = reading.store.record(id);
        if (body === undefined) return undefined;
        const key = reading.keys.get(id);
        if (key === 'erased') return 'erased';
        if (key === undefined) throw new StoreError('ERR_STORE_CORRUPT', `the key of record ${id} is lost`);
        return { key, body: unseal(key, `record:${id}`, body) as Json };
      },
      async notes(exec) {
        requireOpen();
        return reading.store.notes(exec);
      },
      async destroyKey(id) {
        requireWritable();
        await change(writer.ask('destroyKey', id));
      },
    },
    log: {
      async checkpoint() {
        requireOpen();
        return head;
      },
      async tile(level, index, width) {
        requireOpen();
        const at = { level, index, size: head.size };
        return readTile(reading.store, width === undefined ? at : { ...at, width })?.slice();
      },
      async entries(start, end) {
        requireOpen();
        return entriesOf(start, end).map(({ bytes }) => bytes);
      },
      async find(leaf) {
        requireOpen();
        const index = reading.store.find(leaf);
        return index === undefined || index >= head.size ? undefined : index;
      },
      async inclusion(index, size) {
        requireOpen();
        checkRange(index, size, head.size);
        return inclusionProof(index, size, reading.tiles.read);
      },
      async consistency(oldSize, newSize) {
        requireOpen();
        checkRange(oldSize, newSize, head.size);
        return consistencyProof(oldSize, newSize, reading.tiles.read);
      },
      async checkpointAt(size) {
        requireOpen();
        return size > head.size ? undefined : writer.ask('checkpointAt', size);
      },
    },
    watch: (after, signal) =>
      follow(
        {
          size: () => head.size,
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
      const { store } = reading;
      const state = store.state();
      if (state === undefined) throw new StoreError('ERR_STORE_CORRUPT', 'the store has no state');
      // Entries committed while the check runs are none of its business.
      const { size } = state.frontier;
      const checked = checkedBy(store, state, () => new Promise((resolve) => void setImmediate(resolve)));
      const extra = store.entries(size, size + 1).length > 0 && store.state()?.frontier.size === size;
      return checkTree({ ...checked, count: extra ? size + 1 : Math.min(checked.count, size) }, progress);
    },
    async rebuild() {
      requireWritable();
      const rows = await writer.ask('rebuild', undefined);
      remembered.clear();
      return { rows };
    },
    sessions: {
      async put(id, value, expiresAtMs) {
        requireWritable();
        const session = { id, value, expiresAtMs };
        await change(writer.ask('putSession', session));
        sessions.set(id, session);
      },
      async get(id) {
        requireOpen();
        const session = sessions.get(id);
        if (session === undefined) return undefined;
        if (session.expiresAtMs > Date.now()) return session.value;
        sessions.delete(id);
        return undefined;
      },
      async take(id) {
        requireWritable();
        const session = sessions.get(id);
        // Gone from here before anything is waited for: this process is the only one that has the folder.
        sessions.delete(id);
        if (session === undefined || session.expiresAtMs <= Date.now()) return undefined;
        await change(writer.ask('deleteSessions', { id }));
        return session.value;
      },
      async delete(where) {
        requireOpen();
        // Ended here first: a disk that fails must not keep a revoked session alive.
        for (const [id, { value }] of sessions) {
          if (id === where.id || (where.subject !== undefined && subjectOf(value) === where.subject))
            sessions.delete(id);
        }
        requireWritable();
        await change(writer.ask('deleteSessions', where));
      },
    },
    async health() {
      const why = closed ? 'closed' : (poison ?? writer.trouble?.why);
      const waiting = booted ? 'taking writes' : 'open; waiting for boot';
      return {
        ok: why === undefined,
        why: why ?? waiting,
        size: head.size,
        queue: batcher.outstanding,
        kind: 'sqlite',
      };
    },
    async close() {
      if (closed) return;
      await batcher.close();
      closed = true;
      bell.ring();
      closeReading(reading);
      await writer.close();
    },
    async genesis() {
      requireOpen();
      return head.size > 0;
    },
    async recover() {
      requireOpen();
      const opened = await writer.ask('recover', undefined);
      const old = reading;
      reading = openReading(opened);
      closeReading(old);
      remembered.clear();
      recent.clear();
      head = opened.head;
      poison = undefined;
      bell.ring();
    },
    async serve(path) {
      requireOpen();
      const entries = (start: number, end: number): Uint8Array[] =>
        entriesOf(start, end).map(({ bytes }) => bytes);
      return serveTile(path, { size: head.size, tiles: reading.store, entries });
    },
  };
}

function openReading(opened: Opened): Reading {
  const db = openForReading(opened.storeFile, 'store');
  const keysDb = openForReading(opened.keysFile, 'keys');
  const store = createReader(db);
  return { db, keysDb, store, keys: createKeysFile(keysDb), tiles: createTileReader(store) };
}

function closeReading({ db, keysDb }: Reading): void {
  db.close();
  keysDb.close();
}
