/**
 * The store in memory: the same engine and the same promises as SQLite's, and no I/O. For the seeded simulator and
 * for tests. What is durable is one immutable value; a commit replaces it, a crash goes back to it. It waits for
 * nothing but the fault port, so a run is as deterministic as its ports. Records are kept unsealed.
 */
import {
  base64url,
  consistencyProof,
  emptyFrontier,
  emptyRoot,
  inclusionProof,
  type Json,
} from '@licet/evidence';
import {
  createBatcher,
  createTileReader,
  guardSigner,
  openLogState,
  readTile,
  serveTile,
  type CheckpointSigner,
  type LogState,
  type Settled,
  type TileStore,
} from '@licet/log';
import type {
  Clock,
  CommitAnswer,
  EntryDetail,
  IdemRow,
  LeaseSigner,
  Machine,
  Random,
  Row,
  Store,
} from '@licet/control-plane';
import { checkedEntry, checkRange, committed, committedAt, type StoredEntry } from './answers.ts';
import { checkTree } from './check.ts';
import { conditions, dueOf, indexOf } from './columns.ts';
import { planBatch, proofFromSeen, type BatchCommand, type BatchPlan } from './engine.ts';
import { messageOf, StoreError } from './errors.ts';
import { PERSISTED, UNKNOWN, type FaultPoint } from './faults.ts';
import { Overlay, rowKey } from './overlay.ts';
import { replay, type Recorded } from './project.ts';
import { subjectOf } from './session.ts';
import { Bell, follow } from './watch.ts';

/** Where a commit may be made to fail: throws, and the store behaves as that point says. */
export interface Faults {
  at(point: FaultPoint, batch: { readonly size: number; readonly commands: number }): Promise<void> | void;
}

export interface MemoryStoreOptions {
  readonly machine: Machine;
  readonly signer: CheckpointSigner;
  readonly lease: LeaseSigner;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults?: Faults;
  /** Begin from what another store had made durable: a restart. */
  readonly from?: MemorySnapshot;
  /** Most commands waiting in the normal and in the safety lane. Default 4,096 and 8,192. */
  readonly queue?: { readonly normal: number; readonly safety: number };
}

interface MemoryEntry extends StoredEntry {
  readonly transition: number;
  readonly exec?: string;
  readonly detail?: { readonly body: EntryDetail; readonly record?: string };
}

/** What is durable. Changed by `keep` alone, in one step of the event loop; all that is in it is immutable. */
interface Kept {
  readonly entries: MemoryEntry[];
  rows: Map<string, Row>;
  readonly tiles: Map<string, Uint8Array>;
  /** Root by size, one per batch. */
  readonly heads: Map<number, Uint8Array>;
  readonly notes: { readonly exec: string; readonly note: string; readonly transition: number }[];
  readonly records: Map<string, Json>;
  /** Index by leaf hash, and indexes by execution. */
  readonly leaves: Map<string, number>;
  readonly execs: Map<string, number[]>;
  log: LogState;
  transition: number;
}

/** What was durable at one moment: the rows and the log, and the keys and sessions that have a store of their own. */
export interface MemorySnapshot {
  readonly kept: Kept;
  readonly keys: ReadonlyMap<string, Uint8Array>;
  readonly sessions: ReadonlyMap<string, { readonly value: Json; readonly expiresAtMs: number }>;
}

export interface MemoryStore extends Store {
  /** Whether the log has its genesis: the first boot of an empty store makes it. */
  genesis(): Promise<boolean>;
  /** Returns what is durable now. */
  snapshot(): MemorySnapshot;
  /**
   * Goes on from a snapshot as a restart would: what is in flight gets an unknown result, a boot must follow. A
   * snapshot older than what this store has signed is a rollback, and signing another history is refused (RULE 36).
   */
  restore(snapshot: MemorySnapshot): void;
  /** Takes writes again after a failure, from what is durable. */
  recover(): Promise<void>;
  /** The bytes of a tlog-tiles path, undefined when it is not here. */
  serve(path: string): Promise<Uint8Array | undefined>;
}

