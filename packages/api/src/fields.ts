/**
 * Field shapes shared by bodies and answers (docs/formats/http.md): the texts of the entries' own fields, so that
 * what a route accepts is what an entry can hold.
 */
import Type from 'typebox';
import type { Entry, Json, PublicJwk } from '@licet/evidence';

/** A UUIDv7: an execution or a run. */
export const ExecutionId = Type.String({
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$',
});
/** 32 bytes as unpadded base64url: a leaf hash, a digest, a key thumbprint. */
export const Digest = Type.String({ pattern: '^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$' });
/** 128 bits as unpadded base64url. */
export const Nonce = Type.String({ pattern: '^[A-Za-z0-9_-]{21}[AQgw]$' });
/** An opaque id. */
export const Id = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._:@-]{0,95}$' });
/** `<server>/<tool>`. */
export const ActionName = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}/[A-Za-z0-9][A-Za-z0-9._/-]{0,95}$',
});
/** A stable lower-case code, never free text. */
export const Code = Type.String({ pattern: '^[a-z][a-z0-9_]{0,47}$' });
/** An exact decimal (RULE 21). */
export const Decimal = Type.String({ pattern: '^-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,4})?$' });
/** Milliseconds since the Unix epoch, or a count. */
export const Whole = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** RULE 6: at least 128 random bits, base64url. */
export const IdempotencyKey = Type.String({ pattern: '^[A-Za-z0-9_-]{22,128}$' });

export const Grade = Type.Union([
  Type.Literal('in-process'),
  Type.Literal('gateway'),
  Type.Literal('verified'),
]);
export const Custody = Type.Union([Type.Literal('same-user'), Type.Literal('separate')]);
export const Confine = Type.Union([
  Type.Literal('none'),
  Type.Literal('namespace'),
  Type.Literal('cgroup'),
  Type.Literal('swept'),
  Type.Literal('group-only'),
]);
export const Assurance = Type.Union([
  Type.Literal('logged'),
  Type.Literal('witnessed'),
  Type.Literal('anchored'),
]);
export const AttestationKind = Type.Union([
  Type.Literal('container'),
  Type.Literal('executable'),
  Type.Literal('npm_provenance'),
  Type.Literal('tool_manifest'),
  Type.Literal('workload_token'),
]);
/** EAR's words. */
export const AttestationStatus = Type.Union([
  Type.Literal('affirming'),
  Type.Literal('warning'),
  Type.Literal('contraindicated'),
  Type.Literal('none'),
]);
export const Layer = Type.Union([Type.Literal('org'), Type.Literal('team')]);
export const Scope = Type.Object(
  {
    kind: Type.Union([
      Type.Literal('execution'),
      Type.Literal('run'),
      Type.Literal('subtree'),
      Type.Literal('agent'),
      Type.Literal('tool'),
      Type.Literal('resource'),
      Type.Literal('tenant'),
      Type.Literal('everything'),
    ]),
    id: Type.String({ pattern: '^[A-Za-z0-9*][A-Za-z0-9._:@/*-]{0,127}$' }),
  },
  { additionalProperties: false },
);
export const RootGrant = Type.Object({ perDay: Whole, concurrent: Whole }, { additionalProperties: false });

/** Any JSON value; the strict parser has bounded it already. */
export const AnyJson = Type.Unsafe<Json>({});
/** Any JSON object. */
export const AnyObject = Type.Unsafe<{ readonly [name: string]: Json }>({ type: 'object' });
/** One entry of the log; `parseEntry` of @licet/evidence is its check. */
export const AnyEntry = Type.Unsafe<Entry>({ type: 'object' });
/** A public key with its public members only. */
export const Jwk = Type.Unsafe<PublicJwk>({
  type: 'object',
  properties: {
    kty: { enum: ['OKP', 'EC'] },
    crv: { enum: ['Ed25519', 'P-256'] },
    x: { type: 'string', pattern: '^[A-Za-z0-9_-]{43}$' },
    y: { type: 'string', pattern: '^[A-Za-z0-9_-]{43}$' },
    kid: { type: 'string', pattern: '^[A-Za-z0-9_-]{43}$' },
  },
  required: ['kty', 'crv', 'x'],
  additionalProperties: false,
});
