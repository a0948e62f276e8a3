// The guard: a function that runs only when it is permitted, with exactly the arguments that were permitted, for as
// long as it may. The three lines a developer writes (DESIGN §10).
import { canonicalBytes, base64url, sha256, type Json } from '@licet/evidence';
import type { DoorClaim, Held } from '@licet/api';
import { currentExecution, runAs } from './current.ts';
import { Halted } from './denied.ts';
import { openExecution, type OpenedExecution, type Outcome } from './door.ts';
import { doorOf, type Door, type TrustedPlane } from './plane.ts';
import { snapshot } from './snapshot.ts';
import { pause } from './clock.ts';

/** What a guarded function gets beside its arguments. */
export interface GuardContext {
  /** Aborts when the execution has to stop. A function that ignores it ends `in_doubt`. */
  readonly signal: AbortSignal;
  readonly executionId: string;
  /** The root of this tree of executions. */
  readonly run: string;
  /** The execution this one happens under; absent for a root. */
  readonly parent?: string;
  /** Whether an effect may begin this very moment; ask before each of several. */
  isLive(): boolean;
}

/** How a guard behaves; every field has a default. */
export interface GuardOptions<R> {
  /** What this door binds beside the arguments and what they name (RULE 26). */
  readonly bound?: readonly string[];
  /** `redeem` looks at the permit before it starts; one more round trip. Default `start`. */
  readonly mode?: 'start' | 'redeem';
  /** Longest wait for a person, milliseconds, at most 45_000. Default: the door's. */
  readonly holdWaitMs?: number;
  readonly onHold?: (held: Held) => void;
  /** Default true (RULE 13). */
  readonly refuseLinks?: boolean;
  /** How long a halted function may take to end, milliseconds, before it is given up as `in_doubt`. Default 1_000. */
  readonly haltGraceMs?: number;
  /** What of the result is committed to. Default: all of it, when it is plain JSON. */
  readonly record?: (result: R) => unknown;
}

/** What one call may say. */
export interface CallSettings {
  /** Default: the execution in which the call is made. `null` makes a root. */
  readonly parent?: string | null;
  readonly signal?: AbortSignal;
  readonly idempotencyKey?: string;
}

/** A guarded function. Rejects with `Denied`, `Halted`, or what the function threw. */
export type Guarded<A, R> = (args: A, call?: CallSettings) => Promise<R>;

/** RULE 26: the function gets exactly the committed arguments, so they and what they name are bound. */
const BOUND = ['input', 'resource'] as const;
/** Results above this are committed to by digest, bytes. */
const MAX_RECORDED_BYTES = 262_144;

/**
 * Returns a function that asks first and runs `fn` only with a permit that holds, on the committed arguments.
 * Calls within `fn` become children of its execution.
 */
export function guard<A extends object, R>(
  plane: Door | TrustedPlane,
  action: string,
  fn: (args: A, context: GuardContext) => R | Promise<R>,
  options: GuardOptions<R> = {},
): Guarded<A, R> {
  const door = doorOf(plane);
  // RULE 27: code of the agent's own process could go round this door, and the record says so.
  const claim: DoorClaim = {
    grade: 'in-process',
    confine: 'none',
    bound: [...BOUND, ...(options.bound ?? [])],
  };
  return async (args, call = {}) => {
    const around = currentExecution();
    const parent = call.parent === undefined ? around?.executionId : (call.parent ?? undefined);
    // A halted parent stops its children here, before the plane says so.
    const signals = [call.signal, parent === around?.executionId ? around?.signal : undefined].filter(
      (s) => s !== undefined,
    );
    const execution = await openExecution(door, {
      action,
      arguments: args,
      claim,
      ...(parent === undefined ? {} : { parent }),
      ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
      ...(call.idempotencyKey === undefined ? {} : { idempotencyKey: call.idempotencyKey }),
      ...(options.mode === undefined ? {} : { mode: options.mode }),
      ...(options.holdWaitMs === undefined ? {} : { holdWaitMs: options.holdWaitMs }),
      ...(options.onHold === undefined ? {} : { onHold: options.onHold }),
      ...(options.refuseLinks === undefined ? {} : { refuseLinks: options.refuseLinks }),
    });
    return runExecution(door, execution, parent, fn, options);
  };
}

