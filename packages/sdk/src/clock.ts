// The two clocks of a door (RULE 31): the monotonic one stops while the machine sleeps, the wall clock jumps when
// somebody sets it. A lease ends by whichever says so first. This is the one file of the guard that reads them.

/** Both clocks at one moment, milliseconds. */
export interface Reading {
  /** Since some fixed moment; never goes back. */
  readonly monotonicMs: number;
  /** Since the Unix epoch. */
  readonly wallMs: number;
}

/** Reads both clocks and wakes up. */
export interface DoorClock {
  now(): Reading;
  /** Calls once after at least so many milliseconds; returns what takes it back. `background`: does not keep the process alive. */
  after(ms: number, call: () => void, background?: boolean): () => void;
}

/** How far the two clocks may part during one lease before it is given up, milliseconds (RULE 31). */
export const MAX_DIVERGENCE_MS = 1_000;

/** The clocks of this machine. */
export const systemClock: DoorClock = {
  now: () => ({ monotonicMs: performance.now(), wallMs: Date.now() }),
  after(ms, call, background = false) {
    const timer = setTimeout(call, Math.max(0, Math.ceil(ms)));
    if (background) timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Returns how long ago a reading was, by each clock. */
export function since(earlier: Reading, now: Reading): Reading {
  return { monotonicMs: now.monotonicMs - earlier.monotonicMs, wallMs: now.wallMs - earlier.wallMs };
}

/** Resolves after so many milliseconds, or at once when the signal aborts. Never rejects. */
export function pause(clock: DoorClock, ms: number, signal?: AbortSignal, background = false): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done, background);
    signal?.addEventListener('abort', done, { once: true });
  });
}
