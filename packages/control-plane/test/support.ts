/**
 * Builders for the tests of the plane: the real plane, the real Cedar engine and the store in memory, with a clock and
 * randomness that the test holds. Everything defaults, so that a test shows only what it is about.
 */
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import {
  base64,
  base64url,
  formatContainOrder,
  formatEvidence,
  formatNote,
  fromUtf8,
  jwkThumbprint,
  orgKeyId,
  parseEntry,
  parseVkey,
  sha256,
  utf8,
  verifyBundle,
  type Confine,
  type Entry,
  type EvidenceParts,
  type Grade,
  type Json,
  type PublicJwk,
  type ScopeKind,
  type Trust,
} from '@licet/evidence';
import { ed25519NoteSigner, nodeCrypto } from '@licet/evidence/node';
import { checkpointSigner } from '@licet/log';
import {
  bundleDigest,
  bundleHash,
  createEngine,
  type ActionSpec,
  type Bundle,
  type SignedBundle,
} from '@licet/policy';
import { createMemoryStore, type Faults, type MemoryStore } from '@licet/store/memory';
import { createPrivateKey, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';
import type { AnyStore } from '../../store/test/contract.ts';
import { openUnderTest } from '../../store/test/open-under-test.ts';
import { engineUnderTest } from '../../store/test/under-test.ts';
import {
  createPlane,
  inThreadEvaluator,
  machine,
  statementVerifiers,
  type Answered,
  type Attestation,
  type Caller,
  type DecideRequest,
  type Effect,
  type Evaluator,
  type ExecutionRow,
  type Plane,
  type Reply,
  type Resolver,
  type Verifier,
} from '../src/index.ts';

export const engine = createEngine(cedar);
export const ORIGIN = 'licet.test/log';
export const TENANT = 'team-1';
export const T0 = Date.parse('2026-11-22T12:00:00Z');

export const seedOf = (name: string): Uint8Array => sha256(utf8(`test seed ${name}`));
const LOG = ed25519NoteSigner(ORIGIN, seedOf('log'));
const LEASE = ed25519NoteSigner(`${ORIGIN}/lease`, seedOf('lease'));
const CONTAIN = ed25519NoteSigner(`${ORIGIN}/contain`, seedOf('contain'));
const AUTHOR = ed25519NoteSigner(`${ORIGIN}/author`, seedOf('author'));
const ORG = ed25519NoteSigner(`${ORIGIN}/org`, seedOf('org'));

export const trust: Trust = {
  v: 1,
  logs: [
    {
      origin: ORIGIN,
      tenant: TENANT,
      audiences: ['licet'],
      policy: `log ${LOG.vkey}\nquorum none\n`,
      keys: {
        lease: [LEASE.vkey],
        status: [],
        session: [],
        contain: [CONTAIN.vkey],
        author: [AUTHOR.vkey],
        org: [ORG.vkey],
        jwt: [],
      },
      rp: { id: 'localhost', origins: ['http://localhost:4840'] },
    },
  ],
};

/** The public key that stands for `name`. */
export const keyOf = (name: string): PublicJwk => ({
  kty: 'OKP',
  crv: 'Ed25519',
  x: base64url(parseVkey(ed25519NoteSigner(`test/${name}`, seedOf(`key ${name}`)).vkey).publicKey),
});
/** The public key of the organisation that this seed makes. */
export const orgKeyOf = (seed: string): PublicJwk => ({
  kty: 'OKP',
  crv: 'Ed25519',
  x: base64url(parseVkey(orgSigner(seed).vkey).publicKey),
});
/** The vkey of the author that this seed makes. */
export const authorVkey = (seed: string): string => ed25519NoteSigner(`${ORIGIN}/author`, seedOf(seed)).vkey;
export const orgSigner = (seed: string) => ed25519NoteSigner(`${ORIGIN}/org`, seedOf(seed));
/** The private key of `name`, as Node takes it. */
export const privateKeyOf = (name: string) => ({
  key: Buffer.concat([PKCS8_ED25519, seedOf(`key ${name}`)]),
  format: 'der' as const,
  type: 'pkcs8' as const,
});
export const jktOf = (name: string): string => jwkThumbprint(keyOf(name));

/** Who speaks: a subject, with its own key unless another is named. */
export const as = (subject: string, key = subject): Caller => ({ subject, jkt: jktOf(key) });

type IdentityEffect = Effect & { readonly op: 'identity' };

export function anIdentity(subject: string, more: Partial<IdentityEffect> = {}): IdentityEffect {
  return {
    op: 'identity',
    change: 'register',
    subject,
    kind: subject.startsWith('agent') ? 'agent' : 'user',
    roles: [],
    groups: [],
    keys: [keyOf(subject)],
    jkts: [jktOf(subject)],
    ...more,
  };
}

export const PEOPLE: readonly IdentityEffect[] = [
  anIdentity('operator-1', { roles: ['operator'] }),
  anIdentity('operator-2', { roles: ['operator'] }),
  anIdentity('author-1', { roles: ['author'] }),
  anIdentity('finance-1', { roles: ['approver'], groups: ['finance'] }),
  anIdentity('legal-1', { roles: ['approver'], groups: ['legal'] }),
  anIdentity('user-1', { roles: ['approver'], groups: ['finance'] }),
  anIdentity('agent-1', {
    groups: ['assistants'],
    for: 'user-1',
    root: { perDay: 10_000, concurrent: 5_000 },
  }),
  anIdentity('agent-2', { groups: ['assistants'], for: 'user-1' }),
];

const object = (properties: Readonly<Record<string, Json>>, required: readonly string[]) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});

