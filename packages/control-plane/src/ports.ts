// The ports of the control plane: everything it needs from the world, passed in as one object (DESIGN §3, §4).
// The core is pure; what is beside it is written against these interfaces; the shell makes them.
import type { AppraisalContext, Appraised, Entry, Json, PublicJwk } from '@licet/evidence';
import type {
  AttestationKind,
  AttesterRole,
  Bundle,
  DecisionInput,
  Evaluation,
  LoadedBundle,
  MandateAt,
  Resource,
} from '@licet/policy';
import type { Command, Reply } from './core/commands.ts';
import type { RowKey, Row, Versions } from './core/rows.ts';

/** Wall time. */
export interface Clock {
  /** Milliseconds since the Unix epoch. Two readings may be equal and may go back; order is the log index. */
  nowMs(): number;
}

/** Randomness. */
export interface Random {
  /** Returns `length` unpredictable bytes. */
  bytes(length: number): Uint8Array;
}

/** Signs short texts under one named key (signed-note). Deterministic: the same text gives the same signature. */
export interface LeaseSigner {
  /** Returns the complete signed note for `text` (which ends in LF). */
  signNote(text: string): string;
}

/** What Prepare hands to Apply: plain data, cloneable between threads. */
export interface Prepared {
  readonly command: Command;
  /** Versions of every row that Prepare read; Apply refuses to go on when one has changed (RULE 4). */
  readonly reads: Versions;
  /** When Prepare evaluated; older than 1 s is stale (RULE 4). */
  readonly evaluatedAtMs: number;
  /** Encrypted at rest under a key derived from `key`; both durable before the entry's COMMIT (RULE 41). */
  readonly record?: PreparedRecord;
}

/** The off-log half of an execution: arguments, disclosures, exact policy inputs. */
export interface PreparedRecord {
  /** The record's id: the execution id, with a suffix for later parts (`<exec>/result`). */
  readonly id: string;
  /** The 32-byte record key K, which never leaves the plane (RULE 40). */
  readonly key: Uint8Array;
  readonly body: Json;
}

/** One committed entry as the caller gets it. */
export interface Committed {
  readonly bytes: Uint8Array;
  readonly index: number;
  readonly leaf: Uint8Array;
  /** `c2sp.org/tlog-proof@v1` text against `checkpoint`, signed after COMMIT (RULE 36). */
  readonly proof: string;
}

/** A commit's answer. */
export interface CommitResult {
  readonly reply: Reply;
  readonly entries: readonly Committed[];
  /** Notes (renewals) signed and stored in the same transaction. */
  readonly notes: readonly string[];
  /** The tree that the batch made: the size and root the proofs lead to. */
  readonly size: number;
  /** Hashes from `Prepared.command.seen` to `size`, when the caller named what it has seen (RULE 8). */
  readonly consistency?: readonly Uint8Array[];
}

/** `stale`: something that Prepare read has changed; prepare again (RULE 4). */
export type CommitAnswer = CommitResult | 'stale';

/** `safety` is for halts, outcomes and containment: its own queue, space and quota (RULE 38). */
export type Lane = 'normal' | 'safety';

/** A page of rows or entries. */
export interface ListQuery {
  readonly kind: Row['kind'];
  /** Equality on indexed fields: `state`, `run`, `parent`, `agent`, `action`, `verdict`. */
  readonly where?: Readonly<Record<string, string>>;
  /** Newest first unless true. */
  readonly ascending?: boolean;
  /** Exclusive cursor: the `order` of the last row seen. */
  readonly after?: number;
  readonly limit: number;
}

export interface LogReader {
  /** The newest signed checkpoint note. */
  checkpoint(): Promise<{ readonly note: string; readonly size: number; readonly root: Uint8Array }>;
  /** Level `level`, tile `index`: up to 256 hashes, concatenated; `width` asks for a partial tile. Undefined when the log does not hold it. */
  tile(level: number, index: number, width?: number): Promise<Uint8Array | undefined>;
  /** Entry bytes of [start, end). Fails when the range is not committed. */
  entries(start: number, end: number): Promise<readonly Uint8Array[]>;
  /** Index of the entry with this leaf hash. */
  find(leaf: Uint8Array): Promise<number | undefined>;
  inclusion(index: number, size: number): Promise<readonly Uint8Array[]>;
  consistency(oldSize: number, newSize: number): Promise<readonly Uint8Array[]>;
  /** The signed checkpoint of the first acknowledged tree of at least this size, made again from its row (RULE 36). */
  checkpointAt(size: number): Promise<string | undefined>;
}

/** What a store says of itself. */
export interface StoreHealth {
  readonly ok: boolean;
  readonly why: string;
  readonly size: number;
  readonly queue: number;
  /** What keeps the data. */
  readonly kind: 'memory' | 'sqlite' | 'postgresql';
  /** Where several processes share it: those alive, how much of the log each has, and when it was last heard. */
  readonly replicas?: readonly {
    readonly id: string;
    readonly size: number;
    readonly ageMs: number;
    readonly self: boolean;
  }[];
}

