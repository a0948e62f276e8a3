/**
 * Bodies and queries of every route (docs/formats/http.md). Closed: an unknown field is a `schema` problem, never
 * ignored, because a misspelt `start` or `audience` would otherwise change what is asked for.
 */
import Type, { type TProperties } from 'typebox';
import {
  ActionName,
  AnyJson,
  AnyObject,
  AttestationKind,
  Code,
  Confine,
  Decimal,
  Digest,
  ExecutionId,
  Grade,
  Id,
  IdempotencyKey,
  Jwk,
  Nonce,
  RootGrant,
  Scope,
  Whole,
} from './fields.ts';
import { IssuerSettings } from './issuer-settings.ts';

const closed = <P extends TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });

/** A signed token in compact form. */
const Token = Type.String({
  pattern: '^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$',
  maxLength: 16_384,
});
const TokenType = Type.Union([
  Type.Literal('urn:ietf:params:oauth:token-type:jwt'),
  Type.Literal('urn:ietf:params:oauth:token-type:id_token'),
  Type.Literal('urn:ietf:params:oauth:token-type:access_token'),
]);
/** Grant type of RFC 8693, and the type of what the exchange issues here. */
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const SESSION_TOKEN_TYPE = 'urn:licet:token-type:session';
const DoorClaimBody = closed({
  grade: Grade,
  confine: Confine,
  bound: Type.Optional(Type.Array(Id, { maxItems: 16 })),
});
const ProvenEntryBody = closed({
  entry: Type.String({ minLength: 2, maxLength: 4_096 }),
  proof: Type.String({ minLength: 1, maxLength: 131_072 }),
});

/** Bytes in base64url, at most so many characters. */
const Bytes = (maxLength: number) => Type.String({ pattern: '^[A-Za-z0-9_-]+$', maxLength });
/** What `navigator.credentials.get` gives, its parts in base64url (WebAuthn §5.8.1). */
const AssertionBody = closed({
  credential: Bytes(1_364),
  authenticatorData: Bytes(1_366),
  clientDataJSON: Bytes(2_731),
  signature: Bytes(342),
});

/** The same over several approvals together: `batch` holds the digest of each. */
const BatchAssertionBody = closed({
  ...AssertionBody.properties,
  batch: Type.Array(Digest, { minItems: 2, maxItems: 64 }),
});

