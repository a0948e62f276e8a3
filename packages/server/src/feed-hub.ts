/**
 * One watch over the log for the whole process: whoever waits for an execution to change, and whoever must forget
 * something when an identity changes, hears it from here.
 */
import type { Entry } from '@licet/evidence';
import type { Store } from '@licet/control-plane';

/** A committed entry as it passes. */
export interface Passing {
  readonly index: number;
  readonly leaf: Uint8Array;
  readonly entry: Entry;
}

export interface FeedHub {
  /** Calls `listener` for each entry from now on; returns how to stop. */
  listen(listener: (passing: Passing) => void): () => void;
  /** Resolves when an entry about this execution passes, when the time is over, or when `signal` aborts. */
  change(exec: string, waitMs: number, signal?: AbortSignal): Promise<void>;
  /** Whether it has ended: nothing will pass any more, and every wait is over. */
  readonly closed: boolean;
  close(): void;
}

/** Starts watching after log index `after`. */
export function openFeedHub(store: Pick<Store, 'watch'>, after: number): FeedHub {
  const listeners = new Set<(passing: Passing) => void>();
  const stop = new AbortController();
  void (async () => {
    try {
      for await (const passing of store.watch(after, stop.signal))
        for (const listener of listeners) listener(passing);
    } catch {
      // The store has ended. Waiters end by their own time; caches below live a second at most.
    }
  })();
  return {
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    change(exec, waitMs, signal) {
      return new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          listeners.delete(listener);
          signal?.removeEventListener('abort', done);
          stop.signal.removeEventListener('abort', done);
          resolve();
        };
        const listener = ({ entry }: Passing): void => {
          if ('exec' in entry && entry.exec === exec) done();
        };
        const timer = setTimeout(done, waitMs);
        if (signal?.aborted === true || stop.signal.aborted) return done();
        listeners.add(listener);
        signal?.addEventListener('abort', done, { once: true });
        stop.signal.addEventListener('abort', done, { once: true });
      });
    },
    get closed() {
      return stop.signal.aborted;
    },
    close: () => stop.abort(),
  };
}