export const ACTIONS: Readonly<Record<string, ActionSpec>> = {
  'files/write_file': {
    schema: object({ path: { type: 'string' } }, ['path']),
    resources: { path: { kind: 'path', type: 'Folder' } },
    floor: { lease: '10s', max: '1m' },
  },
  'files/move_file': {
    schema: object({ path: { type: 'string' } }, ['path']),
    resources: { path: { kind: 'path', type: 'Folder' } },
    floor: { lease: '10s', max: '1m' },
  },
  'bank/pay': {
    schema: object({ amount: { type: 'string' } }, ['amount']),
    resources: {},
    opaque: ['amount'],
    floor: { lease: '10s', max: '1m' },
    meters: [{ limit: 'budget', cost: { argument: 'amount' } }],
  },
  'bank/count': {
    schema: object({}, []),
    resources: {},
    floor: { lease: '10s', max: '1m' },
    meters: [{ limit: 'calls' }],
  },
};

const POLICY = `
@id("all") @lease("10s") @max("1m")
permit (principal, action in Action::"licet/governed", resource)
when { context.depth < 100 };
@id("not-outside")
forbid (principal, action in Action::"files", resource)
unless { resource is Folder && resource in Folder::"/workspace" };
@id("finance-first") @hold("finance")
forbid (principal, action == Action::"files/move_file", resource)
unless { context.approvals.contains("finance") };
@id("legal-too") @hold("legal")
forbid (principal, action == Action::"files/move_file", resource)
unless { context.approvals.contains("legal") };
`;

export function aBundle(more: Partial<Bundle> = {}): Bundle {
  return {
    v: 1,
    layer: 'team',
    origin: ORIGIN,
    tenant: TENANT,
    version: 1,
    policies: [{ name: 'policy.cedar', text: POLICY }],
    actions: ACTIONS,
    limits: {
      budget: { kind: 'amount', per: 'user', max: '100', currency: 'EUR', settleLower: true },
      calls: { kind: 'count', per: 'agent', max: 10, window: '1h' },
    },
    pins: {},
    explain: 'full',
    ...more,
  };
}

const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');
export const signRaw = (seed: string, message: Uint8Array): string =>
  base64url(
    sign(
      null,
      message,
      createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seedOf(seed)]), format: 'der', type: 'pkcs8' }),
    ),
  );

export function signed(bundle: Bundle): SignedBundle {
  const org = bundle.layer === 'org';
  const by = org
    ? orgKeyId(parseVkey(ORG.vkey).publicKey)
    : Buffer.from(parseVkey(AUTHOR.vkey).keyId).toString('hex');
  return { bundle, sigs: [{ by, sig: signRaw(org ? 'org' : 'author', bundleHash(bundle)) }] };
}

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

export function publishing(bundle: Bundle, more: Partial<Effect & { readonly op: 'publish' }> = {}): Effect {
  const whole = signed(bundle);
  return {
    op: 'publish',
    layer: bundle.layer,
    digest: bundleDigest(bundle),
    version: bundle.version,
    sigs: whole.sigs,
    signed: whole,
    tests: TESTS,
    ...more,
  };
}

