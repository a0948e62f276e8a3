/**
 * Following the log: committed entries in order, as they come. A slow reader costs no memory: it is woken, and reads
 * pages from the store at its own pace. Who keeps up is handed what has just been committed: it is in this process's
 * hands already, and is neither read back nor checked a second time.
 */
import { parseEntry, type Entry } from '@licet/evidence';

/** A committed entry as a follower gets it. `entry` is parsed when it is looked at, once. */
export interface Passing {
  readonly index: number;
  readonly entry: Entry;
  readonly leaf: Uint8Array;
}

type Stretch = readonly { readonly bytes: Uint8Array; readonly leaf: Uint8Array }[];

/** What the follower reads from. */
export interface Followed {
  /** Number of committed and signed entries. */
  size(): number;
  closed(): boolean;
  /** Entries [start, end), hashes checked. */
  read(start: number, end: number): Stretch | Promise<Stretch>;
  /** The entry, when it is among the newest. */
  recent?(index: number): Passing | undefined;
  readonly bell: Bell;
}

/** The newest entries, as the batches that made them come back from the writer. */
export class Recent {
  readonly #most: number;
  readonly #entries = new Map<number, Passing>();

  /** Remembers at most `most` entries. */
  constructor(most = 512) {
    this.#most = most;
  }

  /** Adds an entry that this process has just made and committed. Indices rise. */
  add(index: number, bytes: Uint8Array, leaf: Uint8Array): void {
    if (this.#entries.size >= this.#most) this.#entries.delete(this.#entries.keys().next().value!);
    let parsed: Entry | undefined;
    this.#entries.set(index, {
      index,
      leaf,
      get entry() {
        // Made by `entryBytes` and hashed into the tree a moment ago; what is read from a file is parsed strictly.
        return (parsed ??= JSON.parse(
          Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(),
        ) as Entry);
      },
    });
  }

  get(index: number): Passing | undefined {
    return this.#entries.get(index);
  }

  /** Forgets everything: what is in the files is not what was in hand. */
  clear(): void {
    this.#entries.clear();
  }
}

/** Rings when something was committed, or the store was closed. */
export class Bell {
  readonly #waiting = new Set<() => void>();

  ring(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves at the next ring or abort. */
  wait(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake);
    });
  }
}

const PAGE = 256;

/** Yields the entries after index `after`; ends when the store closes or the signal aborts. */
export async function* follow(log: Followed, after: number, signal: AbortSignal): AsyncGenerator<Passing> {
  const over = (): boolean => signal.aborted || log.closed();
  let next = Math.max(0, after + 1);
  while (!over()) {
    const end = Math.min(log.size(), next + PAGE);
    if (end <= next) {
      await log.bell.wait(signal);
      continue;
    }
    for (let known = log.recent?.(next); known !== undefined && next < end; known = log.recent?.(next)) {
      next++;
      yield known;
      if (over()) return;
    }
    if (next === end) continue;
    for (const { bytes, leaf } of await log.read(next, end)) {
      if (over()) return;
      yield { index: next++, entry: parseEntry(bytes), leaf };
    }
  }
}
