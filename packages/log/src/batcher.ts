/**
 * Natural group commit (DESIGN §9): a batch commits as soon as the one before has ended; what arrives meanwhile is
 * the next batch. No timer. Two lanes: `safety` (halts, outcomes, containment) goes first and has space of its own,
 * so that a flood of requests cannot keep a halt out (RULE 38).
 */
import { LogError } from './errors.ts';

export type BatchLane = 'normal' | 'safety';

/** What became of one item. */
export type Settled<A> =
  { readonly ok: true; readonly answer: A } | { readonly ok: false; readonly error: unknown };

export interface BatcherOptions<I, A> {
  /**
   * Commits the items in order and answers each, in the same order. Rejecting rejects every item of the batch with
   * the same error: the committer says by its error whether anything may have been written.
   */
  commit(items: readonly BatchItem<I>[]): Promise<readonly Settled<A>[]>;
  /** Makes the error of an item that found its lane full. */
  busy(lane: BatchLane): Error;
  /** Most items in a batch. Default 1,024. */
  readonly maxBatch?: number;
  /** Most items of the normal lane waiting or in flight. Default 4,096. */
  readonly maxNormal?: number;
  /** Most items of the safety lane waiting or in flight. Default 8,192. */
  readonly maxSafety?: number;
}

export interface BatchItem<I> {
  readonly item: I;
  readonly lane: BatchLane;
}

export interface Batcher<I, A> {
  /** Resolves when the item's batch is durable and answered. Rejects at once when the lane is full or closed. */
  submit(item: I, lane: BatchLane): Promise<A>;
  /** Items waiting or in flight. */
  readonly outstanding: number;
  /** Rejects everything that still waits; the batch in flight ends by itself. */
  rejectWaiting(error: unknown): void;
  /** Takes nothing more, waits for what is queued. */
  close(): Promise<void>;
}

interface Waiting<I, A> extends BatchItem<I> {
  resolve(answer: A): void;
  reject(error: unknown): void;
}

/** Returns a batcher. It holds no clock and no timer; batches begin in the microtask after the first submit. */
export function createBatcher<I, A>(options: BatcherOptions<I, A>): Batcher<I, A> {
  const maxBatch = options.maxBatch ?? 1_024;
  const most: Readonly<Record<BatchLane, number>> = {
    normal: options.maxNormal ?? 4_096,
    safety: options.maxSafety ?? 8_192,
  };
  const waiting: Record<BatchLane, Waiting<I, A>[]> = { normal: [], safety: [] };
  const outstanding: Record<BatchLane, number> = { normal: 0, safety: 0 };
  let running: Promise<void> | undefined;
  let closed = false;

  async function drain(): Promise<void> {
    // One turn of the microtask queue, so that items submitted together commit together.
    await Promise.resolve();
    for (;;) {
      const batch = take();
      if (batch.length === 0) break;
      let settled: readonly Settled<A>[];
      try {
        settled = await options.commit(batch);
      } catch (error) {
        settled = batch.map(() => ({ ok: false, error }));
      }
      batch.forEach((waiter, i) => settle(waiter, settled[i]));
    }
    running = undefined;
  }

  function take(): Waiting<I, A>[] {
    // RULE 38: safety first.
    const batch = waiting.safety.splice(0, maxBatch);
    return batch.length < maxBatch ? batch.concat(waiting.normal.splice(0, maxBatch - batch.length)) : batch;
  }

  function settle(waiter: Waiting<I, A>, settled: Settled<A> | undefined): void {
    outstanding[waiter.lane]--;
    if (settled === undefined)
      waiter.reject(new LogError('ERR_LOG_CORRUPT', 'a batch answered too few items'));
    else if (settled.ok) waiter.resolve(settled.answer);
    else waiter.reject(settled.error);
  }

  return {
    submit(item, lane) {
      if (closed) return Promise.reject(new LogError('ERR_LOG_CLOSED', 'the batcher is closed'));
      if (outstanding[lane] >= most[lane]) return Promise.reject(options.busy(lane));
      outstanding[lane]++;
      return new Promise<A>((resolve, reject) => {
        waiting[lane].push({ item, lane, resolve, reject });
        running ??= drain();
      });
    },
    get outstanding() {
      return outstanding.normal + outstanding.safety;
    },
    rejectWaiting(error) {
      for (const lane of ['safety', 'normal'] as const) {
        for (const waiter of waiting[lane].splice(0)) settle(waiter, { ok: false, error });
      }
    },
    async close() {
      closed = true;
      await running;
    },
  };
}
