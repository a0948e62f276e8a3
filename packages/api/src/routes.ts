/**
 * The closed table of routes (DESIGN §10): what exists on which listener, who may call it, in which lane it is
 * answered, and the shapes of what goes in and out. The server registers exactly these; a test walks them.
 */
import Type, { type TSchema } from 'typebox';
import * as answer from './answers.ts';
import * as body from './bodies.ts';
import { Digest, ExecutionId, Id } from './fields.ts';

/** Roles of DESIGN §2, `door` for any identified caller, `anyone` where no identity is asked for. */
export type Who = 'anyone' | 'door' | 'viewer' | 'approver' | 'operator' | 'author' | 'auditor';
/** `public` routes are GET only and redacted; `both` means that the control listener has them too (RULE 42). */
export type Listener = 'control' | 'public' | 'both';

export interface Route {
  readonly method: 'GET' | 'POST';
  /** Fastify form: `:id` is one segment, a final `*` the rest. */
  readonly path: string;
  /** Any one of these roles suffices. */
  readonly who: readonly Who[];
  /** `safety`: answered also while the plane drains or is overloaded. */
  readonly lane: 'normal' | 'safety';
  readonly listener: Listener;
  readonly summary: string;
  readonly params?: TSchema;
  readonly query: TSchema;
  readonly body?: TSchema;
  /** A schema for JSON; otherwise the form of the bytes. */
  readonly answer: TSchema | 'bytes' | 'text' | 'events';
}

const closed = { additionalProperties: false } as const;
const byExecution = Type.Object({ id: ExecutionId }, closed);
const byId = Type.Object({ id: Id }, closed);
const byLeaf = Type.Object({ id: Digest }, closed);
const byRest = Type.Object({ '*': Type.String({ minLength: 1, maxLength: 128 }) }, closed);

const DOOR = ['door'] as const;
const PEOPLE = ['viewer', 'approver', 'operator', 'author', 'auditor'] as const;
const OPERATOR = ['operator'] as const;
const AUTHOR = ['author'] as const;
const ANYONE = ['anyone'] as const;

const control = { listener: 'control', lane: 'normal' } as const;
const safety = { listener: 'control', lane: 'safety' } as const;
const both = { listener: 'both', lane: 'normal' } as const;
const open = { listener: 'public', lane: 'normal' } as const;
const get = { method: 'GET', query: body.NoQuery } as const;
const post = { method: 'POST', query: body.NoQuery } as const;
const seen = { query: body.SeenQuery } as const;

