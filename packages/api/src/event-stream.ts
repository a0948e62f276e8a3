/** Reading `text/event-stream` into committed entries. A stream gives hints only (RULE 32). */
import { createParser } from 'eventsource-parser';
import { parseJson } from '@licet/evidence';
import { FeedEventAnswer } from './answers.ts';
import type { FeedEvent } from './execution-views.ts';
import { PlaneError } from './problems.ts';
import { misfit } from './validation.ts';

const MAX_EVENT_CHARS = 65_536;

/**
 * Yields the events of a stream, in order, until it ends or `signal` aborts.
 * @throws PlaneError `garbled` on an event that is no entry or out of order, `unreachable` when the stream breaks
 */
export async function* readEvents(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<FeedEvent> {
  const ready: FeedEvent[] = [];
  let last = -1;
  let broken: PlaneError | undefined;
  const parser = createParser({
    maxBufferSize: MAX_EVENT_CHARS,
    onEvent({ id, data }) {
      try {
        const event = parseJson(data) as unknown as FeedEvent;
        const wrong = misfit(FeedEventAnswer, event);
        if (wrong !== undefined || String(event.index) !== id || event.index <= last) {
          throw new Error(wrong ?? `event ${id} is out of order`);
        }
        last = event.index;
        ready.push(event);
      } catch (cause) {
        broken ??= new PlaneError('garbled', 'an event is not a committed entry', { cause });
      }
    },
    onError(cause) {
      if (cause.type === 'max-buffer-size-exceeded') {
        broken ??= new PlaneError('garbled', 'an event is too long', { cause });
      }
    },
  });
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const chunk of chunks) {
      parser.feed(decoder.decode(chunk, { stream: true }));
      while (ready.length > 0) yield ready.shift()!;
      if (broken !== undefined) throw broken;
      if (signal.aborted) return;
    }
  } catch (cause) {
    if (signal.aborted) return;
    if (cause instanceof PlaneError) throw cause;
    throw new PlaneError('unreachable', 'the stream of events broke', { cause });
  }
}