/** A signed kill order. */
export function anOrder(
  scope: { readonly kind: ScopeKind; readonly id: string },
  { serial = 1, exp = T0 + 3_600_000, signer = CONTAIN } = {},
): string {
  const text = formatContainOrder({ origin: ORIGIN, scope, serial, exp });
  return formatNote(text, [signer.signSync(text)]);
}
export const foreignSigner = ed25519NoteSigner(`${ORIGIN}/contain`, seedOf('somebody else'));

/** A seeded generator: counter-mode SHA-256 is quick enough and needs no state but a number. */
export function seeded(seed: string): { bytes(length: number): Uint8Array } {
  let counter = 0;
  return {
    bytes(length) {
      const out = new Uint8Array(length);
      for (let at = 0; at < length; at += 32)
        out.set(sha256(utf8(`${seed}:${(counter += 1)}`)).subarray(0, Math.min(32, length - at)), at);
      return out;
    },
  };
}

const verifiers: Readonly<Record<string, Verifier>> = statementVerifiers(nodeCrypto);
const statements: Attestation = {
  appraise: async (asked) => verifiers[asked.kind]!(asked),
};

export interface WorldOptions {
  readonly people?: 1 | 2;
  readonly identities?: readonly IdentityEffect[];
  /** `null`: nothing is published. */
  readonly bundle?: Bundle | null;
  readonly evaluator?: Evaluator;
  readonly resolver?: Resolver;
  /** Default: the verifiers of statements. */
  readonly attestation?: Attestation;
  readonly faults?: Faults;
  /** Whether an organisation stands above the plane. Default true. */
  readonly org?: boolean;
  readonly trust?: Trust;
}

export interface World {
  plane: Plane;
  /** Memory, unless the run names another engine (packages/store/test/under-test.ts). */
  store: AnyStore;
  readonly clock: { now: number; nowMs(): number };
  /** Opens the plane again over what is durable: a restart. */
  reopen(): Promise<void>;
  /** Every entry of the log, oldest first. */
  entries(): Promise<readonly Entry[]>;
  /** Entries of one type. */
  all<T extends Entry['type']>(type: T): Promise<readonly (Entry & { readonly type: T })[]>;
  decide(request?: Ask, caller?: Caller): Promise<Answered>;
  /** Decides, expects a permit, and returns what a door has in its hands then. */
  permitted(request?: Ask, caller?: Caller): Promise<Permitted>;
  /** Decides and starts. */
  started(request?: Ask, caller?: Caller): Promise<Permitted>;
  /** Decides, expects a hold. */
  held(
    request?: Ask,
    caller?: Caller,
  ): Promise<{ readonly exec: string; readonly hold: string; readonly request: DecideRequest }>;
  redeem(permit: Permitted, more?: Redemption): Promise<Answered>;
  renew(permit: Permitted, counter?: number, caller?: Caller): Promise<Answered>;
  report(
    permit: Permitted,
    more?: Partial<Parameters<Plane['report']>[2]>,
    caller?: Caller,
  ): Promise<Answered>;
  approve(
    exec: string,
    hold: string,
    group: string,
    by: string,
    verdict?: 'approve' | 'reject',
  ): Promise<Answered>;
  /** What two people do: one asks, another approves, the first is there again. */
  together(effect: Effect, first?: string, second?: string): Promise<Answered>;
  row(exec: string): Promise<ExecutionRow>;
  later(ms: number): void;
}

export type Ask = Partial<Omit<DecideRequest, 'door'>> & {
  readonly bound?: readonly string[];
  readonly grade?: Grade;
};
export interface Permitted {
  readonly exec: string;
  readonly entry: Uint8Array;
  readonly index: number;
  readonly instance: Uint8Array;
  readonly caller: Caller;
  readonly grade: Grade;
  readonly request: DecideRequest;
}
export interface Redemption {
  readonly instance?: Uint8Array;
  readonly caller?: Caller;
  readonly exec?: string;
  readonly index?: number;
  readonly grade?: Grade;
  readonly confine?: Confine;
}

let worlds = 0;

/** A clock that stands until the test moves it; the writer's thread of SQLite sees the same number. */
function aClock() {
  const cell = new BigInt64Array(new SharedArrayBuffer(8));
  cell[0] = BigInt(T0);
  return {
    cell,
    get now() {
      return Number(cell[0]);
    },
    set now(ms: number) {
      cell[0] = BigInt(ms);
    },
    nowMs: () => Number(cell[0]),
  };
}

