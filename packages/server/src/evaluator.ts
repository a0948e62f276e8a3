/**
 * The Evaluator port over worker threads (DESIGN §6, §11). One request in flight is evaluated where it is, which
 * saves the way to a worker and back; more are spread over the workers, in turns (turns.ts). A worker that dies fails
 * what it had: an evaluation without an answer is never a pass.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { ControlPlaneError, type Clock, type Evaluator } from '@licet/control-plane';
import {
  evaluateUnder,
  loadBundle,
  type Bundle,
  type Engine,
  type Evaluation,
  type DecisionInput,
  type LoadedBundle,
  type MandateAt,
} from '@licet/policy';
import { systemClock } from './clock.ts';
import type { WorkerAnswer, WorkerTask } from './evaluator-worker.ts';
import { createTurns } from './turns.ts';

export interface WorkerEvaluatorOptions {
  /** The engine of this thread. */
  readonly engine: Engine;
  /** Default: cores − 1, at least 1. */
  readonly workers?: number;
  /** Most evaluations waiting or under way. Default 1,024. */
  readonly maxQueue?: number;
  /** The clock by which requests were read. Default: the system's. */
  readonly clock?: Clock;
}

export interface WorkerEvaluator extends Evaluator {
  /** Evaluations waiting or under way. */
  readonly inFlight: number;
  /** Workers that have the newest bundle. */
  readonly ready: number;
  close(): Promise<void>;
}

/** Evaluations under way per worker: enough that none ever waits for work, few enough that the queue is still ours. */
const AT_ONCE = 16;

/** The published form has JavaScript files beside each other, as this one has TypeScript. */
const WORKER = import.meta.url.endsWith('.ts') ? './evaluator-worker.ts' : './evaluator-worker.js';

type Untagged = WorkerTask extends infer T ? (T extends WorkerTask ? Omit<T, 'id'> : never) : never;
type Layers = { readonly org?: Bundle; readonly team: Bundle };

interface Lane {
  readonly worker: Worker;
  /** Tasks that leave with the next message. */
  readonly outbox: WorkerTask[];
  readonly waiting: Map<number, { resolve(answer: WorkerAnswer): void; reject(error: Error): void }>;
  /** Bundles it has been told to load, and whether it has. */
  readonly loaded: Map<number, 'loading' | 'ready'>;
}

