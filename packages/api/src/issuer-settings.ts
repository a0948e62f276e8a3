/**
 * How a trusted issuer's tokens are checked, and what they make of their subjects (docs/formats/issuers.md). People put
 * these there; nothing of them is in the log but a commitment.
 */
import Type, { type Static, type TProperties } from 'typebox';
import { AnyObject, Id, RootGrant } from './fields.ts';

const closed = <P extends TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });
const oneOf = <const T extends string>(names: readonly T[]) => Type.Unsafe<T>({ enum: [...names] });
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });
/** HTTPS, or HTTP to this machine. The plane calls no other address than the ones that stand here (RULE 47). */
const Address = Type.String({
  pattern: '^(https://|http://(localhost|127\\.0\\.0\\.1|\\[::1\\])[:/])[\\x21-\\x7e]{1,500}$',
});

/** Algorithms that a token may be signed with: never `none`, never one with a shared secret. */
export const TOKEN_ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
] as const;

/**
 * Claims that must have one of these values. A name is a top-level claim, or a JSON Pointer (RFC 6901) when it starts
 * with `/`. A value that ends in `/*` covers what lies below it; where the claim is a list, one member is enough.
 */
const When = Type.Record(text(200), Type.Array(text(500), { minItems: 1, maxItems: 64 }), {
  maxProperties: 16,
});

const AgentRule = closed({
  when: When,
  /** A registered agent. Otherwise the agent is enrolled under an opaque id. */
  is: Type.Optional(Id),
  /** Claims that name it together. Default: `sub`. */
  named: Type.Optional(Type.Array(text(200), { minItems: 1, maxItems: 8 })),
  groups: Type.Optional(Type.Array(Id, { maxItems: 32 })),
  /** The person it acts for. */
  for: Type.Optional(Id),
  /** It acts for the person whose token comes with its own (RFC 8693), and for nobody without one. */
  behalf: Type.Optional(Type.Literal(true)),
  root: Type.Optional(RootGrant),
});

const PersonRule = closed({
  when: When,
  /** A registered person. Otherwise the person is enrolled under an opaque id. */
  is: Type.Optional(Id),
  roles: Type.Optional(
    Type.Array(oneOf(['viewer', 'approver', 'operator', 'author', 'auditor']), { maxItems: 5 }),
  ),
  groups: Type.Optional(Type.Array(Id, { maxItems: 32 })),
});

/** How people sign in to the console: authorization code with PKCE (OpenID Connect). */
const SignIn = closed({
  clientId: text(256),
  /** A file on the plane's host that holds the client's secret. Absent: a public client. */
  clientSecretFile: Type.Optional(Type.String({ pattern: '^/[^\\x00]{1,500}$' })),
  authorizationEndpoint: Address,
  tokenEndpoint: Address,
  /** Default `openid`. */
  scope: Type.Optional(text(256)),
  /** Milliseconds until somebody has to sign in again. Default 8 h. */
  sessionMs: Type.Optional(Type.Integer({ minimum: 60_000, maximum: 43_200_000 })),
});

export const IssuerSettings = closed({
  v: Type.Literal(1),
  /** The exact `iss` of its tokens; for SPIFFE without one, `spiffe://<trust domain>`. */
  issuer: text(512),
  /** The one audience of a token. */
  audience: text(512),
  profile: oneOf(['oidc', 'spiffe', 'github', 'kubernetes', 'generic']),
  /** Where its keys are, or the keys themselves. */
  jwks: Type.Union([
    closed({ uri: Address }),
    closed({ keys: Type.Array(AnyObject, { minItems: 1, maxItems: 32 }) }),
  ]),
  algorithms: Type.Array(oneOf(TOKEN_ALGORITHMS), {
    minItems: 1,
    maxItems: TOKEN_ALGORITHMS.length,
  }),
  /** Milliseconds that fetched keys count while the issuer cannot be reached. Default 1 h. */
  maxAgeMs: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 7 * 86_400_000 })),
  /** The first rule that fits counts. */
  agents: Type.Optional(Type.Array(AgentRule, { maxItems: 64 })),
  /** What all rules that fit give counts together. */
  people: Type.Optional(Type.Array(PersonRule, { maxItems: 64 })),
  signIn: Type.Optional(SignIn),
});

/** Settings of an issuer, checked. */
export type IssuerSettings = Static<typeof IssuerSettings>;
export type AgentRule = Static<typeof AgentRule>;
export type PersonRule = Static<typeof PersonRule>;
export type SignIn = Static<typeof SignIn>;
