/**
 * Sends webhooks: when a hold opens, escalates and ends. It hears what is committed and never stands in its way: a queue
 * with a bound for each hook, tries that wait longer each time, and what does not get through is counted and dropped.
 */
import { NAME } from '@licet/evidence';
import type { Clock, ExecutionRow, Plane, Store } from '@licet/control-plane';
import { PlaneError, type Webhook, type WebhookView } from '@licet/api';
import type { FeedHub } from '../feed-hub.ts';
import { eventOf, heldBy, idOf, type CloudEvent, type HoldEvent } from './events.ts';
import { newHook, readHooks, webhookKey, writeHooks, type WebhookKey } from './settings.ts';

/** Events that wait for one hook; further ones are dropped and counted. */
const MAX_QUEUED = 256;
/** Milliseconds before each try. */
const TRIES_MS = [0, 1_000, 5_000, 30_000, 120_000] as const;
const TIMEOUT_MS = 10_000;
/** Longest that a timer can wait; no hold escalates later than that. */
const MAX_TIMER_MS = 2_147_483_647;

export interface Webhooks {
  list(): readonly WebhookView[];
  /** Verifies what is sent; undefined before the first hook. */
  readonly publicKey: string | undefined;
  add(url: string, withArguments: boolean): Promise<WebhookView>;
  /** @throws PlaneError `not_found` */
  remove(id: string): Promise<void>;
  /** Sends a test to one hook, once; returns how it answered. @throws PlaneError `not_found` */
  test(id: string): Promise<{ readonly ok: boolean; readonly why: string }>;
  close(): void;
}

export interface WebhookParts {
  readonly data: string;
  readonly origin: string;
  readonly plane: Pick<Plane, 'execution' | 'opened'>;
  readonly store: Pick<Store, 'list'>;
  readonly hub: Pick<FeedHub, 'listen'>;
  readonly clock: Clock;
  /** Address of the console, where there is one. */
  url(): string | undefined;
}

interface Line {
  readonly hook: Webhook;
  readonly queue: CloudEvent[];
  sending: boolean;
  delivered: number;
  dropped: number;
  lastError?: string;
}