/** Returns a store in memory. Throws as {@link openLogState} when the snapshot's tree contradicts itself. */
export function createMemoryStore(options: MemoryStoreOptions): MemoryStore {
  const { machine, lease, clock, random } = options;
  let kept = options.from === undefined ? emptyKept() : copyOf(options.from.kept);
  let keys = new Map(options.from?.keys);
  let sessions = new Map(options.from?.sessions);
  let booted = false;
  let poison: string | undefined;
  let closed = false;
  /** Rises with each restore: a batch that began before it must not write after it. */
  let era = 0;

  const bell = new Bell();
  const tileStore: TileStore = { get: (level, index) => kept.tiles.get(`${level}/${index}`) };
  const tiles = createTileReader(tileStore);
  const signer = guardSigner(
    options.signer,
    (size) => kept.heads.get(size),
    (message) => new StoreError('ERR_STORE_CORRUPT', message),
  );
  openKept();

  const batcher = createBatcher<BatchCommand, CommitAnswer>({
    commit: commitBatch,
    busy: (lane) => new StoreError('ERR_STORE_BUSY', `the ${lane} lane is full`),
    ...(options.queue === undefined
      ? {}
      : { maxNormal: options.queue.normal, maxSafety: options.queue.safety }),
  });

  function openKept(): void {
    tiles.clear();
    openLogState({ frontier: kept.log.frontier, root: kept.log.root }, tileStore);
    // RULE 41: keys whose record never became durable.
    for (const id of keys.keys()) if (!kept.records.has(id)) keys.delete(id);
  }

  async function commitBatch(
    items: readonly { readonly item: BatchCommand }[],
  ): Promise<readonly Settled<CommitAnswer>[]> {
    requireWritable();
    const began = era;
    const fault = async (point: FaultPoint): Promise<void> => {
      try {
        await options.faults?.at(point, { size: kept.log.size, commands: items.length });
      } catch (cause) {
        throw fail(point, messageOf(cause));
      }
      if (began !== era) throw new StoreError('ERR_STORE_UNKNOWN_RESULT', 'the store was restored meanwhile');
    };

    await fault('before-commit');
    const plan = planBatch(
      items.map(({ item }) => item),
      { get: (kind, id) => kept.rows.get(rowKey(kind, id)) },
      { log: kept.log, transition: kept.transition, booted },
      { machine, lease, clock, random, hasRecord: (id) => kept.records.has(id) },
    );
    // RULE 41: K first.
    for (const { id, key } of plan.records) keys.set(id, key);
    await fault('torn-batch');
    await fault('lost-write');
    keep(kept, plan);
    booted = plan.booted;
    await fault('unknown-result');
    await fault('after-commit-before-reply');
    let settled: readonly Settled<CommitAnswer>[];
    try {
      settled = answer(plan);
    } catch (cause) {
      // Durable and not signed: whoever asks again reads it back, once the store is opened again.
      throw fail('after-commit-before-reply', messageOf(cause));
    }
    if (plan.entries.length > 0) bell.ring();
    return settled;
  }

  function fail(point: FaultPoint, why: string): StoreError {
    poison = `${point}: ${why}`;
    batcher.rejectWaiting(new StoreError('ERR_STORE_UNAVAILABLE', poison));
    // INVARIANT: a point persists exactly when it stands after `keep` ("every write fails two ways").
    const where = PERSISTED[point] ? 'after' : 'before';
    return new StoreError(
      UNKNOWN[point] ? 'ERR_STORE_UNKNOWN_RESULT' : 'ERR_STORE_UNAVAILABLE',
      `${why} (${where} the write)`,
    );
  }

  function answer(plan: BatchPlan): readonly Settled<CommitAnswer>[] {
    const { size, root } = kept.log;
    const base = size - plan.entries.length;
    const note = signer.signCheckpoint(size, root);
    return plan.answers.map((answered): Settled<CommitAnswer> => {
      if (answered.kind === 'stale') return { ok: true, answer: 'stale' };
      if (answered.kind === 'error') {
        return { ok: false, error: new StoreError(answered.code, answered.message) };
      }
      const entries = plan.entries.slice(answered.first, answered.first + answered.count).map((entry, i) => {
        const place = answered.first + i;
        const stored = { index: base + place, bytes: entry.bytes, leaf: entry.leaf };
        return committed(stored, () => plan.appended.proof(place), note);
      });
      const consistency = proofFromSeen(answered, size, tiles);
      const result = { reply: answered.reply, entries, notes: answered.notes, size };
      return { ok: true, answer: { ...result, ...(consistency === undefined ? {} : { consistency }) } };
    });
  }

  function requireOpen(): void {
    if (closed) throw new StoreError('ERR_STORE_CLOSED', 'the store is closed');
  }
  function requireWritable(): void {
    requireOpen();
    if (poison !== undefined) throw new StoreError('ERR_STORE_UNAVAILABLE', poison);
  }
  const entriesOf = (start: number, end: number): readonly MemoryEntry[] => {
    checkRange(start, end, kept.log.size);
    return kept.entries.slice(start, end).map((entry) => (checkedEntry(entry), entry));
  };
  const head = (): { note: string; size: number; root: Uint8Array } => {
    const { size, root } = kept.log;
    return { note: signer.signCheckpoint(size, root), size, root };
  };
  const partsOf = (id: string, of: Iterable<string>): string[] =>
    [...of].filter((held) => held === id || held.startsWith(`${id}/`));

  return {
    async read(wanted) {
      requireOpen();
      return wanted.map(({ kind, id }) => kept.rows.get(rowKey(kind, id)));
    },
    async commit(prepared, { lane = 'normal', seen } = {}) {
      requireWritable();
      return batcher.submit({ prepared, ...(seen === undefined ? {} : { seen }) }, lane);
    },
    async readBack(idem) {
      // While the outcome of a commit is in doubt there is no answer to give, not even "nothing".
      requireWritable();
      const row = kept.rows.get(rowKey('idem', idem));
      if (row === undefined) return undefined;
      const { exec } = row.value as IdemRow;
      const entries = (kept.execs.get(exec) ?? []).map((index) => checkedEntry(kept.entries[index]!));
      return { exec, entries: committedAt(entries, head(), tiles) };
    },
    async due(nowMs, limit) {
      requireOpen();
      return [...kept.rows.values()]
        .map((row) => ({ id: row.id, at: dueOf(row) ?? Infinity }))
        .filter(({ at }) => at <= nowMs)
        .toSorted((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
        .slice(0, limit)
        .map(({ id }) => id);
    },
    async list(query) {
      requireOpen();
      const where = conditions(query);
      const sign = query.ascending === true ? 1 : -1;
      return [...kept.rows.values()]
        .filter(
          (row) =>
            row.kind === query.kind && where.every(([field, value]) => indexOf(row)?.[field] === value),
        )
        .filter((row) => query.after === undefined || sign * (row.order - query.after) > 0)
        .toSorted((a, b) => sign * (a.order - b.order))
        .slice(0, query.limit);
    },
    records: {
      async get(id) {
        requireOpen();
        const body = kept.records.get(id);
        if (body === undefined) return undefined;
        const key = keys.get(id);
        return key === undefined ? 'erased' : { key, body };
      },
      async notes(exec) {
        requireOpen();
        return kept.notes.filter((note) => note.exec === exec).map(({ note }) => note);
      },
      async destroyKey(id) {
        requireWritable();
        for (const held of partsOf(id, keys.keys())) keys.delete(held);
      },
    },
    log: {
      checkpoint: async () => (requireOpen(), head()),
      async tile(level, index, width) {
        requireOpen();
        const at = { level, index, size: kept.log.size };
        return readTile(tileStore, width === undefined ? at : { ...at, width })?.slice();
      },
      entries: async (start, end) => (requireOpen(), entriesOf(start, end).map(({ bytes }) => bytes)),
      async find(leaf) {
        requireOpen();
        return kept.leaves.get(base64url(leaf));
      },
      async inclusion(index, size) {
        checkRange(index, size, kept.log.size);
        return inclusionProof(index, size, tiles.read);
      },
      async consistency(oldSize, newSize) {
        checkRange(oldSize, newSize, kept.log.size);
        return consistencyProof(oldSize, newSize, tiles.read);
      },
      async checkpointAt(size) {
        requireOpen();
        const first = [...kept.heads].filter(([at]) => at >= size).sort(([a], [b]) => a - b)[0];
        return first === undefined ? undefined : signer.signCheckpoint(...first);
      },
    },
    watch: (after, signal) =>
      follow({ size: () => kept.log.size, closed: () => closed, read: entriesOf, bell }, after, signal),
    check: (progress) =>
      checkTree(
        {
          size: kept.log.size,
          root: kept.log.root,
          frontier: kept.log.frontier,
          count: kept.entries.length,
          entries: (start, end) => kept.entries.slice(start, end),
          tile: (level, index) => tileStore.get(level, index),
          heads: (start, end) =>
            [...kept.heads]
              .filter(([size]) => size > start && size <= end)
              .map(([size, root]) => ({ size, root })),
          pause: () => Promise.resolve(),
        },
        progress,
      ),
    async rebuild() {
      requireWritable();
      const rows = new Overlay({ get: () => undefined });
      for (const recorded of recordedOf(kept, keys)) replay(machine, rows, recorded);
      kept.rows = new Map(rows.changed);
      return { rows: kept.rows.size };
    },
    sessions: {
      async put(id, value, expiresAtMs) {
        requireWritable();
        sessions.set(id, { value, expiresAtMs });
      },
      async get(id) {
        requireOpen();
        const session = sessions.get(id);
        return session === undefined || session.expiresAtMs <= clock.nowMs() ? undefined : session.value;
      },
      async take(id) {
        requireWritable();
        const session = sessions.get(id);
        sessions.delete(id);
        return session === undefined || session.expiresAtMs <= clock.nowMs() ? undefined : session.value;
      },
      async delete(where) {
        requireWritable();
        for (const [id, { value }] of sessions) {
          if (id === where.id || (where.subject !== undefined && subjectOf(value) === where.subject))
            sessions.delete(id);
        }
      },
    },
    async health() {
      const why = closed ? 'closed' : (poison ?? 'taking writes');
      return {
        ok: !closed && poison === undefined,
        why,
        size: kept.log.size,
        queue: batcher.outstanding,
        kind: 'memory',
      };
    },
    async close() {
      await batcher.close();
      closed = true;
      bell.ring();
    },
    async genesis() {
      return kept.log.size > 0;
    },
    snapshot: () => ({ kept: copyOf(kept), keys: new Map(keys), sessions: new Map(sessions) }),
    restore(snapshot) {
      era++;
      batcher.rejectWaiting(new StoreError('ERR_STORE_UNAVAILABLE', 'the store was restored'));
      kept = copyOf(snapshot.kept);
      keys = new Map(snapshot.keys);
      sessions = new Map(snapshot.sessions);
      booted = false;
      poison = undefined;
      openKept();
    },
    async recover() {
      requireOpen();
      openKept();
      poison = undefined;
      bell.ring();
    },
    async serve(path) {
      requireOpen();
      const entries = (start: number, end: number): Uint8Array[] =>
        entriesOf(start, end).map(({ bytes }) => bytes);
      return serveTile(path, { size: kept.log.size, tiles: tileStore, entries });
    },
  };
}

function emptyKept(): Kept {
  const log = openLogState({ frontier: emptyFrontier(), root: emptyRoot() }, { get: () => undefined });
  return {
    entries: [],
    rows: new Map(),
    tiles: new Map(),
    heads: new Map(),
    notes: [],
    records: new Map(),
    leaves: new Map(),
    execs: new Map(),
    log,
    transition: 0,
  };
}

function copyOf(kept: Kept): Kept {
  return {
    ...kept,
    entries: [...kept.entries],
    rows: new Map(kept.rows),
    tiles: new Map(kept.tiles),
    heads: new Map(kept.heads),
    notes: [...kept.notes],
    records: new Map(kept.records),
    leaves: new Map(kept.leaves),
    execs: new Map([...kept.execs].map(([exec, indexes]) => [exec, [...indexes]])),
  };
}

/** Makes the plan durable. What can throw comes first, so it is all or nothing. */
function keep(kept: Kept, plan: BatchPlan): void {
  // A round through JSON, as in every other store: what JSON cannot hold must not survive in memory alone.
  const rows = [...plan.rows.changed].map(
    ([key, row]) => [key, { ...row, value: JSON.parse(JSON.stringify(row.value)) as Row['value'] }] as const,
  );
  for (const [key, row] of rows) kept.rows.set(key, row);
  for (const { level, index, hashes } of plan.appended.tiles) kept.tiles.set(`${level}/${index}`, hashes);
  if (plan.entries.length > 0) kept.heads.set(plan.appended.state.size, plan.appended.state.root);
  for (const { id, body } of plan.records) kept.records.set(id, body);
  for (const { detail, ...entry } of plan.entries) {
    const index = kept.entries.length;
    const record = detail?.record?.id;
    const held = detail && { body: detail.body, ...(record === undefined ? {} : { record }) };
    kept.entries.push({ ...entry, index, ...(held === undefined ? {} : { detail: held }) });
    kept.leaves.set(base64url(entry.leaf), index);
    if (entry.exec !== undefined) kept.execs.set(entry.exec, [...(kept.execs.get(entry.exec) ?? []), index]);
  }
  kept.notes.push(...plan.notes);
  kept.log = plan.appended.state;
  kept.transition = plan.transition;
}

/** Yields the transitions in order. The detail of an erased record is gone with its key. */
function* recordedOf(kept: Kept, keys: ReadonlyMap<string, Uint8Array>): Generator<Recorded> {
  const all = new Map<
    number,
    { entries: Recorded['entries'][number][]; notes: Recorded['notes'][number][] }
  >();
  const at = (
    transition: number,
  ): { entries: Recorded['entries'][number][]; notes: Recorded['notes'][number][] } => {
    const found = all.get(transition) ?? { entries: [], notes: [] };
    all.set(transition, found);
    return found;
  };
  for (const { detail, transition, ...entry } of kept.entries) {
    const readable = detail !== undefined && (detail.record === undefined || keys.has(detail.record));
    at(transition).entries.push({ ...entry, ...(readable ? { detail: detail.body } : {}) });
  }
  for (const { transition, ...note } of kept.notes) at(transition).notes.push(note);
  for (const transition of [...all.keys()].toSorted((a, b) => a - b))
    yield { transition, ...all.get(transition)! };
}
