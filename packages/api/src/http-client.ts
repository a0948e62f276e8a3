/**
 * `connect`: the HTTP implementation of `PlaneClient` (DESIGN §10), over TCP or a unix socket. It opens a session
 * with the agent's key, or sends the operator's token; every failure is a `PlaneError`, and nothing unclear is an
 * answer: a success that is not JSON of the route's shape is `garbled`.
 */
import {
  concat,
  fromUtf8,
  jwkThumbprint,
  nobleCrypto,
  parseJson,
  utf8,
  verifySessionShare,
  type Json,
  type Trust,
} from '@licet/evidence';
import { clientOver, type AnswerOf, type Call, type CallInput, type ClientParts } from './client-over.ts';
import type { PlaneClient } from './client.ts';
import { readEvents } from './event-stream.ts';
import { PROBLEMS, PlaneError, type Problem, type ProblemCode } from './problems.ts';
import { makeProof, publicHalf, type PrivateJwk } from './proof.ts';
import { signEvidence, type SignedStatement, type StatementClaims } from './statement.ts';
import { tokenKey } from './token.ts';
import { ROUTES, type Route, type RouteName } from './routes.ts';
import { callMac, newShare, SESSION_HEADERS, sessionSecret } from './session.ts';
import { fetchTransport, socketTransport, type Reception, type Transport } from './transport.ts';
import { readTrustStore } from './trust-store.ts';
import { misfit } from './validation.ts';

/** Where the plane is, and as whom to call it. */
export interface ConnectOptions {
  /** Address of the control listener. Either this or `socket`. */
  readonly url?: string;
  /** Path of a unix socket. */
  readonly socket?: string;
  /** Whom to believe. Default: the user's trust store. */
  readonly trust?: Trust;
  /** The log origin that is meant. Default: the only one that the trust names. */
  readonly origin?: string;
  /** An agent's private key; opens sessions. */
  readonly key?: PrivateJwk;
  /**
   * Returns a token of a trusted issuer that vouches for `key`: asked whenever a session is opened. The key is then not a
   * registered one but of this process alone.
   */
  readonly issued?: () => Promise<string>;
  /** An operator's token, in place of a key. */
  readonly token?: string;
  /** Filled into requests that name no audience. */
  readonly audience?: string;
  /** Milliseconds until a call is given up. Default 2,000. */
  readonly deadlineMs?: number;
  /** Milliseconds since the epoch. Default: the machine's clock. */
  readonly nowMs?: () => number;
}

/** A client with what it is to be believed by: whose keys, of which log, and as which key it calls. */
export interface Pinned {
  readonly trust: Trust;
  readonly origin?: string;
  /** Thumbprint of the caller's key. */
  readonly jkt: string;
  readonly audience?: string;
  /** Where what was verified is remembered (RULE 8). Default: the user's state folder. */
  readonly stateDir?: string;
  /** Signs a statement of what was measured with the caller's key. Absent: this client attests nothing. */
  readonly sign?: (claims: StatementClaims) => Promise<SignedStatement>;
}
/** A plane and what it must prove: what a guard needs. */
export type PinnedPlane = PlaneClient & { readonly pinned: Pinned };

/** Largest JSON answer, and largest evidence bundle or tile. */
const MAX_ANSWER_BYTES = 8 * 1_048_576;
const MAX_FILE_BYTES = 64 * 1_048_576;
/** A session is renewed this long before it ends, milliseconds. */
const SESSION_MARGIN_MS = 30_000;

/**
 * Returns a client of the plane at `url` or `socket`. Nothing is sent yet: the first call opens the session.
 * @throws PlaneError `unidentified` without key and token; `garbled` when the trust names no single origin
 */
export async function connect(options: ConnectOptions): Promise<PinnedPlane> {
  const dialled = await dial(options);
  return { ...clientOver(dialled), pinned: dialled.pinned };
}

