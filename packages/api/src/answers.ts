/**
 * Answers of every route (docs/formats/http.md). Open on purpose: a newer plane may say more. What a client relies
 * on must be there and of its type, or the answer is `garbled`.
 */
import Type, { type TProperties, type TSchema } from 'typebox';
import {
  AnyEntry,
  AnyJson,
  AnyObject,
  Assurance,
  AttestationKind,
  AttestationStatus,
  Code,
  Confine,
  Custody,
  Digest,
  ExecutionId,
  Grade,
  Id,
  Jwk,
  Layer,
  Nonce,
  RootGrant,
  Scope,
  Whole,
} from './fields.ts';
import { IssuerSettings } from './issuer-settings.ts';

const open = <P extends TProperties>(properties: P) => Type.Object(properties);
const list = <T extends TSchema>(item: T) => Type.Array(item);
const text = Type.String();

const linked = { consistency: Type.Optional(list(text)) };
export const Proven = open({ entry: text, proof: text });
const Disclosure = Type.Tuple([text, text, AnyJson]);
const Group = open({
  group: text,
  need: Whole,
  until: Whole,
  also: Type.Optional(list(open({ group: text, at: Whole }))),
  apart: Type.Optional(list(text)),
  ttl: Type.Optional(Whole),
  reason: Type.Optional(Type.Literal(true)),
  method: Type.Optional(Type.Literal('passkey')),
});
const Position = { leaf: Digest, index: Whole };

export const PermittedAnswer = open({
  ...linked,
  verdict: Type.Literal('allow'),
  executionId: ExecutionId,
  permit: Proven,
  start: Type.Optional(Proven),
  disclosures: open({ arguments: list(Disclosure), resources: list(Disclosure) }),
});
export const DenialAnswer = open({
  ...linked,
  verdict: Type.Literal('deny'),
  code: Code,
  decisionId: text,
  executionId: text,
  reason: text,
  policies: list(text),
  failedLink: Type.Optional(Whole),
  next: text,
  retryAfterMs: Type.Optional(Whole),
  limit: Type.Optional(
    open({ name: text, per: text, max: Type.Optional(text), resetsAt: Type.Optional(Whole) }),
  ),
  refusal: Type.Optional(Proven),
});
export const HeldAnswer = open({
  ...linked,
  verdict: Type.Literal('hold'),
  executionId: ExecutionId,
  decisionId: text,
  code: Code,
  reason: text,
  policies: list(text),
  holds: list(Group),
  next: text,
  refusal: Type.Optional(Proven),
  /** AuthZEN, Access Request: where to ask, and until when. */
  context: Type.Optional(
    open({
      evaluation_id: text,
      access_request: open({ endpoint: text, expires_at: text }),
    }),
  ),
});
export const DecisionAnswer = Type.Union([PermittedAnswer, DenialAnswer, HeldAnswer]);
export const RedeemedAnswer = Type.Union([
  open({ ...linked, verdict: Type.Literal('started'), executionId: ExecutionId, start: Proven }),
  DenialAnswer,
]);
export const RenewedAnswer = Type.Union([
  open({ verdict: Type.Literal('renewed'), note: text }),
  DenialAnswer,
]);
export const ReportedAnswer = open({
  ...linked,
  executionId: ExecutionId,
  status: text,
  late: Type.Boolean(),
  outcome: Proven,
});
export const CancelledAnswer = open({ executionId: ExecutionId, state: text });

const ChainLinkView = open({
  kind: Type.Union([Type.Literal('user'), Type.Literal('agent')]),
  id: text,
  identity: Digest,
  mandate: Type.Optional(Digest),
  name: Type.Optional(text),
});
export const ExecutionAnswer = open({
  executionId: ExecutionId,
  run: ExecutionId,
  parent: Type.Optional(ExecutionId),
  state: text,
  verdict: Type.Union([Type.Literal('allow'), Type.Literal('deny'), Type.Literal('hold')]),
  code: Type.Optional(text),
  reasons: list(text),
  action: text,
  chain: list(ChainLinkView),
  grade: Grade,
  custody: Custody,
  confine: Confine,
  atMs: Whole,
  depth: Whole,
  decision: open(Position),
  permit: Type.Optional(open({ ...Position, exp: Whole, assurance: Assurance })),
  start: Type.Optional(open({ ...Position, atMs: Whole })),
  lease: Type.Optional(open({ untilMs: Whole, counter: Whole })),
  outcome: Type.Optional(open({ ...Position, status: text, reason: Type.Optional(text), atMs: Whole })),
  hold: Type.Optional(
    open({
      ...Position,
      untilMs: Whole,
      groups: list(Group),
      approvals: list(
        open({
          group: text,
          by: text,
          verdict: text,
          atMs: Type.Optional(Whole),
          expires: Type.Optional(Whole),
          reason: Type.Optional(text),
          note: Type.Optional(text),
          standing: Type.Optional(Digest),
        }),
      ),
    }),
  ),
  arguments: Type.Optional(Type.Union([Type.Literal('erased'), AnyObject])),
  resources: Type.Optional(list(open({ type: text, id: text }))),
});
export const ExecutionsAnswer = open({ items: list(ExecutionAnswer), next: Type.Optional(Whole) });
export const FeedEventAnswer = open({ index: Whole, leaf: Digest, entry: AnyEntry });

