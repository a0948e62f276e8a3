/** From whatever is thrown inside to the one problem that a caller is told. Nothing of the inside leaks out. */
import { ControlPlaneError, type ControlPlaneErrorCode } from '@licet/control-plane';
import { EvidenceError } from '@licet/evidence';
import { PolicyError } from '@licet/policy';
import { StoreError, type StoreErrorCode } from '@licet/store';
import { PlaneError, PROBLEMS, type Problem, type ProblemCode } from '@licet/api';

const OF_STORE: Readonly<Record<StoreErrorCode, ProblemCode>> = {
  ERR_STORE_BUSY: 'overloaded',
  ERR_STORE_UNAVAILABLE: 'unavailable',
  ERR_STORE_UNKNOWN_RESULT: 'unknown_result',
  ERR_STORE_FULL: 'unavailable',
  ERR_STORE_CORRUPT: 'unavailable',
  ERR_STORE_FORMAT: 'unavailable',
  ERR_STORE_KEY: 'unavailable',
  ERR_STORE_DURABILITY: 'unavailable',
  ERR_STORE_INCARNATION: 'unavailable',
  ERR_STORE_OPEN: 'unavailable',
  ERR_STORE_APPLY: 'internal',
  ERR_STORE_QUERY: 'not_found',
  ERR_STORE_CLOSED: 'unavailable',
};
const OF_PLANE: Readonly<Record<ControlPlaneErrorCode, ProblemCode>> = {
  ERR_PLANE_INVARIANT: 'internal',
  ERR_PLANE_BUNDLE: 'unavailable',
  ERR_PLANE_OVERLOADED: 'overloaded',
  ERR_PLANE_ORDER: 'forbidden',
  ERR_PLANE_PASSKEY: 'passkey_refused',
  ERR_PLANE_REQUEST: 'schema',
};

/** Returns the problem for anything thrown. Unknown errors are `internal`, and never a pass. */
export function planeErrorOf(error: unknown): PlaneError {
  if (error instanceof PlaneError) return error;
  if (error instanceof StoreError) return of(OF_STORE[error.code], error);
  if (error instanceof ControlPlaneError) return of(OF_PLANE[error.code], error);
  // Bundles and texts that came in a body and are not what they must be.
  if (error instanceof PolicyError) return of('schema', error, error.message);
  if (error instanceof EvidenceError) return of('schema', error, error.message);
  return of('internal', error);
}

function of(code: ProblemCode, cause: unknown, detail?: string): PlaneError {
  const words =
    detail ?? (cause instanceof ControlPlaneError && code === 'schema' ? cause.message : PROBLEMS[code][1]);
  return new PlaneError(code, `${code}: ${words.slice(0, 500)}`, { cause });
}

/**
 * Says on the process' warnings what failed inside: the caller is told nothing of it but `call`, its request id or route,
 * and whoever runs the plane must be able to find out. No other problem is a warning.
 */
export function warnOfFailure(error: PlaneError, call: string): void {
  if (error.code !== 'internal') return;
  const { cause } = error;
  process.emitWarning(`${call}: ${cause instanceof Error ? cause.message : error.message}`, {
    type: 'LicetFailure',
    code: 'internal',
    detail: (cause instanceof Error ? cause.stack : error.stack) ?? '',
  });
}

/** Returns the body of `application/problem+json` for an error. */
export function problemOf(error: PlaneError, requestId?: string): Problem {
  const code: ProblemCode = Object.hasOwn(PROBLEMS, error.code) ? (error.code as ProblemCode) : 'internal';
  const [status, title, next] = PROBLEMS[code];
  const prefix = `${error.code}: `;
  const detail = error.message.startsWith(prefix) ? error.message.slice(prefix.length) : error.message;
  return {
    type: `urn:licet:problem:${code}`,
    title,
    status,
    code,
    detail: code === 'internal' ? title : detail,
    next,
    ...(requestId === undefined ? {} : { requestId }),
  };
}