/** Where a world's store is kept. */
interface Kept {
  open(): Promise<AnyStore>;
  /** After a crash in memory, after an orderly end elsewhere: what is durable is the same. */
  reopen(plane: Plane): Promise<AnyStore>;
}

function aPlaceFor(
  faults: Faults | undefined,
  clock: ReturnType<typeof aClock>,
  random: { bytes(length: number): Uint8Array },
): Kept {
  const engine = engineUnderTest ?? 'memory';
  if (engine === 'memory') {
    const store: MemoryStore = createMemoryStore({
      machine,
      signer: checkpointSigner(LOG),
      lease: { signNote: (text) => formatNote(text, [LEASE.signSync(text)]) },
      clock,
      random,
      ...(faults === undefined ? {} : { faults }),
    });
    return {
      open: async () => store,
      async reopen() {
        store.restore(store.snapshot());
        return store;
      },
    };
  }
  // Faults are callbacks into the engine's own steps; the contract fails each engine at the same points.
  if (faults !== undefined)
    throw new Error(`a world that fails on purpose is kept in memory, not in ${engine}`);
  const folder = mkdtempSync(join(tmpdir(), 'licet-world-'));
  const keys = {
    log: { name: ORIGIN, seed: seedOf('log') },
    lease: { name: `${ORIGIN}/lease`, seed: seedOf('lease') },
  };
  let last: AnyStore | undefined;
  const open = async (): Promise<AnyStore> =>
    (last = await openUnderTest(engine, { folder, keys, secret: seedOf('tenant'), clock }));
  atTheEnd(async () => {
    await last?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    open,
    async reopen(plane) {
      await plane.close();
      return open();
    },
  };
}

/** Worlds hold threads or connections: a test's own end with it, those of `beforeAll` with the file. */
const shared: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of shared.splice(0)) await end();
});
function atTheEnd(end: () => Promise<void>): void {
  try {
    onTestFinished(end);
  } catch {
    shared.push(end);
  }
}

