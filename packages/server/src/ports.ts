/** The port a server was given. */
import type { Server } from 'node:net';
import { ServerError } from './errors.ts';

/** @throws ServerError `ERR_SERVER_LISTEN` when it listens on none */
export function portOf(server: Pick<Server, 'address'>): number {
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new ServerError('ERR_SERVER_LISTEN', 'the listener has no port');
  return address.port;
}
