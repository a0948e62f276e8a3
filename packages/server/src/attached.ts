/** Calls to the process that owns the data folder, over its socket. */
import {
  dial,
  type Call,
  type CallInput,
  type ClientParts,
  type ConnectOptions,
  type FeedEvent,
  type RouteName,
} from '@licet/api';
import { shortSocketPath } from './listeners.ts';

/** Returns calls over `DATA/plane.sock`; nothing is opened before the first. */
export function attachedCalls(
  data: string,
  options: Omit<ConnectOptions, 'url' | 'socket'>,
): Omit<ClientParts, 'audience'> {
  const socket = shortSocketPath(data);
  let parts: Promise<ClientParts> | undefined;
  const dialled = (): Promise<ClientParts> => (parts ??= dial({ ...options, socket: socket.path }));
  const call: Call = async <N extends RouteName>(name: N, input: CallInput) =>
    (await dialled()).call(name, input);
  return {
    call,
    async *events(given: { readonly after: number; readonly signal: AbortSignal }): AsyncIterable<FeedEvent> {
      yield* (await dialled()).events(given);
    },
    async close() {
      const open = await parts;
      await open?.close();
      socket.release();
    },
  };
}
