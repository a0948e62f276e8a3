/**
 * One listener: the routes of the table that belong to it, and the same way in for each call: Host and Origin, who is
 * calling, strict JSON, the service, one form of problem (DESIGN §10). Nothing is parsed before the caller is known.
 */
import type { Duplex } from 'node:stream';
import swagger from '@fastify/swagger';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Clock } from '@licet/control-plane';
import { CLI } from '@licet/evidence';
import { PlaneError, readQuery, ROUTE_NAMES, ROUTES, type Route, type RouteName } from '@licet/api';
import type { Arrival, Authentication } from './authentication.ts';
import type { Entrance } from './entrance.ts';
import { readForm } from './exchange.ts';
import { isPageVisit, serveConsole } from './console-files.ts';
import type { EventStreams } from './event-route.ts';
import { loginHandlers } from './login-routes.ts';
import type { Metrics } from './metrics.ts';
import type { Principal } from './principals.ts';
import type { Passkeys } from './passkeys.ts';
import { planeErrorOf, problemOf, warnOfFailure } from './problems.ts';
import type { RateLimit } from './rate-limit.ts';
import { parseBody, requireRole, type Service } from './service.ts';
import type { Sessions } from './sessions.ts';
import type { SignIns } from './issuers/sign-in.ts';
import { CALLBACK, signInHandlers } from './sign-in-routes.ts';

/** Largest body, bytes; headers; milliseconds for a whole request to arrive. */
export const LIMITS = {
  bodyBytes: 1_048_576,
  headerBytes: 16_384,
  requestMs: 10_000,
  connections: 1_024,
} as const;

export interface AppOptions {
  readonly listener: 'control' | 'public';
  readonly service: Service;
  readonly authentication: Authentication;
  readonly entrance: Entrance;
  readonly signIns: SignIns;
  readonly clock: Clock;
  readonly sessions: Sessions;
  readonly passkeys: Passkeys;
  readonly streams: EventStreams;
  readonly metrics: Metrics;
  /** Takes from callers without an identity; on the public listener from everyone. */
  readonly limit: RateLimit;
  /** Host header values that are this plane's; asked at each call, because the port is known only when it listens. */
  hosts(): ReadonlySet<string>;
  /** True while the plane goes down: only the safety lane is answered. */
  draining(): boolean;
  /** Whether the plane can decide, and the numbers of the metrics. */
  readiness(): Promise<{
    readonly ok: boolean;
    readonly why: string;
    readonly size: number;
    readonly queue: number;
    readonly running: number;
    readonly inDoubt: number;
  }>;
  readonly tls?: { readonly cert: string | Uint8Array; readonly key: string | Uint8Array };
  /** `http` or `https`, as callers see it. */
  readonly scheme: string;
  /** Path below which a shared listener serves this plane; empty for a listener of its own. */
  readonly base: string;
  readonly version: string;
}

type Called = FastifyRequest & { principal?: Principal };

