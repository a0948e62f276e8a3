/**
 * The writer's thread: opens the store and answers requests, one at a time, in the order they come. What it cannot
 * do it says; a thread that dies unexpectedly is noticed by the other side, which also closes the port between them:
 * a message sent just before closing can be lost.
 */
import { workerData } from 'node:worker_threads';
import { EvidenceError } from '@licet/evidence';
import { ed25519NoteSigner } from '@licet/evidence/node';
import { LogError, type SyncNoteSigner } from '@licet/log';
import { formatNote } from '@licet/evidence';
import type { LeaseSigner, Machine } from '@licet/control-plane';
import { openDataFolder } from './data-folder.ts';
import { messageOf, StoreError } from './errors.ts';
import { openWriter, type Writer } from './sqlite-writer.ts';
import {
  fromWire,
  type KeySeed,
  type Request,
  type RequestName,
  type Requests,
  type Response,
  type WireError,
  type WorkerOptions,
} from './wire.ts';

const options = workerData as WorkerOptions;
const { port } = options;

async function start(): Promise<Writer> {
  const { machine } = (await import(options.machine)) as { readonly machine: Machine };
  return openWriter({
    folder: openDataFolder(options.path),
    log: signerOf(options.log),
    lease: leaseSigner(options.lease),
    machine,
    faults: options.faults,
    ...(options.reserveBytes === undefined ? {} : { reserveBytes: options.reserveBytes }),
  });
}

const signerOf = ({ name, seed }: KeySeed): SyncNoteSigner => ed25519NoteSigner(name, seed);

function leaseSigner(key: KeySeed): LeaseSigner {
  const signer = signerOf(key);
  return { signNote: (text) => formatNote(text, [signer.signSync(text)]) };
}

type Handlers = {
  readonly [N in RequestName]: (
    sent: Requests[N]['sent'],
  ) => Requests[N]['back'] | Promise<Requests[N]['back']>;
};

function handlersOf(writer: Writer): Handlers {
  return {
    commit: (commands) =>
      writer.commit(
        commands.map((command) => ({
          prepared: fromWire(command),
          lane: command.lane,
          ...(command.seen === undefined ? {} : { seen: command.seen }),
        })),
      ),
    checkpointAt: (size) => writer.checkpointAt(size),
    head: () => writer.head(),
    destroyKey: (id) => void writer.destroyKey(id),
    putSession: (session) => void writer.putSession(session),
    deleteSessions: (where) => void writer.deleteSessions(where),
    rebuild: () => writer.rebuild(),
    recover: () => writer.recover(),
    close: () => void writer.close(),
  };
}

function wordsOf(error: unknown): WireError {
  const known = error instanceof StoreError || error instanceof LogError || error instanceof EvidenceError;
  return { code: known ? error.code : 'ERR_STORE_UNAVAILABLE', message: messageOf(error) };
}

/** Buffers of a batch change hands. */
function buffersOf(name: RequestName, back: unknown): ArrayBuffer[] {
  if (name !== 'commit') return [];
  const { bytes, ends, hashes, hashEnds } = (back as Requests['commit']['back']).entries;
  return [bytes, ends, hashes, hashEnds].map(({ buffer }) => buffer as ArrayBuffer);
}

try {
  const writer = await start();
  const handlers = handlersOf(writer) as Readonly<Record<RequestName, (sent: unknown) => unknown>>;
  // One after the other, also those that wait: two requests never interleave.
  let last: Promise<void> = Promise.resolve();
  port.on('message', ({ id, name, sent }: Request) => {
    last = last.then(async () => {
      try {
        const back = await handlers[name](sent);
        const response: Response = { id, ok: true, back, trouble: writer.trouble() };
        port.postMessage(response, buffersOf(name, back));
      } catch (error) {
        port.postMessage({
          id,
          ok: false,
          error: wordsOf(error),
          trouble: writer.trouble(),
        } satisfies Response);
      }
    });
  });
  port.postMessage({ id: 0, ok: true, back: writer.opened, trouble: writer.trouble() } satisfies Response);
} catch (error) {
  // Listening keeps the thread alive until the other side has read why, and closes the port.
  port.on('message', () => undefined);
  port.postMessage({ id: 0, ok: false, error: wordsOf(error), trouble: undefined } satisfies Response);
}