/** Returns what {@link connect} makes its client of: one function for every route. Throws as it. */
export async function dial(options: ConnectOptions): Promise<ClientParts & { readonly pinned: Pinned }> {
  const transport = transportOf(options);
  const nowMs = options.nowMs ?? Date.now;
  const deadlineMs = options.deadlineMs ?? 2_000;
  const pinned = await pinnedOf(options);
  const credential = credentialOf(options, pinned, transport, nowMs);

  const exchange = async (
    route: Route,
    input: CallInput,
    signal: AbortSignal,
    retry: boolean,
  ): Promise<Reception> => {
    const target = transport.prefix + targetOf(route, input);
    const body = route.body === undefined ? undefined : utf8(JSON.stringify(input.body ?? {}));
    const headers: Record<string, string> = {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(await credential.headers(
        { method: route.method, target, body: body ?? new Uint8Array(0) },
        signal,
      )),
    };
    const sent = { method: route.method, target, headers, signal };
    const reception = await transport.exchange(body === undefined ? sent : { ...sent, body });
    if (reception.status < 300) return reception;
    const problem = await readProblem(reception);
    // Every mutating call carries its idempotency key, so that asking again in a new session acts once.
    if (retry && problem.code === 'session_ended' && credential.renew())
      return exchange(route, input, signal, false);
    throw problem;
  };

  const call: Call = async <N extends RouteName>(name: N, input: CallInput): Promise<AnswerOf<N>> => {
    const route: Route = ROUTES[name];
    const timeout = AbortSignal.timeout(deadlineMs + (input.extraMs ?? 0));
    const signal = input.signal === undefined ? timeout : AbortSignal.any([timeout, input.signal]);
    try {
      const reception = await exchange(route, input, signal, true);
      return (await readAnswer(route, reception)) as AnswerOf<N>;
    } catch (cause) {
      throw asPlaneError(cause, timeout, name);
    }
  };

  return {
    call,
    pinned,
    ...(options.audience === undefined ? {} : { audience: options.audience }),
    async *events({ after, signal }) {
      let opened: Reception;
      try {
        opened = await exchange(ROUTES.events, { query: { after } }, signal, true);
      } catch (cause) {
        if (signal.aborted) return;
        throw asPlaneError(cause, undefined, 'events');
      }
      if (mediaType(opened) !== 'text/event-stream') throw garbled('the events are no event stream');
      yield* readEvents(opened.chunks, signal);
    },
    async close() {
      transport.close();
    },
  };
}

async function pinnedOf({
  key,
  token,
  trust: given,
  origin: named,
  audience,
  nowMs = Date.now,
}: ConnectOptions): Promise<Pinned> {
  if (key === undefined && token === undefined)
    throw new PlaneError('unidentified', 'connect needs a key or a token');
  // People read what a plane says of itself; only doors need a trust, and without one they get no further than here.
  const trust =
    given ??
    (await readTrustStore().catch((error: unknown) => {
      if (key !== undefined) throw error;
      return { v: 1 as const, logs: [] };
    }));
  const origin = named ?? (trust.logs.length === 1 ? trust.logs[0]!.origin : undefined);
  if (key !== undefined && origin === undefined) {
    throw garbled(`the trust names ${trust.logs.length} logs; say which origin is meant`);
  }
  const own = key ?? (await tokenKey(token!));
  return {
    trust,
    jkt: jwkThumbprint({ ...publicHalf(own) }),
    sign: (claims) => signEvidence(own, claims, nowMs()),
    ...(origin === undefined ? {} : { origin }),
    ...(audience === undefined ? {} : { audience }),
  };
}

interface Credential {
  headers(
    call: { readonly method: string; readonly target: string; readonly body: Uint8Array },
    signal: AbortSignal,
  ): Promise<Record<string, string>>;
  /** Forgets the session; false when there is nothing to renew. */
  renew(): boolean;
}

function credentialOf(
  { key, token, issued }: ConnectOptions,
  { trust, origin = '', jkt }: Pinned,
  transport: Transport,
  nowMs: () => number,
): Credential {
  if (token !== undefined || key === undefined) {
    return { headers: async () => ({ authorization: `Bearer ${token}` }), renew: () => false };
  }
  interface Session {
    readonly id: string;
    readonly secret: Uint8Array;
    readonly exp: number;
    counter: number;
  }
  const open = async (signal: AbortSignal): Promise<Session> => {
    const { method } = ROUTES.openSession;
    const target = transport.prefix + ROUTES.openSession.path;
    const mine = await newShare();
    const body = utf8(JSON.stringify(issued === undefined ? {} : { token: await issued() }));
    const proof = await makeProof(
      key,
      { method, url: `${transport.base}${target}`, origin, share: mine.share, body },
      nowMs(),
    );
    const headers = { 'content-type': 'application/json', dpop: proof };
    const reception = await transport.exchange({ method, target, headers, body, signal });
    if (reception.status >= 300) throw await readProblem(reception);
    const { session, note } = (await readAnswer(ROUTES.openSession, reception)) as {
      readonly session: string;
      readonly note: string;
    };
    // RULE 5: the plane's share counts only under the session key that the trust file pins.
    const share = await verifySessionShare(note, {
      trust,
      crypto: nobleCrypto,
      origin,
      nowMs: nowMs(),
      jkt,
    }).catch((cause: unknown) => {
      throw garbled('the session is not signed by a key that the trust names', cause);
    });
    if (share.session !== session) throw garbled('the session note is of another session');
    const transcript = { origin, session, jkt, agentShare: mine.share, planeShare: share.share };
    return {
      id: session,
      secret: sessionSecret(await mine.agree(share.share), transcript),
      exp: share.exp,
      counter: 0,
    };
  };

  let current: Promise<Session> | undefined;
  return {
    async headers(call, signal) {
      let session = await (current ??= open(signal).catch((error: unknown) => {
        current = undefined;
        throw error;
      }));
      if (nowMs() > session.exp - SESSION_MARGIN_MS) {
        current = undefined;
        session = await (current = open(signal));
      }
      const counter = ++session.counter;
      return {
        [SESSION_HEADERS.session]: session.id,
        [SESSION_HEADERS.counter]: String(counter),
        [SESSION_HEADERS.mac]: callMac(session.secret, { ...call, counter }),
      };
    },
    renew() {
      current = undefined;
      return true;
    },
  };
}

