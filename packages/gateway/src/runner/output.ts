// Output of a command: kept up to a limit, drained beyond it, so that a flood neither fills memory nor blocks the command.

import type { Readable } from 'node:stream';

const QUIET_MS = 250;

/** What was kept of one stream. */
export interface Output {
  /** The first bytes, at most the limit. */
  bytes(): Uint8Array;
  /** True when more came than was kept. */
  readonly truncated: boolean;
  /**
   * Resolves at the end of the stream, or when it has been silent for half a second: a process that left the
   * confinement may hold the other end open for ever.
   */
  settle(): Promise<void>;
}

/** Collects a stream; `onChunk` sees every byte, also those beyond `limit`, and an error of its own goes to `onError`. */
export function collectOutput(
  stream: Readable,
  options: {
    readonly limit: number;
    readonly onChunk?: ((chunk: Uint8Array) => void) | undefined;
    readonly onError: (error: unknown) => void;
  },
): Output {
  const kept: Uint8Array[] = [];
  let size = 0;
  let seen = 0;
  let failed = false;
  const closed = new Promise<void>((resolve) => stream.once('close', resolve));
  stream.on('error', () => stream.destroy());
  stream.on('data', (chunk: Uint8Array) => {
    seen += chunk.length;
    if (size < options.limit) {
      const part = chunk.subarray(0, options.limit - size);
      kept.push(part);
      size += part.length;
    }
    if (options.onChunk === undefined || failed) return;
    try {
      options.onChunk(chunk);
    } catch (error) {
      failed = true;
      options.onError(error);
    }
  });
  return {
    bytes: () => new Uint8Array(Buffer.concat(kept)),
    get truncated() {
      return seen > size;
    },
    async settle() {
      let before = -1;
      let silent = 0;
      const timer = setInterval(() => {
        silent = seen === before ? silent + 1 : 0;
        before = seen;
        if (silent >= 2) stream.destroy();
      }, QUIET_MS);
      await closed;
      clearInterval(timer);
    },
  };
}
