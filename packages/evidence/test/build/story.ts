/**
 * One execution from first to last, with everything that a verifier can look at: a hold, a passkey approval, a mandate,
 * an attestation, a witnessed permit, a start, two renewals, an outcome. `tell` makes it; every part can be changed.
 */
import { p256 } from '@noble/curves/nist.js';
import {
  activeDigest,
  approvalDigest,
  assertionDigest,
  authorId,
  authorKeySigningBytes,
  credentialDigest,
  base64url,
  bundleDigest,
  bundleHash,
  canonicalize,
  commitArguments,
  commitAttestation,
  commitInputs,
  commitMandateBody,
  commitResources,
  commitResult,
  commitStandingScope,
  concat,
  formatRenewal,
  fromUtf8,
  idemDigest,
  instanceDigest,
  jwkThumbprint,
  longestGapMs,
  mandateSigningBytes,
  orgKeyId,
  parseVkey,
  sha256,
  utf8,
  type Assertion,
  type DisclosedPart,
  type Disclosure,
  type EntryOf,
  type HoldGroup,
  type StandingScope,
  type EvidenceParts,
  type Json,
  type PermitEntry,
} from '../../src/index.ts';
import { digestOf, hashes, T0, testKey, TestLog, type Draft, type PlacedEntry } from './log.ts';

export const EXEC = '01a0f3b2-0000-7000-8000-000000000001';
export const OTHER_EXEC = '01a0f3b2-0000-7000-8000-0000000000ff';
export const INSTANCE = new Uint8Array(16).fill(7);
export const RECORD_KEY = new Uint8Array(32).fill(9);
export const ARGS = { path: '/workspace/a.txt', text: 'hi' };

export const agentKey = testKey('agent', 'agent');
export const agentJwk = { kty: 'OKP', crv: 'Ed25519', x: base64url(agentKey.publicKey) } as const;
export const JKT = jwkThumbprint(agentJwk);
const doorKey = testKey('door', 'door');
const doorJwk = { kty: 'OKP', crv: 'Ed25519', x: base64url(doorKey.publicKey) } as const;
const userKey = testKey('user', 'user');
const userJwk = { kty: 'OKP', crv: 'Ed25519', x: base64url(userKey.publicKey) } as const;
const passkeySecret = sha256(utf8('test passkey'));
const passkeyPoint = p256.getPublicKey(passkeySecret, false);
const passkeyJwk = {
  kty: 'EC',
  crv: 'P-256',
  x: base64url(passkeyPoint.subarray(1, 33)),
  y: base64url(passkeyPoint.subarray(33)),
} as const;
const CREDENTIAL = base64url(utf8('passkey'));
export const passkey = { id: credentialDigest(CREDENTIAL), key: passkeyJwk } as const;

/** What a chapter may change about the story. */
export interface Twist {
  readonly log?: TestLog;
  readonly permit?: Partial<PermitEntry>;
  readonly start?: Partial<EntryOf<'start'>>;
  readonly outcome?: Partial<EntryOf<'outcome'>>;
  readonly approval?: Partial<EntryOf<'approval'>>;
  /** An issuer vouches for the agent's key, so that its own entry need not hold it. */
  readonly token?: Partial<EntryOf<'attestation'>>;
  readonly issuer?: Partial<EntryOf<'identity'>>;
  readonly attestation?: Partial<EntryOf<'attestation'>>;
  /** Whether the attestation names its attester's identity entry, and when the keys of that were replaced. */
  readonly attester?: { readonly named: true | 'another'; readonly rotated?: 'before' | 'after' };
  /** What the attested statement says otherwise, and who signs it. */
  readonly statement?: { readonly [claim: string]: Json };
  readonly statementSigner?: ReturnType<typeof testKey>;
  readonly agent?: Partial<EntryOf<'identity'>>;
  readonly approver?: Partial<EntryOf<'identity'>>;
  readonly holds?: readonly HoldGroup[];
  /** The approval was given in advance: changes to the grant and to what it covers. */
  readonly standing?: Partial<EntryOf<'standing'>> & {
    readonly covers?: Partial<StandingScope>;
    readonly revoked?: true;
  };
  readonly assertion?: Parameters<typeof assertionOver>[1];
  readonly policy?: Partial<EntryOf<'policy'>>;
  readonly containedAgent?: string;
  /** Adds a second start of the same permit. */
  readonly twice?: boolean;
  readonly renewalCounters?: readonly number[];
  readonly leaseSigner?: ReturnType<typeof testKey>;
  readonly authorSigner?: ReturnType<typeof testKey>;
  /** `key` entries of authors, before and after the team's bundle is published. */
  readonly authorKeys?: {
    readonly before?: readonly Draft<EntryOf<'key'>>[];
    readonly after?: readonly Draft<EntryOf<'key'>>[];
  };
  readonly witnessedAtMs?: number | undefined;
  /** The organisation above: its bundle as it was published, and what the decisions and the file make of it. */
  readonly org?: {
    readonly signer?: ReturnType<typeof testKey>;
    /** `key` entries between genesis and its publication. */
    readonly changes?: readonly Draft<EntryOf<'key'>>[];
    /** The decisions do not name it. */
    readonly ignored?: true;
    /** The file does not hold the entry that published it. */
    readonly hidden?: true;
    /** What the bundle says it is of. Default: what genesis says. */
    readonly id?: string;
  };
}