/** Returns the listener, ready to listen. */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { listener, service, authentication, metrics, limit, tls, scheme, base } = options;
  const common = {
    bodyLimit: LIMITS.bodyBytes,
    requestTimeout: LIMITS.requestMs,
    keepAliveTimeout: 10_000,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 160, ignoreTrailingSlash: false, caseSensitive: true },
    http: { maxHeaderSize: LIMITS.headerBytes, connectionsCheckingInterval: 1_000 },
    frameworkErrors: (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
      void sendProblem(request, reply, frameworkError(error)),
    clientErrorHandler: refuseBytes,
  } as const;
  const app = (tls === undefined
    ? Fastify({ ...common, logger: false })
    : Fastify({
        ...common,
        logger: false,
        https: { cert: Buffer.from(tls.cert), key: Buffer.from(tls.key), minVersion: 'TLSv1.3' },
      })) as unknown as FastifyInstance;
  app.server.headersTimeout = LIMITS.requestMs;
  app.server.maxConnections = LIMITS.connections;
  app.server.maxHeadersCount = 64;

  const names = ROUTE_NAMES.filter((name) => belongs(ROUTES[name], listener));
  const paths = names.map((name) => ({ method: ROUTES[name].method, pattern: patternOf(ROUTES[name].path) }));
  // Shapes are checked by the service, once and for every way in; here they only describe.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.removeAllContentTypeParsers();
  // The bytes are kept: the MAC covers them, and strict JSON is read from them after the caller is known.
  if (listener === 'control')
    app.addContentTypeParser(['application/json', FORM], { parseAs: 'buffer' }, (request, body, done) => {
      // RFC 8693 §2.1 sends a form; no other route takes one, and browsers may send forms anywhere.
      if (isForm(request) && request.routeOptions.config.name !== 'exchange')
        done(new PlaneError('unsupported_media_type', 'unsupported_media_type: bodies are application/json'));
      else done(null, body);
    });
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: CLI, version: options.version } },
  });

  app.addHook('onRequest', async (request, reply) => {
    reply
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .header('cross-origin-resource-policy', 'same-origin');
    checkHost(request, options.hosts(), scheme);
    if (listener === 'public' && !limit.take(request.ip)) throw overloaded();
    if (request.headers['content-encoding'] !== undefined)
      throw new PlaneError('unsupported_media_type', 'unsupported_media_type: bodies come without encoding');
    const route = routeOf(request);
    if (options.draining() && (route === undefined || route.lane !== 'safety')) {
      reply.header('connection', 'close').header('retry-after', '1');
      throw new PlaneError('unavailable', 'unavailable: this plane is going down');
    }
  });
  app.addHook('preValidation', async (request) => {
    const route = routeOf(request);
    if (route === undefined || listener === 'public') return;
    const optional = route.who.includes('anyone');
    if (optional && !hasCredential(request)) {
      // RULE 34: a flood of other strangers must not shut out a kill order.
      const bucket =
        request.routeOptions.config.name === 'order' ? `order ${addressOf(request)}` : addressOf(request);
      if (route.method === 'POST' && !limit.take(bucket)) throw overloaded();
      return;
    }
    const name = request.routeOptions.config.name ?? '';
    // Who opens a session proves itself to the route, which needs the proof.
    if (name === 'openSession' || name === 'exchange') return;
    // A browser that signs in may still hold the cookie of a login that is over.
    if (SIGNING_IN.includes(name) && !hasCredential(request, HEADERS)) return;
    try {
      (request as Called).principal = await authentication.identify(arrivalOf(request, scheme));
    } catch (error) {
      metrics.unidentified(error instanceof PlaneError ? error.code : 'internal');
      if (!limit.take(addressOf(request))) throw overloaded();
      throw error;
    }
    requireRole(route, (request as Called).principal);
  });
  app.addHook('onResponse', async (request, reply) => {
    metrics.answered(request.routeOptions.config.name ?? 'none', reply.statusCode, reply.elapsedTime / 1_000);
  });
  app.setErrorHandler((error, request, reply) => sendProblem(request, reply, frameworkError(error)));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]!;
    const methods = [
      ...new Set(paths.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)),
    ];
    if (methods.length === 0)
      return sendProblem(request, reply, new PlaneError('not_found', 'not_found: there is no such route'));
    reply.header('allow', methods.join(', '));
    return sendProblem(
      request,
      reply,
      new PlaneError('method_not_allowed', `method_not_allowed: this path takes ${methods.join(', ')}`),
    );
  });

  const local = {
    ...loginHandlers({
      ...options,
      arrivalOf: (request) => arrivalOf(request, scheme),
      openapi: () => app.swagger(),
    }),
    ...signInHandlers(options),
  };
  for (const name of names) {
    const route: Route = ROUTES[name];
    app.route({
      method: route.method,
      url: route.path,
      config: { name },
      schema: describe(name, route),
      handler: async (request, reply) => {
        const { principal } = request as Called;
        const read = isForm(request) ? readForm : parseBody;
        const body = route.body === undefined ? undefined : read(bytesOf(request));
        const gone = goneSignal(reply);
        const special = local[name];
        if (special !== undefined) return special({ request, reply, principal, body, gone });
        const search = new URL(request.url, 'http://localhost').searchParams;
        const invocation = {
          params: request.params as Readonly<Record<string, string>>,
          query: readQuery(route.query, search),
          ...(body === undefined ? {} : { body }),
          ...idempotency(request),
          signal: gone,
        };
        if (name === 'events') return openEvents(options, reply, principal, request, invocation.query, gone);
        return sendAnswer(reply, route, await service.invoke(name, principal, invocation));
      },
    });
  }
  serveConsole(app, listener, base);
  await app.ready();
  return app;
}

async function openEvents(
  { streams }: AppOptions,
  reply: FastifyReply,
  principal: Principal | undefined,
  request: FastifyRequest,
  query: Readonly<Record<string, unknown>>,
  gone: AbortSignal,
): Promise<FastifyReply> {
  if (principal === undefined)
    throw new PlaneError('unidentified', 'unidentified: no credential came with this call');
  const last = request.headers['last-event-id'];
  const given =
    typeof last === 'string' && /^(0|[1-9][0-9]{0,15})$/.test(last) ? Number(last) : query['after'];
  if (given !== undefined && typeof given !== 'number')
    throw new PlaneError('schema', 'schema: after: expected a log index');
  await streams.stream(reply, principal, given ?? -1, gone);
  return reply;
}