export const NoBody = closed({});
/** A token of a trusted issuer vouches for a key that is not registered. */
export const SessionBody = closed({ token: Type.Optional(Token) });
/** RFC 8693 §2.1: the token of a person, that of the agent, and where it acts below another. */
export const ExchangeBody = closed({
  grant_type: Type.Literal(TOKEN_EXCHANGE),
  subject_token: Token,
  subject_token_type: TokenType,
  actor_token: Token,
  actor_token_type: TokenType,
  requested_token_type: Type.Optional(Type.Literal(SESSION_TOKEN_TYPE)),
  /** The execution below which the agent acts. */
  parent: Type.Optional(ExecutionId),
});
/** The identity of the issuer to sign in by. */
export const SignInBody = closed({ issuer: Id });
export const LoginBody = closed({ token: Type.String({ minLength: 16, maxLength: 256 }) });
export const RequestBody = closed({
  action: ActionName,
  arguments: AnyObject,
  parent: Type.Optional(ExecutionId),
  idempotencyKey: IdempotencyKey,
  instance: Nonce,
  start: Type.Optional(Type.Boolean()),
  audience: Type.Optional(Id),
  child: Type.Optional(closed({ agent: Id, jkt: Digest })),
  door: DoorClaimBody,
});
export const DecideBody = closed({
  idempotencyKey: IdempotencyKey,
  instance: Nonce,
  start: Type.Optional(Type.Boolean()),
});
export const RedeemBody = closed({ permit: ProvenEntryBody, instance: Nonce, door: DoorClaimBody });
export const RenewBody = closed({
  instance: Nonce,
  counter: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  nonce: Nonce,
});
export const ReportBody = closed({
  instance: Nonce,
  status: Type.Union([Type.Literal('completed'), Type.Literal('failed'), Type.Literal('halted')]),
  result: Type.Optional(AnyJson),
  exit: Type.Optional(Type.Integer({ minimum: -255, maximum: 255 })),
  reason: Type.Optional(Code),
  settled: Type.Optional(Type.Array(closed({ name: Id, amount: Decimal }), { maxItems: 16 })),
});
export const ChallengeBody = closed({
  executionId: Type.Optional(ExecutionId),
  action: Type.Optional(ActionName),
});
export const AttestBody = closed({
  kind: AttestationKind,
  challenge: Nonce,
  ticket: Type.String({ pattern: '^[0-9]{1,16}\\.[A-Za-z0-9_-]{43}$' }),
  executionId: Type.Optional(ExecutionId),
  evidence: AnyJson,
});
export const ResolveBody = closed({
  status: Type.Union([Type.Literal('completed'), Type.Literal('failed'), Type.Literal('halted')]),
  reason: Code,
});
/** Of a rejection: a code for the log, and words that are kept beside it. */
const RejectionBody = closed({
  code: Code,
  text: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
});
export const ApproveBody = closed({
  hold: Digest,
  group: Id,
  verdict: Type.Union([Type.Literal('approve'), Type.Literal('reject')]),
  expires: Type.Optional(Whole),
  /** A passkey's signature over exactly this, `expires` included; without it, it is the word of a token. */
  assertion: Type.Optional(AssertionBody),
  reason: Type.Optional(RejectionBody),
});
export const ApprovalSubjectBody = closed({
  hold: Digest,
  group: Id,
  verdict: Type.Union([Type.Literal('approve'), Type.Literal('reject')]),
});
export const PasskeyLoginBody = closed({ assertion: AssertionBody });
/** By invitation, or, without one, for whoever is signed in. */
export const PasskeyOptionsBody = closed({ invitation: Type.Optional(Bytes(64)) });
export const AddPasskeyBody = closed({
  credential: Bytes(1_364),
  clientDataJSON: Bytes(2_731),
  attestationObject: Bytes(8_192),
  invitation: Type.Optional(Bytes(64)),
});
export const ApproveManyBody = closed({
  items: Type.Array(
    closed({
      executionId: ExecutionId,
      hold: Digest,
      group: Id,
      verdict: Type.Union([Type.Literal('approve'), Type.Literal('reject')]),
      expires: Type.Optional(Whole),
      reason: Type.Optional(RejectionBody),
    }),
    { minItems: 1, maxItems: 64 },
  ),
  /** A passkey's one signature over all of them, `expires` included; without it, they are words of a token. */
  assertion: Type.Optional(BatchAssertionBody),
});
export const StandingBody = closed({
  group: Id,
  /** What it covers (docs/formats/standing.md); checked by `parseStandingScope`. */
  scope: AnyJson,
  count: Type.Integer({ minimum: 1, maximum: 1_000 }),
  forMs: Type.Integer({ minimum: 1, maximum: 86_400_000 }),
  /** By a passkey, over exactly this: the key of the scope's commitment, the end in place of `forMs`, and the assertion. */
  signed: Type.Optional(closed({ key: Digest, exp: Whole, assertion: AssertionBody })),
  idempotencyKey: Type.Optional(IdempotencyKey),
});
export const WebhookBody = closed({
  url: Type.String({ minLength: 8, maxLength: 1_024 }),
  arguments: Type.Optional(Type.Boolean()),
});
/**
 * AuthZEN, Access Request: about a denial that approvals would lift. Open, as AuthZEN asks: what is not known is
 * ignored, since nothing here decides.
 */
