// The execution that is running here, carried through promises and callbacks, so that a guarded call inside another
// becomes its child without anyone passing an id about (RULE 18).
import { AsyncLocalStorage } from 'node:async_hooks';

/** An execution that is running. */
export interface CurrentExecution {
  readonly executionId: string;
  /** Aborts when it is halted; its children end with it. */
  readonly signal: AbortSignal;
}

const storage = new AsyncLocalStorage<CurrentExecution>();

/** Returns the execution in which this code runs, or undefined outside of any. */
export function currentExecution(): CurrentExecution | undefined {
  return storage.getStore();
}

/** Runs `fn` as the given execution; guarded calls in it become its children. */
export function runAs<T>(execution: CurrentExecution, fn: () => T): T {
  return storage.run(execution, fn);
}