/** Answers bytes that are no request, and ends the connection. */
export function refuseBytes(error: NodeJS.ErrnoException, socket: Duplex): void {
  const code = error.code === 'HPE_HEADER_OVERFLOW' ? 'too_large' : 'malformed';
  const body = JSON.stringify(
    problemOf(new PlaneError(code, `${code}: the bytes are no HTTP request that this plane takes`)),
  );
  const status = code === 'too_large' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  if (socket.writable) {
    socket.end(
      `HTTP/1.1 ${status}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  } else socket.destroy();
}

/** Sends what the service answered, in the form of the route. */
function sendAnswer(reply: FastifyReply, route: Route, value: unknown): FastifyReply {
  reply.header('cache-control', 'no-store');
  if (route.answer === 'bytes')
    return reply.type('application/octet-stream').send(Buffer.from(value as Uint8Array));
  if (route.answer === 'text') return reply.type('text/plain; charset=utf-8').send(value);
  // As text: what is sent is exactly this, whatever a serializer would make of a schema.
  return reply.type('application/json').send(JSON.stringify(value));
}

function sendProblem(request: FastifyRequest, reply: FastifyReply, error: PlaneError): FastifyReply {
  const problem = problemOf(error, request.id);
  warnOfFailure(error, request.id);
  if (problem.code === 'overloaded' || problem.code === 'unavailable') reply.header('retry-after', '1');
  return reply
    .code(problem.status)
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify(problem));
}

/** Fastify's own refusals, in the words of the contract. */
function frameworkError(error: unknown): PlaneError {
  const code = (error as { readonly code?: unknown }).code;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new PlaneError('too_large', 'too_large: the body is longer than 1 MiB');
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new PlaneError('unsupported_media_type', 'unsupported_media_type: bodies are application/json');
  if (code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH')
    return new PlaneError('malformed', 'malformed: the body is not as long as it says');
  if (code === 'FST_ERR_BAD_URL' || code === 'FST_ERR_MAX_PARAM_LENGTH')
    return new PlaneError('not_found', 'not_found: the path names nothing that could be here');
  return planeErrorOf(error);
}

function checkHost(request: FastifyRequest, hosts: ReadonlySet<string>, scheme: string): void {
  const { host, origin } = request.headers;
  // DNS rebinding: a page of another name that resolves to us still sends its own name.
  if (host === undefined || !hosts.has(host.toLowerCase()))
    throw new PlaneError('wrong_host', "wrong_host: the Host header is not this plane's");
  if (origin !== undefined && ![...hosts].some((name) => origin === `${scheme}://${name}`)) {
    throw new PlaneError('wrong_host', "wrong_host: the Origin header is not this plane's");
  }
  const site = request.headers['sec-fetch-site'];
  if (
    site !== undefined &&
    site !== 'same-origin' &&
    site !== 'none' &&
    !isPageVisit(request) &&
    !isComingBack(request)
  )
    throw new PlaneError('wrong_host', 'wrong_host: the call comes from another site');
}

function arrivalOf(request: FastifyRequest, scheme: string): Arrival {
  return {
    method: request.method,
    // Behind a shared listener the path that was called, and signed, is longer than the route's.
    target: request.originalUrl,
    scheme,
    host: (request.headers.host ?? '').toLowerCase(),
    body: bytesOf(request),
    header(name) {
      const value = request.headers[name];
      return typeof value === 'string' ? value : undefined;
    },
  };
}

const SIGNING_IN: readonly string[] = ['signIns', 'startSignIn', 'finishSignIn'] satisfies RouteName[];

function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  return gone.signal;
}

/** A provider sends the browser back; the sign-in that it began is what is checked then. */
const isComingBack = ({ method, url, headers }: FastifyRequest): boolean =>
  method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && url.startsWith(CALLBACK);
const FORM = 'application/x-www-form-urlencoded';
const isForm = (request: FastifyRequest): boolean =>
  (request.headers['content-type'] ?? '').toLowerCase().startsWith(FORM);

function idempotency({ headers }: FastifyRequest): { readonly idempotencyKey?: string } {
  const key = headers['idempotency-key'];
  return typeof key === 'string' ? { idempotencyKey: key } : {};
}

const bytesOf = (request: FastifyRequest): Uint8Array =>
  request.body instanceof Uint8Array ? request.body : new Uint8Array(0);
const addressOf = (request: FastifyRequest): string => request.ip ?? 'socket';
const overloaded = (): PlaneError =>
  new PlaneError('overloaded', 'overloaded: too many calls without an identity');
const belongs = (route: Route, listener: 'control' | 'public'): boolean =>
  route.listener === 'both' || route.listener === listener;
const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll('.', '\\.').replace(':id', '[^/]+').replace('*', '.+')}$`);
const HEADERS = ['authorization', 'dpop', 'licet-session'];
const hasCredential = (
  { headers }: FastifyRequest,
  names: readonly string[] = [...HEADERS, 'cookie'],
): boolean => names.some((name) => headers[name] !== undefined);

function routeOf(request: FastifyRequest): Route | undefined {
  const { name } = request.routeOptions.config;
  return name === undefined ? undefined : ROUTES[name];
}

function describe(name: RouteName, route: Route): Record<string, unknown> {
  return {
    operationId: name,
    summary: route.summary,
    description: `Roles: ${route.who.join(', ')}.`,
    ...(route.params === undefined ? {} : { params: route.params }),
    querystring: route.query,
    ...(route.body === undefined ? {} : { body: route.body }),
    response:
      typeof route.answer === 'string'
        ? {}
        : { 200: { description: 'The answer; a denial too.', ...route.answer } },
  };
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Operation id in the route table. */
    readonly name?: RouteName;
  }
}
