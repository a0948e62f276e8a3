// `licet mcp`: a proxy in front of one tool server over stdio (MCP 2025-11-25 and 2026-07-28). Tool calls, resource
// reads and prompts are decided before they reach the server, as children of one session execution (RULE 18); lists
// are filtered to pinned tools; everything else that is known is passed on byte for byte, everything unknown is denied.
import { randomBytes } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { base64url, canonicalBytes, sha256, utf8, type Json } from '@licet/evidence';
import {
  boundedResult,
  Denied,
  doorOf,
  Halted,
  openExecution,
  type Door,
  type Measure,
  type OpenedExecution,
  type TrustedPlane,
} from '@licet/sdk';
import type { DoorClaim } from '@licet/api';
import { GatewayError } from '../errors.ts';
import {
  decisionMeta,
  errorLine,
  methodDeniedLine,
  RPC,
  toolErrorLine,
  VERSION_META,
  type Era,
} from './answers.ts';
import { Catalog, type PinSettings, type Standing } from './catalog.ts';
import { readLines } from './lines.ts';
import {
  isObject,
  readMessage,
  readServerMessage,
  withId,
  type JsonObject,
  type Message,
} from './message.ts';
import { startUpstream, type Upstream, type UpstreamSpec } from './upstream.ts';

/** What a proxy is started with. */
export interface McpProxyOptions {
  readonly plane: Door | TrustedPlane;
  /** Name of the server in actions: `<server>/<tool>`. */
  readonly server: string;
  readonly upstream: UpstreamSpec;
  /** From and to the client. */
  readonly input: Readable;
  readonly output: Writable;
  readonly pins?: PinSettings;
  /** Longest wait for a person, milliseconds, at most 45_000 (RULE 23). */
  readonly holdWaitMs?: number;
  /** Requests of the server to the client that are passed on (`sampling/createMessage`, `elicitation/create`, `roots/list`). Default none. */
  readonly serverRequests?: readonly string[];
  /** Ends the session from outside. */
  readonly signal?: AbortSignal;
  /** Notes for the operator, one line each. Default: none are kept. */
  readonly note?: (text: string) => void;
}

/** How a session ended. */
export interface McpProxyEnd {
  readonly why: 'client_left' | 'server_ended' | 'halted';
  readonly code?: string;
}

/** Requests that change nothing outside the session: passed on as they are. Everything not listed is denied. */
export const PASSED_REQUESTS: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'server/discover',
  'subscriptions/listen',
  'resources/list',
  'resources/templates/list',
  'prompts/list',
  'logging/setLevel',
]);
/** Methods that are decided, with the name of their action where they are no tool. */
const GOVERNED_METHODS: Readonly<Record<string, string>> = {
  'resources/read': 'resources.read',
  'prompts/get': 'prompts.get',
};

/** RULE 26: of `_meta`, what carries no effect stays; the rest is stripped. */
const KEPT_META: ReadonlySet<string> = new Set([
  'progressToken',
  'traceparent',
  'tracestate',
  'baggage',
  VERSION_META,
  'io.modelcontextprotocol/clientInfo',
  'io.modelcontextprotocol/clientCapabilities',
  'io.modelcontextprotocol/logLevel',
]);

/** How long a halted call may still be answered by the server before its end counts as unseen, milliseconds. */
const CANCEL_GRACE_MS = 1_000;

type Request = Message & { readonly kind: 'request' };
type Response = Message & { readonly kind: 'response' };

/** Runs the proxy until the client leaves, the server ends, or the session is halted. */
export async function runMcpProxy(options: McpProxyOptions): Promise<McpProxyEnd> {
  return new McpProxy(options).run();
}