export const StatusAnswer = open({
  ...linked,
  origin: text,
  tenant: text,
  audience: text,
  state: Type.Union([
    Type.Literal('enforcing'),
    Type.Literal('observing'),
    Type.Literal('contained'),
    Type.Literal('fail-closed'),
  ]),
  why: text,
  size: Whole,
  root: text,
  epoch: Whole,
  custody: Custody,
  people: Type.Union([Type.Literal(1), Type.Literal(2)]),
  bundles: list(open({ layer: Layer, digest: text, version: Whole })),
  note: text,
});
export const CheckpointAnswer = open({ ...linked, note: text });

export const ChallengeAnswer = open({
  subject: text,
  challenge: Nonce,
  ticket: text,
  expires: Whole,
  requires: list(open({ kind: AttestationKind, maxAgeMs: Whole })),
});
export const AttestedAnswer = open({
  ...linked,
  kind: AttestationKind,
  status: AttestationStatus,
  measured: Digest,
  expires: Whole,
  why: Type.Optional(text),
  attestation: Proven,
});
export const AttestationsAnswer = open({
  items: list(
    open({
      about: text,
      kind: AttestationKind,
      status: AttestationStatus,
      measured: text,
      by: text,
      attester: text,
      sinceMs: Whole,
      expires: Whole,
      ...Position,
    }),
  ),
});