/** A world with a plane that enforces `aBundle()`. */
export async function aWorld(options: WorldOptions = {}): Promise<World> {
  worlds += 1;
  const random = seeded(`world ${worlds}`);
  const clock = aClock();
  const place = aPlaceFor(options.faults, clock, random);
  const identities = options.identities ?? PEOPLE;
  const open = (store: AnyStore): Promise<Plane> =>
    createPlane({
      store,
      evaluator: options.evaluator ?? inThreadEvaluator(engine),
      engine,
      resolver: options.resolver ?? { confirm: async () => undefined },
      attestation: options.attestation ?? statements,
      clock,
      random,
      crypto: nodeCrypto,
      tenantKey: seedOf('tenant'),
      trust: options.trust ?? trust,
      origin: ORIGIN,
      audience: 'licet',
      boot: {
        version: '0.1.0',
        custody: 'separate',
        genesis: {
          origin: ORIGIN,
          tenant: TENANT,
          logKey: LOG.vkey,
          public: false,
          people: options.people ?? 2,
          ...(options.org === false ? {} : { org: { id: 'acme', keys: [orgKeyOf('org')] } }),
          keys: [
            { purpose: 'lease', key: LEASE.vkey },
            { purpose: 'contain', key: CONTAIN.vkey },
            { purpose: 'author', key: AUTHOR.vkey },
          ],
          identities,
        },
      },
    });
  const requestOf = ({ bound, grade, ...ask }: Ask): DecideRequest => ({
    action: 'files/write_file',
    arguments: { path: '/workspace/a.txt' },
    idempotencyKey: base64url(random.bytes(16)),
    instance: random.bytes(16),
    door: { grade: grade ?? 'gateway', confine: 'none', ...(bound === undefined ? {} : { bound }) },
    ...ask,
  });
  const store = await place.open();
  const world: World = {
    plane: await open(store),
    store,
    clock,
    async reopen() {
      world.store = await place.reopen(world.plane);
      world.plane = await open(world.store);
    },
    async entries() {
      const { size } = await world.store.log.checkpoint();
      return (await world.store.log.entries(0, size)).map((bytes) => parseEntry(bytes));
    },
    async all<T extends Entry['type']>(type: T) {
      return (await world.entries()).filter(
        (entry): entry is Entry & { readonly type: T } => entry.type === type,
      );
    },
    decide: (ask = {}, caller = as('agent-1')) => world.plane.decide(caller, requestOf(ask)),
    async permitted(ask = {}, caller = as('agent-1')) {
      const request = requestOf(ask);
      const { reply, entries } = await world.plane.decide(caller, request);
      if (reply.kind !== 'permitted') throw new Error(`expected a permit, got ${JSON.stringify(reply)}`);
      const { bytes, index } = entries[reply.permit]!;
      return {
        exec: reply.exec,
        entry: bytes,
        index,
        instance: request.instance,
        caller,
        grade: request.door.grade,
        request,
      };
    },
    started: (ask = {}, caller = as('agent-1')) => world.permitted({ ...ask, start: true }, caller),
    async held(ask = {}, caller = as('agent-1')) {
      const request = requestOf({ action: 'files/move_file', ...ask });
      const { reply } = await world.plane.decide(caller, request);
      if (reply.kind !== 'refused' || reply.verdict !== 'hold')
        throw new Error(`expected a hold, got ${JSON.stringify(reply)}`);
      return { exec: reply.exec, hold: (await world.row(reply.exec)).hold!.leaf, request };
    },
    redeem: (permit, more = {}) =>
      world.plane.redeem(more.caller ?? permit.caller, more.exec ?? permit.exec, {
        permit: { entry: permit.entry, index: more.index ?? permit.index },
        instance: more.instance ?? permit.instance,
        door: { grade: more.grade ?? permit.grade, confine: more.confine ?? 'none' },
      }),
    renew: (permit, counter = 1, caller = permit.caller) =>
      world.plane.renew(caller, permit.exec, {
        instance: permit.instance,
        counter,
        nonce: base64url(random.bytes(16)),
      }),
    report: (permit, more = {}, caller = permit.caller) =>
      world.plane.report(caller, permit.exec, { instance: permit.instance, status: 'completed', ...more }),
    approve: (exec, hold, group, by, verdict = 'approve') =>
      world.plane.approve(as(by), exec, { hold, group, verdict }),
    async together(effect, first = 'operator-1', second = 'operator-2') {
      const { reply } = await world.plane.operate(as(first), effect);
      if (reply.kind !== 'refused' || reply.verdict !== 'hold')
        throw new Error(`expected a hold, got ${JSON.stringify(reply)}`);
      await world.approve(reply.exec, (await world.row(reply.exec)).hold!.leaf, 'second-person', second);
      return world.plane.operate(as(first), effect);
    },
    async row(exec) {
      const row = await world.plane.execution(exec);
      if (row === undefined) throw new Error(`no execution ${exec}`);
      return row;
    },
    later(ms) {
      clock.now += ms;
    },
  };
  if (options.bundle !== null) {
    const { reply } = await world.plane.operate(as('author-1'), publishing(options.bundle ?? aBundle()));
    if (reply.kind !== 'operated') throw new Error(`not published: ${JSON.stringify(reply)}`);
  }
  return world;
}

/** What a stranger says of the evidence. */
export async function verified(
  world: World,
  exec: string,
  bend: (parts: EvidenceParts) => EvidenceParts = (parts) => parts,
) {
  const { entries, checkpoints, ...rest } = (await world.plane.evidence('execution', exec))!;
  const parts = {
    v: 1,
    type: 'licet/evidence',
    ...rest,
    entries: entries.map(({ index, bytes, proof }) => ({
      index,
      entry: fromUtf8(bytes),
      proof: proof.map(base64),
    })),
    checkpoints: checkpoints.map(({ note, consistency }) => ({
      note,
      consistency: consistency.map(base64),
    })),
  } as unknown as EvidenceParts;
  return verifyBundle(formatEvidence(bend(parts)), trust, { crypto: nodeCrypto });
}

/** `kind:code` of a reply, or its kind: what most tests compare. */
export const word = ({ reply }: { readonly reply: Reply }): string =>
  reply.kind === 'refused'
    ? `${reply.verdict}:${reply.code}`
    : reply.kind === 'conflict'
      ? `conflict:${reply.code}`
      : reply.kind;

/** The code that a promise rejects with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return String((error as { readonly code?: unknown }).code);
  }
  return 'no error';
}
