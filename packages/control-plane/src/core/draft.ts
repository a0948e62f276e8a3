// A draft: one transition being made. Entries appended to it are projected at once, so that each later step of the same
// command sees what the earlier ones did, exactly as a reader of the log would.
import {
  base64url,
  entryBytes,
  leafHash,
  type Entry,
  type EntryOf,
  type EntryType,
  type Heads,
} from '@licet/evidence';
import { invariant } from '../errors.ts';
import { containmentOf } from './containment.ts';
import { project, projectNote } from './project.ts';
import type { PlaneRow, Row, RowKind, RowReader, RowValues } from './rows.ts';
import { SELF } from './rows.ts';
import type { Reply } from './commands.ts';
import type { ApplyContext, EntryDetail, NewEntry, Put, Transition } from './transition.ts';

/** Fields of an entry without those that every entry has. */
export type Fields<T extends EntryType> = Omit<
  EntryOf<T>,
  'v' | 'type' | 'origin' | 'tenant' | 'at' | 'nonce'
>;

/** An entry as it stands in the draft. */
export interface Appended {
  readonly leaf: string;
  readonly index: number;
  /** Its position among the entries of this commit. */
  readonly position: number;
}

export class Draft implements RowReader {
  readonly context: ApplyContext;
  /** Entry time: never before the last entry's (RULE 39). */
  readonly nowMs: number;
  readonly #base: RowReader;
  readonly #overlay = new Map<string, Put>();
  readonly #entries: NewEntry[] = [];
  readonly #notes: { exec: string; note: string }[] = [];

  constructor(base: RowReader, context: ApplyContext) {
    this.#base = base;
    this.context = context;
    this.nowMs = Math.max(context.nowMs, base.get('clock', SELF)?.atMs ?? 0);
  }

  get<K extends RowKind>(kind: K, id: string): RowValues[K] | undefined {
    const changed = this.#overlay.get(`${kind}/${id}`);
    return changed === undefined ? this.#base.get(kind, id) : (changed.value as Row<K>['value']);
  }

  version(kind: RowKind, id: string): number {
    return this.#base.version(kind, id) + (this.#overlay.has(`${kind}/${id}`) ? 1 : 0);
  }

  /** The plane's own row; only `boot` may run without it. */
  get plane(): PlaneRow {
    const plane = this.get('plane', SELF);
    invariant(plane !== undefined, 'the log has no genesis');
    return plane;
  }

  /** The current heads, earlier entries of the same batch included (RULE 35). */
  get heads(): Heads {
    return { containment: containmentOf(this).head, policy: this.get('policy', SELF)?.head ?? null };
  }

  /**
   * Appends an entry. `at` differs from the draft's time only for a `clock` entry and what follows it.
   * @throws EvidenceError `ERR_ENTRY_TOO_LARGE`, `ERR_ENTRY_SHAPE`: nothing was appended then.
   */
  append<T extends EntryType>(
    type: T,
    fields: Fields<T>,
    options: {
      readonly detail?: EntryDetail;
      readonly atMs?: number;
      readonly as?: { readonly origin: string; readonly tenant: string };
    } = {},
  ): Appended {
    const { origin, tenant } = options.as ?? this.plane;
    const nonce = base64url(this.context.random(16));
    const entry = {
      v: 1,
      type,
      origin,
      tenant,
      at: options.atMs ?? this.nowMs,
      nonce,
      ...fields,
    } as unknown as Entry;
    const bytes = entryBytes(entry);
    const hash = leafHash(bytes);
    const leaf = base64url(hash);
    const position = this.#entries.length;
    const index = this.context.size + position;
    const { detail } = options;
    this.#entries.push({ entry, bytes, leaf: hash, ...(detail === undefined ? {} : { detail }) });
    this.#put(project(this, { entry, leaf, index, ...(detail === undefined ? {} : { detail }) }));
    return { leaf, index, position };
  }

  /** Keeps a signed renewal with its execution; it leaves only after COMMIT. */
  keepNote(exec: string, note: string): void {
    this.#notes.push({ exec, note });
    this.#put(projectNote(this, exec, note));
  }

  /** The finished transition. */
  reply(reply: Reply): Transition {
    return { entries: this.#entries, puts: [...this.#overlay.values()], notes: this.#notes, reply };
  }

  #put(puts: readonly Put[]): void {
    for (const one of puts) this.#overlay.set(`${one.kind}/${one.id}`, one);
  }
}