/** Returns the evaluator. Workers start with the first requests that come together; a dead one is replaced at the next. */
export function workerEvaluator(options: WorkerEvaluatorOptions): WorkerEvaluator {
  const { engine } = options;
  const count = Math.max(1, options.workers ?? availableParallelism() - 1);
  const lanes: (Lane | undefined)[] = Array.from({ length: count });
  const numbers = new WeakMap<LoadedBundle, number>();
  const layersOf = new Map<number, Layers>();
  let nextTask = 0;
  let nextBundle = 0;
  const turns = createTurns({
    clock: options.clock ?? systemClock,
    atOnce: count * AT_ONCE,
    most: options.maxQueue ?? 1_024,
  });
  let closed = false;
  let turn: Promise<void> | undefined;

  function laneAt(at: number): Lane {
    const known = lanes[at];
    if (known !== undefined) return known;
    const worker = new Worker(new URL(WORKER, import.meta.url));
    const lane: Lane = { worker, outbox: [], waiting: new Map(), loaded: new Map() };
    const fail = (error: Error): void => {
      if (lanes[at] === lane) lanes[at] = undefined;
      for (const { reject } of lane.waiting.values()) reject(error);
      lane.waiting.clear();
    };
    worker.on('message', (text: string) => {
      for (const answer of JSON.parse(text) as readonly WorkerAnswer[]) {
        const waiting = lane.waiting.get(answer.id);
        lane.waiting.delete(answer.id);
        waiting?.resolve(answer);
      }
      if (lane.waiting.size === 0) worker.unref();
    });
    worker.on('error', fail);
    worker.on('exit', () => fail(new Error('an evaluator stopped')));
    worker.unref();
    lanes[at] = lane;
    return lane;
  }

  function send(lane: Lane, task: Untagged): Promise<WorkerAnswer> {
    const id = ++nextTask;
    return new Promise((resolve, reject) => {
      lane.waiting.set(id, { resolve, reject });
      lane.worker.ref();
      // What is asked in one turn leaves in one message.
      if (lane.outbox.push({ ...task, id }) === 1) queueMicrotask(() => post(lane));
    });
  }

  function post(lane: Lane): void {
    lane.worker.postMessage(JSON.stringify(lane.outbox.splice(0)));
  }

  /** Resolves in the next turn of the event loop, for all that asked in this one together. */
  function nextTurn(): Promise<void> {
    turn ??= new Promise((resolve) => {
      setImmediate(() => {
        turn = undefined;
        resolve();
      });
    });
    return turn;
  }

  /** Has the bundle loaded in the background; a worker that is starting takes seconds that no request should wait for. */
  function warm(lane: Lane, bundle: number, layers: Layers): void {
    if (lane.loaded.has(bundle)) return;
    lane.loaded.set(bundle, 'loading');
    send(lane, { kind: 'load', bundle, layers }).then(
      ({ ok }) =>
        ok && lane.loaded.has(bundle) ? lane.loaded.set(bundle, 'ready') : lane.loaded.delete(bundle),
      () => lane.loaded.delete(bundle),
    );
  }

  /** The least busy worker that has the bundle; none until one is ready. */
  function readyLane(bundle: number): Lane | undefined {
    const layers = layersOf.get(bundle);
    if (layers === undefined) return undefined;
    const all = Array.from({ length: count }, (_, at) => laneAt(at));
    for (const lane of all) warm(lane, bundle, layers);
    const ready = all.filter((lane) => lane.loaded.get(bundle) === 'ready');
    return ready.toSorted((a, b) => a.waiting.size - b.waiting.size)[0];
  }

  async function inWorker(
    lane: Lane,
    bundle: number,
    input: DecisionInput,
    mandates: readonly MandateAt[],
  ): Promise<Evaluation> {
    const answer = await send(lane, { kind: 'evaluate', bundle, input, mandates });
    if (!answer.ok || answer.evaluation === undefined) {
      throw new ControlPlaneError('ERR_PLANE_BUNDLE', answer.ok ? 'no evaluation came back' : answer.message);
    }
    return answer.evaluation;
  }

  return {
    engine: engine.version,
    get inFlight() {
      return turns.inFlight;
    },
    get ready() {
      return lanes.filter((lane) => lane?.loaded.get(nextBundle) === 'ready').length;
    },
    async load(layers) {
      const loaded = loadBundle(engine, layers);
      const number = ++nextBundle;
      numbers.set(loaded, number);
      layersOf.set(number, layers);
      // A decision under way may still ask for the one before; older ones are forgotten everywhere.
      for (const old of layersOf.keys()) {
        if (old >= number - 1) continue;
        layersOf.delete(old);
        for (const lane of lanes)
          if (lane?.loaded.delete(old) === true)
            send(lane, { kind: 'drop', bundle: old }).catch(() => undefined);
      }
      return loaded;
    },
    admit: (running) => turns.admit({ running }),
    async evaluate(loaded, input, mandates, running = false) {
      if (closed) throw new ControlPlaneError('ERR_PLANE_OVERLOADED', 'the evaluator is closed');
      return turns.take({ sinceMs: input.nowMs, running }, async () => {
        // Let what has arrived with this one be counted: evaluating here is synchronous, so nothing could be while it runs.
        await nextTurn();
        if (closed) throw new ControlPlaneError('ERR_PLANE_OVERLOADED', 'the evaluator is closed');
        const bundle = numbers.get(loaded);
        if (bundle === undefined)
          throw new ControlPlaneError('ERR_PLANE_BUNDLE', 'this bundle was not loaded here');
        const lane = turns.inFlight === 1 ? undefined : readyLane(bundle);
        return lane === undefined
          ? evaluateUnder(engine, loaded, input, mandates)
          : inWorker(lane, bundle, input, mandates);
      });
    },
    async close() {
      closed = true;
      await Promise.all(lanes.map((lane) => lane?.worker.terminate()));
    },
  };
}