class McpProxy {
  readonly #options: McpProxyOptions;
  readonly #door: Door;
  readonly #catalog: Catalog;
  /** Ids of our own requests begin so; nobody else can guess them. */
  readonly #prefix = `gw-${base64url(randomBytes(12))}-`;
  #serial = 0;
  readonly #awaited = new Map<string, (answer: Response | undefined) => void>();
  /** Governed requests of the client that are not answered yet, by their id. */
  readonly #calls = new Map<string, AbortController>();
  readonly #finishing = new Set<Promise<unknown>>();
  readonly #ended = Promise.withResolvers<McpProxyEnd>();
  #session: OpenedExecution | undefined;
  #upstream: Upstream | undefined;
  #over: McpProxyEnd | undefined;
  /** `_meta` of the last modern request, without which a modern server answers nothing. */
  #modernMeta: JsonObject | undefined;

  constructor(options: McpProxyOptions) {
    this.#options = options;
    this.#door = doorOf(options.plane);
    this.#catalog = new Catalog({
      server: options.server,
      door: this.#door,
      pins: options.pins,
      listPage: (cursor) => this.#listPage(cursor),
      note: (text) => options.note?.(text),
    });
  }

  async run(): Promise<McpProxyEnd> {
    const stop = (): void => this.#end({ why: 'halted', code: 'cancelled' });
    this.#options.signal?.addEventListener('abort', stop, { once: true });
    void this.#pumpClient().then(
      () => this.#end({ why: 'client_left' }),
      (error: unknown) => {
        this.#options.note?.(String(error));
        this.#end({ why: 'client_left' });
      },
    );
    const end = await this.#ended.promise;
    this.#options.signal?.removeEventListener('abort', stop);
    for (const call of this.#calls.values()) call.abort(end.code ?? end.why);
    await this.#upstream?.stop();
    // Every waiting call hears of the end; its outcome is reported before the session's.
    for (const answered of this.#awaited.values()) answered(undefined);
    this.#awaited.clear();
    await Promise.allSettled(this.#finishing);
    await this.#session?.report(
      end.why === 'halted'
        ? { status: 'halted', reason: end.code ?? 'halted' }
        : { status: 'completed', reason: end.why },
    );
    return end;
  }

  // — From the client —

  async #pumpClient(): Promise<void> {
    for await (const line of readLines(this.#options.input)) {
      if (line.trim() === '') continue;
      await this.#fromClient(readMessage(line));
    }
  }

  async #fromClient(message: Message): Promise<void> {
    switch (message.kind) {
      case 'malformed':
        this.#toClient(
          errorLine(message.rawId, message.rawId === undefined ? RPC.parse : RPC.invalidRequest, message.why),
        );
        return;
      case 'response':
        // Only answers to requests that were passed on get here; the server knows its own ids.
        if (!this.#isOwn(message.rawId)) this.#upstream?.send(message.line);
        return;
      case 'notification':
        if (message.method === 'notifications/cancelled' && this.#cancel(message.params)) return;
        if (message.method.startsWith('notifications/')) this.#upstream?.send(message.line);
        return;
      case 'request':
        await this.#request(message);
        return;
      default:
        message satisfies never;
    }
  }

  async #request(request: Request): Promise<void> {
    const era = this.#eraOf(request);
    const key = keyOf(request.rawId);
    if (this.#isOwn(request.rawId) || this.#calls.has(key)) {
      this.#toClient(errorLine(request.rawId, RPC.invalidRequest, 'this id is in use'));
      return;
    }
    const refused = await this.#openSession();
    if (refused !== undefined) {
      this.#toClient(
        request.method === 'tools/call'
          ? toolErrorLine(request.rawId, era, String(refused), decisionMeta(refused))
          : methodDeniedLine(request.rawId, era, refused),
      );
      return;
    }
    if (request.method === 'tools/call' || Object.hasOwn(GOVERNED_METHODS, request.method)) {
      const call = new AbortController();
      this.#calls.set(key, call);
      this.#track(this.#govern(request, era, call.signal).finally(() => this.#calls.delete(key)));
    } else if (request.method === 'tools/list') {
      this.#track(this.#list(request, era));
    } else if (PASSED_REQUESTS.has(request.method)) {
      this.#upstream?.send(request.line);
    } else {
      // SPEC: standards.md §1.3 "Unknown methods: Deny".
      this.#toClient(
        errorLine(request.rawId, RPC.methodNotFound, `${request.method} is not passed on by this gateway`),
      );
    }
  }

  #cancel(params: JsonObject): boolean {
    const id = params['requestId'];
    if (typeof id !== 'string' && typeof id !== 'number') return false;
    const call = this.#calls.get(JSON.stringify(id));
    call?.abort('cancelled');
    return call !== undefined;
  }

  #eraOf({ params }: Request): Era {
    const meta = params['_meta'];
    if (!isObject(meta) || typeof meta[VERSION_META] !== 'string') return 'legacy';
    this.#modernMeta = Object.fromEntries(
      Object.entries(meta).filter(([name]) => KEPT_META.has(name) && name.startsWith('io.')),
    );
    return 'modern';
  }

  // — The session —

  /** RULE 18: one root execution for each client session. The server is started only under it. */
  async #openSession(): Promise<Denied | Halted | undefined> {
    if (this.#over !== undefined) {
      return new Halted(
        'licet/session',
        this.#session?.executionId ?? '',
        this.#over.code ?? this.#over.why,
        true,
      );
    }
    if (this.#session !== undefined) return undefined;
    let session: OpenedExecution;
    try {
      session = await openExecution(this.#door, {
        action: 'licet/session',
        arguments: {},
        claim: this.#claim([]),
        ...(this.#options.holdWaitMs === undefined ? {} : { holdWaitMs: this.#options.holdWaitMs }),
      });
    } catch (error) {
      if (error instanceof Denied) return error;
      throw error;
    }
    this.#session = session;
    session.signal.addEventListener(
      'abort',
      () => this.#end({ why: 'halted', code: session.haltReason ?? 'lease_ended' }),
      { once: true },
    );
    await this.#catalog.readBundle(session.permit.entry.bundles);
    try {
      this.#upstream = await startUpstream(this.#options.upstream);
    } catch (error) {
      this.#options.note?.(String(error));
      this.#end({ why: 'server_ended' });
      return new Halted('licet/session', session.executionId, 'server_ended', true, { cause: error });
    }
    void this.#pumpServer(this.#upstream);
    return undefined;
  }

  #end(end: McpProxyEnd): void {
    if (this.#over !== undefined) return;
    this.#over = end;
    this.#ended.resolve(end);
  }

  #endSoFar(): McpProxyEnd {
    return this.#over ?? { why: 'server_ended' };
  }

  /** What this door is: a process of its own that holds the server's credentials, and kills it with its group. */
  #claim(bound: readonly string[]): DoorClaim {
    return { grade: 'gateway', confine: 'group-only', bound };
  }

  // — Governed requests —

  async #govern(request: Request, era: Era, signal: AbortSignal): Promise<void> {
    const isTool = request.method === 'tools/call';
    const refuse = (error: Denied | Halted): void =>
      this.#toClient(
        isTool
          ? toolErrorLine(request.rawId, era, String(error), decisionMeta(error))
          : methodDeniedLine(request.rawId, era, error),
      );
    try {
      const asked = isTool ? await this.#askedTool(request) : this.#askedMethod(request);
      if (typeof asked === 'string') {
        this.#toClient(errorLine(request.rawId, RPC.invalidParams, asked));
        return;
      }
      const progress = this.#progressOf(request);
      const execution = await openExecution(this.#door, {
        action: asked.action,
        arguments: asked.arguments,
        parent: this.#session!.executionId,
        signal: AbortSignal.any([signal, this.#session!.signal]),
        claim: this.#claim(['input', 'resource', ...asked.bound, ...boundRetry(request.params)]),
        ...(asked.measure === undefined ? {} : { measure: asked.measure }),
        onHold: (held) =>
          progress?.(`waiting for approval by ${held.holds.map(({ group }) => group).join(', ')}`),
        ...(this.#options.holdWaitMs === undefined ? {} : { holdWaitMs: this.#options.holdWaitMs }),
      });
      // A bundle that was published meanwhile may pin another definition than the one that was looked at.
      await this.#catalog.readBundle(execution.permit.entry.bundles);
      const objection = asked.check?.();
      if (objection !== undefined) {
        this.#track(execution.report({ status: 'halted', reason: objection.code }));
        throw objection;
      }
      await this.#forward(request, execution, asked.emit(execution.args), refuse);
    } catch (error) {
      if (error instanceof Denied || error instanceof Halted) refuse(error);
      else {
        this.#options.note?.(String(error));
        this.#toClient(errorLine(request.rawId, RPC.internal, 'the gateway failed; nothing was passed on'));
      }
    }
  }

  async #askedTool({ params }: Request): Promise<Asked | string> {
    const { name, arguments: args = {} } = params as { readonly name?: Json; readonly arguments?: Json };
    if (typeof name !== 'string') return 'name is a string';
    if (!isObject(args)) return 'arguments is an object';
    await this.#catalog.refresh();
    await this.#catalog.readBundle();
    const standing = this.#catalog.standing(name);
    if (standing.kind === 'refused') throw this.#refusal(name, standing);
    return {
      action: standing.action,
      arguments: args,
      // The permit's entry names the definition that was called.
      bound: [`tool:${standing.digest}`],
      emit: (committed) => ({ name, arguments: committed }),
      measure: async () => {
        await this.#catalog.refresh();
        const digest = this.#catalog.digestOf(name);
        if (digest === undefined) throw new GatewayError('ERR_MCP_SERVER', 'the tool is not there any more');
        const tool = { server: this.#options.server, name, digest };
        return [{ kind: 'tool_manifest', digest, claims: { tool } }];
      },
      check: () => {
        const now = this.#catalog.standing(name);
        if (now.kind === 'refused') return this.#refusal(name, now);
        return now.digest === standing.digest ? undefined : this.#refusal(name, CHANGED);
      },
    };
  }

  #refusal(name: string, standing: Standing & { readonly kind: 'refused' }): Denied {
    return new Denied(`${this.#options.server}/${name}`, {
      code: standing.code,
      reason: `${standing.why}.`,
      next:
        standing.code === 'unknown_tool'
          ? 'Use a tool of the list.'
          : 'Do not call it; a person has to review and pin it first. Tell the operator.',
    });
  }

  #askedMethod({ method, params }: Request): Asked | string {
    const action = `${this.#options.server}/${GOVERNED_METHODS[method]}`;
    if (method === 'resources/read') {
      const { uri } = params as { readonly uri?: Json };
      if (typeof uri !== 'string') return 'uri is a string';
      return { action, arguments: { uri }, bound: [], emit: (committed) => ({ uri: committed['uri']! }) };
    }
    const { name, arguments: args = {} } = params as { readonly name?: Json; readonly arguments?: Json };
    if (typeof name !== 'string' || !isObject(args)) return 'name is a string and arguments an object';
    return {
      action,
      arguments: { name, arguments: args },
      bound: [],
      emit: (committed) => ({ name: committed['name']!, arguments: committed['arguments']! }),
    };
  }

  /** RULE 26: a freshly made request with the committed arguments; what was not committed is not in it. */
  async #forward(
    request: Request,
    execution: OpenedExecution,
    params: JsonObject,
    refuse: (error: Halted) => void,
  ): Promise<void> {
    const id = this.#nextId();
    const meta = isObject(request.params['_meta']) ? keptMeta(request.params['_meta']) : undefined;
    const retry = retryParts(request.params);
    const line = JSON.stringify({
      jsonrpc: '2.0',
      id,
      method: request.method,
      params: { ...params, ...retry, ...(meta === undefined ? {} : { _meta: meta }) },
    });
    const answered = this.#awaitAnswer(id);
    // RULE 31: asked at the last moment before the effect.
    if (!execution.isLive() || this.#over !== undefined) {
      this.#awaited.delete(JSON.stringify(id));
      this.#track(execution.report({ status: 'halted', reason: execution.haltReason ?? 'halted' }));
      refuse(new Halted(execution.action, execution.executionId, execution.haltReason ?? 'halted', true));
      return;
    }
    this.#upstream!.send(line);
    const answer = await Promise.race([answered, whenAborted(execution.signal)]);
    if (answer === HALTED) {
      const reason = execution.haltReason ?? 'lease_ended';
      this.#upstream!.send(
        JSON.stringify({
          jsonrpc: '2.0',
          method: 'notifications/cancelled',
          params: { requestId: id, reason },
        }),
      );
      refuse(new Halted(execution.action, execution.executionId, reason, false));
      await this.#afterHalt(execution, answered, reason);
      return;
    }
    if (answer === undefined) {
      // The server is gone with its group: the call is over, how far it came nobody knows.
      const { why, code = why } = this.#endSoFar();
      refuse(new Halted(execution.action, execution.executionId, code, true));
      await execution.report({ status: why === 'halted' ? 'halted' : 'failed', reason: code });
      return;
    }
    this.#toClient(withId(answer.line, request.rawId));
    await execution.report(outcomeOf(answer));
  }

  /** What happened is what is reported: a late answer says so, a killed server too, silence stays in doubt. */
  async #afterHalt(
    execution: OpenedExecution,
    answered: Promise<Response | undefined>,
    reason: string,
  ): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = await Promise.race([
      answered,
      new Promise<typeof HALTED>((resolve) => {
        timer = setTimeout(() => resolve(HALTED), CANCEL_GRACE_MS);
      }),
    ]);
    clearTimeout(timer);
    if (late === undefined) await execution.report({ status: 'halted', reason });
    else if (late !== HALTED) await execution.report({ ...outcomeOf(late), reason });
    else
      this.#options.note?.(
        `${execution.action}: the server did not answer the cancellation; execution ${execution.executionId} ends in doubt`,
      );
  }

  // — Lists —

  async #list(request: Request, era: Era): Promise<void> {
    try {
      this.#catalog.markStale();
      await this.#catalog.refresh();
      const id = this.#nextId();
      const answered = this.#awaitAnswer(id);
      this.#upstream!.send(withId(request.line, JSON.stringify(id)));
      const answer = await answered;
      if (answer === undefined) throw new GatewayError('ERR_MCP_SERVER', 'the server ended');
      const page = answer.body['result'];
      const filtered = isObject(page) ? this.#catalog.filter(page) : undefined;
      if (!isObject(page) || filtered === undefined) {
        this.#toClient(withId(answer.line, request.rawId));
        return;
      }
      // SPEC: standards.md §1.3: a list that was filtered for one principal is private to it.
      const result = era === 'modern' ? { ...filtered, cacheScope: 'private' } : filtered;
      this.#toClient(`{"jsonrpc":"2.0","id":${request.rawId},"result":${JSON.stringify(result)}}`);
    } catch (error) {
      this.#options.note?.(String(error));
      this.#toClient(
        errorLine(
          request.rawId,
          RPC.internal,
          'the tools of the server cannot be listed and compared with their pins',
        ),
      );
    }
  }

  async #listPage(cursor: string | undefined): Promise<JsonObject> {
    const id = this.#nextId();
    const answered = this.#awaitAnswer(id);
    const params = {
      ...(cursor === undefined ? {} : { cursor }),
      ...(this.#modernMeta === undefined ? {} : { _meta: this.#modernMeta }),
    };
    this.#upstream!.send(JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/list', params }));
    const answer = await answered;
    const result = answer?.body['result'];
    if (!isObject(result)) throw new GatewayError('ERR_MCP_SERVER', 'the server gave no list of tools');
    return result;
  }

  // — From the server —

  async #pumpServer(upstream: Upstream): Promise<void> {
    try {
      for await (const line of upstream.lines) {
        if (line.trim() !== '') this.#fromServer(readServerMessage(line));
      }
    } catch (error) {
      this.#options.note?.(String(error));
    }
    this.#end({ why: 'server_ended' });
  }

  #fromServer(message: Message): void {
    switch (message.kind) {
      case 'malformed':
        this.#options.note?.(`dropped a line of the server: ${message.why}`);
        return;
      case 'notification':
        if (message.method === 'notifications/tools/list_changed') this.#catalog.markStale();
        this.#toClient(message.line);
        return;
      case 'request':
        // A server that asks the client to do something is an effect in the other direction.
        if (message.method === 'ping' || this.#options.serverRequests?.includes(message.method) === true)
          this.#toClient(message.line);
        else
          this.#upstream?.send(
            errorLine(
              message.rawId,
              RPC.methodNotFound,
              `${message.method} is not passed on by this gateway`,
            ),
          );
        return;
      case 'response': {
        const key = keyOf(message.rawId);
        const answered = this.#awaited.get(key);
        if (answered !== undefined) {
          this.#awaited.delete(key);
          answered(message);
        } else if (!this.#isOwn(message.rawId)) this.#toClient(message.line);
        return;
      }
      default:
        message satisfies never;
    }
  }

  // — Wires —

  #toClient(line: string): void {
    this.#options.output.write(`${line}\n`);
  }

  #nextId(): string {
    return `${this.#prefix}${++this.#serial}`;
  }

  #isOwn(rawId: string): boolean {
    return keyOf(rawId).startsWith(`"${this.#prefix}`);
  }

  #awaitAnswer(id: string): Promise<Response | undefined> {
    if (this.#over !== undefined) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#awaited.set(JSON.stringify(id), resolve));
  }

  #track(work: Promise<unknown>): void {
    this.#finishing.add(work);
    void work.catch(() => undefined).finally(() => this.#finishing.delete(work));
  }

  #progressOf({ params }: Request): ((message: string) => void) | undefined {
    const meta = params['_meta'];
    const token = isObject(meta) ? meta['progressToken'] : undefined;
    if (typeof token !== 'string' && typeof token !== 'number') return undefined;
    let progress = 0;
    return (message) => {
      const params_ = { progressToken: token, progress: (progress += 0.001), message };
      this.#toClient(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params: params_ }));
    };
  }
}