export interface Story {
  readonly log: TestLog;
  readonly permit: PlacedEntry<PermitEntry>;
  readonly start: PlacedEntry<EntryOf<'start'>>;
  readonly outcome: PlacedEntry<EntryOf<'outcome'>>;
  readonly hold: PlacedEntry<EntryOf<'refusal'>>;
  readonly renewals: readonly string[];
  readonly assertion: Assertion;
  readonly argumentDisclosures: readonly Disclosure[];
  readonly parts: EvidenceParts;
}

/** Signs as a platform authenticator does, with its flags and origin open to change. */
export function assertionOver(
  challenge: string,
  { flags = 0x05, origin = 'http://localhost:8484', rp = 'localhost', more = {} } = {},
): Assertion {
  const clientDataJSON = utf8(
    JSON.stringify({ type: 'webauthn.get', challenge, origin, crossOrigin: false, ...more }),
  );
  const authenticatorData = concat(sha256(utf8(rp)), Uint8Array.of(flags, 0, 0, 0, 1));
  const signature = p256.sign(concat(authenticatorData, sha256(clientDataJSON)), passkeySecret, {
    format: 'der',
  });
  return {
    credential: CREDENTIAL,
    authenticatorData: base64url(authenticatorData),
    clientDataJSON: base64url(clientDataJSON),
    signature: base64url(signature),
  };
}

/** A change of the authors' keys, signed by one of them. */
export function authorChange(
  op: 'add' | 'retire',
  key: ReturnType<typeof testKey>,
  by: ReturnType<typeof testKey>,
  { origin = new TestLog().origin, subject = op === 'add' ? 'user-3' : undefined } = {},
): Draft<EntryOf<'key'>> {
  const message = authorKeySigningBytes({ origin, op, publicKey: key.publicKey, subject });
  return {
    type: 'key',
    op,
    purpose: 'author',
    key: key.vkey,
    by: 'user-1',
    ...(subject === undefined ? {} : { subject }),
    sig: { by: authorId(parseVkey(by.vkey).keyId), sig: base64url(by.sign(message)) },
  };
}

/** What the hold asks of its group. */
export const asking = (terms: Partial<HoldGroup> = {}): HoldGroup => ({
  group: 'operators',
  need: 1,
  until: T0 + 900_000,
  ...terms,
});

