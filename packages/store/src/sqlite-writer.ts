/**
 * The one writer of a SQLite store. It owns the only write connection and runs in a worker thread. A batch is one
 * `BEGIN IMMEDIATE … COMMIT`: commands are applied in order, entries, tiles, head, rows, notes and records are
 * written, the state row is compared and set; after COMMIT the root is signed (RULE 36).
 *
 * Any error of COMMIT or of I/O poisons the writer: nothing more is written until `recover` has copied the store to
 * new files and computed its root there (RULE 37).
 */
import { closeSync, openSync, renameSync, rmSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { emptyFrontier, emptyRoot, equalBytes, serializeFrontier, TILE_WIDTH } from '@licet/evidence';
import {
  checkpointSigner,
  createTileReader,
  guardSigner,
  openLogState,
  type CheckpointSigner,
  type LogState,
  type SyncNoteSigner,
} from '@licet/log';
import type { LeaseSigner, Machine } from '@licet/control-plane';
import { checkTree } from './check.ts';
import { checkedBy } from './sqlite-checked.ts';
import { syncPath, type DataFolder } from './data-folder.ts';
import { planBatch, proofFromSeen, type BatchCommand, type BatchPlan, type PlannedDetail } from './engine.ts';
import { systemRandom } from './entropy.ts';
import { messageOf, StoreError } from './errors.ts';
import type { FaultPoint } from './faults.ts';
import { createKeysFile, type KeysFile, type StoredSession } from './keys-file.ts';
import { rebuildRows } from './sqlite-rebuild.ts';
import { createReader, type SqliteReader } from './sqlite-reader.ts';
import { openSpace } from './reserve.ts';
import { RowTable } from './row-table.ts';
import { openForWriting } from './schema.ts';
import { seal } from './seal.ts';
import {
  packEntries,
  textOf,
  type BatchReply,
  type CommandReply,
  type FaultPlan,
  type Head,
  type Opened,
  type Trouble,
} from './wire.ts';

export interface WriterOptions {
  readonly folder: DataFolder;
  readonly log: SyncNoteSigner;
  readonly lease: LeaseSigner;
  readonly machine: Machine;
  readonly reserveBytes?: number;
  readonly faults: readonly FaultPlan[];
}

export interface Writer {
  readonly opened: Opened;
  commit(commands: readonly (BatchCommand & { readonly lane: 'normal' | 'safety' })[]): BatchReply;
  checkpointAt(size: number): string | undefined;
  /** The newest committed head, signed. */
  head(): Head;
  destroyKey(id: string): void;
  putSession(session: StoredSession): void;
  deleteSessions(where: { readonly id?: string; readonly subject?: string }): void;
  rebuild(): number;
  recover(): Promise<Opened>;
  trouble(): Trouble | undefined;
  close(): void;
}

interface Files {
  readonly generation: number;
  readonly db: DatabaseSync;
  readonly keysDb: DatabaseSync;
  readonly reader: SqliteReader;
  readonly keys: KeysFile;
  readonly rows: RowTable;
}

/**
 * Opens the store of a folder for writing, makes it when there is none, and checks that frontier, tiles and root
 * agree before anything can be signed.
 * @throws StoreError `ERR_STORE_OPEN`, `ERR_STORE_FORMAT`, `ERR_STORE_KEY`, `ERR_STORE_CORRUPT`; LogError `ERR_LOG_FORK`
 */
export async function openWriter(options: WriterOptions): Promise<Writer> {
  const { folder, machine, lease } = options;
  let files = openFiles(folder, Math.max(1, folder.generation()));
  let log: LogState;
  let transition: number;
  let booted = false;
  let poison: string | undefined;
  /** Set when another writer was found: then there is no recovering. */
  let fenced = false;
  let batches = 0;
  const random = systemRandom();
  const space = openSpace(folder.path, folder.reserveFile, options.reserveBytes);
  const signer: CheckpointSigner = guardSigner(
    checkpointSigner(options.log),
    (size) => files.reader.head(size),
    (message) => new StoreError('ERR_STORE_CORRUPT', message),
  );
  ({ log, transition } = loadState());
  // RULE 41: keys whose record never became durable.
  files.keys.sweep((id) => files.reader.record(id) !== undefined);
  if (poisonedBefore()) await recover();
  folder.sweep(files.generation);

  function loadState(): { log: LogState; transition: number } {
    const { db, reader } = files;
    const stored = reader.state();
    if (stored === undefined) {
      const [frontier, root] = [emptyFrontier(), emptyRoot()];
      db.prepare(
        'INSERT INTO state (one, origin, key, size, root, frontier, transition) VALUES (1, ?, ?, 0, ?, ?, 0)',
      ).run(options.log.name, options.log.vkey, root, serializeFrontier(frontier));
      return { log: openLogState({ frontier, root }, reader), transition: 0 };
    }
    // RULE 3: the key's name is the origin; another key would sign this tree under another name.
    if (stored.origin !== options.log.name || stored.key !== options.log.vkey) {
      throw new StoreError(
        'ERR_STORE_KEY',
        `the store is that of ${stored.key}, the key given is ${options.log.vkey}`,
      );
    }
    const head = reader.head(stored.frontier.size);
    if (stored.frontier.size > 0 && (head === undefined || !equalBytes(head, stored.root))) {
      throw new StoreError(
        'ERR_STORE_CORRUPT',
        `no head of size ${stored.frontier.size} with the state's root`,
      );
    }
    return { log: openLogState(stored, reader), transition: stored.transition };
  }

  function commit(commands: readonly (BatchCommand & { readonly lane: 'normal' | 'safety' })[]): BatchReply {
    requireWritable();
    batches++;
    const normal = space.admits('normal');
    const admitted = commands.filter(({ lane }) => lane === 'safety' || normal);
    if (admitted.some(({ lane }) => lane === 'safety')) space.admits('safety');
    const plan = write(admitted);
    let next = 0;
    const answers = commands.map((command) => (command === admitted[next] ? plan.answers[next++]! : full()));
    try {
      return replyTo(plan, answers);
    } catch (error) {
      // Durable and not signed: whoever asks again reads it back, once the store is opened again.
      throw poisoned(error, 'ERR_STORE_UNKNOWN_RESULT');
    }
  }

  const full = (): BatchPlan['answers'][number] => ({
    kind: 'error',
    code: 'ERR_STORE_FULL',
    message: space.trouble ?? 'disk nearly full',
  });

  function write(commands: readonly BatchCommand[]): BatchPlan {
    const { db, keys, reader, rows } = files;
    let plan: BatchPlan;
    let step: 'before' | 'commit' | 'after' = 'before';
    try {
      db.exec('BEGIN IMMEDIATE');
      requireFence();
      plan = planBatch(
        commands,
        rows,
        { log, transition, booted },
        {
          machine,
          lease,
          clock: { nowMs: () => Date.now() },
          random,
          hasRecord: (id) => reader.record(id) !== undefined,
        },
      );
      fault('before-commit');
      if (plan.transition === transition) {
        db.exec('ROLLBACK');
        return plan;
      }
      // RULE 41: K and record before the entry. K has its own file, so its COMMIT comes first.
      if (plan.records.length > 0) keys.put(plan.records);
      writeEntries(plan);
      rows.write(plan.rows.changed.values());
      compareAndSet(plan);
      step = 'commit';
      if (planned('lost-write')) db.exec('ROLLBACK');
      fault('lost-write');
      db.exec('COMMIT');
      fault('unknown-result');
      step = 'after';
      fault('after-commit-before-reply');
    } catch (error) {
      throw failed(error, step);
    }
    ({ transition, booted } = plan);
    log = plan.appended.state;
    rows.committed();
    return plan;
  }

  function failed(error: unknown, step: 'before' | 'commit' | 'after'): StoreError {
    const { db, rows } = files;
    rows.rolledBack();
    try {
      // SQLite has often rolled back already.
      if (db.isTransaction) db.exec('ROLLBACK');
    } catch (rollback) {
      return poisoned(rollback, 'ERR_STORE_UNKNOWN_RESULT');
    }
    // A disk that was full while rows were being written has written nothing that counts; COMMIT is another matter.
    if (step === 'before' && /full/i.test(messageOf(error)) && !(error instanceof StoreError)) {
      return new StoreError('ERR_STORE_FULL', messageOf(error), { cause: error });
    }
    return poisoned(error, step === 'before' ? 'ERR_STORE_UNAVAILABLE' : 'ERR_STORE_UNKNOWN_RESULT');
  }

  function poisoned(error: unknown, code: 'ERR_STORE_UNAVAILABLE' | 'ERR_STORE_UNKNOWN_RESULT'): StoreError {
    poison = messageOf(error);
    markPoisoned();
    return new StoreError(code, poison, { cause: error });
  }

  function writeEntries(plan: BatchPlan): void {
    const base = log.size;
    const insert = statement(
      'INSERT INTO entry (idx, leaf, root, transition, exec, record, detail, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    );
    const insertRecord = statement('INSERT INTO record (id, body) VALUES (?, ?)');
    for (const { id, key, body } of plan.records)
      insertRecord.run(id, seal(key, `record:${id}`, textOf(body)));
    plan.entries.forEach(({ bytes, leaf, transition: number, exec, detail }, i) => {
      if (i === Math.floor(plan.entries.length / 2)) fault('torn-batch');
      const index = base + i;
      // The root of the batch stands with its last entry.
      const root = i === plan.entries.length - 1 ? plan.appended.state.root : null;
      const record = detail?.record;
      insert.run(index, leaf, root, number, exec ?? null, record?.id ?? null, kept(index, detail), bytes);
    });
    const insertNote = statement('INSERT INTO note (exec, note, transition) VALUES (?, ?, ?)');
    for (const { exec, note, transition: number } of plan.notes) insertNote.run(exec, note, number);
    const putTile = statement(
      'INSERT INTO tile (level, idx, hashes) VALUES (?, ?, ?) ON CONFLICT (level, idx) DO UPDATE SET hashes = excluded.hashes',
    );
    for (const { level, index, width, hashes } of plan.appended.tiles) {
      // The growing tile of level 0 is in the entries already; writing 8 KiB more per commit would buy nothing.
      if (level > 0 || width === TILE_WIDTH) putTile.run(level, index, hashes);
    }
  }

  function kept(index: number, detail: PlannedDetail | undefined): Uint8Array | null {
    if (detail === undefined) return null;
    const text = JSON.stringify(detail.body);
    return detail.record === undefined ? Buffer.from(text) : seal(detail.record.key, `detail:${index}`, text);
  }

  /** The fence: whoever finds another state than it left is not the only writer. Commands then see foreign rows. */
  function requireFence(): void {
    const found = statement('SELECT 1 FROM state WHERE size = ? AND root = ? AND transition = ?');
    if (found.get(log.size, log.root, transition) === undefined) throw foreignWriter();
  }

  function foreignWriter(): StoreError {
    fenced = true;
    return new StoreError('ERR_STORE_CORRUPT', 'another process wrote to this store');
  }

  /** The same, together with the write. */
  function compareAndSet(plan: BatchPlan): void {
    const { size, root, frontier } = plan.appended.state;
    const { changes } = statement(
      'UPDATE state SET size = ?, root = ?, frontier = ?, transition = ? WHERE size = ? AND root = ? AND transition = ?',
    ).run(size, root, serializeFrontier(frontier), plan.transition, log.size, log.root, transition);
    if (Number(changes) !== 1) throw foreignWriter();
  }

  function replyTo(plan: BatchPlan, answers: BatchPlan['answers']): BatchReply {
    const base = log.size - plan.entries.length;
    // RULE 36: signed only now, after COMMIT.
    const { note } = head();
    const tiles = createTileReader(files.reader);
    return {
      answers: answers.map((answer): CommandReply => {
        if (answer.kind !== 'done') return answer;
        const { seen: _, ...rest } = answer;
        const consistency = proofFromSeen(answer, log.size, tiles);
        return consistency === undefined ? rest : { ...rest, consistency };
      }),
      head: { size: log.size, root: log.root, note },
      base,
      entries: packEntries(plan.entries, (i) => plan.appended.proof(i)),
      changed: [...plan.rows.changed.keys()],
      booted,
    };
  }

  function statement(sql: string): ReturnType<DatabaseSync['prepare']> {
    return files.rows.statement(sql);
  }

  function planned(point: FaultPoint): boolean {
    return options.faults.some((plan) => plan.point === point && plan.batch === batches);
  }
  function fault(point: FaultPoint): void {
    if (planned(point)) throw new Error(`fault: ${point}`);
  }

  function requireWritable(): void {
    if (poison !== undefined) throw new StoreError('ERR_STORE_UNAVAILABLE', poison);
  }

  function trouble(): Trouble | undefined {
    const why = poison ?? space.trouble;
    return why === undefined ? undefined : { poisoned: poison !== undefined, why };
  }

  function head(): Head {
    return { size: log.size, root: log.root, note: signer.signCheckpoint(log.size, log.root) };
  }

  function opened(): Opened {
    return {
      head: head(),
      storeFile: folder.storeFile(files.generation),
      keysFile: folder.keysFile(files.generation),
      sessions: files.keys.sessions(Date.now()),
      trouble: trouble(),
    };
  }

  /** Remembered over a restart, when the disk still lets us: recovery must come before trust (RULE 37). */
  function markPoisoned(): void {
    try {
      closeSync(openSync(folder.poisonFile, 'w', 0o600));
      folder.sync();
    } catch (error) {
      // GAP: a disk that takes not even this file leaves the next opening to the fork guard and the check alone.
      poison = `${poison}; not marked: ${messageOf(error)}`;
    }
  }
  function poisonedBefore(): boolean {
    try {
      closeSync(openSync(folder.poisonFile, 'r'));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw new StoreError('ERR_STORE_OPEN', messageOf(error), { cause: error });
    }
  }

  async function recover(): Promise<Opened> {
    if (fenced) throw new StoreError('ERR_STORE_UNAVAILABLE', 'another process wrote to this store');
    const old = files;
    const generation = old.generation + 1;
    const target = folder.storeFile(generation);
    // Keys first: a generation counts from the moment its store file has its name.
    copyTo(old.keysDb, folder.keysFile(generation), folder);
    copyTo(old.db, `${target}.new`, folder);
    await verifyCopy(`${target}.new`);
    renameSync(`${target}.new`, target);
    folder.sync();
    files = openFiles(folder, generation);
    ({ log, transition } = loadState());
    closeFiles(old);
    folder.sweep(generation);
    rmSync(folder.poisonFile, { force: true });
    folder.sync();
    poison = undefined;
    return opened();
  }

  return {
    opened: opened(),
    commit,
    checkpointAt(size) {
      const first = files.reader.headFrom(size);
      return first === undefined ? undefined : signer.signCheckpoint(first.size, first.root);
    },
    head() {
      requireWritable();
      return head();
    },
    destroyKey: (id) => (requireWritable(), guarded(() => files.keys.destroy(id))),
    putSession: (session) => (requireWritable(), guarded(() => files.keys.putSession(session))),
    deleteSessions: (where) => (requireWritable(), guarded(() => files.keys.deleteSessions(where))),
    rebuild: () => (requireWritable(), rebuildRows(files, machine)),
    recover,
    trouble,
    close: () => closeFiles(files),
  };

  /** RULE 37: whatever the keys' file cannot write poisons the store as well. */
  function guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw poisoned(error, 'ERR_STORE_UNKNOWN_RESULT');
    }
  }
}

