/**
 * The plane's side of the writer's thread: requests in, answers out. When the thread dies, everything it had in
 * hand has an unknown result.
 */
import { MessageChannel, Worker } from 'node:worker_threads';
import { messageOf, STORE_ERRORS, StoreError, type StoreErrorCode } from './errors.ts';
import type {
  Opened,
  Request,
  RequestName,
  Requests,
  Response,
  Trouble,
  WireError,
  WorkerOptions,
} from './wire.ts';

export interface WriterClient {
  readonly opened: Opened;
  /** Why not everything is written; undefined when all is well. */
  readonly trouble: Trouble | undefined;
  ask<N extends RequestName>(name: N, sent: Requests[N]['sent']): Promise<Requests[N]['back']>;
  /** Lets the thread end. */
  close(): Promise<void>;
}

interface Pending {
  readonly name: RequestName;
  resolve(back: unknown): void;
  reject(error: StoreError): void;
}

/** Starts the thread; resolves when the store is open for writing. @throws StoreError as the opening found it */
export async function startWriter(options: Omit<WorkerOptions, 'port'>): Promise<WriterClient> {
  const { port1, port2 } = new MessageChannel();
  // The published form is JavaScript; in the repository the source runs as it stands.
  const file = import.meta.url.endsWith('.ts') ? './sqlite-worker.ts' : './sqlite-worker.js';
  const worker = new Worker(new URL(file, import.meta.url), {
    workerData: { ...options, port: port2 },
    transferList: [port2],
  });
  const pending = new Map<number, Pending>();
  let trouble: Trouble | undefined;
  let death: string | undefined;
  let next = 0;

  const die = (why: string): void => {
    death ??= why;
    trouble = { poisoned: true, why: death };
    for (const { name, reject } of pending.values()) reject(lost(name, death));
    pending.clear();
  };
  const ended = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      die('the writer thread ended');
      port1.close();
      resolve();
    });
  });
  worker.on('error', (error) => die(`the writer thread failed: ${messageOf(error)}`));
  port1.on('message', (response: Response) => {
    const waiting = pending.get(response.id);
    pending.delete(response.id);
    if (death === undefined) trouble = response.trouble;
    if (response.ok) waiting?.resolve(response.back);
    else waiting?.reject(errorOf(response.error));
  });

  const expect = <N extends RequestName>(id: number, name: N): Promise<Requests[N]['back']> =>
    new Promise((resolve, reject) => {
      pending.set(id, { name, resolve: resolve as (back: unknown) => void, reject });
    });
  const ask = <N extends RequestName>(name: N, sent: Requests[N]['sent']): Promise<Requests[N]['back']> => {
    if (death !== undefined) return Promise.reject(new StoreError('ERR_STORE_UNAVAILABLE', death));
    const id = ++next;
    const answer = expect(id, name);
    port1.postMessage({ id, name, sent } satisfies Request);
    return answer;
  };
  const close = async (): Promise<void> => {
    // A thread that is dead already has nothing to close.
    if (death === undefined) await ask('close', undefined).catch(() => undefined);
    // Nothing else keeps the thread alive.
    port1.close();
    await ended;
  };

  let opened: Opened;
  try {
    opened = await expect(0, 'recover');
  } catch (error) {
    const died = death !== undefined;
    port1.close();
    await ended;
    if (died) throw new StoreError('ERR_STORE_OPEN', messageOf(error), { cause: error });
    throw error;
  }
  return {
    opened,
    ask,
    close,
    get trouble() {
      return trouble;
    },
  };
}

/** What a request that got no answer may have done. */
function lost(name: RequestName, why: string): StoreError {
  const wrote = name !== 'checkpointAt' && name !== 'head';
  return new StoreError(wrote ? 'ERR_STORE_UNKNOWN_RESULT' : 'ERR_STORE_UNAVAILABLE', why);
}

/** Codes of this package stay; a fork found by the log package is corruption to callers of the store. */
function errorOf({ code, message }: WireError): StoreError {
  const known: StoreErrorCode = Object.hasOwn(STORE_ERRORS, code)
    ? (code as StoreErrorCode)
    : 'ERR_STORE_CORRUPT';
  return new StoreError(known, message.startsWith(`${known}: `) ? message.slice(known.length + 2) : message);
}
