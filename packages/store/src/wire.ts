/**
 * What the plane's thread and the writer's thread say to each other. The entries of a batch travel as three
 * buffers that change hands without a copy.
 */
import type { MessagePort } from 'node:worker_threads';
import { HASH_LENGTH, type Json } from '@licet/evidence';
import type { Lane, Prepared, PreparedRecord, Reply } from '@licet/control-plane';
import { StoreError, type StoreErrorCode } from './errors.ts';
import type { FaultPoint } from './faults.ts';
import type { StoredSession } from './keys-file.ts';

/** Name and 32-byte Ed25519 seed of a key. */
export interface KeySeed {
  readonly name: string;
  readonly seed: Uint8Array;
}

/** Make batch number `batch` (from 1, counted in this opening) fail at a point. */
export interface FaultPlan {
  readonly point: FaultPoint;
  readonly batch: number;
}

export interface WorkerOptions {
  readonly path: string;
  readonly log: KeySeed;
  readonly lease: KeySeed;
  /** Module that exports `machine`. */
  readonly machine: string;
  readonly reserveBytes?: number;
  readonly faults: readonly FaultPlan[];
  readonly port: MessagePort;
}

export interface Head {
  readonly size: number;
  readonly root: Uint8Array;
  readonly note: string;
}

/** Why not everything is written. */
export interface Trouble {
  /** Nothing is written until the store is recovered; otherwise only the safety lane is. */
  readonly poisoned: boolean;
  readonly why: string;
}

/** What the plane's thread needs to begin reading. */
export interface Opened {
  readonly head: Head;
  readonly storeFile: string;
  readonly keysFile: string;
  readonly sessions: readonly StoredSession[];
  readonly trouble: Trouble | undefined;
}

/** A command as it crosses between threads: text, which costs less than half of what cloning objects does. */
export interface WireCommand {
  /** JSON of what was prepared, its record left out. */
  readonly prepared: string;
  /** The record with its body as JSON text, which is sealed as it is. */
  readonly record?: PreparedRecord;
  readonly lane: Lane;
  readonly seen?: number;
}

export type CommandReply =
  | { readonly kind: 'stale' }
  | { readonly kind: 'error'; readonly code: StoreErrorCode; readonly message: string }
  | {
      readonly kind: 'done';
      readonly reply: Reply;
      readonly first: number;
      readonly count: number;
      readonly notes: readonly string[];
      readonly consistency?: readonly Uint8Array[];
    };

export interface BatchReply {
  readonly answers: readonly CommandReply[];
  readonly head: Head;
  /** Index of the batch's first entry. */
  readonly base: number;
  readonly entries: PackedEntries;
  /** Names of the rows that changed. */
  readonly changed: readonly string[];
  readonly booted: boolean;
}

/** Requests by name: what is sent, what comes back. */
export interface Requests {
  commit: { sent: readonly WireCommand[]; back: BatchReply };
  checkpointAt: { sent: number; back: string | undefined };
  head: { sent: undefined; back: Head };
  destroyKey: { sent: string; back: undefined };
  putSession: { sent: StoredSession; back: undefined };
  deleteSessions: { sent: { readonly id?: string; readonly subject?: string }; back: undefined };
  rebuild: { sent: undefined; back: number };
  recover: { sent: undefined; back: Opened };
  close: { sent: undefined; back: undefined };
}
export type RequestName = keyof Requests;

export interface Request {
  readonly id: number;
  readonly name: RequestName;
  readonly sent: unknown;
}

/** Words of an error; its class does not survive the crossing. */
export interface WireError {
  readonly code: string;
  readonly message: string;
}

export type Response =
  | { readonly id: number; readonly ok: true; readonly back: unknown; readonly trouble: Trouble | undefined }
  | {
      readonly id: number;
      readonly ok: false;
      readonly error: WireError;
      readonly trouble: Trouble | undefined;
    };

/**
 * Entries one after the other.
 *
 *     bytes     entry bytes, concatenated            ends      where each ends in `bytes`
 *     hashes    per entry: leaf, then its proof      hashEnds  where each ends in `hashes`, in hashes
 */
export interface PackedEntries {
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
  readonly hashes: Uint8Array;
  readonly hashEnds: Uint32Array;
}

export interface UnpackedEntry {
  readonly bytes: Uint8Array;
  readonly leaf: Uint8Array;
  proof(): readonly Uint8Array[];
}

/** Returns what was prepared in the form that crosses. */
export function toWire({ record, ...prepared }: Prepared): Pick<WireCommand, 'prepared' | 'record'> {
  return {
    prepared: JSON.stringify(prepared),
    ...(record === undefined ? {} : { record: { ...record, body: JSON.stringify(record.body) } }),
  };
}

/** Returns what crossed. The body of its record is still text; {@link textOf} gives it. */
export function fromWire({ prepared, record }: WireCommand): Prepared {
  const value = JSON.parse(prepared) as Prepared;
  return record === undefined ? value : { ...value, record };
}

/** Returns the JSON text of a record that crossed. */
export function textOf(body: Json): string {
  if (typeof body !== 'string') throw new StoreError('ERR_STORE_CORRUPT', 'a record came without its text');
  return body;
}

/** Returns the entries of a batch in four buffers of their own. */
export function packEntries(
  entries: readonly { readonly bytes: Uint8Array; readonly leaf: Uint8Array }[],
  proofOf: (i: number) => readonly Uint8Array[],
): PackedEntries {
  const bytes = new Uint8Array(entries.reduce((length, entry) => length + entry.bytes.length, 0));
  const ends = new Uint32Array(entries.length);
  const hashEnds = new Uint32Array(entries.length);
  const hashes: Uint8Array[] = [];
  let at = 0;
  entries.forEach((entry, i) => {
    bytes.set(entry.bytes, at);
    ends[i] = at += entry.bytes.length;
    hashes.push(entry.leaf, ...proofOf(i));
    hashEnds[i] = hashes.length;
  });
  const packed = new Uint8Array(hashes.length * HASH_LENGTH);
  hashes.forEach((hash, i) => packed.set(hash, i * HASH_LENGTH));
  return { bytes, ends, hashes: packed, hashEnds };
}

/** Returns the i-th entry, in arrays of its own: what a caller keeps must not keep the whole batch. */
export function unpackEntry(packed: PackedEntries, i: number): UnpackedEntry {
  const from = i === 0 ? 0 : packed.ends[i - 1]!;
  const firstHash = i === 0 ? 0 : packed.hashEnds[i - 1]!;
  const hashes = packed.hashes.slice(firstHash * HASH_LENGTH, packed.hashEnds[i]! * HASH_LENGTH);
  return {
    bytes: packed.bytes.slice(from, packed.ends[i]!),
    leaf: hashes.slice(0, HASH_LENGTH),
    proof: () =>
      Array.from({ length: hashes.length / HASH_LENGTH - 1 }, (_, n) =>
        hashes.subarray((n + 1) * HASH_LENGTH, (n + 2) * HASH_LENGTH),
      ),
  };
}