export const AccessRequestBody = Type.Object({
  denial: Type.Object({ evaluation_id: Digest }),
  action: Type.Optional(Type.Object({ name: ActionName })),
});
export const PreviewBody = closed({ scope: Scope });
export const ContainBody = closed({ scope: Scope, idempotencyKey: Type.Optional(IdempotencyKey) });
export const LiftBody = closed({ idempotencyKey: Type.Optional(IdempotencyKey) });
export const OrderBody = closed({ note: Type.String({ minLength: 1, maxLength: 65_536 }) });
const identityFields = {
  name: Type.String({ minLength: 1, maxLength: 120 }),
  roles: Type.Optional(Type.Array(Id, { maxItems: 8 })),
  groups: Type.Optional(Type.Array(Id, { maxItems: 32 })),
  keys: Type.Optional(Type.Array(Jwk, { maxItems: 8 })),
  for: Type.Optional(Id),
  root: Type.Optional(RootGrant),
  /** Of an issuer. */
  settings: Type.Optional(IssuerSettings),
};
const PersonOrProgram = Type.Union([
  Type.Literal('user'),
  Type.Literal('agent'),
  Type.Literal('door'),
  Type.Literal('issuer'),
  Type.Literal('verifier'),
]);
export const RegisterBody = closed({
  ...identityFields,
  subject: Type.Optional(Id),
  kind: PersonOrProgram,
  idempotencyKey: Type.Optional(IdempotencyKey),
});
export const ChangeIdentityBody = closed({
  ...identityFields,
  name: Type.Optional(identityFields.name),
  kind: Type.Optional(PersonOrProgram),
});
export const FactBody = closed({
  name: Id,
  value: Type.Union([
    Type.Boolean(),
    Type.Integer({ minimum: -Number.MAX_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER }),
    Type.String({ minLength: 1, maxLength: 96 }),
  ]),
  forMs: Type.Integer({ minimum: 1, maximum: 365 * 86_400_000 }),
});
export const GrantBody = closed({
  id: Id,
  from: Id,
  to: Id,
  /** Leaf of the giver's own mandate. */
  parent: Type.Optional(Digest),
  body: AnyJson,
  /** Key of the body's commitment, 32 bytes. */
  key: Digest,
  nbf: Whole,
  exp: Whole,
  /** The giver's Ed25519 signature. */
  sig: Type.String({ pattern: '^[A-Za-z0-9_-]{86}$' }),
});
export const OrgKeyBody = closed({
  change: Type.Union([Type.Literal('add'), Type.Literal('retire')]),
  /** A vkey named `<origin>/org`. */
  key: Type.String({ pattern: '^[\\x21-\\x7e]{1,512}$' }),
  /** By a key of the organisation that counts. */
  sig: closed({ by: Digest, sig: Type.String({ pattern: '^[A-Za-z0-9_-]{86}$' }) }),
});
export const AuthorKeysBody = closed({
  /** In this order, all or none. */
  changes: Type.Array(
    closed({
      op: Type.Union([Type.Literal('add'), Type.Literal('retire')]),
      /** A vkey named `<origin>/author`. */
      key: Type.String({ pattern: '^[\\x21-\\x7e]{1,512}$' }),
      /** Of an addition: whose key it is. */
      subject: Type.Optional(Id),
      /** By an author's key that counts. */
      sig: closed({
        by: Type.String({ pattern: '^[0-9a-f]{8}$' }),
        sig: Type.String({ pattern: '^[A-Za-z0-9_-]{86}$' }),
      }),
    }),
    { minItems: 1, maxItems: 4 },
  ),
});
/** Where passkeys are used: a name that covers the exact addresses of the console. */
export const RelyingPartyBody = closed({
  id: Type.String({ minLength: 1, maxLength: 253 }),
  origins: Type.Array(Type.String({ minLength: 8, maxLength: 300 }), { minItems: 1, maxItems: 16 }),
});
export const NoticeBody = closed({
  kind: Code,
  digest: Digest,
  idempotencyKey: Type.Optional(IdempotencyKey),
});
const Vkey = Type.String({ minLength: 1, maxLength: 2_048, pattern: '^[\\x21-\\x7e]+$' });
export const SuccessorBody = closed({
  origin: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9.:/_-]{0,199}$' }),
  logKey: Vkey,
  keys: Type.Array(Vkey, { maxItems: 16 }),
  idempotencyKey: Type.Optional(IdempotencyKey),
});
export const BundleBody = closed({ bundle: AnyJson });
/** `tests`: the parsed `*.test.json` files, by name. */
export const PublishBody = closed({ signed: AnyJson, tests: Type.Optional(AnyObject) });
export const ReplayBody = closed({
  bundle: AnyJson,
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
});

/** `about`: an identity or an execution. */
export const AboutQuery = closed({ about: Type.Optional(Id) });
/** The queries that routes take; values arrive as text and are read by their schema. */
export const SeenQuery = closed({ seen: Type.Optional(Whole) });
export const WaitQuery = closed({
  seen: Type.Optional(Whole),
  wait: Type.Optional(Type.Integer({ minimum: 0, maximum: 45_000 })),
  since: Type.Optional(Type.String({ pattern: '^[a-z_]{1,32}$' })),
});
export const ExecutionsQuery = closed({
  seen: Type.Optional(Whole),
  state: Type.Optional(Type.String({ pattern: '^[a-z_]{1,32}$' })),
  verdict: Type.Optional(Type.String({ pattern: '^[a-z]{1,16}$' })),
  agent: Type.Optional(Id),
  action: Type.Optional(ActionName),
  run: Type.Optional(ExecutionId),
  after: Type.Optional(Whole),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
});
/** `after`: exclusive log index; −1 is before the first entry. */
export const AfterQuery = closed({
  after: Type.Optional(Type.Integer({ minimum: -1, maximum: Number.MAX_SAFE_INTEGER })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
});
/** `before`: exclusive log index. */
export const BeforeQuery = closed({ before: Type.Optional(Whole) });
/** `since`: milliseconds; slots of time that ended before it are left out. */
export const HealthQuery = closed({ since: Type.Optional(Whole) });
export const NoQuery = closed({});
