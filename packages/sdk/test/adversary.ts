// A plane gone bad, for negative tests: it keeps a real little log with real keys and answers as a good plane would,
// until a test bends one thing. It is no stand-in for the plane's own behaviour: it decides nothing.
import {
  appendLeaves,
  base64,
  base64url,
  batchProofs,
  commitArguments,
  commitResources,
  consistencyProof,
  emptyFrontier,
  encodeTile,
  entryBytes,
  formatCheckpoint,
  formatNote,
  formatRenewal,
  formatTlogProof,
  frontierRoot,
  idemDigest,
  instanceDigest,
  leafHash,
  nodeHash,
  parseTilePath,
  parseTrust,
  permitId,
  unbase64url,
  type Entry,
  type Frontier,
  type Json,
  type Renewal,
  type Trust,
} from '@licet/evidence';
import { ed25519NoteSigner } from '@licet/evidence/node';
import {
  PlaneError,
  type Answer,
  type CallOptions,
  type ChallengeView,
  type EvidenceBody,
  type ExecutionRequest,
  type ExecutionView,
  type FeedEvent,
  type Linked,
  type PlaneClient,
  type ProvenEntry,
  type RedeemAnswer,
  type RenewAnswer,
  type Report,
  type ReportAnswer,
} from '@licet/api';
import { createHash, randomBytes, randomUUID } from 'node:crypto';

