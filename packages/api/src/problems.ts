// Problem codes of the HTTP contract (RFC 9457): a closed table with status, meaning and the reader's next step.
// A verdict, denial included, is never a problem: it is an answer with status 200 (DESIGN §10).

/** `[HTTP status, meaning, next step]` by code. */
export const PROBLEMS = {
  malformed: [
    400,
    'The body is not strict JSON.',
    'Send one JSON value: UTF-8, no duplicate keys, no numbers beyond 2^53.',
  ],
  schema: [
    400,
    'The body does not have the shape of this route.',
    'Compare it with /openapi.json; the detail names the field.',
  ],
  too_large: [
    413,
    'The body is larger than this plane accepts.',
    'Send at most 1 MiB; pass large values by digest.',
  ],
  unidentified: [
    401,
    'No valid credential came with this call.',
    'Open a session, or send a token of a person in force.',
  ],
  stale_proof: [
    401,
    'The proof of possession is expired, replayed or for another call.',
    'Make a new proof; check the clock of this machine.',
  ],
  token_refused: [
    401,
    'The token is not one that this plane accepts.',
    'Get a token for this plane from an issuer it trusts: licet issuers list.',
  ],
  token_used: [401, 'The token was used with another key.', 'Get a new token; each is good for one key.'],
  issuer_unavailable: [
    503,
    'The keys of the issuer are too old, and it cannot be reached.',
    'Wait until it answers again; an operator sees its state with licet issuers list.',
  ],
  session_ended: [401, 'The session has ended or its counter was used.', 'Open a new session.'],
  forbidden: [
    403,
    'This identity does not have the role that the route needs.',
    'Ask an operator for the role.',
  ],
  passkey_refused: [
    403,
    'The passkey did not sign this, or is none of this person’s here and now.',
    'Ask for what is to be signed again, and sign it with a passkey that is registered for you.',
  ],
  wrong_host: [
    403,
    "The Host or Origin header is not this plane's.",
    'Use the address that the plane printed at start.',
  ],
  not_found: [404, 'There is no such thing here, or it is not yours to see.', 'Check the id.'],
  method_not_allowed: [405, 'This path does not take that method.', 'See /openapi.json.'],
  idempotency_conflict: [
    409,
    'This idempotency key was used for another request.',
    'Use a new key for a new request.',
  ],
  conflict: [409, 'The execution is not in a state that allows this.', 'Read its state and decide anew.'],
  unsupported_media_type: [415, 'The body is not application/json.', 'Send application/json.'],
  overloaded: [
    429,
    'Too much at once.',
    'Wait for Retry-After, then try again with the same idempotency key.',
  ],
  unavailable: [
    503,
    'The plane cannot record decisions now, so it makes none.',
    'See /health.json for the reason; retry later with the same idempotency key.',
  ],
  unknown_result: [
    503,
    'The outcome of this call is not known.',
    'Repeat it with the same idempotency key; it never acts twice.',
  ],
  internal: [
    500,
    'The plane failed while answering; nothing was permitted.',
    'Report the request id to the operator.',
  ],
} as const satisfies Record<string, readonly [number, string, string]>;

export type ProblemCode = keyof typeof PROBLEMS;

/** The body of every 4xx and 5xx answer, `application/problem+json`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
  readonly next: string;
  readonly requestId?: string;
}

/** A call that got no answer: refused by the contract (`problem`), or not answered at all (`unreachable`, `timeout`, `garbled`). */
export class PlaneError extends Error {
  readonly code: ProblemCode | 'unreachable' | 'timeout' | 'garbled';
  readonly problem?: Problem;
  constructor(
    code: PlaneError['code'],
    message: string,
    options: { readonly problem?: Problem; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'PlaneError';
    this.code = code;
    if (options.problem !== undefined) this.problem = options.problem;
  }
}
