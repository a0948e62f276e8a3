// A transition: what Apply makes of one command. The store writes all of it in one transaction, or none (DESIGN §3).
import type { Entry, Json } from '@licet/evidence';
import type { Reply } from './commands.ts';
import type { OpenedMandate, OpenedScope, RowKind, RowValues } from './rows.ts';

/** One entry to append: its canonical bytes and leaf hash, made once (DESIGN §11). */
export interface NewEntry {
  readonly entry: Entry;
  readonly bytes: Uint8Array;
  readonly leaf: Uint8Array;
  /** What `project` needs beside the entry to make the rows; kept with the records, so that a rebuild has it. */
  readonly detail?: EntryDetail;
}

/** Off-log facts about an entry. Safety state never depends on them: without them a rebuild denies more, not less (RULE 41). */
export interface EntryDetail {
  readonly request?: string;
  readonly recognition?: string;
  readonly name?: string;
  readonly signed?: unknown;
  readonly depth?: number;
  readonly counter?: number;
  readonly mandate?: OpenedMandate & { readonly jkt: string };
  readonly standing?: OpenedScope;
  readonly note?: { readonly key: string; readonly text: string };
  /** Of an issuer. */
  readonly settings?: Json;
}

export interface Put<K extends RowKind = RowKind> {
  readonly kind: K;
  readonly id: string;
  readonly value: RowValues[K];
}

/** Returns the write of one row. */
export const put = <K extends RowKind>(kind: K, id: string, value: RowValues[K]): Put<K> => ({
  kind,
  id,
  value,
});

export interface Transition {
  readonly entries: readonly NewEntry[];
  readonly puts: readonly Put[];
  /** Signed notes to keep with an execution. */
  readonly notes: readonly { readonly exec: string; readonly note: string }[];
  readonly reply: Reply;
}

/** What Apply is given beside rows and command. No clock is read and no number drawn outside it. */
export interface ApplyContext {
  readonly nowMs: number;
  /** Index that the next entry gets. */
  readonly size: number;
  /** Returns `length` unpredictable bytes. */
  random(length: number): Uint8Array;
  /** Signs a renewal; the note leaves only after COMMIT. */
  signNote(text: string): string;
}
