/**
 * The live feed: one event stream per browser, whatever the number of tabs. A Web Lock elects the tab that holds it;
 * the others hear it on a BroadcastChannel (HTTP/1.1 gives six connections per origin; a seventh tab would hang).
 * Events are hints (RULE 32): they say what to fetch again. The stream resumes by log index, and after a gap every
 * query is fetched again instead of guessing what was missed.
 */
import type { QueryClient } from '@tanstack/react-query';
import type { FeedEvent } from '@licet/api';
import { nowMs } from './clock.ts';
import { base, isPublic } from './listener.ts';
import { cell, useCell } from './store.ts';

export interface FeedState {
  /** `off` where nothing streams: not signed in, or the public listener, which is polled. */
  readonly state: 'off' | 'connecting' | 'live' | 'lost';
  /** Largest log index heard of; −1 before the first. */
  readonly index: number;
  /** When something was last heard, milliseconds. */
  readonly heardMs: number;
}

type Message =
  | { readonly kind: 'event'; readonly event: FeedEvent }
  | { readonly kind: 'state'; readonly state: FeedState['state'] }
  | { readonly kind: 'who' };

/** Tabs of one tenant share a stream; tenants share an origin of the web, and nothing else. */
const NAME = `licet-feed${base}`;
const SETTLE_MS = 250;
const RETRY_MS = [500, 1_000, 2_000, 4_000] as const;

const feed = cell<FeedState>({ state: 'off', index: -1, heardMs: 0 });

/** Returns the state of the feed. */
export const useFeed = (): FeedState => useCell(feed);

/** Starts following the feed from log index `after`. Returns how to stop. */
export function startFeed(client: QueryClient, after: number): () => void {
  if (isPublic) return () => undefined;
  const stop = new AbortController();
  const channel = new BroadcastChannel(NAME);
  const refresh = refresher(client);
  feed.write({ state: 'connecting', index: after, heardMs: 0 });

  const hear = (event: FeedEvent): void => {
    const last = feed.read().index;
    if (event.index <= last) return;
    // A person's stream holds every entry; a hole means that something was missed.
    refresh(event.index === last + 1 ? event : undefined);
    feed.write({ state: 'live', index: event.index, heardMs: nowMs() });
  };
  const turn = (state: FeedState['state']): void => feed.write({ ...feed.read(), state, heardMs: nowMs() });

  channel.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    if (data.kind === 'event') hear(data.event);
    if (data.kind === 'state') turn(data.state);
    if (data.kind === 'who' && leading) channel.postMessage({ kind: 'state', state: feed.read().state });
  });
  let leading = false;
  void navigator.locks
    .request(NAME, { signal: stop.signal }, async () => {
      leading = true;
      const tell = (message: Message): void => {
        channel.postMessage(message);
        if (message.kind === 'event') hear(message.event);
        if (message.kind === 'state') turn(message.state);
      };
      await lead(tell, stop.signal);
    })
    .catch(() => undefined);
  channel.postMessage({ kind: 'who' } satisfies Message);
  stop.signal.addEventListener('abort', () => {
    channel.close();
    feed.write({ state: 'off', index: -1, heardMs: 0 });
  });
  return () => stop.abort();
}

/** Holds the one stream until stopped; reconnects from the last index heard. */
async function lead(tell: (message: Message) => void, signal: AbortSignal): Promise<void> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    const opened = await new Promise<boolean>((done) => {
      const source = new EventSource(`${base}/v1/events?after=${feed.read().index}`);
      let open = false;
      const end = (): void => {
        source.close();
        done(open);
      };
      source.addEventListener('open', () => {
        open = true;
        tell({ kind: 'state', state: 'live' });
      });
      source.addEventListener('message', ({ data }: MessageEvent<string>) =>
        tell({ kind: 'event', event: JSON.parse(data) as FeedEvent }),
      );
      source.addEventListener('error', end);
      signal.addEventListener('abort', end, { once: true });
    });
    if (signal.aborted) return;
    tell({ kind: 'state', state: 'lost' });
    if (opened) attempt = 0;
    await new Promise((done) => setTimeout(done, RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]));
  }
}

/** What an entry makes old. Queries are fetched again at most once per `SETTLE_MS`. */
function refresher(client: QueryClient): (event: FeedEvent | undefined) => void {
  let keys = new Map<string, readonly unknown[]>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  return (event) => {
    for (const key of event === undefined ? [[]] : keysOf(event)) keys.set(JSON.stringify(key), key);
    timer ??= setTimeout(() => {
      timer = undefined;
      const due = keys;
      keys = new Map();
      for (const queryKey of due.values()) void client.invalidateQueries({ queryKey });
    }, SETTLE_MS);
  };
}

function keysOf({ entry }: FeedEvent): readonly (readonly unknown[])[] {
  const common = [['status'], ['log']];
  switch (entry.type) {
    case 'permit':
    case 'refusal':
    case 'start':
    case 'outcome':
    case 'approval':
    case 'observation':
      return [
        ...common,
        ['executions'],
        ['approvals'],
        ['standing'],
        ['lineage'],
        ...(entry.exec === undefined ? [] : [['execution', entry.exec]]),
      ];
    case 'containment':
      return [...common, ['containments'], ['executions'], ['execution']];
    case 'standing':
      return [...common, ['standing'], ['execution']];
    case 'policy':
      return [...common, ['bundles']];
    case 'identity':
      return [...common, ['identities'], ['issuers']];
    case 'attestation':
      return [...common, ['attestations', entry.exec ?? entry.subject]];
    case 'fact':
      return [...common, ['facts']];
    default:
      return common;
  }
}