const digestOf = (text: string): string => base64url(createHash('sha256').update(text).digest());
const nonce = (): string => base64url(randomBytes(16));
/** A UUIDv7 of now. */
export function uuid7(): string {
  const hex = Date.now().toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${randomUUID().slice(15)}`;
}

/** A log with its keys: leaves, checkpoints, proofs. */
export class LittleLog {
  readonly origin: string;
  readonly leaves: Uint8Array[] = [];
  frontier: Frontier = emptyFrontier();
  readonly signer: ReturnType<typeof ed25519NoteSigner>;
  readonly leaseSigner: ReturnType<typeof ed25519NoteSigner>;

  constructor(origin = 'licet.local/0123456789abcdef', seed = 1) {
    this.origin = origin;
    this.signer = ed25519NoteSigner(origin, new Uint8Array(32).fill(seed));
    this.leaseSigner = ed25519NoteSigner(`${origin}/lease`, new Uint8Array(32).fill(seed + 100));
  }

  trust(): Trust {
    return parseTrust(
      JSON.stringify({
        v: 1,
        logs: [
          {
            origin: this.origin,
            tenant: 'main',
            audiences: ['plane.main'],
            policy: `log ${this.signer.vkey}\nquorum none\n`,
            keys: {
              lease: [this.leaseSigner.vkey],
              status: [],
              session: [],
              contain: [],
              author: [],
              org: [],
              jwt: [],
            },
          },
        ],
      }),
    );
  }

  append(...entries: readonly Entry[]): ProvenEntry[] {
    const bytes = entries.map((entry) => entryBytes(entry));
    const hashes = bytes.map((entry) => leafHash(entry));
    const batch = batchProofs(this.frontier, hashes);
    const first = this.leaves.length;
    this.leaves.push(...hashes);
    this.frontier = batch.frontier;
    const checkpoint = this.checkpoint();
    return bytes.map((entry, index) => ({
      entry: new TextDecoder().decode(entry),
      proof: formatTlogProof({ index: first + index, proof: batch.proofs(index), checkpoint }),
    }));
  }

  checkpoint(size = this.leaves.length): string {
    const frontier =
      size === this.leaves.length ? this.frontier : appendLeaves(emptyFrontier(), this.leaves.slice(0, size));
    const text = formatCheckpoint({ origin: this.origin, size, root: frontierRoot(frontier) });
    return formatNote(text, [this.signer.signSync(text)]);
  }

  consistency(from: number, to = this.leaves.length): string[] {
    if (from === 0 || from >= to) return [];
    return consistencyProof(from, to, (level, index) => this.node(level, index)).map((hash) => base64(hash));
  }

  node(level: number, index: number): Uint8Array {
    if (level === 0) return this.leaves[index]!;
    return nodeHash(this.node(level - 1, index * 2), this.node(level - 1, index * 2 + 1));
  }
}

/** What a test may bend. Each gets what a good plane would have said. */
export interface Bends {
  permit?: (entry: Entry & { readonly type: 'permit' }) => Entry;
  start?: (entry: Entry & { readonly type: 'start' }) => Entry;
  answer?: (answer: Answer, request: ExecutionRequest) => Answer | Promise<Answer>;
  redeem?: (answer: RedeemAnswer) => RedeemAnswer | Promise<RedeemAnswer>;
  renewal?: (renewal: Renewal) => Renewal;
  renew?: (answer: RenewAnswer, executionId: string) => RenewAnswer | Promise<RenewAnswer>;
  report?: (body: Report) => void | Promise<void>;
  checkpoint?: (
    answer: { readonly note: string } & Linked,
  ) => ({ readonly note: string } & Linked) | Promise<{ readonly note: string } & Linked>;
  commitArguments?: (asked: { readonly [name: string]: Json }) => { readonly [name: string]: Json };
  resources?: Readonly<Record<string, { readonly type: string; readonly id: string }>>;
  ttlMs?: number;
  /** What has to be attested. Default: nothing. */
  requires?: ChallengeView['requires'];
  attest?: (body: EvidenceBody) => void | Promise<void>;
  execution?: (executionId: string) => ExecutionView | Promise<ExecutionView>;
  decide?: (executionId: string) => Answer | undefined;
  /** Default: doors may not read bundles. */
  bundles?: () => Awaited<ReturnType<PlaneClient['bundles']>>;
}

/** What `anAdversary` returns. */
export interface Adversary {
  readonly client: PlaneClient;
  readonly log: LittleLog;
  readonly trust: Trust;
  readonly jkt: string;
  readonly bends: Bends;
  readonly reports: Report[];
  readonly attested: EvidenceBody[];
  readonly requests: ExecutionRequest[];
  /** Ids of what was permitted, in order. */
  readonly executions: string[];
  readonly renewals: { readonly counter: number; readonly nonce: string }[];
  /** Sends an event to whoever listens. */
  /** Doors that follow the feed now. */
  readonly listeners: number;
  emit(entry: Entry): void;
}

/** Returns an adversary that is still honest. */
export function anAdversary(bends: Bends = {}, log = new LittleLog()): Adversary {
  const jkt = digestOf('the agent key');
  const reports: Report[] = [];
  const attested: EvidenceBody[] = [];
  const requests: ExecutionRequest[] = [];
  const executions: string[] = [];
  const renewals: { readonly counter: number; readonly nonce: string }[] = [];
  const permits = new Map<
    string,
    {
      readonly permit: Entry & { readonly type: 'permit' };
      start?: Entry & { readonly type: 'start' };
      startIndex?: number;
    }
  >();
  const listeners = new Set<(event: FeedEvent) => void>();
  if (log.leaves.length === 0) {
    log.append({
      v: 1,
      type: 'notice',
      origin: log.origin,
      tenant: 'main',
      at: Date.now(),
      nonce: nonce(),
      kind: 'made',
      digest: digestOf('made'),
    });
  }

  const linked = (options: CallOptions = {}): Linked =>
    options.seen === undefined ? {} : { consistency: log.consistency(options.seen) };

  const permitEntry = (
    request: ExecutionRequest,
    args: string,
    resource: string,
    exec: string,
  ): Entry & { readonly type: 'permit' } => {
    const at = Date.now();
    const ttlMs = bends.ttlMs ?? 10_000;
    return {
      v: 1,
      type: 'permit',
      origin: log.origin,
      tenant: 'main',
      at,
      nonce: nonce(),
      exec,
      run: exec,
      chain: [{ kind: 'agent', id: 'agent-1', identity: digestOf('identity') }],
      action: request.action,
      resource,
      aud: request.audience ?? 'plane.main',
      args,
      bound: [...(request.door.bound ?? [])],
      reasons: ['p1'],
      bundles: [{ layer: 'team', digest: digestOf('bundle'), version: 1 }],
      inputs: digestOf('inputs'),
      meters: [],
      epoch: 0,
      heads: { containment: null, policy: null },
      incarnation: 'boot-1',
      idem: idemDigest(jkt, request.idempotencyKey),
      grade: request.door.grade,
      custody: 'same-user',
      confine: request.door.confine,
      jkt,
      engine: 'cedar/4',
      spend: request.start === true ? 'started' : 'plane',
      nbf: at,
      exp: at + 30_000,
      lease: { ttlMs, maxMs: 600_000 },
      assurance: 'logged',
      ...(request.parent === undefined
        ? {}
        : { parent: { exec: request.parent, start: digestOf('parent') } }),
      ...(request.child === undefined ? {} : { child: request.child }),
    };
  };

  const startEntry = (
    permit: Entry & { readonly type: 'permit' },
    instance: string,
    at = Math.max(Date.now(), permit.at),
  ): Entry & { readonly type: 'start' } => ({
    v: 1,
    type: 'start',
    origin: log.origin,
    tenant: 'main',
    at,
    nonce: nonce(),
    exec: permit.exec,
    permit: permitId(entryBytes(permit)),
    via: permit.spend === 'started' ? 'direct' : 'redeem',
    instance: instanceDigest(unbase64url(instance)),
    jkt: permit.jkt,
    grade: permit.grade,
    custody: permit.custody,
    confine: permit.confine,
    leaseUntil: at + permit.lease.ttlMs,
    epoch: permit.epoch,
    heads: permit.heads,
  });

  const permitted = async (
    request: ExecutionRequest,
    options: CallOptions | undefined,
    exec = uuid7(),
  ): Promise<Answer> => {
    const key = new Uint8Array(randomBytes(32));
    const args = commitArguments(key, (bends.commitArguments ?? ((asked) => asked))(request.arguments));
    const resources = commitResources(key, bends.resources ?? { $: { type: 'Tool', id: request.action } });
    const honest = permitEntry(request, args.commitment, resources.commitment, exec);
    const permit = (bends.permit ?? ((entry) => entry))(honest) as Entry & { readonly type: 'permit' };
    let proven: ProvenEntry[];
    const record: {
      readonly permit: typeof permit;
      start?: Entry & { readonly type: 'start' };
      startIndex?: number;
    } = { permit };
    if (request.start === true) {
      const start = (bends.start ?? ((entry) => entry))(startEntry(permit, request.instance)) as Entry & {
        readonly type: 'start';
      };
      proven = log.append(permit, start);
      record.start = start;
      record.startIndex = log.leaves.length - 1;
    } else {
      proven = log.append(permit);
    }
    permits.set(exec, record);
    executions.push(exec);
    const answer: Answer = {
      verdict: 'allow',
      executionId: exec,
      permit: proven[0]!,
      ...(proven[1] === undefined ? {} : { start: proven[1] }),
      disclosures: { arguments: args.disclosures, resources: resources.disclosures },
      ...linked(options),
    };
    return (bends.answer ?? ((same) => same))(answer, request);
  };

  const unused = (): never => {
    throw new Error('not a door call');
  };
  const door: Partial<PlaneClient> = {
    async request(body, options) {
      requests.push(body);
      return permitted(body, options);
    },
    async decide(executionId, body, options) {
      const bent = bends.decide?.(executionId);
      if (bent !== undefined) return bent;
      return permitted({ ...requests.at(-1)!, ...body }, options, executionId);
    },
    async challenge() {
      return {
        subject: 'agent-1',
        challenge: nonce(),
        ticket: '',
        expires: Date.now() + 30_000,
        requires: bends.requires ?? [],
      };
    },
    async attest(body) {
      attested.push(body);
      await bends.attest?.(body);
      return {
        kind: body.kind,
        status: 'affirming',
        measured: digestOf('measured'),
        expires: Date.now() + 60_000,
        attestation: { entry: '', proof: '' },
      };
    },
    async redeem(executionId, body, options) {
      const record = permits.get(executionId)!;
      const start = (bends.start ?? ((entry) => entry))(startEntry(record.permit, body.instance)) as Entry & {
        readonly type: 'start';
      };
      const [proven] = log.append(start);
      record.start = start;
      record.startIndex = log.leaves.length - 1;
      const answer: RedeemAnswer = { verdict: 'started', executionId, start: proven!, ...linked(options) };
      return (bends.redeem ?? ((same) => same))(answer);
    },
    async renew(executionId, body) {
      renewals.push({ counter: body.counter, nonce: body.nonce });
      const { permit, start, startIndex } = permits.get(executionId)!;
      const honest: Renewal = {
        origin: log.origin,
        exec: executionId,
        start: { index: startIndex!, leaf: permitId(entryBytes(start!)) },
        instance: instanceDigest(unbase64url(body.instance)),
        counter: body.counter,
        nonce: body.nonce,
        at: Math.max(Date.now(), start!.at),
        epoch: 0,
        durationMs: permit.lease.ttlMs,
      };
      const text = formatRenewal((bends.renewal ?? ((same) => same))(honest));
      const note = formatNote(text, [log.leaseSigner.signSync(text)]);
      return (bends.renew ?? ((same) => same))({ verdict: 'renewed', note }, executionId);
    },
    async report(executionId, body): Promise<ReportAnswer> {
      reports.push(body);
      await bends.report?.(body);
      return { executionId, status: body.status, late: false, outcome: { entry: '', proof: '' } };
    },
    async cancel(executionId) {
      return { executionId, state: 'expired' };
    },
    async execution(executionId) {
      if (bends.execution === undefined) throw new PlaneError('not_found', 'no such execution');
      return bends.execution(executionId);
    },
    async *events({ signal }) {
      const queue: FeedEvent[] = [];
      let wake = (): void => undefined;
      const listen = (event: FeedEvent): void => {
        queue.push(event);
        wake();
      };
      listeners.add(listen);
      try {
        while (!signal.aborted) {
          const next = queue.shift();
          if (next !== undefined) yield next;
          else {
            await new Promise<void>((resolve) => {
              wake = resolve;
              signal.addEventListener('abort', () => resolve(), { once: true });
            });
          }
        }
      } finally {
        listeners.delete(listen);
      }
    },
    async checkpoint(options) {
      return (bends.checkpoint ?? ((same) => same))({ note: log.checkpoint(), ...linked(options) });
    },
    async tile(path) {
      const { level, index, width } = parseTilePath(path);
      if (level === 'entries') return undefined;
      const nodes = Math.floor(log.leaves.length / 256 ** level);
      const first = index * 256;
      if (first + width > nodes) return undefined;
      return encodeTile(Array.from({ length: width }, (_, at) => log.node(level * 8, first + at)));
    },
    async bundles() {
      if (bends.bundles !== undefined) return bends.bundles();
      throw new PlaneError('forbidden', 'not for doors', {
        problem: { type: '', title: '', status: 403, code: 'forbidden', detail: '', next: '' },
      });
    },
    async close() {},
  };
  const client = new Proxy(door, {
    get: (target, name) => Reflect.get(target, name) ?? unused,
  }) as PlaneClient;
  return {
    client,
    log,
    trust: log.trust(),
    jkt,
    bends,
    reports,
    attested,
    requests,
    executions,
    renewals,
    get listeners() {
      return listeners.size;
    },
    emit: (entry) => {
      for (const listener of listeners)
        listener({ index: log.leaves.length, leaf: digestOf('event'), entry });
    },
  };
}