export function tell(twist: Twist = {}): Story {
  const log = twist.log ?? new TestLog();
  const witnessedAtMs = 'witnessedAtMs' in twist ? twist.witnessedAtMs : T0 + 1_000;
  log.append<EntryOf<'genesis'>>({
    type: 'genesis',
    logKey: log.key.vkey,
    created: T0,
    custody: 'separate',
    public: false,
    people: 2,
    ...(twist.org === undefined ? {} : { org: { id: 'acme', keys: [orgJwk(log)] } }),
  });
  log.append<EntryOf<'boot'>>({
    type: 'boot',
    incarnation: 'inc-1',
    version: '0.1.0',
    custody: 'separate',
    operatorPolicy: digestOf('operator policy'),
  });
  const identity = { type: 'identity', op: 'register', groups: [], roles: [], by: 'operator' } as const;
  const user = log.append<EntryOf<'identity'>>({
    ...identity,
    subject: 'user-1',
    kind: 'user',
    keys: [userJwk],
  });
  const agent = log.append<EntryOf<'identity'>>({
    ...identity,
    subject: 'agent-1',
    kind: 'agent',
    for: 'user-1',
    root: { perDay: 100, concurrent: 4 },
    keys: [agentJwk],
    ...twist.agent,
  });
  const token = twist.token === undefined ? undefined : vouch(log, twist);
  const approver = log.append<EntryOf<'identity'>>({
    ...identity,
    subject: 'user-2',
    kind: 'user',
    keys: [],
    passkeys: [passkey],
    roles: ['approver'],
    groups: ['operators'],
    ...twist.approver,
  });

  const body = commitMandateBody(new Uint8Array(32).fill(3), { scope: ['files/*'] });
  const granted = {
    origin: log.origin,
    tenant: log.tenant,
    op: 'grant',
    id: 'mandate-1',
    from: 'user-1',
    to: 'agent-1',
    body: body.commitment,
    nbf: T0,
    exp: T0 + 86_400_000,
  } as const;
  const mandate = log.append<EntryOf<'mandate'>>({
    type: 'mandate',
    ...granted,
    sig: base64url(userKey.sign(mandateSigningBytes(granted))),
    by: 'user-1',
  });

  const above = twist.org === undefined ? undefined : publishOrg(log, twist.org);
  const bundle = {
    v: 1,
    layer: 'team',
    origin: log.origin,
    tenant: log.tenant,
    version: 3,
    policies: [{ name: 'p', text: 'permit (principal, action, resource);' }],
  };
  for (const change of twist.authorKeys?.before ?? []) log.append<EntryOf<'key'>>(change);
  const author = twist.authorSigner ?? log.noteKey('author');
  const signed = {
    bundle: bundle as Json,
    sigs: [{ by: 'author-1', sig: base64url(author.sign(bundleHash(bundle))) }],
  };
  const digest = bundleDigest(bundle);
  const policy = log.append<EntryOf<'policy'>>({
    type: 'policy',
    op: 'publish',
    layer: 'team',
    digest,
    version: 3,
    floor: 2,
    sigs: [...signed.sigs],
    prev: above?.id ?? null,
    ...twist.policy,
  });
  for (const change of twist.authorKeys?.after ?? []) log.append<EntryOf<'key'>>(change);
  const contained = log.append<EntryOf<'containment'>>({
    type: 'containment',
    op: 'contain',
    scope: { kind: 'agent', id: twist.containedAgent ?? 'agent-9' },
    epoch: 1,
    cause: 'operator',
    by: ['user-1'],
    active: activeDigest([]),
    prev: null,
  });

  const args = commitArguments(RECORD_KEY, ARGS);
  const resources = commitResources(RECORD_KEY, { path: { type: 'Folder', id: '/workspace' } });
  const inputs = commitInputs(RECORD_KEY, {
    requests: [{ principal: 'Agent::"agent-1"' }],
    engine: 'cedar/4.11.2',
  });
  const result = commitResult(RECORD_KEY, { bytes: 2, ok: true });
  const evidence = commitAttestation(RECORD_KEY, { statement: aStatement(log.origin, twist) });
  const heads = { containment: contained.id, policy: policy.id };
  const subject = {
    exec: EXEC,
    run: EXEC,
    chain: [
      { kind: 'user', id: 'user-1', identity: user.id },
      { kind: 'agent', id: 'agent-1', identity: agent.id, mandate: mandate.id, ...token },
    ],
    action: 'files/write_file',
    resource: resources.commitment,
    aud: 'files',
    args: args.commitment,
    bound: ['input', 'resource'],
    reasons: ['assistants-write-in-workspace'],
    bundles: [
      ...(above === undefined || twist.org?.ignored === true ? [] : [above.ref]),
      { layer: 'team', digest, version: 3 },
    ],
    inputs: inputs.commitment,
    meters: [],
    epoch: 1,
    heads,
    incarnation: 'inc-1',
    idem: idemDigest(JKT, 'idempotency key'),
    grade: 'gateway',
    custody: 'separate',
    confine: 'none',
    jkt: JKT,
    engine: 'cedar/4.11.2',
  } as const;
  const { covers: covered, revoked, ...grantTwist } = twist.standing ?? {};
  const scope = commitStandingScope(new Uint8Array(32).fill(4), {
    v: 1,
    action: 'files/write_file',
    agent: 'agent-1',
    within: [{ type: 'Folder', id: '/workspace' }],
    ...covered,
  } as unknown as Json);
  const grant =
    twist.standing === undefined
      ? undefined
      : log.append<EntryOf<'standing'>>({
          type: 'standing',
          op: 'grant',
          by: 'user-2',
          group: 'operators',
          scope: scope.commitment,
          count: 5,
          exp: T0 + 900_000,
          identity: approver.id,
          ...grantTwist,
        });
  if (revoked === true)
    log.append<EntryOf<'standing'>>({ type: 'standing', op: 'revoke', by: 'user-2', of: grant!.id });
  const byToken = twist.approval?.method === 'token' || grant !== undefined;
  const given = grant === undefined ? {} : ({ method: 'token', standing: grant.id } as const);
  const hold = log.append<EntryOf<'refusal'>>({
    type: 'refusal',
    verdict: 'hold',
    code: 'needs_approval',
    ...subject,
    holds: twist.holds ?? [asking()],
  });
  const toSign = {
    origin: log.origin,
    index: hold.index,
    leaf: hold.id,
    args: args.commitment,
    group: 'operators',
    verdict: 'approve',
    expires: T0 + 900_000,
  } as const;
  const assertion = assertionOver(approvalDigest(toSign), twist.assertion);
  const approval = log.append<EntryOf<'approval'>>({
    type: 'approval',
    exec: EXEC,
    hold: { index: hold.index, leaf: hold.id },
    group: 'operators',
    verdict: 'approve',
    by: 'user-2',
    identity: approver.id,
    method: 'passkey',
    ...(byToken ? {} : { assertion: assertionDigest(assertion) }),
    expires: T0 + 900_000,
    ...given,
    ...twist.approval,
  });
  const door = log.append<EntryOf<'identity'>>({
    ...identity,
    subject: 'door-1',
    kind: 'door',
    keys: [doorJwk],
  });
  const rotate = () =>
    log.append<EntryOf<'identity'>>({
      ...identity,
      op: 'rotate',
      subject: 'door-1',
      kind: 'door',
      keys: [userJwk],
    });
  const { named, rotated } = twist.attester ?? {};
  if (rotated === 'before') rotate();
  const attestation = log.append<EntryOf<'attestation'>>({
    type: 'attestation',
    subject: 'agent-1',
    kind: 'executable',
    status: 'affirming',
    measured: digestOf('tool'),
    evidence: evidence.commitment,
    challenge: CHALLENGE,
    since: T0 - 1_000,
    exp: T0 + 600_000,
    by: 'door-1',
    ...(named === undefined ? {} : { identity: named === 'another' ? agent.id : door.id }),
    ...twist.attestation,
  });
  if (rotated === 'after') rotate();
  const permit = log.append<PermitEntry>({
    type: 'permit',
    ...subject,
    prior: hold.id,
    approvals: [approval.id],
    spend: 'plane',
    nbf: T0,
    exp: T0 + 60_000,
    lease: { ttlMs: 10_000, maxMs: 600_000 },
    assurance: 'witnessed',
    ...twist.permit,
  });
  const permitSize = log.size;
  const startDraft: Draft<EntryOf<'start'>> = {
    type: 'start',
    exec: EXEC,
    permit: permit.id,
    via: 'redeem',
    instance: instanceDigest(INSTANCE),
    jkt: JKT,
    grade: 'gateway',
    custody: 'separate',
    confine: 'none',
    at: T0 + 1_000,
    leaseUntil: T0 + 11_000,
    epoch: 1,
    heads,
    witnessed: { size: permitSize, root: base64url(log.root(permitSize)) },
    ...twist.start,
  };
  const start = log.append<EntryOf<'start'>>(startDraft);
  if (twist.twice === true)
    log.append<EntryOf<'start'>>({
      ...startDraft,
      at: T0 + 1_500,
      instance: instanceDigest(new Uint8Array(16)),
    });
  const counters = twist.renewalCounters ?? [1, 2];
  const times = counters.map((_, i) => T0 + 4_000 + i * 3_000);
  const renewals = counters.map((counter, i) =>
    log.note(
      'lease',
      formatRenewal({
        origin: log.origin,
        exec: EXEC,
        start: { index: start.index, leaf: start.id },
        instance: instanceDigest(INSTANCE),
        counter,
        nonce: base64url(new Uint8Array(16).fill(i)),
        at: times[i]!,
        epoch: 1,
        durationMs: 10_000,
      }),
      twist.leaseSigner ?? log.noteKey('lease'),
    ),
  );
  const outcome = log.append<EntryOf<'outcome'>>({
    type: 'outcome',
    exec: EXEC,
    permit: permit.id,
    start: start.id,
    status: 'completed',
    result: result.commitment,
    exit: 0,
    renewals: renewals.length,
    longestGapMs: longestGapMs(T0 + 1_000, times),
    by: 'executor',
    settled: [],
    at: T0 + 8_000,
    ...twist.outcome,
  });
  const parts: EvidenceParts = {
    v: 1,
    type: 'licet/evidence',
    kind: 'execution',
    origin: log.origin,
    subject: EXEC,
    entries: log.entries
      .filter(({ id }) => twist.org?.hidden !== true || id !== above?.id)
      .map(({ index, bytes }) => ({
        index,
        entry: fromUtf8(bytes),
        proof: hashes(log.inclusion(index)),
      })),
    checkpoints: [
      { note: log.checkpoint(permitSize, witnessedAtMs), consistency: [] },
      {
        note: log.checkpoint(log.size, witnessedAtMs === undefined ? undefined : witnessedAtMs + 9_000),
        consistency: hashes(log.consistency(permitSize)),
      },
    ],
    executions: {
      [EXEC]: {
        arguments: shown(args.disclosures),
        resources: shown(resources.disclosures),
        inputs: shown(inputs.disclosures),
        result: shown(result.disclosures),
        renewals,
        assertions: byToken ? [] : [assertion],
        attestations: [{ leaf: attestation.id, evidence: shown(evidence.disclosures) }],
      },
    },
    bundles: [...(above === undefined || twist.org?.ignored === true ? [] : [above.signed]), signed],
    ...(grant === undefined ? {} : { standing: [{ leaf: grant.id, scope: shown(scope.disclosures) }] }),
  };
  return {
    log,
    permit,
    start,
    outcome,
    hold,
    renewals,
    assertion,
    argumentDisclosures: args.disclosures,
    parts,
  };
}

