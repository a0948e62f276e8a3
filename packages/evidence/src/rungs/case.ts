/**
 * The case before the verifier: one evidence file, read as far as it can be, with the trust it is held against.
 * Each rung is a function of a case; none of them throws for what the file says.
 */
import { verifyCommitment } from '../commitments.ts';
import { base64url, fromUtf8, unbase64, utf8 } from '../bytes.ts';
import { parseCheckpoint } from '../checkpoint.ts';
import type { Crypto } from '../crypto.ts';
import {
  parseEntry,
  type Entry,
  type EntryOf,
  type EntryType,
  type PermitEntry,
  type RefusalEntry,
} from '../entries.ts';
import type { EvidenceFile, ExecutionRecord, FileFlaw } from '../evidence-bundle.ts';
import type { Json } from '../json.ts';
import { leafHash } from '../merkle.ts';
import { NAME } from '../name.ts';
import { parseNote } from '../note.ts';
import { trustedKeys, type KeyPurpose, type Trust, type TrustedLog } from '../trust.ts';
import { parseVkey, type VerifierKey } from '../vkey.ts';

/** The rungs, in the order in which they are shown. */
export const RUNG_NAMES = [
  'format',
  'entry-hashes',
  'inclusion',
  'checkpoint-signature',
  'consistency',
  'witness-quorum',
  'bundle-signature',
  'arguments',
  'principal-chain',
  'approvals',
  'attestation',
  're-decision',
  'one-start',
  'order-and-timing',
  'lease',
  'outcome',
  'containment',
] as const;
export type RungName = (typeof RUNG_NAMES)[number];

/** `asserted`: only the operator says so; nothing in this file could contradict it (RULE 44). */
export type RungStatus = 'pass' | 'fail' | 'not checked' | 'asserted';

/** One thing that a rung looked at. */
export interface RungItem {
  readonly status: RungStatus;
  readonly what: string;
}

/** What a rung found. */
export interface Finding {
  readonly status: RungStatus;
  /** Why it is not a plain pass. */
  readonly why?: string;
  readonly detail?: {
    readonly input?: string;
    readonly computed?: string;
    readonly expected?: string;
    readonly items?: readonly RungItem[];
  };
}

/** Decides a recorded decision again (RULE 19); `policy` supplies it. */
export type Redecide = (decision: {
  readonly entry: PermitEntry | RefusalEntry;
  /** What the file discloses about the execution. */
  readonly execution: ExecutionRecord;
  /** The policy bundles of the file, each with its signatures. */
  readonly bundles: readonly Json[];
  /** The bodies of the mandates on its chain that the file opens. */
  readonly mandates: readonly Json[];
}) => Promise<{ readonly status: 'pass' | 'fail' | 'not checked'; readonly why?: string }>;

/** An entry of the file, hashed; `entry` is absent when its text is not one. */
export interface CaseEntry {
  readonly index: number;
  readonly text: string;
  readonly leaf: Uint8Array;
  /** base64url of the leaf hash. */
  readonly id: string;
  readonly proof: readonly Uint8Array[];
  readonly entry?: Entry;
  readonly why?: string;
}

/** A checkpoint of the file; `head` is absent when its note is not one. */
export interface CaseCheckpoint {
  readonly note: string;
  readonly consistency: readonly Uint8Array[];
  readonly head?: { readonly origin: string; readonly size: number; readonly root: Uint8Array };
  readonly why?: string;
}

/** An entry of a known type at its place. */
export interface Placed<T extends EntryType> {
  readonly index: number;
  readonly id: string;
  readonly entry: EntryOf<T>;
}

export interface Case {
  readonly file: EvidenceFile;
  readonly flaws: readonly FileFlaw[];
  readonly entries: readonly CaseEntry[];
  readonly byLeaf: ReadonlyMap<string, CaseEntry>;
  readonly checkpoints: readonly CaseCheckpoint[];
  readonly trust?: Trust;
  /** What the trust says about this file's origin; absent when it says nothing. */
  readonly log?: TrustedLog;
  readonly crypto: Crypto;
  readonly nowMs?: number;
  readonly redecide?: Redecide;
}

/** Returns the case that a readable file makes. */
export function openCase(
  file: EvidenceFile,
  flaws: readonly FileFlaw[],
  context: Pick<Case, 'crypto'> & {
    readonly trust?: Trust;
    readonly nowMs?: number;
    readonly redecide?: Redecide;
  },
): Case {
  const entries = file.entries.map(readCaseEntry);
  const log = context.trust?.logs.find((candidate) => candidate.origin === file.origin);
  return {
    ...context,
    ...(log === undefined ? {} : { log }),
    file,
    flaws,
    entries,
    byLeaf: new Map(entries.map((entry) => [entry.id, entry])),
    checkpoints: file.checkpoints.map(readCaseCheckpoint),
  };
}

/** Entries by type and the indexes present, made once for a case: a run has tens of thousands of entries. */
interface Index {
  readonly byType: ReadonlyMap<EntryType, readonly Placed<EntryType>[]>;
  /** Rising, each once. */
  readonly present: readonly number[];
}
const indexes = new WeakMap<Case, Index>();

/** Returns the entries of one type, in order of index. */
export function ofType<T extends EntryType>(c: Case, type: T): readonly Placed<T>[] {
  return (indexOf(c).byType.get(type) ?? []) as unknown as readonly Placed<T>[];
}

