/**
 * One batch, planned: each command applied in order to the evolving rows, the entries it appends, and the tree they
 * make (DESIGN §3, §9). Pure but for the clock, the random bytes and the note signer it is given; what it returns
 * is written by a store in one transaction or not at all.
 */
import { base64url, consistencyProof, equalBytes, leafHash, type Entry, type Json } from '@licet/evidence';
import { appendBatch, type Appended, type LogState, type TileReader } from '@licet/log';
import type {
  Clock,
  EntryDetail,
  LeaseSigner,
  Machine,
  NewEntry,
  Prepared,
  Random,
  Reply,
  Transition,
} from '@licet/control-plane';
import { messageOf, StoreError, type StoreErrorCode } from './errors.ts';
import { Overlay, type RowSource } from './overlay.ts';

/** One command of a batch. */
export interface BatchCommand {
  readonly prepared: Prepared;
  /** Largest size the caller has seen (RULE 8). */
  readonly seen?: number;
}

/** What became of one command, if the batch commits. */
export type Planned =
  | { readonly kind: 'stale' }
  | { readonly kind: 'error'; readonly code: StoreErrorCode; readonly message: string }
  | {
      readonly kind: 'done';
      readonly reply: Reply;
      /** Position of its first entry in the batch, and how many it made. */
      readonly first: number;
      readonly count: number;
      readonly notes: readonly string[];
      readonly seen?: number;
    };

export interface PlannedEntry {
  readonly bytes: Uint8Array;
  readonly leaf: Uint8Array;
  readonly transition: number;
  /** The execution it is about, where it names one. */
  readonly exec?: string;
  readonly detail?: PlannedDetail;
}

export interface PlannedDetail {
  readonly body: EntryDetail;
  /** Sealed with this record's key where the command came with a record. */
  readonly record?: { readonly id: string; readonly key: Uint8Array };
}

export interface PlannedRecord {
  readonly id: string;
  readonly key: Uint8Array;
  readonly body: Json;
}

/** Everything a store writes for one batch. */
export interface BatchPlan {
  readonly answers: readonly Planned[];
  readonly entries: readonly PlannedEntry[];
  readonly rows: Overlay;
  readonly notes: readonly { readonly exec: string; readonly note: string; readonly transition: number }[];
  readonly records: readonly PlannedRecord[];
  /** Number of the last transition that wrote something. */
  readonly transition: number;
  readonly appended: Appended;
  /** Whether a boot command is among the committed ones, in this batch or before (RULE 7). */
  readonly booted: boolean;
}

export interface EngineState {
  readonly log: LogState;
  /** Number of the last transition that wrote something. */
  readonly transition: number;
  readonly booted: boolean;
}

export interface EnginePorts {
  readonly machine: Machine;
  readonly lease: LeaseSigner;
  readonly clock: Clock;
  readonly random: Random;
  /** Whether a record of this id is stored. */
  hasRecord(id: string): boolean;
}

/** Returns the plan of a batch. Changes nothing that is given. */
export function planBatch(
  commands: readonly BatchCommand[],
  source: RowSource,
  state: EngineState,
  ports: EnginePorts,
): BatchPlan {
  const rows = new Overlay(source);
  const entries: PlannedEntry[] = [];
  const notes: { exec: string; note: string; transition: number }[] = [];
  const records = new Map<string, PlannedRecord>();
  let { transition, booted } = state;

  function applyOne({ prepared, seen }: BatchCommand): Planned {
    // RULE 7: nothing is written in an incarnation that has not said so in the log.
    if (!booted && prepared.command.kind !== 'boot') {
      return { kind: 'error', code: 'ERR_STORE_UNAVAILABLE', message: 'this opening has not booted yet' };
    }
    const made = ports.machine.apply(rows, prepared, {
      nowMs: ports.clock.nowMs(),
      size: state.log.size + entries.length,
      random: (length) => ports.random.bytes(length),
      signNote: (text) => ports.lease.signNote(text),
    });
    if (made === 'stale') return { kind: 'stale' };
    made.entries.forEach(checkLeaf);
    const first = entries.length;
    if (writes(made)) stage(made, prepared, ++transition);
    if (prepared.command.kind === 'boot' && made.entries.length > 0) booted = true;
    return {
      kind: 'done',
      reply: made.reply,
      first,
      count: made.entries.length,
      notes: made.notes.map(({ note }) => note),
      ...(seen === undefined ? {} : { seen }),
    };
  }

  function stage(made: Transition, prepared: Prepared, number: number): void {
    const record = prepared.record === undefined ? undefined : stageRecord(prepared.record);
    for (const { entry, bytes, leaf, detail } of made.entries) {
      const exec = execOf(entry);
      entries.push({
        bytes,
        leaf,
        transition: number,
        ...(exec === undefined ? {} : { exec }),
        ...(detail === undefined
          ? {}
          : { detail: { body: detail, ...(record === undefined ? {} : { record }) } }),
      });
    }
    for (const { exec, note } of made.notes) notes.push({ exec, note, transition: number });
    rows.put(made.puts, number);
    rows.endTransition(number);
  }

  function stageRecord(record: PlannedRecord): PlannedRecord {
    // The first record under an id stays; a later one (a late report) is kept beside it, named by its first index.
    const taken = records.has(record.id) || ports.hasRecord(record.id);
    const id = taken ? `${record.id}/${state.log.size + entries.length}` : record.id;
    const staged = { id, key: record.key, body: record.body };
    records.set(id, staged);
    return staged;
  }

  const answers = commands.map((command): Planned => {
    try {
      return applyOne(command);
    } catch (error) {
      // The machine stages nothing itself: a command that throws leaves no trace, the others go on.
      return { kind: 'error', code: 'ERR_STORE_APPLY', message: messageOf(error) };
    }
  });
  const appended = appendBatch(
    state.log,
    entries.map(({ leaf }) => leaf),
  );
  return { answers, entries, rows, notes, records: [...records.values()], transition, appended, booted };
}

/** Returns the size that a caller has seen and is to be given the proof from, when this log has reached it (RULE 8). */
export function seenOf(answer: Planned, size: number): number | undefined {
  if (answer.kind !== 'done' || answer.seen === undefined) return undefined;
  // No proof for a size this log has not reached: the door keeps that as fork evidence.
  return Number.isSafeInteger(answer.seen) && answer.seen >= 0 && answer.seen <= size
    ? answer.seen
    : undefined;
}

/** Returns the consistency proof for a caller's `seen`; undefined when it has seen more than there is (RULE 8). */
export function proofFromSeen(
  answer: Planned,
  size: number,
  tiles: TileReader,
): readonly Uint8Array[] | undefined {
  const seen = seenOf(answer, size);
  return seen === undefined ? undefined : consistencyProof(seen, size, tiles.read);
}

/** Returns the id of the execution that an entry is about. */
export function execOf(entry: Entry): string | undefined {
  return 'exec' in entry ? entry.exec : undefined;
}

const writes = (made: Transition): boolean => made.entries.length + made.puts.length + made.notes.length > 0;

/** Checked here and again when read: bytes and leaf belong together. */
function checkLeaf({ bytes, leaf, entry }: NewEntry): void {
  if (!equalBytes(leafHash(bytes), leaf)) {
    throw new StoreError(
      'ERR_STORE_CORRUPT',
      `a new ${entry.type} entry does not hash to ${base64url(leaf)}`,
    );
  }
}
