/** Routes that belong to the listener itself: sessions, sign-in, probes, metrics, the description of the contract. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { misfit, PlaneError, ROUTES, type Route, type RouteName } from '@licet/api';
import type { Assertion, Json } from '@licet/evidence';
import type { AppOptions } from './app.ts';
import type { Presented } from './entrance.ts';
import { exchanged } from './exchange.ts';
import { LOGIN_COOKIE, type Arrival } from './authentication.ts';
import type { Principal } from './principals.ts';
import { LOGIN_MS, loginId, type Login, type LoginMethod } from './sessions.ts';

interface Call {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly principal: Principal | undefined;
  readonly body: Json | undefined;
  readonly gone: AbortSignal;
}
type LocalHandler = (call: Call) => Promise<unknown>;

export interface LoginOptions extends Pick<
  AppOptions,
  | 'authentication'
  | 'clock'
  | 'entrance'
  | 'sessions'
  | 'passkeys'
  | 'metrics'
  | 'limit'
  | 'readiness'
  | 'draining'
  | 'scheme'
  | 'base'
> {
  arrivalOf(request: FastifyRequest): Arrival;
  openapi(): unknown;
}

/** Returns the handlers. */
export function loginHandlers(options: LoginOptions): Readonly<Partial<Record<RouteName, LocalHandler>>> {
  const { authentication, entrance, sessions, passkeys, metrics, limit } = options;
  const stranger = async <T>(request: FastifyRequest, attempt: () => Promise<T>): Promise<T> => {
    // Proofs and tokens cost work to check: who fails often has to wait.
    if (!limit.has(request.ip ?? 'socket'))
      throw new PlaneError('overloaded', 'overloaded: too many calls without an identity');
    try {
      return await attempt();
    } catch (error) {
      metrics.unidentified(error instanceof PlaneError ? error.code : 'internal');
      limit.take(request.ip ?? 'socket');
      throw error;
    }
  };
  const check = (name: RouteName, body: Json | undefined): void => {
    const route: Route = ROUTES[name];
    const wrong = route.body === undefined ? undefined : misfit(route.body, body);
    if (wrong !== undefined) throw new PlaneError('schema', `schema: ${wrong}`);
  };
  const cookie = (value: string, ageS: number): string =>
    `${LOGIN_COOKIE}=${value}; Path=${options.base}/; HttpOnly; SameSite=Strict; Max-Age=${ageS}${options.scheme === 'https' ? '; Secure' : ''}`;
  const json = (reply: FastifyReply, value: unknown): FastifyReply =>
    reply.header('cache-control', 'no-store').type('application/json').send(JSON.stringify(value));
  const meOf = ({ subject, kind, roles, by }: Principal, login: Login | undefined) => ({
    subject,
    kind,
    roles,
    // What a cookie stands for is what its login was made by; any other credential speaks for itself.
    method: by === 'cookie' && login !== undefined ? login.method : by === 'token' ? 'token' : 'key',
  });
  const enter = async (
    reply: FastifyReply,
    principal: Principal,
    method: LoginMethod,
  ): Promise<FastifyReply> => {
    const login = await sessions.login(principal.jkt, principal.subject, method);
    reply.header('set-cookie', cookie(login.cookie, LOGIN_MS / 1_000));
    return json(reply, { ...meOf({ ...principal, by: 'cookie' }, login), csrf: login.csrf });
  };

  /** A session for a key that nobody knows yet, by what vouches for it. */
  const admitted = async (request: FastifyRequest, asked: Omit<Presented, 'jkt'>) => {
    const { jkt, share, use } = await authentication.proofOfStranger(options.arrivalOf(request));
    const { subject, untilMs, chain } = await entrance.agent({ jkt, ...asked });
    // Last, so that only proofs that came with a good token are remembered; before it, a repeat writes nothing new.
    use();
    const session = await sessions.open(jkt, subject, share, untilMs);
    if (session === undefined)
      throw new PlaneError('stale_proof', 'stale_proof: the share in the proof is unusable');
    return { session, chain };
  };

  return {
    openSession: async ({ request, reply, body }) => {
      check('openSession', body);
      const { token } = body as { readonly token?: string };
      const opened = await stranger(request, async () => {
        if (token !== undefined) return (await admitted(request, { token })).session;
        const { jkt, principal, share } = await authentication.proofOf(options.arrivalOf(request));
        const session = await sessions.open(jkt, principal.subject, share);
        if (session === undefined)
          throw new PlaneError('stale_proof', 'stale_proof: the share in the proof is unusable');
        return session;
      });
      return json(reply, opened);
    },
    exchange: async ({ request, reply, body }) => {
      check('exchange', body);
      const { actor_token, subject_token, parent } = body as Readonly<Record<string, string>>;
      const asked = { token: actor_token!, subjectToken: subject_token!, parent };
      const { session, chain } = await stranger(request, () => admitted(request, asked));
      return json(reply, exchanged(session, chain, options.clock.nowMs()));
    },
    login: async ({ request, reply, body }) => {
      check('login', body);
      const { token } = body as { readonly token: string };
      return enter(reply, await stranger(request, () => authentication.token(token)), 'token');
    },
    passkeyLogin: async ({ request, reply, body }) => {
      check('passkeyLogin', body);
      const { assertion } = body as { readonly assertion: Assertion };
      const principal = await stranger(request, async () =>
        authentication.cookieOf((await passkeys.signIn(assertion)).jkt),
      );
      return enter(reply, principal, 'passkey');
    },
    logout: async ({ request, reply, principal, body }) => {
      check('logout', body);
      const login = await authentication.login(options.arrivalOf(request));
      if (login !== undefined) await sessions.end(loginId(login.cookie));
      const session = options.arrivalOf(request).header('licet-session');
      if (session !== undefined) await sessions.end(session);
      reply.header('set-cookie', cookie('', 0));
      return json(reply, meOf(principal!, login));
    },
    me: async ({ request, reply, principal }) => {
      const login = await authentication.login(options.arrivalOf(request));
      return json(reply, {
        ...meOf(principal!, login),
        ...(login === undefined ? {} : { csrf: login.csrf }),
      });
    },
    live: async ({ reply }) => reply.type('text/plain; charset=utf-8').send('ok\n'),
    ready: async ({ reply }) => {
      const { ok, why } = await options.readiness();
      if (!ok || options.draining()) throw new PlaneError('unavailable', `unavailable: ${why}`);
      return reply.type('text/plain; charset=utf-8').send('ok\n');
    },
    metrics: async ({ reply }) =>
      reply.type(metrics.contentType).send(await metrics.text(await options.readiness())),
    openapi: async ({ reply }) => json(reply, options.openapi()),
  };
}