/** What is asked of the plane, and how the committed arguments become a request again. */
interface Asked {
  readonly action: string;
  readonly arguments: JsonObject;
  readonly bound: readonly string[];
  readonly emit: (committed: JsonObject) => JsonObject;
  /** Looks at what is called, for a bundle that wants it attested. */
  readonly measure?: Measure;
  /** Looks again once the permit is there. */
  readonly check?: () => Denied | undefined;
}

const CHANGED = {
  kind: 'refused',
  code: 'tool_changed',
  why: 'the definition of this tool changed while it was decided',
} as const;

const HALTED = Symbol('halted');

function whenAborted(signal: AbortSignal): Promise<typeof HALTED> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(HALTED);
    else signal.addEventListener('abort', () => resolve(HALTED), { once: true });
  });
}

/** `1` and `1.0` are one id. */
const keyOf = (rawId: string): string => JSON.stringify(JSON.parse(rawId) as string | number);

const keptMeta = (meta: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(meta).filter(([name]) => KEPT_META.has(name)));

/** The parts of a multi-round-trip retry (2026-07-28): they change the effect, so they are committed to. */
function retryParts(params: JsonObject): JsonObject {
  return {
    ...(Object.hasOwn(params, 'inputResponses') ? { inputResponses: params['inputResponses']! } : {}),
    ...(Object.hasOwn(params, 'requestState') ? { requestState: params['requestState']! } : {}),
  };
}

/** RULE 26: the digest of what a retry adds stands in the permit's `bound`. */
function boundRetry(params: JsonObject): readonly string[] {
  const parts = retryParts(params);
  return Object.keys(parts).length === 0 ? [] : [`retry:${base64url(sha256(canonicalBytes(parts)))}`];
}

/** How the server's answer is reported; the result is committed to, or its digest where it has no canonical form. */
function outcomeOf({ body, line }: Response): {
  readonly status: 'completed' | 'failed';
  readonly reason?: string;
  readonly result?: Json;
} {
  const result = body['result'];
  if (result === undefined) return { status: 'failed', reason: 'upstream_error' };
  let recorded: Json;
  try {
    recorded = boundedResult(result);
  } catch {
    recorded = { digest: base64url(sha256(utf8(line))), bytes: utf8(line).length };
  }
  return isObject(result) && result['isError'] === true
    ? { status: 'failed', reason: 'tool_error', result: recorded }
    : { status: 'completed', result: recorded };
}
