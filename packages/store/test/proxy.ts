/**
 * A TCP proxy that cuts: it lets the client's bytes through and then, at a chosen moment, drops the connection before or
 * after the server has got what was sent. A commit whose answer is lost looks like this from outside.
 */
import { connect, createServer, type Socket } from 'node:net';

/** `request`: the server never gets it. `answer`: the server does, and its answer is lost. */
export type Cut = 'request' | 'answer';

export interface CuttingProxy {
  readonly port: number;
  /** Cuts everything, and leads to another port from now on: an address that moves to another server. */
  lead(port: number): void;
  /** Cuts the next connection that sends these bytes. */
  cutAt(text: string, cut: Cut): void;
  /** How many connections were cut. */
  readonly cuts: number;
  close(): Promise<void>;
}

/** Starts a proxy in front of a port of this machine. */
export async function startProxy(first: number): Promise<CuttingProxy> {
  const open = new Set<Socket>();
  let to = first;
  let planned: { readonly text: Buffer; readonly cut: Cut } | undefined;
  let cuts = 0;
  const server = createServer((client) => {
    const behind = connect(to, '127.0.0.1');
    let mute = false;
    for (const socket of [client, behind]) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open.delete(socket);
        client.destroy();
        behind.destroy();
      });
    }
    client.on('data', (bytes: Buffer) => {
      if (planned !== undefined && bytes.includes(planned.text)) {
        const { cut } = planned;
        planned = undefined;
        cuts++;
        if (cut === 'request') return void client.destroy();
        mute = true;
        behind.write(bytes);
        // The server answers, which is how we know that it has done it; nobody hears it.
        behind.once('data', () => setTimeout(() => client.destroy(), 20));
        return;
      }
      behind.write(bytes);
    });
    behind.on('data', (bytes: Buffer) => {
      if (!mute) client.write(bytes);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { readonly port: number }).port,
    lead(port) {
      to = port;
      for (const socket of open) socket.destroy();
    },
    cutAt(text, cut) {
      planned = { text: Buffer.from(text), cut };
    },
    get cuts() {
      return cuts;
    },
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