function indexOf(c: Case): Index {
  const known = indexes.get(c);
  if (known !== undefined) return known;
  const placed = c.entries.flatMap(({ index, id, entry }) =>
    entry === undefined ? [] : [{ index, id, entry }],
  );
  const made: Index = {
    byType: Map.groupBy(placed, ({ entry }) => entry.type),
    present: [...new Set(c.entries.map(({ index }) => index))].sort((a, b) => a - b),
  };
  indexes.set(c, made);
  return made;
}

/** Returns the included entry with this leaf, when it is of this type. */
export function byLeaf<T extends EntryType>(c: Case, id: string, type: T): Placed<T> | undefined {
  const found = c.byLeaf.get(id);
  return found?.entry?.type === type
    ? { index: found.index, id, entry: found.entry as EntryOf<T> }
    : undefined;
}

/** Returns the record of an execution; own members only, whatever the id is called. */
export function recordOf(c: Case, exec: string | undefined): ExecutionRecord | undefined {
  return exec !== undefined && Object.hasOwn(c.file.executions, exec) ? c.file.executions[exec] : undefined;
}

/**
 * Returns the record with the inputs of this decision: an execution that was held and then permitted was decided more
 * than once, each time on other facts. Without a part that opens the commitment, the last one stands and will not open.
 */
export function recordOfDecision(
  c: Case,
  entry: { readonly exec?: string | undefined; readonly inputs?: string | undefined },
): ExecutionRecord | undefined {
  const record = recordOf(c, entry.exec);
  const { inputs } = entry;
  if (record?.earlier === undefined || inputs === undefined) return record;
  const own = [record.inputs, ...record.earlier].find(
    ({ disclosed, withheld }) =>
      attempt(() => verifyCommitment('input', inputs, disclosed, withheld)) !== undefined,
  );
  return own === undefined ? record : { ...record, inputs: own };
}

/** Returns whether the file holds every index of [from, to). */
export function holdsRange(c: Case, from: number, to: number): boolean {
  const { present } = indexOf(c);
  return firstAtLeast(present, to) - firstAtLeast(present, from) === Math.max(0, to - from);
}

/** Returns the position of the first number that is not below `least`, in a rising list. */
function firstAtLeast(rising: readonly number[], least: number): number {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rising[middle]! < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Returns whether a decision is about operating the plane itself: the reserved `licet/…` actions that the built-in
 * operator policy decides and no bundle does (RULE 34). Lifting must be possible while everything is contained.
 */
export function isOperation({ action, bundles }: Partial<Pick<PermitEntry, 'action' | 'bundles'>>): boolean {
  return action?.startsWith(`${NAME}/`) === true && bundles?.length === 0;
}

/** Returns the size of the newest readable checkpoint; 0 when there is none. */
export const sizeOf = (c: Case): number => c.checkpoints.at(-1)?.head?.size ?? 0;

/**
 * Returns the keys of a purpose: those the trust file names, and those that only the log's own `key` entries name,
 * whose signatures are no more than the operator's word (DESIGN §5).
 */
export function keysOf(
  c: Case,
  purpose: KeyPurpose,
): { readonly trusted: readonly VerifierKey[]; readonly asserted: readonly VerifierKey[] } {
  const asserted = ofType(c, 'key').flatMap(({ entry }) => {
    if (entry.op !== 'add' || entry.purpose !== purpose) return [];
    const key = attempt(() => parseVkey(entry.key));
    return key?.name === `${c.file.origin}/${purpose}` ? [key] : [];
  });
  return { trusted: c.log === undefined ? [] : trustedKeys(c.log, purpose), asserted };
}

const WORST: readonly RungStatus[] = ['fail', 'not checked', 'asserted', 'pass'];

/**
 * Returns the finding of several items: the worst of them. No items at all is `not checked` with `nothing` as the
 * reason: an empty list never becomes a pass.
 */
export function sum(items: readonly RungItem[], nothing: string): Finding {
  const status = WORST.find((candidate) => items.some((item) => item.status === candidate)) ?? 'not checked';
  if (items.length === 0) return { status, why: nothing };
  const telling = items.filter((item) => item.status === status);
  const why = `${telling[0]!.what}${telling.length > 1 ? ` (and ${telling.length - 1} more)` : ''}`;
  return { status, ...(status === 'pass' ? {} : { why }), detail: { items } };
}

/** Returns an item that passes when `good`, and otherwise fails with what is wrong. */
export const check = (good: boolean, what: string, wrong: string = what): RungItem =>
  good ? { status: 'pass', what } : { status: 'fail', what: wrong };

/** Returns the value, or undefined when making it throws. */
export function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

/** Returns an error's message. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function readCaseEntry(source: EvidenceFile['entries'][number]): CaseEntry {
  const bytes = attempt(() => utf8(source.entry)) ?? new Uint8Array(0);
  const leaf = leafHash(bytes);
  const read = {
    index: source.index,
    text: source.entry,
    leaf,
    id: base64url(leaf),
    proof: hashes(source.proof),
  };
  try {
    if (fromUtf8(bytes) !== source.entry) return { ...read, why: 'the text is not well-formed' };
    return { ...read, entry: parseEntry(bytes) };
  } catch (error) {
    return { ...read, why: messageOf(error) };
  }
}

function readCaseCheckpoint(source: EvidenceFile['checkpoints'][number]): CaseCheckpoint {
  const read = { note: source.note, consistency: hashes(source.consistency) };
  try {
    return { ...read, head: parseCheckpoint(parseNote(source.note).text) };
  } catch (error) {
    return { ...read, why: messageOf(error) };
  }
}

// The shape of the file has checked that each is 32 bytes in base64.
const hashes = (texts: readonly string[]): readonly Uint8Array[] => texts.map(unbase64);