/** Opens what is configured in the data folder. */
export async function openWebhooks(parts: WebhookParts): Promise<Webhooks> {
  const { data, origin, plane, hub, clock } = parts;
  const lines = new Map<string, Line>();
  const timers = new Set<NodeJS.Timeout>();
  const stop = new AbortController();
  let key: WebhookKey | undefined;

  const open = (hook: Webhook): Line => {
    const line: Line = { hook, queue: [], sending: false, delivered: 0, dropped: 0 };
    lines.set(hook.id, line);
    return line;
  };
  const viewOf = ({ hook, queue, delivered, dropped, lastError }: Line): WebhookView => ({
    ...hook,
    waiting: queue.length,
    delivered,
    dropped,
    ...(lastError === undefined ? {} : { lastError }),
  });
  const lineOf = (id: string): Line => {
    const line = lines.get(id);
    if (line === undefined) throw new PlaneError('not_found', `not_found: there is no webhook ${id}`);
    return line;
  };

  async function post(line: Line, event: CloudEvent): Promise<string | undefined> {
    const body = JSON.stringify(event);
    try {
      const answer = await fetch(line.hook.url, {
        method: 'POST',
        // A redirect would send it where nobody configured it to go.
        redirect: 'manual',
        signal: AbortSignal.any([stop.signal, AbortSignal.timeout(TIMEOUT_MS)]),
        headers: {
          'content-type': 'application/cloudevents+json; charset=utf-8',
          ...key!.headers(event.id, clock.nowMs(), body),
        },
        body,
      });
      await answer.body?.cancel();
      return answer.ok ? undefined : `answered ${answer.status}`;
    } catch (error) {
      return error instanceof Error ? error.name : 'failed';
    }
  }

  async function drain(line: Line): Promise<void> {
    if (line.sending) return;
    line.sending = true;
    for (let event = line.queue[0]; event !== undefined && lines.has(line.hook.id); event = line.queue[0]) {
      let wrong: string | undefined;
      for (const waitMs of TRIES_MS) {
        await pause(waitMs);
        if (stop.signal.aborted || !lines.has(line.hook.id)) return;
        wrong = await post(line, event);
        if (wrong === undefined) break;
        line.lastError = wrong;
      }
      line.queue.shift();
      if (wrong === undefined) line.delivered += 1;
      else line.dropped += 1;
    }
    line.sending = false;
  }

  async function tell(
    row: ExecutionRow,
    what: { readonly id: string; readonly event: HoldEvent; readonly atMs: number; readonly how?: string },
  ): Promise<void> {
    const bare = eventOf({ origin, url: parts.url(), row, ...what });
    for (const line of lines.values()) {
      const opened = line.hook.arguments ? await plane.opened(row.exec) : undefined;
      const event = opened === undefined ? bare : eventOf({ origin, url: parts.url(), row, ...what, opened });
      if (line.queue.length >= MAX_QUEUED) line.dropped += 1;
      else line.queue.push(event);
      void drain(line);
    }
  }

  function escalate(row: ExecutionRow): void {
    for (const { group, also = [] } of row.hold?.groups ?? []) {
      for (const step of also) {
        const id = `${row.hold!.leaf}.${group}.${step.at}`;
        later(step.at - clock.nowMs(), async () => {
          const now = await plane.execution(row.exec);
          if (now?.state === 'held' && now.hold?.leaf === row.hold!.leaf)
            await tell(now, { id, event: 'escalated', atMs: step.at });
        });
      }
    }
  }

  function later(waitMs: number, act: () => Promise<void>): void {
    if (waitMs > MAX_TIMER_MS) return;
    const timer = setTimeout(
      () => {
        timers.delete(timer);
        act().catch(() => undefined);
      },
      Math.max(0, waitMs),
    );
    timer.unref();
    timers.add(timer);
  }

  const pause = (waitMs: number): Promise<void> =>
    waitMs === 0
      ? Promise.resolve()
      : new Promise((resolve) => {
          const timer = setTimeout(() => {
            timers.delete(timer);
            resolve();
          }, waitMs);
          timer.unref();
          timers.add(timer);
        });

  for (const hook of await readHooks(data)) open(hook);
  if (lines.size > 0) key = await webhookKey(data);
  const held = await parts.store.list({ kind: 'execution', where: { state: 'held' }, limit: 1_000 });
  // Also what fell due while nobody was here: told late, and perhaps twice, under the one id that receivers know it by.
  for (const { value } of held) escalate(value as ExecutionRow);

  const unhear = hub.listen(({ entry, leaf }) => {
    const found = lines.size === 0 ? undefined : heldBy(entry);
    if (found === undefined) return;
    void (async () => {
      const row = await plane.execution(found.exec);
      if (row === undefined) return;
      if (found.event === 'opened') escalate(row);
      const how = found.how === undefined ? {} : { how: found.how };
      await tell(row, { id: idOf(leaf), event: found.event, atMs: entry.at, ...how });
    })().catch(() => undefined);
  });

  return {
    list: () => [...lines.values()].map(viewOf),
    get publicKey() {
      return key?.publicKey;
    },
    async add(url, withArguments) {
      const hook = newHook(
        [...lines.values()].map((line) => line.hook),
        url,
        withArguments,
      );
      key ??= await webhookKey(data);
      await writeHooks(data, [...[...lines.values()].map((line) => line.hook), hook]);
      return viewOf(open(hook));
    },
    async remove(id) {
      lineOf(id);
      lines.delete(id);
      await writeHooks(
        data,
        [...lines.values()].map((line) => line.hook),
      );
    },
    async test(id) {
      const line = lineOf(id);
      const why = await post(line, {
        specversion: '1.0',
        id: `${id}.test.${clock.nowMs()}`,
        source: `//${origin}`,
        type: `local.${NAME}.webhook.test.v1`,
        subject: id,
        time: new Date(clock.nowMs()).toISOString(),
        datacontenttype: 'application/json',
        data: {},
      });
      return { ok: why === undefined, why: why ?? 'delivered' };
    },
    close() {
      unhear();
      stop.abort();
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