function openFiles(folder: DataFolder, generation: number): Files {
  const fresh = folder.generation() === 0;
  const keysDb = openForWriting(folder.keysFile(generation), 'keys');
  try {
    const keys = createKeysFile(keysDb);
    if (fresh && keys.count > 0) {
      throw new StoreError('ERR_STORE_CORRUPT', `${folder.path} has record keys and no store`);
    }
    const db = openForWriting(folder.storeFile(generation), 'store');
    const reader = createReader(db);
    return { generation, db, keysDb, reader, keys, rows: new RowTable(db, reader) };
  } catch (error) {
    keysDb.close();
    throw error;
  }
}

function closeFiles(files: Files): void {
  files.db.close();
  files.keysDb.close();
}

/** Copies what a connection sees to a new file, and makes it durable there. */
function copyTo(db: DatabaseSync, file: string, folder: DataFolder): void {
  rmSync(file, { force: true });
  db.prepare('VACUUM INTO ?').run(file);
  syncPath(file);
  folder.sync();
}

async function verifyCopy(file: string): Promise<void> {
  const copy = openForWriting(file, 'store');
  try {
    const reader = createReader(copy);
    const state = reader.state();
    if (state === undefined) throw new StoreError('ERR_STORE_CORRUPT', `${file} has no state`);
    await checkTree(checkedBy(reader, state));
    // Out of the WAL and into the file that is about to get its name.
    copy.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } finally {
    copy.close();
  }
  syncPath(file);
}
