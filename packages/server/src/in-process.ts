/**
 * `PlaneClient` without a wire: the same shapes, roles, deadline and errors as over HTTP (DESIGN §10). Bodies go
 * through strict JSON, so that what the caller changes later changes nothing here.
 */
import { base64url, type Json } from '@licet/evidence';
import {
  PlaneError,
  ROUTES,
  type AnswerOf,
  type Call,
  type CallInput,
  type FeedEvent,
  type Route,
  type RouteName,
} from '@licet/api';
import { eventFilter } from './event-filter.ts';
import type { Parts } from './handlers.ts';
import type { Principals } from './principals.ts';
import { planeErrorOf, warnOfFailure } from './problems.ts';
import { overTheWire, type Service } from './service.ts';

/** How a client in this process calls. */
export interface Local {
  readonly call: Call;
  events(options: { readonly after: number; readonly signal: AbortSignal }): AsyncIterable<FeedEvent>;
}

export interface LocalOptions {
  readonly parts: Parts;
  readonly service: Service;
  readonly principals: Principals;
  /** Thumbprint of the caller's key: a caller in this process is believed to hold it. */
  readonly jkt: string;
  readonly deadlineMs: number;
}

/** Returns calls and events for one caller. */
export function localCalls({ parts, service, principals, jkt, deadlineMs }: LocalOptions): Local {
  const principalOf = async () => {
    const principal = await principals.find(jkt, 'in-process');
    if (principal === undefined || principal.passkey === true)
      throw new PlaneError('unidentified', 'unidentified: this key belongs to no identity in force');
    return principal;
  };
  const call: Call = async <N extends RouteName>(name: N, input: CallInput): Promise<AnswerOf<N>> => {
    const route: Route = ROUTES[name];
    // The body first, before anything is waited for: what the caller changes meanwhile is not what it asked.
    const body = route.body === undefined ? {} : { body: overTheWire(input.body ?? {}) };
    const query: Record<string, Json> = {};
    for (const [field, value] of Object.entries(input.query ?? {}))
      if (value !== undefined) query[field] = value;
    const principal = await principalOf();
    const timeout = AbortSignal.timeout(deadlineMs + (input.extraMs ?? 0));
    const signal = input.signal === undefined ? timeout : AbortSignal.any([timeout, input.signal]);
    const answer = service.invoke(name, principal, {
      ...(input.params === undefined ? {} : { params: input.params }),
      query,
      ...body,
      signal,
    });
    answer.catch((error: unknown) => warnOfFailure(planeErrorOf(error), `in-process ${name}`));
    return (await beforeAbort(answer, signal, timeout, name)) as AnswerOf<N>;
  };
  return {
    call,
    async *events({ after, signal }) {
      const principal = await principalOf();
      const heard = eventFilter(parts.plane, principal);
      for await (const { index, entry, leaf } of parts.store.watch(after, signal)) {
        if ((await principals.find(jkt, 'in-process')) === undefined) return;
        if (await heard(entry)) yield { index, leaf: base64url(leaf), entry };
      }
    },
  };
}

function beforeAbort<T>(
  answer: Promise<T>,
  signal: AbortSignal,
  timeout: AbortSignal,
  name: string,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void =>
      reject(
        timeout.aborted
          ? new PlaneError('timeout', `timeout: ${name} got no answer in time`)
          : new PlaneError('unreachable', `unreachable: ${name} was given up`),
      );
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
