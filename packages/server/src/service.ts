/**
 * What each route does, in the plane's terms. HTTP, unix socket and in-process callers all come through `invoke`: the
 * same checks of role and shape, the same answers (DESIGN §10).
 */
import { parseJson, type Json } from '@licet/evidence';
import { misfit, PlaneError, ROUTES, type Route, type RouteName } from '@licet/api';
import { approvalHandlers } from './handlers-approvals.ts';
import { attestationHandlers } from './handlers-attestation.ts';
import { doorHandlers } from './handlers-doors.ts';
import { evidenceHandlers } from './handlers-evidence.ts';
import { passkeyHandlers } from './handlers-passkeys.ts';
import { peopleHandlers } from './handlers-people.ts';
import { publicHandlers } from './handlers-public.ts';
import { webhookHandlers } from './handlers-webhooks.ts';
import type { Handlers, Parts } from './handlers.ts';
import type { Principal } from './principals.ts';
import { planeErrorOf } from './problems.ts';
import type { DecisionVerdict } from './vitals.ts';

/** What comes with a call; `body` is parsed JSON or nothing. */
export interface Invocation {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, Json>>;
  readonly body?: Json | undefined;
  /** The `Idempotency-Key` header. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

export interface Service {
  /** Performs a route. @throws PlaneError and nothing else */
  invoke(name: RouteName, principal: Principal | undefined, invocation: Invocation): Promise<unknown>;
  /** Whether a handler for this route lives here; the others belong to the listeners. */
  serves(name: RouteName): boolean;
}

/** Returns the service over a plane; `decided` hears of every answered decision and how long it took. */
export function createService(
  parts: Parts,
  decided: (verdict: DecisionVerdict, tookMs: number) => void = () => undefined,
): Service {
  const handlers: Handlers = {
    ...doorHandlers(parts),
    ...attestationHandlers(parts),
    ...evidenceHandlers(parts),
    ...peopleHandlers(parts),
    ...passkeyHandlers(parts),
    ...approvalHandlers(parts),
    ...webhookHandlers(parts),
    ...publicHandlers(parts),
  };
  return {
    serves: (name) => Object.hasOwn(handlers, name),
    async invoke(name, principal, { params = {}, query = {}, body, idempotencyKey, signal }) {
      const route: Route = ROUTES[name];
      const handler = handlers[name];
      if (handler === undefined) throw new PlaneError('not_found', `not_found: ${name} is not served here`);
      requireRole(route, principal);
      check(route, params, query, body);
      try {
        const began = performance.now();
        const answer = await handler({
          principal,
          id: params['id'] ?? '',
          rest: params['*'] ?? '',
          query: query as Handlerquery,
          body: body as never,
          ...(typeof query['seen'] === 'number' ? { seen: query['seen'] } : {}),
          ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
          ...(signal === undefined ? {} : { signal }),
        });
        if (name === 'request' || name === 'decide')
          decided((answer as { readonly verdict: DecisionVerdict }).verdict, performance.now() - began);
        return answer;
      } catch (error) {
        throw planeErrorOf(error);
      }
    },
  };
}
type Handlerquery = Readonly<Record<string, string | number | undefined>>;

/** @throws PlaneError `unidentified`, `forbidden` */
export function requireRole(route: Route, principal: Principal | undefined): void {
  if (route.who.includes('anyone')) return;
  if (principal === undefined)
    throw new PlaneError('unidentified', 'unidentified: no credential came with this call');
  if (route.who.includes('door')) return;
  if (!route.who.some((role) => principal.roles.includes(role))) {
    throw new PlaneError('forbidden', `forbidden: this needs one of the roles ${route.who.join(', ')}`);
  }
}

function check(route: Route, params: unknown, query: unknown, body: Json | undefined): void {
  // A path parameter that cannot be an id names nothing.
  if (route.params !== undefined && misfit(route.params, params) !== undefined) {
    throw new PlaneError('not_found', 'not_found: the path names nothing that could be here');
  }
  const wrong =
    misfit(route.query, query) ??
    (route.body === undefined
      ? undefined
      : body === undefined
        ? 'the body is missing'
        : misfit(route.body, body));
  if (wrong !== undefined) throw new PlaneError('schema', `schema: ${wrong}`);
}

/** Returns a value as it would arrive over the wire: a copy, strictly parsed. @throws PlaneError `malformed`, `too_large` */
export function overTheWire(value: unknown): Json {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new PlaneError('malformed', 'malformed: the body has no JSON form', { cause });
  }
  if (text === undefined) throw new PlaneError('malformed', 'malformed: the body has no JSON form');
  return parseBody(text);
}

/** Returns the value of a body. @throws PlaneError `malformed`, `too_large` */
export function parseBody(input: Uint8Array | string): Json {
  try {
    return parseJson(input);
  } catch (cause) {
    const limit = (cause as { readonly code?: unknown }).code === 'ERR_JSON_LIMIT';
    const deep = limit && String((cause as Error).message).includes('nests');
    if (limit && !deep)
      throw new PlaneError('too_large', 'too_large: the body is longer than 1 MiB', { cause });
    throw new PlaneError(
      'malformed',
      `malformed: ${cause instanceof Error ? cause.message : 'not JSON'}`.slice(0, 300),
      { cause },
    );
  }
}
