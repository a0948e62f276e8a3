/** Routes by which people sign in to the console with their provider: which there are, going there, and coming back. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { jwkThumbprint, type Json } from '@licet/evidence';
import { misfit, newPrivateJwk, PlaneError, publicHalf, ROUTES, type RouteName } from '@licet/api';
import type { AppOptions } from './app.ts';
import { LOGIN_COOKIE, readCookie } from './authentication.ts';
import { SIGN_IN_MS } from './issuers/sign-in.ts';

/** Carries a sign-in from here to the provider and back: sent along with a link from there, unlike the login itself. */
const FLOW_COOKIE = 'licet-sign-in';
/** Where the provider sends the browser back to, below which each has a way of its own. */
export const CALLBACK = '/v1/login/callback/';

interface Call {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly body: Json | undefined;
}
type Handler = (call: Call) => Promise<unknown>;

/** Returns the handlers. */
export function signInHandlers(
  options: Pick<AppOptions, 'signIns' | 'entrance' | 'sessions' | 'clock' | 'limit' | 'scheme' | 'base'>,
): Readonly<Partial<Record<RouteName, Handler>>> {
  const { signIns, entrance, sessions, clock, limit, scheme, base } = options;
  const secure = scheme === 'https' ? '; Secure' : '';
  const flowCookie = (value: string, ageS: number): string =>
    `${FLOW_COOKIE}=${value}; Path=${base}/v1/login; HttpOnly; SameSite=Lax; Max-Age=${ageS}${secure}`;
  const json = (reply: FastifyReply, value: unknown): FastifyReply =>
    reply.header('cache-control', 'no-store').type('application/json').send(JSON.stringify(value));

  return {
    signIns: async ({ reply }) => json(reply, { items: await signIns.list() }),
    startSignIn: async ({ request, reply, body }) => {
      const wrong = misfit(ROUTES.startSignIn.body, body);
      if (wrong !== undefined) throw new PlaneError('schema', `schema: ${wrong}`);
      if (!limit.take(request.ip ?? 'socket'))
        throw new PlaneError('overloaded', 'overloaded: too many sign-ins');
      const { issuer } = body as { readonly issuer: string };
      const back = `${scheme}://${request.headers.host}${base}${CALLBACK}${issuer}`;
      const { url, cookie } = await signIns.start(issuer, back);
      reply.header('set-cookie', flowCookie(cookie, SIGN_IN_MS / 1_000));
      return json(reply, { url });
    },
    finishSignIn: async ({ request, reply }) => {
      const { id } = request.params as { readonly id: string };
      const flow = readCookie(request.headers.cookie, FLOW_COOKIE);
      const arrived = new URL(request.url, 'http://localhost');
      const home = (fragment: string): FastifyReply =>
        reply
          .code(302)
          .header('cache-control', 'no-store')
          .header('location', `${base}/console#${fragment}`)
          .send();
      try {
        const token = await signIns.finish(id, flow, arrived);
        // A browser has no key of its own. Nobody keeps this one: it is the name under which the log knows the login.
        const jkt = jwkThumbprint({ ...publicHalf(await newPrivateJwk()) });
        const { subject, untilMs } = await entrance.person(jkt, token);
        const { cookie } = await sessions.login(jkt, subject, 'provider', untilMs);
        const ageS = Math.max(0, Math.floor((untilMs - clock.nowMs()) / 1_000));
        reply.header('set-cookie', [
          `${LOGIN_COOKIE}=${cookie}; Path=${base}/; HttpOnly; SameSite=Strict; Max-Age=${ageS}${secure}`,
          flowCookie('', 0),
        ]);
        return home('signed-in');
      } catch (error) {
        if (!limit.take(request.ip ?? 'socket'))
          throw new PlaneError('overloaded', 'overloaded: too many calls without an identity');
        // Without a sign-in under way this is no page for anybody; with one, somebody waits to be told.
        if (!(error instanceof PlaneError) || error.code === 'not_found') throw error;
        reply.header('set-cookie', flowCookie('', 0));
        return home(`refused=${error.code}`);
      }
    },
  };
}
