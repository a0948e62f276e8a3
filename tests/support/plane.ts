/**
 * A plane in this process, wired without the server: for tests that race its methods against each other.
 * Real clock, real Cedar, real writer thread; a bundle with a budget, and people and agents as a test needs them.
 */
import { createPrivateKey, randomBytes, sign } from 'node:crypto';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import {
  authorId,
  base64url,
  formatContainOrder,
  formatNote,
  formatTlogPolicy,
  jwkThumbprint,
  parseVkey,
  sha256,
  utf8,
  type Json,
  type PublicJwk,
  type ScopeKind,
  type Trust,
} from '@licet/evidence';
import { ed25519NoteSigner, nodeCrypto } from '@licet/evidence/node';
import {
  createPlane,
  inThreadEvaluator,
  machine,
  type Answered,
  type Caller,
  type Effect,
  type Plane,
} from '@licet/control-plane';
import { bundleDigest, bundleHash, createEngine, type ActionSpec, type Bundle } from '@licet/policy';
import { checkpointSigner } from '@licet/log';
import { createMemoryStore, openPostgresStore, type PostgresStoreOptions } from '@licet/store';
import type { AnyStore } from '../../packages/store/test/contract.ts';
import { openUnderTest } from '../../packages/store/test/open-under-test.ts';
import { engineUnderTest } from '../../packages/store/test/under-test.ts';

export const ORIGIN = 'licet.test/races';
const TENANT = 'team-1';
const AUDIENCE = 'licet';
const seedOf = (name: string): Uint8Array => sha256(utf8(`seed of ${name}`));
const signerOf = (name: string) =>
  ed25519NoteSigner(name === 'log' ? ORIGIN : `${ORIGIN}/${name}`, seedOf(name));
const [LOG, LEASE, CONTAIN, AUTHOR] = ['log', 'lease', 'contain', 'author'].map(signerOf) as [
  ReturnType<typeof signerOf>,
  ReturnType<typeof signerOf>,
  ReturnType<typeof signerOf>,
  ReturnType<typeof signerOf>,
];

const TRUST: Trust = {
  v: 1,
  logs: [
    {
      origin: ORIGIN,
      tenant: TENANT,
      audiences: [AUDIENCE],
      policy: formatTlogPolicy({
        logs: [{ key: parseVkey(LOG.vkey) }],
        witnesses: [],
        groups: [],
        quorum: 'none',
      }),
      keys: {
        lease: [LEASE.vkey],
        status: [],
        session: [],
        contain: [CONTAIN.vkey],
        author: [AUTHOR.vkey],
        org: [],
        jwt: [],
      },
    },
  ],
};

const object = (properties: { readonly [name: string]: Json }) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});

const ACTIONS: Readonly<Record<string, ActionSpec>> = {
  'files/write_file': {
    schema: object({ path: { type: 'string' } }),
    resources: { path: { kind: 'path', type: 'Folder' } },
    floor: { lease: '1m', max: '5m' },
  },
  'bank/pay': {
    schema: object({ amount: { type: 'string' } }),
    resources: {},
    opaque: ['amount'],
    floor: { lease: '1m', max: '5m' },
    meters: [{ limit: 'budget', cost: { argument: 'amount' } }],
  },
};

const PERMIT_ALL =
  '@id("all") @lease("1m") @max("5m")\npermit (principal, action in Action::"licet/governed", resource);\n';
const FORBID_FILES = '@id("no-files")\nforbid (principal, action == Action::"files/write_file", resource);\n';

/** A bundle that permits everything but, if asked for, files. Budget: 100 EUR per agent. */
export const aBundle = (version: number, forbidsFiles = false): Bundle => ({
  v: 1,
  layer: 'team',
  origin: ORIGIN,
  tenant: TENANT,
  version,
  policies: [{ name: 'policy.cedar', text: forbidsFiles ? PERMIT_ALL + FORBID_FILES : PERMIT_ALL }],
  actions: ACTIONS,
  limits: { budget: { kind: 'amount', per: 'agent', max: '100', currency: 'EUR', settleLower: true } },
  pins: {},
});

