// A plane as a door believes it: the client that carries words, and beside it what the door holds against them:
// the trust file, its own key id, and the memory of the log (RULES 3, 5, 8).
import { trustedLog, type Crypto, type Trust, type TrustedLog } from '@licet/evidence';
import { nodeCrypto } from '@licet/evidence/node';
import {
  PlaneError,
  PROBLEMS,
  type Denial,
  type PlaneClient,
  type ProblemCode,
  type SignedStatement,
  type StatementClaims,
} from '@licet/api';
import { systemClock, type DoorClock } from './clock.ts';
import { Denied } from './denied.ts';
import { SdkError } from './errors.ts';
import { createHaltWatch, type HaltWatch } from './halt-watch.ts';
import { createLinker, type Linker } from './linker.ts';
import { fileMemory, type CheckpointStore } from './memory.ts';

/** Whom a door believes, and as whom it asks. */
export interface PlaneTrust {
  /** Parsed from the user's trust store or a file of their choice; never from the plane. */
  readonly trust: Trust;
  /** The log of this plane. Default: the only one that the trust file names. */
  readonly origin?: string;
  /** Thumbprint (RFC 7638, base64url) of the key by which the client proves itself. */
  readonly jkt: string;
  /** The spending place's audience. Default: the first that the trust file gives this log. */
  readonly audience?: string;
  /** Signs what was measured with the client's key. Absent: this door attests nothing. */
  readonly sign?: (claims: StatementClaims) => Promise<SignedStatement>;
  /** Default: a file in the state folder. */
  readonly memory?: CheckpointStore;
  /** Default: the user's state folder. */
  readonly stateDir?: string;
}

/** How a door behaves; every field has a default. */
export interface DoorSettings {
  /** Longest wait for one answer of the plane, milliseconds. Default 2_000. */
  readonly deadlineMs?: number;
  /** Longest wait for a person, milliseconds, at most 45_000 (RULE 23). Default 45_000. */
  readonly holdWaitMs?: number;
  /** How far this clock and the plane's may disagree, milliseconds, at most 5_000 (RULE 9). Default 1_000. */
  readonly skewMs?: number;
  readonly clock?: DoorClock;
  readonly crypto?: Crypto;
  /** Told what went wrong where nothing was permitted or stopped by it: a report that found no plane … Default: `process.emitWarning`. */
  readonly onWarning?: (warning: Error) => void;
}

/** A client that brings what it is to be believed by: what `openPlane` and `connect` return. */
export type TrustedPlane = PlaneClient & { readonly pinned: PlaneTrust };

/** A plane, believed as far as the trust file goes. One for each client and process. */
export interface Door {
  readonly client: PlaneClient;
  readonly trust: Trust;
  readonly log: TrustedLog;
  readonly origin: string;
  readonly audience: string;
  readonly jkt: string;
  readonly crypto: Crypto;
  readonly clock: DoorClock;
  readonly linker: Linker;
  readonly halts: HaltWatch;
  readonly deadlineMs: number;
  readonly holdWaitMs: number;
  readonly skewMs: number;
  readonly warn: (warning: Error) => void;
  readonly sign?: (claims: StatementClaims) => Promise<SignedStatement>;
}

/** Checkpoints are linked at least this often while a door is in use, milliseconds (RULE 8). */
export const RELINK_MS = 1_000;
const MAX_HOLD_WAIT_MS = 45_000;

/**
 * Returns the door of a plane.
 * @throws SdkError `ERR_SDK_TRUST` when the trust file does not settle origin and audience
 */
export function createDoor(client: PlaneClient, pinned: PlaneTrust, settings: DoorSettings = {}): Door {
  const log = logOf(pinned);
  const audience = pinned.audience ?? log.audiences[0];
  if (audience === undefined || !log.audiences.includes(audience)) {
    throw new SdkError(
      'ERR_SDK_TRUST',
      `${log.origin} is not trusted for the audience ${audience ?? '(none)'}`,
    );
  }
  const clock = settings.clock ?? systemClock;
  const crypto = settings.crypto ?? nodeCrypto;
  return {
    client,
    trust: pinned.trust,
    log,
    origin: log.origin,
    audience,
    jkt: pinned.jkt,
    crypto,
    clock,
    linker: createLinker({
      client,
      trust: pinned.trust,
      crypto,
      origin: log.origin,
      store: pinned.memory ?? fileMemory(pinned.stateDir),
      nowMs: () => clock.now().wallMs,
    }),
    halts: createHaltWatch(client, clock),
    deadlineMs: settings.deadlineMs ?? 2_000,
    holdWaitMs: Math.min(settings.holdWaitMs ?? MAX_HOLD_WAIT_MS, MAX_HOLD_WAIT_MS),
    skewMs: settings.skewMs ?? 1_000,
    ...(pinned.sign === undefined ? {} : { sign: pinned.sign }),
    warn: settings.onWarning ?? ((warning) => process.emitWarning(warning)),
  };
}