function transportOf({ url, socket }: ConnectOptions): Transport {
  if (socket !== undefined) return socketTransport(socket);
  if (url !== undefined) return fetchTransport(url);
  throw new PlaneError('unreachable', 'connect needs a url or a socket');
}

/** Returns path and query of a route. */
export function targetOf(route: Pick<Route, 'path'>, input: Pick<CallInput, 'params' | 'query'>): string {
  const path = route.path.replace(/:id|\*$/g, (name) => {
    const value = input.params?.[name === '*' ? '*' : 'id'] ?? '';
    return name === '*' ? value.split('/').map(encodeURIComponent).join('/') : encodeURIComponent(value);
  });
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(input.query ?? {}))
    if (value !== undefined) query.set(name, String(value));
  return query.size === 0 ? path : `${path}?${query}`;
}

async function readAnswer(route: Pick<Route, 'answer' | 'path'>, reception: Reception): Promise<unknown> {
  if (reception.status !== 200) throw garbled(`${route.path} answered with status ${reception.status}`);
  if (typeof route.answer === 'string') {
    const bytes = await readAll(reception, MAX_FILE_BYTES);
    const expected = route.answer === 'text' ? /^text\/plain$/ : /^application\/(octet-stream|vnd\.)/;
    if (!expected.test(mediaType(reception)))
      throw garbled(`${route.path} answered with ${mediaType(reception) || 'no media type'}`);
    return route.answer === 'text' ? fromUtf8(bytes) : bytes;
  }
  const value = await readJson(reception, 'application/json');
  const wrong = misfit(route.answer, value);
  if (wrong !== undefined) throw garbled(`the answer of ${route.path} does not fit: ${wrong}`);
  return value;
}

async function readProblem(reception: Reception): Promise<PlaneError> {
  const value = (await readJson(reception, 'application/problem+json')) as Partial<Problem> | null;
  const code = value?.code;
  const known =
    typeof code === 'string' && Object.hasOwn(PROBLEMS, code) && PROBLEMS[code][0] === reception.status;
  if (!known || typeof value?.detail !== 'string')
    return garbled(`status ${reception.status} without a problem that fits it`);
  return new PlaneError(code as ProblemCode, `${code}: ${value.detail}`, { problem: value as Problem });
}

async function readJson(reception: Reception, type: string): Promise<Json> {
  if (mediaType(reception) !== type)
    throw garbled(`expected ${type}, found ${mediaType(reception) || 'no media type'}`);
  const bytes = await readAll(reception, MAX_ANSWER_BYTES);
  try {
    return parseJson(bytes, { maxBytes: MAX_ANSWER_BYTES, maxDepth: 96 });
  } catch (cause) {
    throw garbled('the answer is not strict JSON', cause);
  }
}

async function readAll(reception: Reception, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of reception.chunks) {
    length += chunk.length;
    if (length > limit) throw garbled(`the answer is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return concat(...chunks);
}

const mediaType = (reception: Reception): string =>
  (reception.header('content-type') ?? '').split(';', 1)[0]!.trim().toLowerCase();
const garbled = (what: string, cause?: unknown): PlaneError => new PlaneError('garbled', what, { cause });

function asPlaneError(cause: unknown, timeout: AbortSignal | undefined, name: string): PlaneError {
  if (cause instanceof PlaneError) return cause;
  if (timeout?.aborted === true) return new PlaneError('timeout', `${name}: no answer in time`, { cause });
  return new PlaneError('unreachable', `${name}: the plane could not be reached`, { cause });
}
