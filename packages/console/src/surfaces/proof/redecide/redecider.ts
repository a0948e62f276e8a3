/** The page's side of the sealed worker: a `redecide` for the verifier. No answer in time is a failure, never a pass. */
import type { Redecide } from '@licet/evidence';
import type { Ask, Told } from './sealed-worker.ts';

/** Milliseconds that one decision may take. */
const DEADLINE_MS = 20_000;

/** Cedar, ready to decide again. */
export interface Redecider {
  /** As entries name it: `cedar/4.13.0`. */
  readonly engine: string;
  readonly redecide: Redecide;
  close(): void;
}

type Content = Ask extends infer T ? (T extends Ask ? Omit<T, 'id'> : never) : never;

/** Starts the worker and hands it Cedar. Rejects when either does not come up. */
export async function openRedecider(worker: Worker, wasm: WebAssembly.Module): Promise<Redecider> {
  const waiting = new Map<number, (told: Told) => void>();
  let next = 0;
  const fail = (error: string): void => {
    for (const [id, tell] of waiting) tell({ id, error });
    waiting.clear();
  };
  worker.addEventListener('message', ({ data }: MessageEvent<Told>) => {
    waiting.get(data.id)?.(data);
    waiting.delete(data.id);
  });
  worker.addEventListener('error', (event) => {
    event.preventDefault();
    fail(event.message || 'the worker could not be started');
  });
  const ask = (content: Content): Promise<Told> =>
    new Promise((resolve, reject) => {
      const id = next++;
      const timer = setTimeout(
        () => reject(new Error('the policy engine did not answer in time')),
        DEADLINE_MS,
      );
      waiting.set(id, (told) => {
        clearTimeout(timer);
        if (told.error === undefined) resolve(told);
        else reject(new Error(told.error));
      });
      worker.postMessage({ ...content, id });
    });
  const { engine } = await ask({ wasm });
  if (engine === undefined) throw new Error('the policy engine did not say what it is');
  return {
    engine,
    redecide: async (decision) => {
      const { finding } = await ask({ decision });
      return finding ?? { status: 'fail', why: 'the policy engine gave no verdict' };
    },
    close: () => worker.terminate(),
  };
}
