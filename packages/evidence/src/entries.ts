// The entries of the log (docs/formats/entries.md): JCS JSON, at most 4 KiB each, opaque ids and salted
// commitments only. One shape per type; `parseEntry` accepts exactly the bytes that `entryBytes` makes.
//
// Entries name each other by leaf hash; an index appears only for an entry that was committed before.
import { base64url, equalBytes } from './bytes.ts';
import { canonicalBytes } from './canonical.ts';
import { EvidenceError } from './errors.ts';
import { parseJson, type Json } from './json.ts';
import { leafHash } from './merkle.ts';
import * as s from './shape.ts';

/** Entries are small so that a log of millions stays cheap to audit; DESIGN §5. */
export const MAX_ENTRY_BYTES = 4_096;
/** Links in a chain, from the user to the acting agent. More is a denial `too_large`. */
export const MAX_CHAIN = 8;

/** 32 bytes as unpadded base64url: a leaf hash, a digest, a commitment, a key thumbprint. */
export const digest = s.text(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, '32 bytes in base64url');
/** 128 bits as unpadded base64url. */
export const nonce = s.text(/^[A-Za-z0-9_-]{21}[AQgw]$/, '16 bytes in base64url');
/** An opaque id: never a person's name, a path or other free text (RULE 42). */
export const id = s.text(/^[A-Za-z0-9][A-Za-z0-9._:@-]{0,95}$/, 'an id');
/** A UUIDv7. */
export const executionId = s.text(
  /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  'a UUIDv7',
);
/** `<server>/<tool>`. */
export const actionName = s.text(
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\/[A-Za-z0-9][A-Za-z0-9._/-]{0,95}$/,
  '<server>/<tool>',
);
/** A stable lower-case code such as `hold_expired`. */
export const code = s.text(/^[a-z][a-z0-9_]{0,47}$/, 'a code');
/** A policy's `@id`. */
export const policyId = s.text(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,79}$/, 'a policy id');
/** A log origin: also line 1 of its checkpoints and the name of its key (RULE 3). */
export const origin = s.text(/^[A-Za-z0-9][A-Za-z0-9.:/_-]{0,199}$/, 'an origin');
/** An exact decimal, never a float (RULE 21). */
export const decimal = s.text(/^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,4})?$/, 'a decimal');
/** Milliseconds since the Unix epoch. */
export const time = s.integer();

