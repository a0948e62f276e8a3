/**
 * Following the log: committed entries in order, as they come. A slow reader costs no memory: it is woken, and reads
 * pages from the store at its own pace.
 */
import { parseEntry, type Entry } from '@licet/evidence';

/** What the follower reads from. */
export interface Followed {
  /** Number of committed and signed entries. */
  size(): number;
  closed(): boolean;
  /** Entries [start, end), hashes checked. */
  read(start: number, end: number): readonly { readonly bytes: Uint8Array; readonly leaf: Uint8Array }[];
  readonly bell: Bell;
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
export async function* follow(
  log: Followed,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<{ readonly index: number; readonly entry: Entry; readonly leaf: Uint8Array }> {
  let next = Math.max(0, after + 1);
  while (!signal.aborted && !log.closed()) {
    const end = Math.min(log.size(), next + PAGE);
    if (end <= next) {
      await log.bell.wait(signal);
      continue;
    }
    for (const { bytes, leaf } of log.read(next, end)) {
      if (signal.aborted || log.closed()) return;
      yield { index: next++, entry: parseEntry(bytes), leaf };
    }
  }
}
