/**
 * A `PlaneClient` over one function that performs a route: the same client for HTTP, unix socket and in process, so
 * that the three keep the same promises (DESIGN §10).
 */
import type { Static, TSchema } from 'typebox';
import { base64url, type Json } from '@licet/evidence';
import type { StandingView } from './approval-views.ts';
import type { PlaneClient } from './client.ts';
import type { FeedEvent, RunExecutions } from './execution-views.ts';
import type { HealthReport } from './health-report.ts';
import type { MandateView } from './people-views.ts';
import { PlaneError } from './problems.ts';
import type { ROUTES, RouteName } from './routes.ts';

/** What goes into one call. */
export interface CallInput {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** Milliseconds beyond the usual deadline, for long polls. */
  readonly extraMs?: number;
}

/** The value that a route answers with. */
export type AnswerOf<N extends RouteName> = (typeof ROUTES)[N]['answer'] extends infer A
  ? A extends 'text'
    ? string
    : A extends 'bytes' | 'events'
      ? Uint8Array
      : A extends TSchema
        ? Static<A>
        : never
  : never;

/** Performs one route. Rejects with PlaneError, and with nothing else. */
export type Call = <N extends RouteName>(name: N, input: CallInput) => Promise<AnswerOf<N>>;

/** How calls, the stream of events and the end are done. */
export interface ClientParts {
  readonly call: Call;
  events(options: { readonly after: number; readonly signal: AbortSignal }): AsyncIterable<FeedEvent>;
  close(): Promise<void>;
  /** Filled into requests that name no audience. */
  readonly audience?: string;
}

