// An evaluator in this thread: for the simulator, for tests, and for a plane with one request in flight.
import { evaluateUnder, loadBundle, type Engine } from '@licet/policy';
import type { Evaluator } from './ports.ts';

/** Returns an evaluator that runs where it is called. */
export const inThreadEvaluator = (engine: Engine): Evaluator => ({
  engine: engine.version,
  // One at a time, where it is called: there is no queue.
  admit: () => undefined,
  load: async (layers) => loadBundle(engine, layers),
  evaluate: async (loaded, input, mandates) => evaluateUnder(engine, loaded, input, mandates),
});
