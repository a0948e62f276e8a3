/**
 * Loaded into a server by `--import`: writes what the process holds, once every five seconds, one line of JSON each, into
 * `samples-<pid>.jsonl` beside its state folder. The heap is measured after a collection: what is left is held.
 */
import { appendFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const EVERY_MS = 5_000;

const state = process.env['LICET_STATE'];
// Threads of the server inherit the option; what they hold is in the resident size.
if (isMainThread && state !== undefined) {
  const file = join(dirname(state), `samples-${process.pid}.jsonl`);
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  setInterval(() => {
    globalThis.gc?.();
    const { heapUsed, external, rss } = process.memoryUsage();
    const sample = {
      atMs: Math.round(performance.now()),
      heap: heapUsed,
      external,
      rss,
      handles: process.getActiveResourcesInfo().length,
      delayP99Ms: Math.round(delay.percentile(99) / 1e5) / 10,
    };
    delay.reset();
    appendFileSync(file, `${JSON.stringify(sample)}\n`);
  }, EVERY_MS).unref();
}