const keyOf = (name: string): PublicJwk => ({
  kty: 'OKP',
  crv: 'Ed25519',
  x: base64url(parseVkey(ed25519NoteSigner(`test/${name}`, seedOf(`key ${name}`)).vkey).publicKey),
});
const thumbprint = (name: string): string => jwkThumbprint({ ...keyOf(name) });

/** The caller `subject`, with its own key unless another is named. */
export const as = (subject: string, key = subject): Caller => ({ subject, jkt: thumbprint(key) });

type IdentityEffect = Effect & { readonly op: 'identity' };

/** Registers, changes or revokes an agent; `key` names another key than its own. */
export const identity = (
  subject: string,
  change: IdentityEffect['change'] = 'register',
  key = subject,
): IdentityEffect => ({
  op: 'identity',
  change,
  subject,
  kind: 'agent',
  roles: [],
  groups: [],
  keys: [keyOf(key)],
  jkts: [thumbprint(key)],
  for: 'u-owner',
  root: { perDay: 10_000_000, concurrent: 10_000_000 },
});

const person = (subject: string, roles: readonly string[]): IdentityEffect => ({
  op: 'identity',
  change: 'register',
  subject,
  kind: 'user',
  roles,
  groups: [],
  keys: [keyOf(subject)],
  jkts: [thumbprint(subject)],
});

export const OPERATOR = as('u-operator');

const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

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

/** Publishes a bundle, signed by the author. */
export function publishing(bundle: Bundle): Effect {
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8, seedOf('author')]),
    format: 'der',
    type: 'pkcs8',
  });
  const sig = base64url(sign(null, bundleHash(bundle), key));
  const sigs = [{ by: authorId(parseVkey(AUTHOR.vkey).keyId), sig }];
  return {
    op: 'publish',
    layer: 'team',
    digest: bundleDigest(bundle),
    version: bundle.version,
    sigs,
    signed: { bundle, sigs },
    tests: TESTS,
  };
}

/** A kill order, signed by the pinned contain key, good for an hour. */
export function anOrder(scope: { readonly kind: ScopeKind; readonly id: string }, serial: number): string {
  const text = formatContainOrder({ origin: ORIGIN, scope, serial, exp: Date.now() + 3_600_000 });
  return formatNote(text, [CONTAIN.signSync(text)]);
}

/** A permit in the hands of a door. */
export interface InHand {
  readonly exec: string;
  readonly entry: Uint8Array;
  readonly index: number;
  readonly instance: Uint8Array;
}

export interface TestPlane {
  readonly plane: Plane;
  readonly store: AnyStore;
  /** Does an operator's action, which must not be refused. */
  operate(effect: Effect): Promise<Answered>;
  decide(caller: Caller, request?: Ask): Promise<Answered>;
  /** Decides and expects a permit. */
  permitted(caller: Caller, request?: Ask): Promise<InHand>;
  redeem(caller: Caller, permit: InHand, instance?: Uint8Array): Promise<Answered>;
  renew(caller: Caller, permit: InHand, counter?: number): Promise<Answered>;
  close(): Promise<void>;
}

/** What a request says; by default a write into the workspace, not started. */
export interface Ask {
  readonly action?: string;
  readonly arguments?: { readonly [name: string]: Json };
  readonly start?: boolean;
}

export const bytes16 = (): Uint8Array => new Uint8Array(randomBytes(16));
const DOOR = { grade: 'gateway', confine: 'none' } as const;

/** Opens the plane of a folder, on the engine of the run; a new one gets genesis, `agents` and the first bundle. */
export async function openTestPlane(folder: string, agents: readonly string[]): Promise<TestPlane> {
  const engine = engineUnderTest ?? 'sqlite';
  if (engine === 'memory') return testPlaneOver(inMemory(), agents);
  const log = { name: ORIGIN, seed: seedOf('log') };
  const lease = { name: `${ORIGIN}/lease`, seed: seedOf('lease') };
  const store = await openUnderTest(engine, { folder, keys: { log, lease }, secret: seedOf('tenant') });
  return testPlaneOver(store, agents);
}