/** Every route, by operation id. */
export const ROUTES = {
  // Doors
  openSession: {
    ...post,
    ...safety,
    path: '/v1/sessions',
    who: ANYONE,
    body: body.SessionBody,
    answer: answer.SessionAnswer,
    summary:
      'Open a session bound to the key of the DPoP proof; a token of a trusted issuer may vouch for it',
  },
  exchange: {
    ...post,
    ...control,
    path: '/v1/token',
    who: ANYONE,
    body: body.ExchangeBody,
    answer: answer.ExchangeAnswer,
    summary: "Exchange a person's token and an agent's for a session on the person's behalf (RFC 8693)",
  },
  request: {
    ...post,
    ...control,
    ...seen,
    path: '/v1/executions',
    who: DOOR,
    body: body.RequestBody,
    answer: answer.DecisionAnswer,
    summary: 'Ask for permission; with start, decide and start in one commit',
  },
  decide: {
    ...post,
    ...control,
    ...seen,
    path: '/v1/executions/:id/decide',
    who: DOOR,
    params: byExecution,
    body: body.DecideBody,
    answer: answer.DecisionAnswer,
    summary: 'A held caller is there again',
  },
  redeem: {
    ...post,
    ...control,
    ...seen,
    path: '/v1/executions/:id/redeem',
    who: DOOR,
    params: byExecution,
    body: body.RedeemBody,
    answer: answer.RedeemedAnswer,
    summary: 'Spend the permit and open the lease',
  },
  renew: {
    ...post,
    ...safety,
    ...seen,
    path: '/v1/executions/:id/renew',
    who: DOOR,
    params: byExecution,
    body: body.RenewBody,
    answer: answer.RenewedAnswer,
    summary: 'Renew the lease',
  },
  report: {
    ...post,
    ...safety,
    ...seen,
    path: '/v1/executions/:id/outcome',
    who: DOOR,
    params: byExecution,
    body: body.ReportBody,
    answer: answer.ReportedAnswer,
    summary: 'Report the outcome',
  },
  cancel: {
    ...post,
    ...safety,
    ...seen,
    path: '/v1/executions/:id/cancel',
    who: DOOR,
    params: byExecution,
    body: body.NoBody,
    answer: answer.CancelledAnswer,
    summary: 'Take a request back',
  },
  execution: {
    ...get,
    ...control,
    path: '/v1/executions/:id',
    who: DOOR,
    params: byExecution,
    query: body.WaitQuery,
    answer: answer.ExecutionAnswer,
    summary: 'One execution; ?wait= returns when its state changes',
  },
  executions: {
    ...get,
    ...control,
    path: '/v1/executions',
    who: DOOR,
    query: body.ExecutionsQuery,
    answer: answer.ExecutionsAnswer,
    summary: "Executions, newest first: one's own, for people all",
  },
  events: {
    ...get,
    ...control,
    path: '/v1/events',
    who: DOOR,
    query: body.AfterQuery,
    answer: 'events',
    summary: 'Committed entries as they come; the event id is the log index',
  },
  // Evidence
  evidence: {
    ...get,
    ...control,
    path: '/v1/executions/:id/evidence',
    who: DOOR,
    params: byExecution,
    answer: 'bytes',
    summary: 'The evidence bundle of an execution',
  },
  runEvidence: {
    ...get,
    ...control,
    path: '/v1/runs/:id/evidence',
    who: DOOR,
    params: byExecution,
    answer: 'bytes',
    summary: 'The evidence bundle of a run',
  },
  runExecutions: {
    ...get,
    ...control,
    path: '/v1/runs/:id/executions',
    who: DOOR,
    params: byExecution,
    answer: answer.RunExecutionsAnswer,
    summary: 'All executions of a run: places, verdicts, causes',
  },
  lineage: {
    ...get,
    ...control,
    path: '/v1/runs/:id/lineage',
    who: DOOR,
    params: byExecution,
    answer: Type.Unknown(),
    summary: 'The lineage graph of a run, folded from its entries, with resources and gaps',
  },
  status: {
    ...get,
    ...both,
    ...seen,
    path: '/status',
    who: ANYONE,
    answer: answer.StatusAnswer,
    summary: 'What the plane says of itself, with a signed status note',
  },
  checkpoint: {
    ...get,
    ...both,
    ...seen,
    path: '/checkpoint',
    who: ANYONE,
    answer: 'text',
    summary: 'The newest signed checkpoint',
  },
  linkedCheckpoint: {
    ...get,
    ...control,
    ...seen,
    path: '/v1/checkpoint',
    who: ANYONE,
    answer: answer.CheckpointAnswer,
    summary: 'The newest signed checkpoint with the consistency proof from ?seen=',
  },
  tile: {
    ...get,
    ...both,
    path: '/tile/*',
    who: ANYONE,
    params: byRest,
    answer: 'bytes',
    summary: 'Hash tiles; entry bundles for auditors, or where genesis declares the log public',
  },
  // People
  login: {
    ...post,
    ...control,
    path: '/v1/login',
    who: ANYONE,
    body: body.LoginBody,
    answer: answer.MeAnswer,
    summary: 'Exchange a token for a cookie',
  },
  loginChallenge: {
    ...post,
    ...control,
    path: '/v1/login/challenge',
    who: ANYONE,
    body: body.NoBody,
    answer: answer.LoginChallengeAnswer,
    summary: 'What a passkey signs to sign in: once, within two minutes',
  },
  passkeyLogin: {
    ...post,
    ...control,
    path: '/v1/login/passkey',
    who: ANYONE,
    body: body.PasskeyLoginBody,
    answer: answer.MeAnswer,
    summary: "Exchange a passkey's assertion for a cookie",
  },
  passkeyOptions: {
    ...post,
    ...control,
    path: '/v1/passkeys/options',
    who: ANYONE,
    body: body.PasskeyOptionsBody,
    answer: answer.PasskeyOptionsAnswer,
    summary: 'What a browser is asked for to make a passkey: for oneself, or by invitation',
  },
  addPasskey: {
    ...post,
    ...control,
    path: '/v1/passkeys',
    who: ANYONE,
    body: body.AddPasskeyBody,
    answer: answer.RegisteredAnswer,
    summary: 'Register a passkey that was made',
  },
  removePasskey: {
    ...post,
    ...safety,
    path: '/v1/passkeys/:id/remove',
    who: DOOR,
    params: byLeaf,
    body: body.NoBody,
    answer: answer.OperatorAnswers,
    summary: 'Take a passkey away',
  },
  invite: {
    ...post,
    ...control,
    path: '/v1/identities/:id/invite',
    who: OPERATOR,
    params: byId,
    body: body.NoBody,
    answer: answer.InvitationAnswer,
    summary: 'A code with which a person brings in their own passkey, once, within a day',
  },
  logout: {
    ...post,
    ...safety,
    path: '/v1/logout',
    who: DOOR,
    body: body.NoBody,
    answer: answer.MeAnswer,
    summary: 'End this session',
  },
  me: { ...get, ...control, path: '/v1/me', who: DOOR, answer: answer.MeAnswer, summary: 'Who is calling' },
  approvals: {
    ...get,
    ...control,
    path: '/v1/approvals',
    who: ['approver', 'operator', 'author', 'auditor'],
    answer: answer.ApprovalsAnswer,
    summary: 'Held executions that wait for people',
  },
  approve: {
    ...post,
    ...control,
    path: '/v1/approvals/:id',
    // What takes a second person is not the approvers' alone to judge (RULE 34); the plane looks at who may.
    who: ['approver', 'operator', 'author'],
    params: byExecution,
    body: body.ApproveBody,
    answer: answer.ApprovedAnswer,
    summary: 'Approve or reject a hold',
  },
  approvalSubject: {
    ...post,
    ...control,
    path: '/v1/approvals/:id/subject',
    who: ['approver'],
    params: byExecution,
    body: body.ApprovalSubjectBody,
    answer: answer.ApprovalSubjectAnswer,
    summary: 'Exactly what a passkey signs to approve or reject a hold',
  },
  previewContainment: {
    ...post,
    ...safety,
    path: '/v1/containments/preview',
    who: OPERATOR,
    body: body.PreviewBody,
    answer: answer.PreviewAnswer,
    summary: 'What a containment would stop',
  },
  contain: {
    ...post,
    ...safety,
    path: '/v1/containments',
    who: OPERATOR,
    body: body.ContainBody,
    answer: answer.OperatorAnswers,
    summary: 'Contain; answers after COMMIT',
  },
  lift: {
    ...post,
    ...control,
    path: '/v1/containments/:id/lift',
    who: OPERATOR,
    params: byLeaf,
    body: body.LiftBody,
    answer: answer.OperatorAnswers,
    summary: 'Lift a containment',
  },
  containments: {
    ...get,
    ...control,
    path: '/v1/containments',
    who: PEOPLE,
    answer: answer.ContainmentsAnswer,
    summary: 'Containments in force',
  },
  order: {
    ...post,
    ...safety,
    path: '/order',
    who: ANYONE,
    body: body.OrderBody,
    answer: answer.OrderAnswer,
    summary: 'A kill order signed by a pinned contain key',
  },
  resolve: {
    ...post,
    ...control,
    path: '/v1/executions/:id/resolve',
    who: OPERATOR,
    params: byExecution,
    body: body.ResolveBody,
    answer: answer.OperatorAnswers,
    summary: 'Resolve an execution in doubt',
  },
  identities: {
    ...get,
    ...control,
    path: '/v1/identities',
    who: PEOPLE,
    answer: answer.IdentitiesAnswer,
    summary: 'Identities',
  },
  register: {
    ...post,
    ...control,
    path: '/v1/identities',
    who: OPERATOR,
    body: body.RegisterBody,
    answer: answer.RegisteredAnswer,
    summary: 'Register an identity',
  },
  updateIdentity: {
    ...post,
    ...control,
    path: '/v1/identities/:id/update',
    who: OPERATOR,
    params: byId,
    body: body.ChangeIdentityBody,
    answer: answer.OperatorAnswers,
    summary: 'Change an identity',
  },
  rotateIdentity: {
    ...post,
    ...control,
    path: '/v1/identities/:id/rotate',
    who: OPERATOR,
    params: byId,
    body: body.ChangeIdentityBody,
    answer: answer.OperatorAnswers,
    summary: 'Replace the keys of an identity',
  },
  revokeIdentity: {
    ...post,
    ...safety,
    path: '/v1/identities/:id/revoke',
    who: OPERATOR,
    params: byId,
    body: body.ChangeIdentityBody,
    answer: answer.OperatorAnswers,
    summary: 'Revoke an identity and end its sessions',
  },
  issuers: {
    ...get,
    ...control,
    path: '/v1/issuers',
    who: ['operator', 'auditor'],
    answer: answer.IssuersAnswer,
    summary: 'Trusted issuers: their settings, and how old their keys are',
  },
  refreshIssuer: {
    ...post,
    ...control,
    path: '/v1/issuers/:id/refresh',
    who: OPERATOR,
    params: byId,
    body: body.NoBody,
    answer: answer.IssuerKeysAnswer,
    summary: "Ask for an issuer's keys now",
  },
  setFact: {
    ...post,
    ...safety,
    path: '/v1/facts',
    who: OPERATOR,
    body: body.FactBody,
    answer: answer.OperatorAnswers,
    summary: 'State a fact',
  },
  facts: {
    ...get,
    ...control,
    path: '/v1/facts',
    who: PEOPLE,
    answer: answer.FactsAnswer,
    summary: "Operators' statements in force",
  },
  grantMandate: {
    ...post,
    ...control,
    path: '/v1/mandates',
    who: DOOR,
    body: body.GrantBody,
    answer: answer.OperatorAnswers,
    summary: 'Grant a mandate that its giver signed',
  },
  mandates: {
    ...get,
    ...control,
    path: '/v1/mandates',
    who: DOOR,
    answer: answer.MandatesAnswer,
    summary: 'Mandates: all for people, its own for an agent',
  },
  revokeMandate: {
    ...post,
    ...safety,
    path: '/v1/mandates/:id/revoke',
    who: DOOR,
    params: byId,
    body: body.NoBody,
    answer: answer.OperatorAnswers,
    summary: 'End a mandate, and everything below it',
  },
  organisation: {
    ...get,
    ...control,
    path: '/v1/organisation',
    who: PEOPLE,
    answer: answer.OrganisationAnswer,
    summary: 'The organisation above, and its keys',
  },
  changeOrgKey: {
    ...post,
    ...control,
    path: '/v1/organisation/keys',
    who: OPERATOR,
    body: body.OrgKeyBody,
    answer: answer.OperatorAnswers,
    summary: 'Add or retire a key of the organisation, by its own signature',
  },
  bundles: {
    ...get,
    ...control,
    path: '/v1/bundles',
    who: PEOPLE,
    answer: answer.BundlesAnswer,
    summary: 'Published bundles',
  },
  proposals: {
    ...get,
    ...control,
    path: '/v1/bundles/proposals',
    who: PEOPLE,
    answer: answer.ProposalsAnswer,
    summary: 'Publications that wait for a second person, with tests and replay report',
  },
  publish: {
    ...post,
    ...control,
    path: '/v1/bundles',
    who: AUTHOR,
    body: body.PublishBody,
    answer: answer.OperatorAnswers,
    summary:
      'Publish a signed bundle: its tests are run, recorded decisions decided again, a second person asked',
  },
  checkBundle: {
    ...post,
    ...control,
    path: '/v1/bundles/check',
    who: AUTHOR,
    body: body.BundleBody,
    answer: answer.CheckedAnswer,
    summary: 'Problems of a bundle, without publishing it',
  },
  replay: {
    ...post,
    ...control,
    path: '/v1/bundles/replay',
    who: AUTHOR,
    body: body.ReplayBody,
    answer: answer.ReplayedAnswer,
    summary: 'Decide recorded decisions again under another bundle',
  },
  notice: {
    ...post,
    ...control,
    path: '/v1/notices',
    who: OPERATOR,
    body: body.NoticeBody,
    answer: answer.OperatorAnswers,
    summary: 'Record a notice: a drill, the digest of the offline viewer',
  },
  shadowFindings: {
    ...get,
    ...control,
    path: '/v1/shadow-findings',
    who: PEOPLE,
    query: body.BeforeQuery,
    answer: answer.ShadowFindingsAnswer,
    summary:
      'What shadow policies would have decided otherwise, newest first, a stretch of the log at a time',
  },
  notices: {
    ...get,
    ...control,
    path: '/v1/notices',
    who: PEOPLE,
    answer: answer.NoticesAnswer,
    summary: 'Notices, newest first',
  },
  // Operations
  health: {
    ...get,
    ...both,
    path: '/health.json',
    who: ANYONE,
    query: body.HealthQuery,
    answer: answer.HealthAnswer,
    summary: 'Health in words and numbers',
  },
  live: { ...get, ...control, path: '/livez', who: ANYONE, answer: 'text', summary: 'The process answers' },
  ready: {
    ...get,
    ...control,
    path: '/readyz',
    who: ANYONE,
    answer: 'text',
    summary: 'The plane can decide',
  },
  metrics: {
    ...get,
    ...control,
    path: '/metrics',
    who: ANYONE,
    answer: 'text',
    summary: 'Prometheus metrics',
  },
  openapi: {
    ...get,
    ...control,
    path: '/openapi.json',
    who: ANYONE,
    answer: Type.Unknown(),
    summary: 'This contract',
  },
  // Public
  publicFeed: {
    ...get,
    ...open,
    path: '/v1/public/feed',
    who: ANYONE,
    query: body.AfterQuery,
    answer: answer.PublicFeedAnswer,
    summary: 'The log, redacted, oldest first after ?after=',
  },
  publicExecution: {
    ...get,
    ...open,
    path: '/v1/public/executions/:id',
    who: ANYONE,
    params: byExecution,
    answer: answer.PublicExecutionAnswer,
    summary: 'One execution, redacted',
  },
  publicLineage: {
    ...get,
    ...open,
    path: '/v1/public/lineage/:id',
    who: ANYONE,
    params: byExecution,
    answer: answer.PublicLineageAnswer,
    summary: 'One run, redacted',
  },
} as const satisfies Readonly<Record<string, Route>>;

/** Operation ids of {@link ROUTES}. */
export type RouteName = keyof typeof ROUTES;
/** The names, in the order of the table. */
export const ROUTE_NAMES = Object.keys(ROUTES) as readonly RouteName[];