/**
 * Durable state. `read` sees only committed rows. `commit` runs `apply` inside the write transaction, one command at
 * a time, in order; it resolves only when durable and throws StoreError: `ERR_STORE_UNKNOWN_RESULT` when the outcome
 * of COMMIT is not known (read back by idempotency key before anything else), `ERR_STORE_UNAVAILABLE` when nothing
 * was written, `ERR_STORE_BUSY` when the queue is full.
 */
export interface Store {
  read(keys: readonly RowKey[]): Promise<readonly (Row | undefined)[]>;
  commit(
    prepared: Prepared,
    options?: { readonly lane?: Lane; readonly seen?: number },
  ): Promise<CommitAnswer>;
  /** What was decided under this idempotency digest, if anything: the execution id and its entries. */
  readBack(
    idem: string,
  ): Promise<{ readonly exec: string; readonly entries: readonly Committed[] } | undefined>;
  /** Executions whose deadline (permit expiry, lease end, hold end) is at or before `nowMs`. */
  due(nowMs: number, limit: number): Promise<readonly string[]>;
  list(query: ListQuery): Promise<readonly Row[]>;
  readonly records: {
    get(id: string): Promise<{ readonly key: Uint8Array; readonly body: Json } | 'erased' | undefined>;
    /** Notes kept with an execution, oldest first. */
    notes(exec: string): Promise<readonly string[]>;
    destroyKey(id: string): Promise<void>;
  };
  readonly log: LogReader;
  /** Committed entries from `after` (exclusive index) on, as they come; ends with `close()`. */
  watch(
    after: number,
    signal: AbortSignal,
  ): AsyncIterable<{ readonly index: number; readonly entry: Entry; readonly leaf: Uint8Array }>;
  /** Recomputes the tree from the entries and compares with state and tiles. Throws StoreError `ERR_STORE_CORRUPT`. */
  check(
    progress?: (done: number, total: number) => void,
  ): Promise<{ readonly size: number; readonly root: Uint8Array }>;
  /** Rebuilds every table from log and records. */
  rebuild(): Promise<{ readonly rows: number }>;
  /** Rows outside the log that expire by themselves: sessions. */
  readonly sessions: {
    put(id: string, value: Json, expiresAtMs: number): Promise<void>;
    get(id: string): Promise<Json | undefined>;
    /** Returns the value and ends it: of several callers, in any process, at most one gets it. */
    take(id: string): Promise<Json | undefined>;
    delete(where: { readonly id?: string; readonly subject?: string }): Promise<void>;
  };
  /**
   * Where several processes share one opening (RULE 7): its name, and whether the log has its `boot` entry. A store that
   * has no such method is opened anew by each process, and each says so in the log.
   */
  opening?(): { readonly incarnation: string; readonly booted: boolean };
  /** Statement of health in words, with numbers. */
  health(): Promise<StoreHealth>;
  close(): Promise<void>;
}

/** Asks Cedar. Pure in what it answers; where it runs (in this thread, in workers) is the shell's choice. */
export interface Evaluator {
  readonly engine: string;
  /** Loads a bundle everywhere it will be evaluated; the old one stays until the new one is ready. Throws PolicyError. */
  load(layers: { readonly org?: Bundle; readonly team: Bundle }): Promise<LoadedBundle>;
  /**
   * Asked before anything is read for an evaluation. Throws ControlPlaneError `ERR_PLANE_OVERLOADED` when one that is asked
   * for now could not be done in time, so that a crowd which is turned away costs next to nothing.
   */
  admit(running: boolean): void;
  /** Throws ControlPlaneError `ERR_PLANE_OVERLOADED`, without having evaluated, when it could not be done in time. */
  evaluate(
    loaded: LoadedBundle,
    input: DecisionInput,
    /** Mandates on the chain: they must allow as well (RULE 17). */
    mandates: readonly MandateAt[],
    /** Whether something that runs depends on it: a renewal goes before what is new. Default false. */
    running?: boolean,
  ): Promise<Evaluation>;
}

/** An identity that may answer for evidence. */
export interface Attester {
  readonly id: string;
  readonly role: AttesterRole;
  readonly keys: readonly PublicJwk[];
  /** Thumbprint of a key that is its own although it is not among `keys`: an issuer vouches for it. */
  readonly jkt?: string;
}

/** What has to be appraised. */
export interface AppraisalRequest extends AppraisalContext {
  readonly kind: AttestationKind;
  readonly evidence: Json;
  /** The identity in force that holds this key, or has this id and is a verifier; undefined when none may answer. */
  attester(by: { readonly jkt: string } | { readonly id: string }): Promise<Attester | undefined>;
}

/** What evidence was found to show, and whose word that is. */
export interface Appraisal extends Appraised {
  readonly by: string;
}

/** Appraises evidence by kind (DESIGN §7). */
export interface Attestation {
  /**
   * Answers within its own deadline. What it cannot verify, or not in time, is `none`; the plane takes a rejection for
   * the same.
   */
  appraise(asked: AppraisalRequest): Promise<Appraisal>;
}

/** What needs the effect's host: symlinks, existing folders (RULE 13). Lexical resolution is `policy`'s. */
export interface Resolver {
  /** The first resource that is not what its name says, or undefined. */
  confirm(resources: readonly Resource[]): Promise<Resource | undefined>;
}

/** Signs statements of the plane that are no entries: the status note (RULE 9). */
export interface StatusSigner {
  signNote(text: string): string;
}
