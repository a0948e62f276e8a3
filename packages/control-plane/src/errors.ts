// Errors of the control plane: a closed table. A refused request is never an error; it is a reply.

export const CONTROL_PLANE_ERRORS = {
  ERR_PLANE_INVARIANT: {
    meaning: 'The plane found itself in a state that its own rules exclude.',
    next: 'The process stops; restart it, run `licet log fsck`, and report what it prints.',
  },
  ERR_PLANE_BUNDLE: {
    meaning: 'No usable policy bundle is loaded, so nothing is permitted.',
    next: 'Publish a bundle that passes `licet policy check`.',
  },
  ERR_PLANE_OVERLOADED: {
    meaning: 'More is asked than can be decided in time; this was not begun.',
    next: 'Retry after the given time with the same idempotency key.',
  },
  ERR_PLANE_ORDER: {
    meaning: 'The kill order is not signed by a pinned contain key, is expired, or names another log.',
    next: 'Make a new order with the contain key of this plane.',
  },
  ERR_PLANE_PASSKEY: {
    meaning: 'A passkey did not sign this, or is none of this person’s here and now.',
    next: 'Ask for what is to be signed again, and sign it with a passkey that is registered for you.',
  },
  ERR_PLANE_REQUEST: {
    meaning: 'The request is not of a form that can be decided.',
    next: 'The message names the field.',
  },
} as const;

export type ControlPlaneErrorCode = keyof typeof CONTROL_PLANE_ERRORS;

/** An operating failure of the plane. */
export class ControlPlaneError extends Error {
  readonly code: ControlPlaneErrorCode;
  constructor(code: ControlPlaneErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'ControlPlaneError';
    this.code = code;
  }
}

/** Stops the command, and so the process that owns the store: better to stop than to continue in a wrong state. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ControlPlaneError('ERR_PLANE_INVARIANT', message);
}
