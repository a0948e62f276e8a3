// Halts on the stream are hints, the lease is authority (RULE 32): an event only makes the leases ask at once, so a
// forged event costs one renewal and a suppressed one costs at most the rest of a lease.
import type { PlaneClient } from '@licet/api';
import { pause, type DoorClock } from './clock.ts';

/** What is told of a hint. */
export interface HaltListener {
  readonly executionId: string;
  /** Ask the plane now whether this may go on. */
  poke(): void;
}

/** One stream for all running executions of a door; open only while there are some. */
export interface HaltWatch {
  /** Listens until the returned function is called. `after`: the log size known when it starts. */
  add(listener: HaltListener, after: number): () => void;
}

/** Entry types after which a running execution may have lost its right to go on. */
const HINTS: ReadonlySet<string> = new Set([
  'containment',
  'policy',
  'identity',
  'mandate',
  'attestation',
  'refusal',
  'outcome',
  'boot',
]);
const RECONNECT_MS = 1_000;

/** Returns the halt watch of a client. */
export function createHaltWatch(client: Pick<PlaneClient, 'events'>, clock: DoorClock): HaltWatch {
  const listeners = new Set<HaltListener>();
  let stop: AbortController | undefined;

  const follow = async (after: number, signal: AbortSignal): Promise<void> => {
    let next = after;
    while (!signal.aborted) {
      try {
        for await (const event of client.events({ after: next, signal })) {
          next = Math.max(next, event.index);
          hint(event.entry);
        }
      } catch {
        // No stream: the leases are renewed all the same.
      }
      await pause(clock, RECONNECT_MS, signal, true);
      // RULE 32: what was missed in the gap is fetched, not guessed.
      if (!signal.aborted) for (const listener of listeners) listener.poke();
    }
  };

  const hint = (entry: { readonly type?: unknown; readonly exec?: unknown }): void => {
    if (typeof entry.type !== 'string' || !HINTS.has(entry.type)) return;
    for (const listener of listeners) {
      if (entry.exec === undefined || entry.exec === listener.executionId || entry.type === 'outcome')
        listener.poke();
    }
  };

  return {
    add(listener, after) {
      listeners.add(listener);
      if (stop === undefined) {
        stop = new AbortController();
        void follow(after, stop.signal);
      }
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) {
          stop?.abort();
          stop = undefined;
        }
      };
    },
  };
}