export const grade = s.oneOf('in-process', 'gateway', 'verified');
export const custody = s.oneOf('same-user', 'separate');
export const confine = s.oneOf('none', 'namespace', 'cgroup', 'swept', 'group-only');
export const assurance = s.oneOf('logged', 'witnessed', 'anchored');
const layer = s.oneOf('org', 'team');
const heads = s.object({ containment: s.orNull(digest), policy: s.orNull(digest) });
/** `token`: the attestation by which an issuer vouched for the key that speaks for this link. */
const link = s.object(
  { kind: s.oneOf('user', 'agent'), id, identity: digest },
  { mandate: digest, token: digest },
);
const bundleRef = s.object({ layer, digest, version: s.integer(1) });
const meter = s.object({ name: id, amount: decimal }, { currency: s.text(/^[A-Z]{3}$/, 'a currency') });
/** `by`: the key id of an author's note key, or the thumbprint of an organisation's key, which may begin with a hyphen. */
const signature = s.object({
  by: s.anyOf(id, digest),
  sig: s.text(/^[A-Za-z0-9_-]{86}$/, 'an Ed25519 signature'),
});
/** What a containment covers. */
export const scopeKind = s.oneOf(
  'execution',
  'run',
  'subtree',
  'agent',
  'tool',
  'resource',
  'tenant',
  'everything',
);
/** What is contained: an id, an action, or `*`. */
export const scopeId = s.text(/^[A-Za-z0-9*][A-Za-z0-9._:@/*-]{0,127}$/, 'a scope id');
const spend = s.text(/^(plane|started|verifier:[A-Za-z0-9._-]{1,64})$/, 'plane, started or verifier:<set>');
/** Public keys in entries are JWKs with their public members only. */
export const publicJwk = s.anyOf(
  s.object({ kty: s.literal('OKP'), crv: s.literal('Ed25519'), x: digest }, { kid: digest }),
  s.object({ kty: s.literal('EC'), crv: s.literal('P-256'), x: digest, y: digest }, { kid: digest }),
);
/** A person's passkey: the digest of its credential id, and its key. It signs WebAuthn assertions and nothing else. */
export const passkey = s.object({ id: digest, key: publicJwk });
const logHead = s.object({ size: s.integer(), root: digest });

const common = { v: s.literal(1), origin, tenant: id, at: time, nonce };

/** What one group is asked for: how many of its members until when, and on what terms (docs/formats/entries.md, "refusal"). */
const holdGroup = s.object(
  { group: id, need: s.integer(1, 16), until: time },
  {
    /** From `at` on, members of this other group may approve in its place. */
    also: s.list(s.object({ group: id, at: time }), 4),
    /** Each approver stands for another one of these groups. */
    apart: s.list(id, 8),
    /** Longest life of an approval, milliseconds. */
    ttl: s.integer(1),
    /** Who rejects says why. */
    reason: s.literal(true),
    /** Only approvals signed by a passkey count. */
    method: s.literal('passkey'),
  },
);
export type HoldGroup = s.Of<typeof holdGroup>;

/** What a decision is about; complete in a permit, as far as known in a refusal. */
const subject = {
  exec: executionId,
  run: executionId,
  chain: s.list(link, MAX_CHAIN),
  action: actionName,
  resource: digest,
  aud: id,
  args: digest,
  bound: s.list(id, 16),
  reasons: s.list(policyId, 16),
  bundles: s.list(bundleRef, 2),
  inputs: digest,
  meters: s.list(meter, 16),
  epoch: s.integer(),
  heads,
  incarnation: id,
  idem: digest,
  grade,
  custody,
  confine,
  jkt: digest,
  engine: s.text(/^[a-z0-9._/+-]{1,64}$/, 'engine/version'),
};
const subjectExtras = {
  /** The run's parent execution, with the leaf of its start. */
  parent: s.object({ exec: executionId, start: digest }),
  /** The hold that approvals lifted (RULE 23). */
  prior: digest,
  approvals: s.list(digest, 16),
};

export const permitShape = s.object(
  {
    ...common,
    type: s.literal('permit'),
    ...subject,
    spend,
    nbf: time,
    exp: time,
    lease: s.object({ ttlMs: s.integer(100), maxMs: s.integer(100) }),
    assurance,
  },
  { ...subjectExtras, child: s.object({ agent: id, jkt: digest }) },
);

const refusalShape = s.object(
  { ...common, type: s.literal('refusal'), verdict: s.oneOf('deny', 'hold'), code },
  {
    ...subject,
    ...subjectExtras,
    failedLink: s.integer(0, MAX_CHAIN),
    holds: s.list(holdGroup, 8),
    /** The entry this refusal is about: a lapsed hold, a start whose renewal was refused, a spent permit. */
    of: digest,
  },
);

const shapes = {
  genesis: s.object(
    {
      ...common,
      type: s.literal('genesis'),
      logKey: s.text(/^[^ +]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$/, 'a vkey'),
      created: time,
      custody,
      public: s.flag,
      people: s.integer(1, 2),
    },
    {
      org: s.object({ id, keys: s.list(publicJwk, 8) }),
      prev: s.object({ origin, size: s.integer(), root: digest }),
    },
  ),
  boot: s.object({
    ...common,
    type: s.literal('boot'),
    incarnation: id,
    version: id,
    custody,
    operatorPolicy: digest,
  }),
  permit: permitShape,
  refusal: refusalShape,
  observation: s.object(
    {
      ...common,
      type: s.literal('observation'),
      kind: s.oneOf('shadow', 'replay', 'drill', 'search'),
      verdict: s.oneOf('allow', 'deny', 'hold'),
      reasons: s.list(policyId, 16),
    },
    { of: digest, bundle: digest, inputs: digest, exec: executionId, code },
  ),
  start: s.object(
    {
      ...common,
      type: s.literal('start'),
      exec: executionId,
      permit: digest,
      via: s.oneOf('redeem', 'direct', 'verifier'),
      instance: digest,
      jkt: digest,
      grade,
      custody,
      confine,
      leaseUntil: time,
      epoch: s.integer(),
      heads,
    },
    { witnessed: logHead, late: s.literal(true) },
  ),
  outcome: s.object(
    {
      ...common,
      type: s.literal('outcome'),
      exec: executionId,
      status: s.oneOf('completed', 'failed', 'halted', 'in_doubt', 'expired'),
      renewals: s.integer(),
      longestGapMs: s.integer(),
      by: s.oneOf('executor', 'plane', 'operator'),
      settled: s.list(meter, 16),
    },
    {
      permit: digest,
      start: digest,
      result: digest,
      exit: s.integer(-255, 255),
      leaseUntil: time,
      reason: code,
      resolves: digest,
      late: s.literal(true),
    },
  ),
  approval: s.object(
    {
      ...common,
      type: s.literal('approval'),
      exec: executionId,
      hold: s.object({ index: s.integer(), leaf: digest }),
      group: id,
      verdict: s.oneOf('approve', 'reject'),
      by: id,
      method: s.oneOf('token', 'passkey'),
      expires: time,
    },
    {
      assertion: digest,
      /** Of a rejection: why, as a code, and the commitment to what the person wrote. */
      reason: code,
      note: digest,
      /** The approver's `identity` entry, as it stood then. */
      identity: digest,
      /** The standing approval that gave it. */
      standing: digest,
    },
  ),
  containment: s.object(
    {
      ...common,
      type: s.literal('containment'),
      op: s.oneOf('contain', 'lift'),
      scope: s.object({
        kind: scopeKind,
        id: scopeId,
      }),
      epoch: s.integer(1),
      cause: s.oneOf('operator', 'rule', 'order'),
      by: s.list(id, 4),
      active: digest,
      prev: s.orNull(digest),
    },
    {
      order: s.object({ digest, serial: s.integer() }),
      trigger: digest,
      lifts: digest,
    },
  ),
  policy: s.object({
    ...common,
    type: s.literal('policy'),
    op: s.oneOf('publish', 'floor'),
    layer,
    digest,
    version: s.integer(1),
    floor: s.integer(1),
    sigs: s.list(signature, 8),
    prev: s.orNull(digest),
  }),
  identity: s.object(
    {
      ...common,
      type: s.literal('identity'),
      op: s.oneOf('register', 'update', 'rotate', 'revoke'),
      subject: id,
      kind: s.oneOf('user', 'agent', 'door', 'verifier', 'issuer', 'author'),
      roles: s.list(id, 8),
      groups: s.list(id, 32),
      keys: s.list(publicJwk, 8),
      by: id,
    },
    {
      for: id,
      root: s.object({ perDay: s.integer(), concurrent: s.integer() }),
      /** Apart from `keys`: neither kind ever stands in for the other (RULE 22). */
      passkeys: s.list(passkey, 8),
      /** Of an issuer: HMAC under the tenant's key over how its tokens are checked and mapped. */
      settings: digest,
    },
  ),
  mandate: s.object(
    {
      ...common,
      type: s.literal('mandate'),
      op: s.oneOf('grant', 'revoke'),
      id,
      from: id,
      to: id,
      body: digest,
      nbf: time,
      exp: time,
      sig: s.text(/^[A-Za-z0-9_-]{86}$/, 'an Ed25519 signature'),
      by: id,
    },
    { parent: digest },
  ),
  /** A person's word in advance, for calls that are like one another (docs/formats/standing.md). */
  standing: s.object(
    {
      ...common,
      type: s.literal('standing'),
      op: s.oneOf('grant', 'revoke'),
      by: id,
    },
    {
      group: id,
      /** Commitment to what it covers. */
      scope: digest,
      count: s.integer(1, 1_000),
      exp: time,
      /** The granter's `identity` entry. */
      identity: digest,
      /** Digest of the assertion by which the granter's passkey signed it; without it, a token's word. */
      assertion: digest,
      /** Of a revocation: the grant that it ends. */
      of: digest,
    },
  ),
  attestation: s.object(
    {
      ...common,
      type: s.literal('attestation'),
      subject: id,
      kind: code,
      status: s.oneOf('affirming', 'warning', 'contraindicated', 'none'),
      measured: digest,
      evidence: digest,
      challenge: nonce,
      exp: time,
      by: id,
    },
    // `since`: when the challenge was given out; what was measured is no older. `identity`: the attester's identity entry.
    { exec: executionId, since: time, identity: digest },
  ),
  fact: s.object({
    ...common,
    type: s.literal('fact'),
    name: id,
    value: s.anyOf(s.anyOf(s.flag, s.integer(-Number.MAX_SAFE_INTEGER)), id),
    source: id,
    exp: time,
    by: id,
  }),
  key: s.object(
    {
      ...common,
      type: s.literal('key'),
      op: s.oneOf('add', 'retire'),
      purpose: s.oneOf('log', 'log-pq', 'lease', 'status', 'session', 'contain', 'author', 'org', 'jwt'),
      key: s.text(/^[\x21-\x7e]{1,2048}$/, 'a vkey'),
      by: id,
    },
    /** Of an organisation's or author's key: by one that counts (RULE 20). `subject`: whose author's key it is. */
    { sig: signature, subject: id },
  ),
  clock: s.object({ ...common, type: s.literal('clock'), from: time, to: time, by: s.list(id, 4) }),
  successor: s.object({
    ...common,
    type: s.literal('successor'),
    successor: origin,
    logKey: s.text(/^[^ +]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$/, 'a vkey'),
    keys: s.list(s.text(/^[\x21-\x7e]{1,2048}$/, 'a vkey'), 16),
    by: s.list(id, 4),
  }),
  redaction: s.object({
    ...common,
    type: s.literal('redaction'),
    target: digest,
    reason: code,
    by: s.list(id, 4),
  }),
  notice: s.object({ ...common, type: s.literal('notice'), kind: code, digest }, { by: id, of: digest }),
} as const;

/** The types a log may hold; a verifier refuses every other (RULE 1). */
export type EntryType = keyof typeof shapes;
/** One entry of the log, by type. */
export type EntryOf<T extends EntryType> = s.Of<(typeof shapes)[T]>;
/** Any entry of the log. */
export type Entry = { [T in EntryType]: EntryOf<T> }[EntryType];
export type PermitEntry = EntryOf<'permit'>;
export type RefusalEntry = EntryOf<'refusal'>;
export type StartEntry = EntryOf<'start'>;
export type OutcomeEntry = EntryOf<'outcome'>;
export type IdentityEntry = EntryOf<'identity'>;
export type ContainmentEntry = EntryOf<'containment'>;
export type Meter = s.Of<typeof meter>;
export type ChainLink = s.Of<typeof link>;
export type Heads = s.Of<typeof heads>;
export type BundleRef = s.Of<typeof bundleRef>;
export type PublicJwk = s.Of<typeof publicJwk>;
export type Passkey = s.Of<typeof passkey>;
export type ScopeKind = s.Of<typeof scopeKind>;
export type Grade = s.Of<typeof grade>;
export type Custody = s.Of<typeof custody>;
export type Confine = s.Of<typeof confine>;
export type Assurance = s.Of<typeof assurance>;
export type OutcomeStatus = OutcomeEntry['status'];

/** The names of all entry types. */
export const ENTRY_TYPES = Object.keys(shapes) as readonly EntryType[];

/**
 * Returns the canonical bytes of an entry: what is hashed, stored and shown.
 * @throws EvidenceError `ERR_ENTRY_SHAPE`, `ERR_ENTRY_TOO_LARGE`
 */
export function entryBytes(entry: Entry): Uint8Array {
  const bytes = canonicalBytes(checkEntry(entry as unknown as Json) as unknown as Json);
  if (bytes.length > MAX_ENTRY_BYTES) {
    throw new EvidenceError(
      'ERR_ENTRY_TOO_LARGE',
      `entry is ${bytes.length} bytes, at most ${MAX_ENTRY_BYTES}`,
    );
  }
  return bytes;
}

/**
 * Returns the entry that these bytes are.
 * RULE 3: the bytes received must be the canonical bytes; nothing is re-canonicalised and then trusted.
 * @throws EvidenceError `ERR_ENTRY_TOO_LARGE`, `ERR_ENTRY_NOT_CANONICAL`, `ERR_ENTRY_SHAPE`, `ERR_ENTRY_TYPE`, `ERR_ENTRY_VERSION`, `ERR_JSON_…`
 */
export function parseEntry(bytes: Uint8Array): Entry {
  if (bytes.length > MAX_ENTRY_BYTES) {
    throw new EvidenceError(
      'ERR_ENTRY_TOO_LARGE',
      `entry is ${bytes.length} bytes, at most ${MAX_ENTRY_BYTES}`,
    );
  }
  const value = parseJson(bytes, { maxBytes: MAX_ENTRY_BYTES, maxDepth: 8 });
  const again = canonicalBytes(value);
  if (!equalBytes(again, bytes)) {
    throw new EvidenceError(
      'ERR_ENTRY_NOT_CANONICAL',
      'entry bytes are not the canonical form of their value',
    );
  }
  return checkEntry(value);
}

/** Returns the permit id: base64url of the RFC 6962 leaf hash of the entry's bytes. */
export const permitId = (bytes: Uint8Array): string => base64url(leafHash(bytes));

function checkEntry(value: Json): Entry {
  if (!s.isObject(value)) throw new EvidenceError('ERR_ENTRY_SHAPE', 'an entry is an object');
  const type = value['type'];
  if (typeof type !== 'string' || !Object.hasOwn(shapes, type)) {
    throw new EvidenceError(
      'ERR_ENTRY_TYPE',
      `unknown entry type ${JSON.stringify(type ?? null).slice(0, 64)}`,
    );
  }
  if (value['v'] !== 1) {
    throw new EvidenceError(
      'ERR_ENTRY_VERSION',
      `entry version ${JSON.stringify(value['v'] ?? null).slice(0, 16)} is newer than this verifier`,
    );
  }
  return shapes[type as EntryType].check(value, type, (path, expected, found) => {
    throw new EvidenceError(
      'ERR_ENTRY_SHAPE',
      `${path}: expected ${expected}, found ${found === undefined ? 'nothing' : JSON.stringify(found).slice(0, 80)}`,
    );
  }) as Entry;
}
