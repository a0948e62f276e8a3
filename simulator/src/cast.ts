/** The cast: keys, people, agents and bundles of every simulated plane. Made once per process; the same in each. */
import {
  base64url,
  formatContainOrder,
  formatNote,
  jwkThumbprint,
  parseVkey,
  sha256,
  utf8,
  type Json,
  type PublicJwk,
  type ScopeKind,
  type Trust,
} from '@licet/evidence';
import { ed25519NoteSigner } from '@licet/evidence/node';
import type { Caller, Effect } from '@licet/control-plane';
import { bundleDigest, bundleHash, type Bundle } from '@licet/policy';
import { createPrivateKey, sign } from 'node:crypto';

export const ORIGIN = 'licet.simulated/log';
export const TENANT = 'simulated';
export const AUDIENCE = 'licet';
/** When every simulation begins. */
export const T0 = Date.parse('2026-11-22T12:00:00Z');

const seedOf = (name: string): Uint8Array => sha256(utf8(`licet simulated ${name}`));
export const LOG_KEY = ed25519NoteSigner(ORIGIN, seedOf('log'));
export const LEASE_KEY = ed25519NoteSigner(`${ORIGIN}/lease`, seedOf('lease'));
const CONTAIN_KEY = ed25519NoteSigner(`${ORIGIN}/contain`, seedOf('contain'));
const AUTHOR_KEY = ed25519NoteSigner(`${ORIGIN}/author`, seedOf('author'));
export const TENANT_KEY = seedOf('tenant');

/** What whoever checks these planes believes. */
export const TRUST: Trust = {
  v: 1,
  logs: [
    {
      origin: ORIGIN,
      tenant: TENANT,
      audiences: [AUDIENCE],
      policy: `log ${LOG_KEY.vkey}\nquorum none\n`,
      keys: {
        lease: [LEASE_KEY.vkey],
        status: [],
        session: [],
        contain: [CONTAIN_KEY.vkey],
        author: [AUTHOR_KEY.vkey],
        org: [],
        jwt: [],
      },
    },
  ],
};

const keyOf = (name: string): PublicJwk => ({
  kty: 'OKP',
  crv: 'Ed25519',
  x: base64url(parseVkey(ed25519NoteSigner(`simulated/${name}`, seedOf(`key ${name}`)).vkey).publicKey),
});

type IdentityEffect = Effect & { readonly op: 'identity' };
const member = (subject: string, more: Partial<IdentityEffect>): IdentityEffect => ({
  op: 'identity',
  change: 'register',
  subject,
  kind: subject.startsWith('agent') ? 'agent' : 'user',
  roles: [],
  groups: [],
  keys: [keyOf(subject)],
  jkts: [jwkThumbprint(keyOf(subject))],
  ...more,
});

const assistant = { groups: ['assistants'], for: 'user-1' };
/** Everybody, by subject. Of the agents, the third may open no root and lives below the others. */
export const MEMBERS: readonly IdentityEffect[] = [
  member('operator-1', { roles: ['operator'] }),
  member('operator-2', { roles: ['operator'] }),
  member('author-1', { roles: ['author'] }),
  member('finance-1', { roles: ['approver'], groups: ['finance'] }),
  member('legal-1', { roles: ['approver'], groups: ['legal'] }),
  member('user-1', { roles: ['approver'], groups: ['finance'] }),
  member('agent-1', { ...assistant, root: { perDay: 500, concurrent: 12 } }),
  member('agent-2', { ...assistant, root: { perDay: 500, concurrent: 12 } }),
  member('agent-3', assistant),
];
const BY_SUBJECT = new Map(MEMBERS.map((one) => [one.subject, one]));

/** The caller that speaks for a member with its own key. */
export const speaks = (subject: string): Caller => ({ subject, jkt: BY_SUBJECT.get(subject)!.jkts[0]! });

/** A change of a member: revoked, or with another key. */
export const changed = (subject: string, change: 'revoke' | 'update'): Effect => ({
  ...BY_SUBJECT.get(subject)!,
  change,
});

const closed = (properties: { readonly [name: string]: Json }): { readonly [keyword: string]: Json } => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});
const path = {
  schema: closed({ path: { type: 'string' } }),
  resources: { path: { kind: 'path', type: 'Folder' } },
} as const;