const OperatedAnswer = open({
  ...linked,
  verdict: Type.Literal('done'),
  executionId: ExecutionId,
  epoch: Type.Optional(Whole),
  leaf: Type.Optional(Digest),
  entries: list(Proven),
});
export const OperatorAnswers = Type.Union([OperatedAnswer, HeldAnswer, DenialAnswer]);
const subject = { subject: Type.Optional(Id) };
export const RegisteredAnswer = Type.Union([
  open({ ...OperatedAnswer.properties, ...subject }),
  open({ ...HeldAnswer.properties, ...subject }),
  open({ ...DenialAnswer.properties, ...subject }),
]);
export const ApprovedAnswer = open({ executionId: ExecutionId, complete: Type.Boolean(), approval: Proven });
export const ApprovalsAnswer = open({ items: list(ExecutionAnswer) });
export const ApprovedManyAnswer = open({
  items: list(
    Type.Union([
      open({ executionId: ExecutionId, ok: Type.Literal(true), complete: Type.Boolean(), approval: Proven }),
      open({ executionId: ExecutionId, ok: Type.Literal(false), code: text, message: text }),
    ]),
  ),
});
export const StandingAnswer = open({
  items: list(
    open({
      leaf: Digest,
      index: Whole,
      group: text,
      by: text,
      atMs: Whole,
      exp: Whole,
      count: Whole,
      used: Whole,
      revoked: Type.Boolean(),
      scope: Type.Optional(AnyJson),
    }),
  ),
});
export const WebhooksAnswer = open({
  items: list(
    open({
      id: Id,
      url: text,
      arguments: Type.Boolean(),
      waiting: Whole,
      delivered: Whole,
      dropped: Whole,
      lastError: Type.Optional(text),
    }),
  ),
  publicKey: Type.Optional(text),
});
export const WebhookTestAnswer = open({ ok: Type.Boolean(), why: text });
export const AccessTaskAnswer = open({
  task: open({
    id: ExecutionId,
    status: Type.Union([
      Type.Literal('pending'),
      Type.Literal('approved'),
      Type.Literal('denied'),
      Type.Literal('expired'),
      Type.Literal('cancelled'),
    ]),
    status_endpoint: text,
    expires_at: text,
  }),
});
export const PreviewAnswer = open({ executions: list(ExecutionAnswer), agents: list(text) });
export const ContainmentsAnswer = open({
  epoch: Whole,
  active: list(open({ leaf: Digest, scope: Scope, atMs: Whole, cause: text })),
});
export const OrderAnswer = open({ effective: Type.Literal(true), durable: Type.Boolean() });
const IdentityAnswer = open({
  subject: text,
  name: Type.Optional(text),
  kind: text,
  roles: list(text),
  groups: list(text),
  keys: list(Jwk),
  passkeys: Type.Optional(list(open({ id: Digest, key: Jwk }))),
  for: Type.Optional(text),
  root: Type.Optional(RootGrant),
  revoked: Type.Boolean(),
});
export const IdentitiesAnswer = open({ items: list(IdentityAnswer) });
const issuerKeys = { keys: Whole, failing: Type.Boolean(), fetchedMs: Type.Optional(Whole) };
/** Keys of an issuer that are usable, when they were fetched, and whether the last attempt failed. */
export const IssuerKeysAnswer = open(issuerKeys);
export const IssuersAnswer = open({
  items: list(open({ subject: text, name: text, settings: IssuerSettings, ...issuerKeys })),
});
const FactValue = Type.Union([Type.Boolean(), Type.Number(), Type.String()]);
export const FactsAnswer = open({
  items: list(open({ name: text, value: FactValue, exp: Whole, leaf: text, index: Whole })),
  declared: list(open({ name: text, type: text, values: Type.Optional(list(text)) })),
});
/** Without `id`: no organisation stands above this plane. */
export const OrganisationAnswer = open({
  id: Type.Optional(text),
  keys: list(open({ id: text, publicKey: text, counts: Type.Boolean() })),
});
export const AuthorsAnswer = open({
  items: list(
    open({
      id: text,
      key: text,
      subject: Type.Optional(text),
      name: Type.Optional(text),
      pinned: Type.Boolean(),
      counts: Type.Boolean(),
    }),
  ),
});
export const MandatesAnswer = open({
  items: list(
    open({
      id: text,
      from: text,
      to: text,
      leaf: text,
      index: Whole,
      nbf: Whole,
      exp: Whole,
      parent: Type.Optional(text),
      revoked: Type.Boolean(),
      body: Type.Optional(AnyJson),
    }),
  ),
});
export const LimitsAnswer = open({
  items: list(
    open({
      name: text,
      kind: text,
      per: text,
      whom: text,
      max: text,
      currency: Type.Optional(text),
      reserved: text,
      spent: text,
      left: text,
      resetsAtMs: Type.Optional(Whole),
    }),
  ),
});
export const ProposalsAnswer = open({
  items: list(
    open({
      executionId: text,
      hold: text,
      group: text,
      until: Whole,
      by: text,
      layer: Layer,
      version: Whole,
      digest: text,
      signed: AnyJson,
      tests: AnyJson,
      passed: Whole,
      replay: open({
        decided: Whole,
        digest: text,
        changed: list(open({ executionId: text, from: text, to: text, reasons: list(text) })),
      }),
    }),
  ),
});
export const BundlesAnswer = open({
  items: list(open({ layer: Layer, digest: text, version: Whole, active: Type.Boolean(), signed: AnyJson })),
});
export const CheckedAnswer = open({
  ok: Type.Boolean(),
  problems: list(open({ code: text, message: text, where: Type.Optional(text), next: text })),
  digest: Type.Optional(text),
});
export const ReplayedAnswer = open({
  decided: Whole,
  changed: list(open({ executionId: text, from: text, to: text, reasons: list(text) })),
});