const orgJwk = (log: TestLog) =>
  ({ kty: 'OKP', crv: 'Ed25519', x: base64url(log.noteKey('org').publicKey) }) as const;

/** The organisation publishes: its keys change first, where the story says so. */
function publishOrg(log: TestLog, org: NonNullable<Twist['org']>) {
  for (const change of org.changes ?? []) log.append<EntryOf<'key'>>(change);
  const bundle = { v: 1, layer: 'org', org: org.id ?? 'acme', version: 1, policies: [] };
  const signer = org.signer ?? log.noteKey('org');
  const signed = {
    bundle: bundle as Json,
    sigs: [{ by: orgKeyId(signer.publicKey), sig: base64url(signer.sign(bundleHash(bundle))) }],
  };
  const digest = bundleDigest(bundle);
  const { id } = log.append<EntryOf<'policy'>>({
    type: 'policy',
    op: 'publish',
    layer: 'org',
    digest,
    version: 1,
    floor: 1,
    sigs: [...signed.sigs],
    prev: null,
  });
  return { id, signed, ref: { layer: 'org', digest, version: 1 } as const };
}

const CHALLENGE = base64url(new Uint8Array(16));

/** What the door measured, signed with its key. */
function aStatement(origin: string, { statement = {}, statementSigner = doorKey }: Twist): string {
  const header = { typ: 'eat+jwt', alg: 'EdDSA', kid: jwkThumbprint(doorJwk) };
  const claims = {
    eat_nonce: CHALLENGE,
    sub: 'agent-1',
    aud: origin,
    iat: T0 / 1_000,
    program: { digest: digestOf('tool') },
    ...statement,
  };
  const text = [header, claims].map((part) => base64url(utf8(canonicalize(part as Json)))).join('.');
  return `${text}.${base64url(statementSigner.sign(utf8(text)))}`;
}

export const shown = (disclosed: readonly Disclosure[]): DisclosedPart => ({ disclosed, withheld: [] });

/** An issuer, and its word about the agent's key: what the agent's link then names. */
function vouch(log: TestLog, twist: Twist): { readonly token: string } {
  log.append<EntryOf<'identity'>>({
    type: 'identity',
    op: 'register',
    subject: 'issuer-1',
    kind: 'issuer',
    roles: [],
    groups: [],
    keys: [],
    settings: digestOf('settings'),
    by: 'operator',
    ...twist.issuer,
  });
  const { id } = log.append<EntryOf<'attestation'>>({
    type: 'attestation',
    subject: 'agent-1',
    kind: 'token',
    status: 'affirming',
    measured: JKT,
    evidence: digestOf('token'),
    challenge: base64url(new Uint8Array(16).fill(4)),
    exp: T0 + 600_000,
    by: 'issuer-1',
    ...twist.token,
  });
  return { token: id };
}