const POLICY = `
@id("all") @lease("10s") @max("1m")
permit (principal, action in Action::"licet/governed", resource) when { context.depth < 4 };
@id("not-outside")
forbid (principal, action in Action::"files", resource)
unless { resource is Folder && resource in Folder::"/workspace" };
@id("finance") @hold("finance") @until("2m")
forbid (principal, action == Action::"files/move", resource) unless { context.approvals.contains("finance") };
@id("legal") @hold("legal") @until("2m")
forbid (principal, action == Action::"files/move", resource)
when { context.facts has audit && context.facts.audit }
unless { context.approvals.contains("legal") };
@id("frozen")
forbid (principal, action == Action::"files/write", resource) when { context.facts has frozen && context.facts.frozen };
`;

/** What a limit allows at most, by name: the invariants know it too. */
export const LIMITS = { budget: '40', calls: '8', open: '4' } as const;

/** The team's bundle in its n-th version: only the version differs, so each is another question to people. */
export const bundle = (version: number): Bundle => ({
  v: 1,
  layer: 'team',
  origin: ORIGIN,
  tenant: TENANT,
  version,
  policies: [{ name: 'policy.cedar', text: POLICY }],
  actions: {
    'files/write': { ...path, floor: { lease: '10s', max: '1m' } },
    'files/move': { ...path, floor: { lease: '10s', max: '1m' } },
    'bank/pay': {
      schema: closed({ amount: { type: 'string' } }),
      resources: {},
      opaque: ['amount'],
      floor: { lease: '10s', max: '1m' },
      meters: [{ limit: 'budget', cost: { argument: 'amount' } }, { limit: 'open' }],
    },
    'bank/count': {
      schema: closed({}),
      resources: {},
      floor: { lease: '5s', max: '20s' },
      meters: [{ limit: 'calls' }],
    },
  },
  limits: {
    budget: { kind: 'amount', per: 'user', max: LIMITS.budget, currency: 'EUR', settleLower: true },
    calls: { kind: 'count', per: 'agent', max: Number(LIMITS.calls), window: '1h' },
    open: { kind: 'concurrency', per: 'user', max: Number(LIMITS.open) },
  },
  pins: {},
  facts: { audit: 'boolean', frozen: 'boolean' },
  containment: [
    { id: 'outcome-without-start', on: 'outcome_without_start', scope: 'run' },
    { id: 'foreign-permit', on: 'foreign_permit', scope: 'agent' },
    { id: 'many-denials', on: 'denials', scope: 'run', count: 6, within: '1m' },
  ],
  explain: 'full',
});

const AUTHOR_SECRET = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seedOf('author')]),
  format: 'der',
  type: 'pkcs8',
});
const signedOnce = new Map<number, Effect>();

/** A test that every bundle passes: publishing needs one. */
export const TESTS = {
  'closed.test.json': {
    tests: [
      {
        name: 'nothing permits the self-test',
        given: { user: 'nobody', action: 'licet/self-test', args: {} },
        expect: { verdict: 'deny' },
      },
    ],
  },
};

/** The author's word for a version of the bundle. */
export function publishing(version: number): Effect {
  const known = signedOnce.get(version);
  if (known !== undefined) return known;
  const whole = bundle(version);
  const by = Buffer.from(parseVkey(AUTHOR_KEY.vkey).keyId).toString('hex');
  const sigs = [{ by, sig: base64url(sign(null, bundleHash(whole), AUTHOR_SECRET)) }];
  const digest = bundleDigest(whole);
  const effect: Effect = {
    op: 'publish',
    layer: 'team',
    digest,
    version,
    sigs,
    signed: { bundle: whole, sigs },
    tests: TESTS,
  };
  signedOnce.set(version, effect);
  return effect;
}

/** A signed kill order. */
export function killOrder(
  scope: { readonly kind: ScopeKind; readonly id: string },
  serial: number,
  exp: number,
): string {
  const text = formatContainOrder({ origin: ORIGIN, scope, serial, exp });
  return formatNote(text, [CONTAIN_KEY.signSync(text)]);
}