/** Returns the client. */
export function clientOver({ call, events, close, audience }: ClientParts): PlaneClient {
  const id = (value: string): { readonly params: { readonly id: string } } => ({ params: { id: value } });
  const common = (options: { readonly seen?: number; readonly signal?: AbortSignal } = {}) => ({
    query: { seen: options.seen },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  // Always with a key, so that a call whose answer was lost can be repeated and acts once.
  const withKey = <T extends object>(
    body: T,
    key = base64url(crypto.getRandomValues(new Uint8Array(16))),
  ): T & { readonly idempotencyKey: string } => ({ ...body, idempotencyKey: key });
  return {
    request: (body, options) =>
      call('request', { ...common(options), body: audience === undefined ? body : { audience, ...body } }),
    decide: (exec, body, options) => call('decide', { ...id(exec), ...common(options), body }),
    redeem: (exec, body, options) => call('redeem', { ...id(exec), ...common(options), body }),
    renew: (exec, body, options) => call('renew', { ...id(exec), ...common(options), body }),
    report: (exec, body, options) => call('report', { ...id(exec), ...common(options), body }),
    cancel: (exec, options) => call('cancel', { ...id(exec), ...common(options), body: {} }),
    execution: (exec, options = {}) =>
      call('execution', {
        ...id(exec),
        ...common(options),
        query: { seen: options.seen, wait: options.waitMs, since: options.since },
        extraMs: options.waitMs ?? 0,
      }),
    executions: (query, options) =>
      call('executions', { ...common(options), query: { ...query, seen: options?.seen } }),
    events,
    challenge: (about, options) => call('challenge', { ...common(options), query: {}, body: about }),
    attest: (body, options) => call('attest', { ...common(options), body }),
    attestations: async (about) => (await call('attestations', { query: { about } })).items,
    evidence: (exec) => call('evidence', id(exec)),
    runEvidence: (run) => call('runEvidence', id(run)),
    runExecutions: async (run) => (await call('runExecutions', id(run))) as RunExecutions,
    lineage: async (run) => (await call('lineage', id(run))) as Json,
    status: (options) => call('status', common(options)),
    checkpoint: (options) => call('linkedCheckpoint', common(options)),
    async tile(path) {
      try {
        return await call('tile', { params: { '*': path.replace(/^\/?tile\//, '') } });
      } catch (error) {
        if (error instanceof PlaneError && error.code === 'not_found') return undefined;
        throw error;
      }
    },
    health: async (since) => (await call('health', { query: { since } })) as HealthReport,
    succeed: (next, key) => call('succeed', { body: withKey(next, key) }),
    notice: (kind, digest, key) => call('notice', { body: withKey({ kind, digest }, key) }),
    shadowFindings: async (before) => await call('shadowFindings', { query: { before } }),
    notices: async () => (await call('notices', {})).items,
    approvals: async () => (await call('approvals', {})).items,
    approve: (exec, body) => call('approve', { ...id(exec), body }),
    approvalSubject: (exec, body) => call('approvalSubject', { ...id(exec), body }),
    passkeyOptions: (invitation) =>
      call('passkeyOptions', { body: invitation === undefined ? {} : { invitation } }),
    addPasskey: (body) => call('addPasskey', { body }),
    removePasskey: (passkey) => call('removePasskey', { ...id(passkey), body: {} }),
    invite: (subject) => call('invite', { ...id(subject), body: {} }),
    approveMany: async (items, assertion) =>
      (await call('approveMany', { body: assertion === undefined ? { items } : { items, assertion } })).items,
    standing: async () => (await call('standing', {})).items as readonly StandingView[],
    grantStanding: (body, key) => call('grantStanding', { body: withKey({ ...body }, key) }),
    revokeStanding: (leaf) => call('revokeStanding', { ...id(leaf), body: {} }),
    webhooks: () => call('webhooks', {}),
    addWebhook: (body) => call('addWebhook', { body }),
    removeWebhook: (hook) => call('removeWebhook', { ...id(hook), body: {} }),
    testWebhook: (hook) => call('testWebhook', { ...id(hook), body: {} }),
    previewContainment: (scope) => call('previewContainment', { body: { scope } }),
    contain: (scope, key) => call('contain', { body: withKey({ scope }, key) }),
    lift: (leaf, key) => call('lift', { ...id(leaf), body: withKey({}, key) }),
    containments: () => call('containments', {}),
    order: (note) => call('order', { body: { note } }),
    resolve: (exec, body) => call('resolve', { ...id(exec), body }),
    identities: async () => (await call('identities', {})).items,
    register: (identity, key) => call('register', { body: withKey(identity, key) }),
    changeIdentity: (subject, change, body = {}) =>
      call(CHANGES[change], { ...id(subject), body: withoutSubject(body) }),
    issuers: async () => (await call('issuers', {})).items,
    refreshIssuer: (subject) => call('refreshIssuer', { ...id(subject), body: {} }),
    setFact: (body) => call('setFact', { body }),
    facts: () => call('facts', {}),
    grantMandate: (mandate) => call('grantMandate', { body: { ...mandate } }),
    mandates: async () => (await call('mandates', {})).items as readonly MandateView[],
    revokeMandate: (mandate) => call('revokeMandate', { ...id(mandate), body: {} }),
    organisation: () => call('organisation', {}),
    changeOrgKey: (change) => call('changeOrgKey', { body: change }),
    changeRelyingParty: ({ id: name, origins }) =>
      call('changeRelyingParty', { body: { id: name, origins } }),
    me: () => call('me', {}),
    authors: async () => (await call('authors', {})).items,
    changeAuthors: (changes) => call('changeAuthors', { body: { changes } }),
    bundles: async () => (await call('bundles', {})).items,
    publish: (signed, tests) =>
      call('publish', { body: tests === undefined ? { signed } : { signed, tests } }),
    limits: async () => (await call('limits', {})).items,
    proposals: async () => (await call('proposals', {})).items,
    checkBundle: (bundle) => call('checkBundle', { body: { bundle } }),
    replay: (bundle, limit) => call('replay', { body: limit === undefined ? { bundle } : { bundle, limit } }),
    close,
  };
}

const CHANGES = { update: 'updateIdentity', rotate: 'rotateIdentity', revoke: 'revokeIdentity' } as const;

/** The subject stands in the path; in the body it would be an unknown field. */
function withoutSubject<T extends { readonly subject?: string }>(body: T): Omit<T, 'subject'> {
  const { subject: _subject, ...rest } = body;
  return rest;
}
