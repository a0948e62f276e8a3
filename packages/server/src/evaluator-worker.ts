/** One Cedar worker: loads bundles when told, answers evaluations in order. Speaks to `evaluator.ts` only. */
import { parentPort } from 'node:worker_threads';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import {
  createEngine,
  evaluateUnder,
  loadBundle,
  type Bundle,
  type DecisionInput,
  type Evaluation,
  type LoadedBundle,
  type MandateAt,
} from '@licet/policy';

/**
 * What the worker is told. `bundle` numbers are the caller's names for layers. Tasks and answers cross as JSON text,
 * several at a time: cloning the objects costs more than twice as much on both sides.
 */
export type WorkerTask =
  | {
      readonly id: number;
      readonly kind: 'load';
      readonly bundle: number;
      readonly layers: { readonly org?: Bundle; readonly team: Bundle };
    }
  | {
      readonly id: number;
      readonly kind: 'evaluate';
      readonly bundle: number;
      readonly input: DecisionInput;
      readonly mandates: readonly MandateAt[];
    }
  | { readonly id: number; readonly kind: 'drop'; readonly bundle: number };
/** What it answers. */
export type WorkerAnswer =
  | { readonly id: number; readonly ok: true; readonly evaluation?: Evaluation }
  | { readonly id: number; readonly ok: false; readonly message: string };

const engine = createEngine(cedar);
const bundles = new Map<number, LoadedBundle>();

function answer(task: WorkerTask): WorkerAnswer {
  const { id } = task;
  switch (task.kind) {
    case 'load':
      bundles.set(task.bundle, loadBundle(engine, task.layers));
      return { id, ok: true };
    case 'drop':
      bundles.delete(task.bundle);
      return { id, ok: true };
    case 'evaluate': {
      const loaded = bundles.get(task.bundle);
      if (loaded === undefined) return { id, ok: false, message: 'this worker has not loaded the bundle' };
      return { id, ok: true, evaluation: evaluateUnder(engine, loaded, task.input, task.mandates) };
    }
    default:
      return task satisfies never;
  }
}

/** Answers that leave together: a long queue must not keep the first ones waiting for the last. */
const TOGETHER = 8;

function answered(task: WorkerTask): WorkerAnswer {
  try {
    return answer(task);
  } catch (error) {
    return { id: task.id, ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', (text: string) => {
  const tasks = JSON.parse(text) as readonly WorkerTask[];
  for (let at = 0; at < tasks.length; at += TOGETHER) {
    const answers = tasks.slice(at, at + TOGETHER).map(answered);
    parentPort?.postMessage(JSON.stringify(answers));
  }
});