const inMemory = (): AnyStore =>
  createMemoryStore({
    machine,
    signer: checkpointSigner(LOG),
    lease: { signNote: (text) => formatNote(text, [LEASE.signSync(text)]) },
    clock: { nowMs: () => Date.now() },
    random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
  });

/** Opens a replica of the plane that a database keeps; the first one makes it. */
export async function openTestReplica(
  url: string,
  agents: readonly string[],
  options: Partial<PostgresStoreOptions> = {},
): Promise<TestPlane> {
  const store = await openPostgresStore({
    url,
    log: LOG,
    lease: { signNote: (text) => formatNote(text, [LEASE.signSync(text)]) },
    machine,
    clock: { nowMs: () => Date.now() },
    secret: seedOf('tenant'),
    ...options,
  });
  return testPlaneOver(store, agents);
}

/**
 * `contended` says that nothing was decided, which on a busy machine is its speed; callers ask again, each after a time of
 * its own, since all at once were too many.
 */
async function untilDecided(ask: () => Promise<Answered>): Promise<Answered> {
  for (;;) {
    const answered = await ask();
    if (answered.reply.kind !== 'refused' || answered.reply.code !== 'contended') return answered;
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 1_000));
  }
}

async function testPlaneOver(store: AnyStore, agents: readonly string[]): Promise<TestPlane> {
  const isNew = !(await store.genesis());
  const engine = createEngine(cedar);
  const plane = await createPlane({
    store,
    evaluator: inThreadEvaluator(engine),
    engine,
    resolver: { confirm: async () => undefined },
    clock: { nowMs: () => Date.now() },
    random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
    crypto: nodeCrypto,
    tenantKey: seedOf('tenant'),
    trust: TRUST,
    origin: ORIGIN,
    audience: AUDIENCE,
    boot: {
      version: '0.0.0',
      custody: 'same-user',
      genesis: {
        origin: ORIGIN,
        tenant: TENANT,
        logKey: LOG.vkey,
        public: false,
        people: 1,
        keys: [],
        identities: [
          person('u-operator', ['operator', 'author']),
          person('u-owner', []),
          ...agents.map((agent) => identity(agent)),
        ],
      },
    },
  });
  const decided = (caller: Caller, ask: Ask, instance: Uint8Array): Promise<Answered> => {
    const idempotencyKey = base64url(bytes16());
    return untilDecided(() =>
      plane.decide(caller, {
        action: ask.action ?? 'files/write_file',
        arguments: ask.arguments ?? { path: '/workspace/a.txt' },
        idempotencyKey,
        instance,
        start: ask.start ?? false,
        door: DOOR,
      }),
    );
  };
  const self: TestPlane = {
    plane,
    store,
    async operate(effect) {
      const answered = await plane.operate(OPERATOR, effect);
      if (answered.reply.kind !== 'operated')
        throw new Error(`${effect.op} was refused: ${JSON.stringify(answered.reply)}`);
      return answered;
    },
    decide: (caller, ask = {}) => decided(caller, ask, bytes16()),
    async permitted(caller, ask = {}) {
      const instance = bytes16();
      const { reply, entries } = await decided(caller, ask, instance);
      if (reply.kind !== 'permitted') throw new Error(`not permitted: ${JSON.stringify(reply)}`);
      const { bytes, index } = entries[reply.permit]!;
      return { exec: reply.exec, entry: bytes, index, instance };
    },
    redeem: (caller, { exec, entry, index, instance }, other) =>
      untilDecided(() =>
        plane.redeem(caller, exec, { permit: { entry, index }, instance: other ?? instance, door: DOOR }),
      ),
    renew: (caller, { exec, instance }, counter = 1) =>
      plane.renew(caller, exec, { instance, counter, nonce: base64url(bytes16()) }),
    close: () => plane.close(),
  };
  if (isNew) await self.operate(publishing(aBundle(1)));
  return self;
}
