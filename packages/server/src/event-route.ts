/** `GET /v1/events`: committed entries as server-sent events, the log index as event id (DESIGN §10). */
import type { FastifyReply } from 'fastify';
import { base64url } from '@licet/evidence';
import { PlaneError } from '@licet/api';
import type { Plane, Store } from '@licet/control-plane';
import { eventFilter } from './event-filter.ts';
import type { Principal, Principals } from './principals.ts';

/** Streams open at once, by caller and in all. */
const MAX_OWN = 16;
const MAX_ALL = 512;
const HEARTBEAT_MS = 15_000;

export interface EventStreams {
  /** Sends entries after log index `after` until the caller or the plane goes. */
  stream(reply: FastifyReply, principal: Principal, after: number, gone: AbortSignal): Promise<void>;
  /** Ends all streams. */
  close(): void;
}

/** Returns the streams of a plane. */
export function eventStreams(plane: Plane, store: Store, principals: Principals): EventStreams {
  const open = new Map<AbortController, string>();
  return {
    async stream(reply, principal, after, gone) {
      const own = [...open.values()].filter((jkt) => jkt === principal.jkt).length;
      if (own >= MAX_OWN || open.size >= MAX_ALL)
        throw new PlaneError('overloaded', 'overloaded: too many streams are open');
      const stop = new AbortController();
      gone.addEventListener('abort', () => stop.abort(), { once: true });
      open.set(stop, principal.jkt);
      const { raw } = reply;
      reply.hijack();
      raw.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      raw.write(':\n\n');
      const heartbeat = setInterval(() => raw.write(':\n\n'), HEARTBEAT_MS);
      const heard = eventFilter(plane, principal);
      try {
        for await (const { index, entry, leaf } of store.watch(after, stop.signal)) {
          // A revoked identity hears nothing more, not even what was on its way.
          if ((await principals.find(principal.jkt, principal.by)) === undefined) break;
          if (!(await heard(entry))) continue;
          const data = JSON.stringify({ index, leaf: base64url(leaf), entry });
          if (!raw.write(`id: ${index}\ndata: ${data}\n\n`)) await drained(raw, stop.signal);
          if (stop.signal.aborted) break;
        }
      } catch {
        // A stream gives hints; whoever loses it fetches the state.
      } finally {
        clearInterval(heartbeat);
        open.delete(stop);
        stop.abort();
        raw.end();
      }
    },
    close() {
      for (const stop of open.keys()) stop.abort();
    },
  };
}

/** A reader that does not read holds one entry back, not memory; after a while it is let go. */
function drained(raw: FastifyReply['raw'], signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      raw.destroy();
      done();
    }, 2 * HEARTBEAT_MS);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    raw.once('drain', done);
    raw.once('close', done);
    signal.addEventListener('abort', done, { once: true });
  });
}