/** A session as opened: `note` is the plane's share, signed by `<origin>/session`. */
export const SessionAnswer = open({ session: text, note: text, exp: Whole });
/** RFC 8693 §2.2.1, with the session, and the chain that records make as its claims `sub` and `act`. */
export const ExchangeAnswer = open({
  access_token: text,
  issued_token_type: text,
  token_type: text,
  expires_in: Whole,
  session: text,
  note: text,
  exp: Whole,
  sub: text,
  act: AnyJson,
});
/** Providers that people can sign in by. */
export const SignInsAnswer = open({ items: list(open({ subject: text, name: text })) });
/** Where to send the browser. */
export const SignInAnswer = open({ url: text });
/** Who is calling; `csrf` goes into `licet-csrf` of every changing call that the cookie authenticates. */
export const MeAnswer = open({
  subject: text,
  kind: text,
  roles: list(text),
  /** How they signed in; `key` where a key signs each call. */
  method: Type.Union(['token', 'passkey', 'provider', 'key'].map((one) => Type.Literal(one))),
  csrf: Type.Optional(text),
});
export const LoginChallengeAnswer = open({ challenge: text, exp: Whole, rpId: text });
export const PasskeyOptionsAnswer = open({
  challenge: text,
  exp: Whole,
  rp: open({ id: text, name: text }),
  user: open({ id: text, name: text }),
});
export const InvitationAnswer = open({ invitation: text, exp: Whole });
export const ApprovalSubjectAnswer = open({
  subject: open({
    origin: text,
    index: Whole,
    leaf: Digest,
    args: Digest,
    group: text,
    verdict: Type.Union([Type.Literal('approve'), Type.Literal('reject')]),
    expires: Whole,
  }),
  challenge: Digest,
  rpId: text,
  disclosures: Type.Optional(list(Disclosure)),
});
const HealthSlot = open({ at: Whole, allow: Whole, deny: Whole, hold: Whole, latency: list(Whole) });
/** Health in words and numbers; the public listener serves it too, so it names nobody and nothing (RULE 42). */
export const HealthAnswer = open({
  ok: Type.Boolean(),
  state: text,
  why: text,
  size: Whole,
  atMs: Whole,
  startedMs: Whole,
  lastEntryMs: Type.Optional(Whole),
  store: open({
    ok: Type.Boolean(),
    why: text,
    queue: Whole,
    kind: text,
    replicas: Type.Optional(Type.Array(open({ id: text, size: Whole, ageMs: Whole, self: Type.Boolean() }))),
  }),
  evaluator: open({ engine: text, inFlight: Whole, workers: Whole }),
  running: Whole,
  inDoubt: Whole,
  bundles: list(open({ layer: Layer, digest: text, version: Whole })),
  countedMs: Whole,
  decisions: open({
    counted: Whole,
    complete: Type.Boolean(),
    allow: Whole,
    deny: Whole,
    hold: Whole,
    operations: Whole,
  }),
  starts: list(open({ grade: Grade, count: Whole, lastMs: Type.Optional(Whole) })),
  outcomes: open({ completed: Whole, failed: Whole, halted: Whole, expired: Whole }),
  approvals: open({ waiting: Whole, nextEndsMs: Type.Optional(Whole) }),
  leases: open({ running: Whole, untilMs: list(Whole) }),
  limits: open({ counting: Whole, spent: Whole, nextResetMs: Type.Optional(Whole) }),
  attestation: open({ holds: Whole, ended: Whole, refused: Whole, nextEndsMs: Type.Optional(Whole) }),
  drill: Type.Optional(open({ ...Position, passed: Type.Boolean(), digest: Digest, atMs: Whole })),
  latency: open({
    sloP99Ms: Whole,
    edgesMs: list(Whole),
    slotMs: Whole,
    total: HealthSlot,
    slots: list(HealthSlot),
  }),
});
export const ShadowFindingsAnswer = open({
  items: list(
    open({
      ...Position,
      executionId: ExecutionId,
      verdict: text,
      reasons: list(text),
      atMs: Whole,
      was: Type.Optional(text),
      action: Type.Optional(text),
      agent: Type.Optional(text),
    }),
  ),
  next: Type.Optional(Whole),
});
export const NoticesAnswer = open({
  items: list(open({ ...Position, kind: text, digest: Digest, by: Type.Optional(text), atMs: Whole })),
});
export const PublicFeedAnswer = open({
  items: list(
    open({
      index: Whole,
      leaf: Digest,
      type: text,
      at: Whole,
      executionId: Type.Optional(text),
      verdict: Type.Optional(text),
      code: Type.Optional(text),
      status: Type.Optional(text),
    }),
  ),
  size: Whole,
});
const PublicExecution = open({
  executionId: ExecutionId,
  run: ExecutionId,
  parent: Type.Optional(ExecutionId),
  state: text,
  verdict: text,
  code: Type.Optional(text),
  grade: Grade,
  custody: Custody,
  confine: Confine,
  atMs: Whole,
  depth: Whole,
  decision: open(Position),
  permit: Type.Optional(open(Position)),
  start: Type.Optional(open({ ...Position, atMs: Whole })),
  outcome: Type.Optional(open({ ...Position, status: text, atMs: Whole })),
});
export const RunExecutionsAnswer = open({
  run: ExecutionId,
  chains: list(list(ChainLinkView)),
  items: list(
    open({
      executionId: ExecutionId,
      parent: Type.Optional(ExecutionId),
      chain: Whole,
      action: text,
      verdict: text,
      code: Type.Optional(text),
      atMs: Whole,
      decision: open(Position),
      permit: Type.Optional(open(Position)),
      start: Type.Optional(open(Position)),
      outcome: Type.Optional(open({ ...Position, status: text, atMs: Whole })),
      renewals: Whole,
    }),
  ),
});
export const PublicExecutionAnswer = PublicExecution;
export const PublicLineageAnswer = open({ run: ExecutionId, executions: list(PublicExecution) });
