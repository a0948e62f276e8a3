/**
 * Calls to the plane that served this page: same origin, the login cookie, and for every changing call the CSRF
 * header (DESIGN §10). A problem is thrown as `CallError`; a verdict is an answer, never an error.
 */
import type { Problem } from '@licet/api';
import { base } from './listener.ts';

/** Header that must come with every changing call that a cookie authenticates. */
const CSRF_HEADER = 'licet-csrf';
const DEADLINE_MS = 10_000;

/** A call that got no answer, or one that the contract refused. */
export class CallError extends Error {
  /** A problem code of the contract, or `unreachable`, or `garbled`. */
  readonly code: string;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly next: string;
  readonly requestId: string | undefined;
  constructor(
    code: string,
    message: string,
    more: { status?: number; next?: string; requestId?: string } = {},
  ) {
    super(message);
    this.name = 'CallError';
    this.code = code;
    this.status = more.status ?? 0;
    this.next = more.next ?? 'Try again; nothing was changed by a call without an answer.';
    this.requestId = more.requestId;
  }
}

let csrf: string | undefined;

/** Sets the token that changing calls carry; only the session does. */
export function setCsrf(token: string | undefined): void {
  csrf = token;
}

/** Returns the JSON answer of a GET. @throws CallError */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return parse<T>(await send(path, { method: 'GET' }, signal));
}

/** Returns the JSON answer of a POST. @throws CallError */
export async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const headers = {
    'content-type': 'application/json',
    ...(csrf === undefined ? {} : { [CSRF_HEADER]: csrf }),
  };
  return parse<T>(await send(path, { method: 'POST', headers, body: JSON.stringify(body) }, signal));
}

/** Returns the bytes of a GET. @throws CallError */
export async function getBytes(path: string, signal?: AbortSignal): Promise<Uint8Array> {
  return new Uint8Array(await (await send(path, { method: 'GET' }, signal)).arrayBuffer());
}

/** Returns the text of a GET. @throws CallError */
export async function getText(path: string, signal?: AbortSignal): Promise<string> {
  return (await send(path, { method: 'GET' }, signal)).text();
}

async function send(path: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    const deadline = AbortSignal.timeout(DEADLINE_MS);
    response = await fetch(base + path, {
      ...init,
      credentials: 'same-origin',
      redirect: 'error',
      cache: 'no-store',
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    });
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    throw new CallError('unreachable', 'The plane did not answer.');
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function problemOf(response: Response): Promise<CallError> {
  const problem = (await response.json().catch(() => undefined)) as Partial<Problem> | undefined;
  return new CallError(
    problem?.code ?? 'garbled',
    problem?.detail ?? `The plane answered ${response.status}.`,
    {
      status: response.status,
      ...(problem?.next === undefined ? {} : { next: problem.next }),
      ...(problem?.requestId === undefined ? {} : { requestId: problem.requestId }),
    },
  );
}

async function parse<T>(response: Response): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch {
    throw new CallError('garbled', 'The answer is not JSON.', { status: response.status });
  }
}

/** Returns 128 random bits for an idempotency key or an instance, base64url (RULE 6). */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(18));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_');
}
