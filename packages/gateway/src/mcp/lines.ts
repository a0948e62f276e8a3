// Lines of a stream: UTF-8, split at LF, a trailing CR dropped, bounded. A line that is too long ends the stream,
// because a message cut in two could be read as another.
import type { Readable } from 'node:stream';
import { GatewayError } from '../errors.ts';
import { MAX_LINE_BYTES } from './message.ts';

/** Yields each line without its end. Throws GatewayError `ERR_MCP_LINE` for one that is too long or not UTF-8. */
export async function* readLines(stream: Readable): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let parts: Uint8Array[] = [];
  let length = 0;
  const take = (): string => {
    const bytes = Buffer.concat(parts);
    parts = [];
    length = 0;
    try {
      const text = decoder.decode(bytes);
      return text.endsWith('\r') ? text.slice(0, -1) : text;
    } catch (cause) {
      throw new GatewayError('ERR_MCP_LINE', 'a line is not UTF-8', { cause });
    }
  };
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    let rest = chunk;
    for (;;) {
      const end = rest.indexOf(10);
      const piece = end < 0 ? rest : rest.subarray(0, end);
      length += piece.length;
      if (length > MAX_LINE_BYTES)
        throw new GatewayError('ERR_MCP_LINE', `a line is longer than ${MAX_LINE_BYTES} bytes`);
      parts.push(piece);
      if (end < 0) break;
      yield take();
      rest = rest.subarray(end + 1);
    }
  }
  if (length > 0) yield take();
}