/** How the function ended. */
type Ending<R> =
  { readonly kind: 'returned'; readonly value: R } | { readonly kind: 'threw'; readonly error: unknown };

async function runExecution<A, R>(
  door: Door,
  execution: OpenedExecution,
  parent: string | undefined,
  fn: (args: A, context: GuardContext) => R | Promise<R>,
  options: GuardOptions<R>,
): Promise<R> {
  const { executionId, run, signal, action } = execution;
  const context: GuardContext = {
    signal,
    executionId,
    run,
    isLive: () => execution.isLive(),
    ...(parent === undefined ? {} : { parent }),
  };
  const ending = Promise.resolve()
    .then(() => runAs({ executionId, signal }, () => fn(execution.args as A, context)))
    .then(
      (value): Ending<R> => ({ kind: 'returned', value }),
      (error: unknown): Ending<R> => ({ kind: 'threw', error }),
    );
  const first = await Promise.race([ending, aborted(signal)]);
  // The lease is looked at once more: a function that blocked the event loop may have outlived it unseen.
  const done = first ?? (await Promise.race([ending, pause(door.clock, options.haltGraceMs ?? 1_000)]));
  if (done === undefined) {
    // It did not heed its signal. Nothing is claimed about it now; should it end, that is reported late.
    void ending.then((late) => execution.report(afterHalt(execution, late, options)));
    throw new Halted(action, executionId, execution.haltReason ?? 'lease_ended', false);
  }
  const live = execution.isLive();
  if (!live) {
    await execution.report(afterHalt(execution, done, options));
    throw new Halted(
      action,
      executionId,
      execution.haltReason ?? 'lease_ended',
      true,
      done.kind === 'threw' ? { cause: done.error } : {},
    );
  }
  if (done.kind === 'threw') {
    await execution.report({ status: 'failed', reason: 'threw' });
    throw done.error;
  }
  await execution.report({ status: 'completed', ...recorded(done.value, options) });
  await remembered(door);
  return done.value;
}

/** What happened is what is reported: a function that went through although it was halted has completed. */
function afterHalt<R>(execution: OpenedExecution, ending: Ending<R>, options: GuardOptions<R>): Outcome {
  const reason = execution.haltReason ?? 'lease_ended';
  return ending.kind === 'returned'
    ? { status: 'completed', reason, ...recorded(ending.value, options) }
    : { status: 'halted', reason };
}

/** What is not plain JSON is not recorded; what is too long is recorded as the digest of its canonical bytes. */
function recorded<R>(value: R, options: GuardOptions<R>): { readonly result?: Json } {
  try {
    const chosen: unknown = options.record === undefined ? value : options.record(value);
    return chosen === undefined ? {} : { result: boundedResult(snapshot(chosen)) };
  } catch {
    return {};
  }
}

/** Returns the value, or `{digest, bytes}` of its canonical form when that is longer than 256 KiB. */
export function boundedResult(value: Json): Json {
  const bytes = canonicalBytes(value);
  return bytes.length <= MAX_RECORDED_BYTES
    ? value
    : { digest: base64url(sha256(bytes)), bytes: bytes.length };
}

/** RULE 8: a caller gets its result once the checkpoint behind it is remembered; a failure closes the door, not this call. */
async function remembered(door: Door): Promise<void> {
  await door.linker
    .settled()
    .catch((error: unknown) => door.warn(error instanceof Error ? error : new Error(String(error))));
}

/** Resolves to undefined when the signal aborts. */
function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