const doors = new WeakMap<TrustedPlane, Door>();

/** Returns the door itself, or the one door of a plane that brings its trust. */
export function doorOf(plane: Door | TrustedPlane): Door {
  if (!('pinned' in plane)) return plane;
  const known = doors.get(plane) ?? createDoor(plane, plane.pinned);
  doors.set(plane, known);
  return known;
}

/** An answer that came too late, for whoever has to clean up after it. */
type Late<T> = (answer: T) => void;

/**
 * Resolves to the plane's answer, or throws `Denied` with `plane_unreachable` after the deadline.
 * A door denies by itself: no answer, a broken one and a late one are the same (DESIGN §8).
 */
export async function ask<T>(
  door: Door,
  action: string,
  call: (signal: AbortSignal) => Promise<T>,
  options: { readonly deadlineMs?: number; readonly onLate?: Late<T> } = {},
): Promise<T> {
  const deadlineMs = options.deadlineMs ?? door.deadlineMs;
  const given = new AbortController();
  let expired = false;
  let cancel = (): void => undefined;
  const deadline = new Promise<never>((_, reject) => {
    cancel = door.clock.after(deadlineMs, () => {
      expired = true;
      reject(unreachable(action, new Error(`no answer within ${deadlineMs} ms`)));
      // Somebody waits for late answers to undo what they say; nobody waits for ever.
      if (options.onLate === undefined) given.abort();
      else door.clock.after(4 * deadlineMs, () => given.abort(), true);
    });
  });
  const answer = Promise.resolve()
    .then(() => call(given.signal))
    .finally(cancel);
  answer.then(
    (value) => {
      if (expired) options.onLate?.(value);
    },
    () => undefined,
  );
  try {
    return await Promise.race([answer, deadline]);
  } catch (cause) {
    if (cause instanceof Denied) throw cause;
    throw notTaken(action, cause) ?? unreachable(action, cause);
  }
}

/** Returns the denial for a plane that gave no answer. */
export function unreachable(action: string, cause: unknown): Denied {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Denied(action, {
    code: 'plane_unreachable',
    reason: `The plane gave no answer (${why}), so nothing was permitted.`,
    next: 'Try again after a short wait; if it lasts, tell the operator.',
    retryAfterMs: 1_000,
    cause,
  });
}

/** Problems after which the same call may well be answered: the plane could not, rather than would not. */
const PASSING: ReadonlySet<string> = new Set(['overloaded', 'unavailable', 'unknown_result', 'internal']);

/** Returns the denial for a call that the plane would not take at all: an unknown key, a wrong shape. */
function notTaken(action: string, cause: unknown): Denied | undefined {
  if (!(cause instanceof PlaneError) || PASSING.has(cause.code)) return undefined;
  const row = Object.hasOwn(PROBLEMS, cause.code) ? PROBLEMS[cause.code as ProblemCode] : undefined;
  if (row === undefined) return undefined;
  return new Denied(action, {
    code: cause.code,
    reason: `The plane did not take the call: ${row[1]} Nothing was permitted.`,
    next: row[2],
    cause,
  });
}

/** Returns the denial for an answer that proves nothing. */
export function unverifiable(action: string, cause: unknown): Denied {
  const log = cause instanceof SdkError && cause.code !== 'ERR_SDK_ARGUMENTS';
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Denied(action, {
    code: log ? 'log' : 'unverifiable',
    reason: `The answer of the plane cannot be believed (${why}).`,
    next: 'Stop and tell the operator; repeating the call will not help.',
    cause,
  });
}

/** Whether this looks like a denial; whatever else it says is for people to read. */
export function isDenial(answer: { readonly verdict?: unknown }): answer is Denial {
  return answer.verdict === 'deny';
}

function logOf({ trust, origin }: PlaneTrust): TrustedLog {
  if (origin !== undefined) return trustedLog(trust, origin);
  const [only, ...others] = trust.logs;
  if (only === undefined || others.length > 0) {
    throw new SdkError(
      'ERR_SDK_TRUST',
      `the trust file names ${trust.logs.length} logs; say which one is this plane's`,
    );
  }
  return only;
}
