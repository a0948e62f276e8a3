// The plane: Prepare and Apply joined over the ports (DESIGN §3). Each method prepares, commits, and answers with what
// was committed; nothing it says is ahead of the log.
import {
  base64url,
  canonicalize,
  commitResult,
  foldLineage,
  formatTrust,
  idemDigest,
  instanceDigest,
  parseEntry,
  parseTrust,
  permitId,
  trustedKeys,
  trustedLog,
  unbase64url,
  verifyContainOrder,
  type Crypto,
  type Json,
  type ScopeKind,
  type Trust,
} from '@licet/evidence';
import {
  bundleDigest,
  loadBundle,
  parseBundle,
  PolicyError,
  replay as replayDecisions,
  selfTest,
  verifyBundleSignatures,
  type Bundle,
  type Engine,
  type LoadedBundle,
  type RecordedDecision,
  type SignedBundle,
} from '@licet/policy';
import { isOpenHold } from './core/approvals.ts';
import type {
  BootCommand,
  Caller,
  Command,
  DecideCommand,
  Door,
  Effect,
  OrderCommand,
  Reply,
} from './core/commands.ts';
import { containmentOf, covers, MAX_DEPTH, resourceScope, subjectOf } from './core/containment.ts';
import { operatorPolicyDigest } from './core/operate.ts';
import type { ExecutionRow, IdemRow, IdentityRow, PolicyRow, RowValues } from './core/rows.ts';
import { orderOfSerial } from './core/project.ts';
import { SELF } from './core/rows.ts';
import { objection } from './core/standing.ts';
import { ControlPlaneError, invariant } from './errors.ts';
import type { Answered, DecideRequest, Plane } from './face.ts';
import { gather, subjects } from './gather.ts';
import type {
  Clock,
  CommitResult,
  Evaluator,
  Lane,
  Prepared,
  PreparedRecord,
  Random,
  Resolver,
  Store,
} from './ports.ts';
import {
  chainOf,
  commitRecord,
  consequencesOf,
  FENCED,
  isIdempotencyKey,
  judge,
  recognition,
  requestDigest,
  resolveArguments,
  Snapshot,
  type Chain,
  type Judged,
  type Question,
  type RecordBody,
} from './prepare.ts';
import { provenAt } from './proven.ts';
import { uuidv7 } from './uuid.ts';

export interface PlaneOptions {
  readonly store: Store;
  readonly evaluator: Evaluator;
  /** The same engine in this thread: for loading, self-test, checks and replay. */
  readonly engine: Engine;
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  /** 32 bytes: recognises held callers, hides resource ids. */
  readonly tenantKey: Uint8Array;
  /** Whom this plane believes about authors and contain orders: pinned outside the log. */
  readonly trust: Trust;
  readonly origin: string;
  /** Where permits of this plane are spent unless a request says otherwise. */
  readonly audience: string;
  readonly boot: Omit<BootCommand, 'kind' | 'incarnation' | 'operatorPolicy'>;
}

/** A decision that keeps losing races is denied `contended` after this many tries (RULE 4). */
const MAX_TRIES = 6;
const MAX_REQUEST_BYTES = 1_048_576;

/** Opens the plane: boots the log, loads the bundle and proves a known denial. Without a bundle it opens and denies. */
export async function createPlane(options: PlaneOptions): Promise<Plane> {
  const plane = new ControlPlane(options);
  await plane.open();
  return plane;
}

class ControlPlane implements Plane {
  readonly origin: string;
  readonly tenant: string;
  readonly audience: string;
  readonly #options: PlaneOptions;
  readonly #store: Store;
  #loaded: LoadedBundle | undefined;
  /** Why there is no usable bundle, in words. */
  #bundleProblem: string | undefined = 'no bundle has been published';
  #publishedAtMs = 0;
  /** RULE 34: kill orders act in memory at once, before and without the log. */
  readonly #emergency: OrderCommand[] = [];
  #loading: Promise<void> = Promise.resolve();

  constructor(options: PlaneOptions) {
    this.#options = options;
    this.#store = options.store;
    this.origin = options.origin;
    this.audience = options.audience;
    this.tenant = trustedLog(parseTrust(formatTrust(options.trust)), options.origin).tenant;
  }

  async open(): Promise<void> {
    const incarnation = `i-${base64url(this.#options.random.bytes(16)).replace(/[_-]/g, '0')}`;
    const { reply } = await this.#commit({
      kind: 'boot',
      ...this.#options.boot,
      incarnation,
      operatorPolicy: operatorPolicyDigest(),
    });
    if (reply.kind !== 'booted')
      throw new ControlPlaneError('ERR_PLANE_REQUEST', 'this log has no genesis; run `licet init`');
    const [policy, clock] = await this.#store.read([
      { kind: 'policy', id: SELF },
      { kind: 'clock', id: SELF },
    ]);
    await this.#ensureBundle(policy?.value as PolicyRow | undefined);
    // The process may have ended between setting the clock back and ending what came before.
    if ((clock?.value as RowValues['clock'] | undefined)?.segment) await this.#endSegment();
  }

  async decide(caller: Caller, request: DecideRequest): Promise<Answered> {
    checkRequest(request);
    const bound = [...(request.door.bound ?? ['resource', 'input'])].sort();
    const digest = requestDigest({
      action: request.action,
      arguments: request.arguments,
      parent: request.parent ?? null,
      start: request.start === true,
      audience: request.audience ?? this.audience,
      child: request.child === undefined ? null : { ...request.child },
      door: { grade: request.door.grade, confine: request.door.confine, bound },
    });
    const idem = idemDigest(caller.jkt, request.idempotencyKey);
    return this.#attempt({ idem, digest }, { caller, instance: request.instance }, async () =>
      this.#decideOnce(caller, request, { digest, idem, bound }),
    );
  }

  async resume(
    caller: Caller,
    exec: string,
    body: {
      readonly idempotencyKey: string;
      readonly instance: Uint8Array;
      readonly start?: boolean;
      readonly seen?: number;
    },
  ): Promise<Answered> {
    const row = await this.execution(exec);
    if (row === undefined || row.jkt !== caller.jkt) return conflict('unknown_execution', exec);
    const opened = await this.#record(row);
    if (opened === undefined) return conflict('erased', exec);
    return this.decide(caller, {
      action: row.action,
      arguments: opened.body.arguments,
      ...(row.parent === undefined ? {} : { parent: row.parent.exec }),
      idempotencyKey: body.idempotencyKey,
      instance: body.instance,
      ...(body.start === undefined ? {} : { start: body.start }),
      audience: row.aud,
      door: { grade: row.grade, confine: row.confine, bound: opened.body.input?.door.bound ?? [] },
      ...(body.seen === undefined ? {} : { seen: body.seen }),
    });
  }

  async redeem(caller: Caller, exec: string, body: Parameters<Plane['redeem']>[2]): Promise<Answered> {
    const { entry, index } = body.permit;
    const leaf = permitId(entry);
    // RULE 2: spent-ness is keyed by (origin, index): the bytes presented must be those at the index presented.
    const at = await this.#store.log.find(unbase64url(leaf));
    if (at === undefined || at !== index) return conflict('unknown_permit', exec);
    return this.#onExecution(exec, async (row, snapshot) => {
      const judgedAtMs = this.#options.clock.nowMs();
      const judged = await this.#judgeAgain(row, caller, snapshot);
      const command: Command = {
        kind: 'redeem',
        exec,
        caller,
        permit: leaf,
        instance: instanceDigest(body.instance),
        resources: judged.resources,
        door: { ...body.door, custody: await this.#custody() },
        verdict: judged.verdict,
        consequences: consequencesOf(this.#loaded),
      };
      const result = await this.#try(command, snapshot, body.seen, 'normal', undefined, judgedAtMs);
      if (result === 'stale' || result.reply.kind !== 'decided')
        return result === 'stale' ? 'stale' : answered(result);
      const now = await this.execution(exec);
      const withheld = await this.#withheld(now!, caller);
      if (withheld !== undefined) return refusedUnrecorded(exec, withheld);
      const entries = await provenAt(this.#store, [now!.start!.index]);
      return {
        reply: { kind: 'started', exec, start: 0, leaseUntilMs: now!.lease!.untilMs },
        entries,
        notes: [],
      };
    });
  }

  async renew(caller: Caller, exec: string, body: Parameters<Plane['renew']>[2]): Promise<Answered> {
    return this.#onExecution(exec, async (row, snapshot) => {
      const judgedAtMs = this.#options.clock.nowMs();
      const judged = await this.#judgeAgain(row, caller, snapshot);
      const { counter, nonce } = body;
      const command: Command = {
        kind: 'renew',
        exec,
        caller,
        instance: instanceDigest(body.instance),
        counter,
        nonce,
        resources: judged.resources,
        verdict: judged.verdict,
      };
      const result = await this.#try(command, snapshot, undefined, 'safety', undefined, judgedAtMs);
      return result === 'stale' ? 'stale' : answered(result);
    });
  }

  async report(caller: Caller, exec: string, body: Parameters<Plane['report']>[2]): Promise<Answered> {
    const result = body.result === undefined ? undefined : await this.#commitResult(exec, body.result);
    const committed = await this.#commit(
      {
        kind: 'report',
        exec,
        caller,
        instance: instanceDigest(body.instance),
        status: body.status,
        ...(result === undefined ? {} : { result: result.commitment }),
        ...(body.exit === undefined ? {} : { exit: body.exit }),
        ...(body.reason === undefined ? {} : { reason: body.reason }),
        settled: body.settled ?? [],
        consequences: consequencesOf(this.#loaded),
      },
      {
        lane: 'safety',
        ...(body.seen === undefined ? {} : { seen: body.seen }),
        ...(result === undefined ? {} : { record: result.record }),
      },
    );
    if (committed.reply.kind !== 'decided') return answered(committed);
    const row = await this.execution(exec);
    const entries = await provenAt(this.#store, [row!.outcome!.index]);
    return { reply: { kind: 'done', exec, status: body.status, late: false }, entries, notes: [] };
  }

  async cancel(caller: Caller, exec: string): Promise<Answered> {
    return answered(await this.#commit({ kind: 'cancel', exec, caller }));
  }

  async approve(caller: Caller, exec: string, body: Parameters<Plane['approve']>[2]): Promise<Answered> {
    return answered(
      await this.#commit(
        {
          kind: 'approve',
          exec,
          hold: body.hold,
          group: body.group,
          verdict: body.verdict,
          caller,
          method: body.method,
          expiresMs: body.expiresMs ?? Number.MAX_SAFE_INTEGER,
        },
        { lane: 'safety' },
      ),
    );
  }

  async operate(
    caller: Caller,
    asked: Effect,
    options: { readonly idempotencyKey?: string; readonly seen?: number } = {},
  ): Promise<Answered> {
    const effect = asked.op === 'contain' ? { ...asked, scope: this.#scope(asked.scope) } : asked;
    const { random, clock } = this.#options;
    const key = options.idempotencyKey ?? base64url(random.bytes(16));
    const exec = uuidv7(clock.nowMs(), random.bytes(10));
    const args = operatorArguments(effect);
    const recordKey = random.bytes(32);
    const question = { args, resources: [] };
    const { commitments, body } = commitRecord(recordKey, question, { inputs: { effect: args } }, undefined);
    const command: Command = {
      kind: 'operate',
      exec,
      caller,
      effect,
      commitments,
      request: requestDigest({ op: effect.op, args }),
      idem: idemDigest(caller.jkt, key),
      recognition: recognition(this.#options.tenantKey, {
        jkt: caller.jkt,
        run: 'operator',
        chain: [caller.subject],
        action: `licet/${effect.op}`,
        aud: 'licet',
        args,
      }),
      instance: instanceDigest(random.bytes(16)),
    };
    const record = { id: exec, key: recordKey, body: body as unknown as Json };
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const snapshot = new Snapshot(this.#store);
      if (effect.op === 'publish') {
        const refused = await this.#checkPublish(effect, snapshot);
        if (refused !== undefined) return refused;
      }
      const committed = await this.#try(command, snapshot, options.seen, 'safety', record);
      if (committed === 'stale') continue;
      const answer =
        committed.reply.kind === 'decided'
          ? await this.#recallOperation(committed.reply)
          : answered(committed);
      if (answer.reply.kind === 'operated') await this.#afterOperation(effect);
      return answer;
    }
    return refusedUnrecorded(exec, 'contended');
  }

  async order(note: string): Promise<{ readonly effective: true; readonly durable: boolean }> {
    const nowMs = this.#options.clock.nowMs();
    let verified: Awaited<ReturnType<typeof verifyContainOrder>>;
    try {
      verified = await verifyContainOrder(note, {
        trust: this.#options.trust,
        crypto: this.#options.crypto,
        nowMs,
        origin: this.origin,
      });
    } catch (cause) {
      throw new ControlPlaneError(
        'ERR_PLANE_ORDER',
        cause instanceof Error ? cause.message : 'unreadable order',
        { cause },
      );
    }
    const { scope, serial } = verified.order;
    const order: OrderCommand = { kind: 'order', digest: verified.digest, serial, scope: this.#scope(scope) };
    const lifted = new ControlPlaneError('ERR_PLANE_ORDER', `serial ${serial} was lifted`);
    // RULE 34: a lifted serial never acts again, not even in memory. A store that cannot say lets it act.
    if (await this.#wasLifted(order)) throw lifted;
    this.#emergency.push(order);
    if (!(await this.#log(order))) return { effective: true, durable: false };
    if (await this.#wasLifted(order)) throw lifted;
    return { effective: true, durable: true };
  }

  async #wasLifted({ digest, serial }: OrderCommand): Promise<boolean> {
    try {
      const keys = [digest, orderOfSerial(serial)].map((id) => ({ kind: 'order', id }) as const);
      const rows = await this.#store.read(keys);
      return rows.some((row) => (row?.value as { readonly lifted?: boolean } | undefined)?.lifted === true);
    } catch {
      return false;
    }
  }

  /** Writes an order that acts in memory; from then on the log carries it, and a person can lift it there. */
  async #log(order: OrderCommand): Promise<boolean> {
    try {
      const { reply } = await this.#commit(order, { lane: 'safety' });
      if (reply.kind !== 'operated' && reply.kind !== 'conflict') return false;
    } catch {
      // RULE 34: effective in memory already; durable only after the write. `tick` tries again.
      return false;
    }
    const at = this.#emergency.indexOf(order);
    if (at >= 0) this.#emergency.splice(at, 1);
    return true;
  }

  async tick(): Promise<readonly string[]> {
    // RULE 34: the first entries when the log lives again.
    for (const order of [...this.#emergency]) await this.#log(order);
    const due = await this.#store.due(this.#options.clock.nowMs(), 256);
    if (due.length === 0) return [];
    const { reply } = await this.#commit({ kind: 'tick', execs: due }, { lane: 'safety' });
    return reply.kind === 'ticked' ? reply.changed : [];
  }

  async identify(
    jkt: string,
  ): Promise<
    { readonly subject: string; readonly roles: readonly string[]; readonly kind: string } | undefined
  > {
    const [key] = await this.#store.read([{ kind: 'key', id: jkt }]);
    if (key === undefined) return undefined;
    const [row] = await this.#store.read([
      { kind: 'identity', id: (key.value as { readonly subject: string }).subject },
    ]);
    const identity = row?.value as IdentityRow | undefined;
    if (identity === undefined || identity.revoked || !identity.jkts.includes(jkt)) return undefined;
    return { subject: identity.subject, roles: identity.roles, kind: identity.kind };
  }

  async execution(exec: string): Promise<ExecutionRow | undefined> {
    const [row] = await this.#store.read([{ kind: 'execution', id: exec }]);
    return row?.value as ExecutionRow | undefined;
  }

  async opened(exec: string): ReturnType<Plane['opened']> {
    const row = await this.execution(exec);
    if (row === undefined) return undefined;
    const record = await this.#record(row);
    if (record === undefined)
      return (await this.#store.records.get(exec)) === 'erased' ? 'erased' : undefined;
    const { body } = record;
    return {
      arguments: body.arguments,
      resources: body.resources.map(({ uid }) => ({ type: uid.type, id: uid.id })),
    };
  }

  async containments(): ReturnType<Plane['containments']> {
    const snapshot = new Snapshot(this.#store);
    await snapshot.load([{ kind: 'containment', id: SELF }]);
    const { epoch, active } = containmentOf(snapshot);
    return { epoch, active };
  }

  async previewContainment(asked: {
    readonly kind: ScopeKind;
    readonly id: string;
  }): Promise<readonly ExecutionRow[]> {
    const scope = this.#scope(asked);
    const open = await Promise.all(
      (['running', 'permitted', 'held', 'approved'] as const).map((state) =>
        this.#store.list({ kind: 'execution', where: { state }, limit: 10_000 }),
      ),
    );
    const rows = open.flat().map(({ value }) => value as ExecutionRow);
    const parents = new Map(rows.map((row) => [row.exec, row.parent?.exec]));
    const touched = new Map<string, readonly string[]>();
    if (scope.kind === 'resource')
      for (const row of rows)
        touched.set(row.exec, this.#touched((await this.#record(row))?.body.resources ?? []));
    return rows.filter((row) => {
      const resources = touched.get(row.exec) ?? [];
      const ancestors = new Set([row.exec]);
      for (let next = row.parent?.exec; next !== undefined && !ancestors.has(next); next = parents.get(next))
        ancestors.add(next);
      return covers(scope, subjectOf(this.tenant, { ...row, resources }), ancestors);
    });
  }

  async evidence(kind: 'execution' | 'run', id: string): ReturnType<Plane['evidence']> {
    const executions = await subjects(this.#store, kind, id);
    return executions.length === 0
      ? undefined
      : gather(this.#store, { kind, id, origin: this.origin }, executions);
  }

  async lineage(run: string): Promise<Json | undefined> {
    const executions = await subjects(this.#store, 'run', run);
    if (executions.length === 0) return undefined;
    const indexes = [...new Set(executions.flatMap(({ entries }) => entries))].sort((a, b) => a - b);
    const entries = await Promise.all(
      indexes.map(async (index) => {
        const [bytes] = await this.#store.log.entries(index, index + 1);
        return { index, entry: parseEntry(bytes!), leaf: permitId(bytes!) };
      }),
    );
    const disclosures = Object.fromEntries(
      await Promise.all(
        executions.map(async (execution) => {
          const { exec, lease } = execution;
          const record = await this.#record(execution);
          const resources = record?.body.disclosures.resources;
          return [
            exec,
            { renewals: lease?.counter ?? 0, ...(resources === undefined ? {} : { resources }) },
          ] as const;
        }),
      ),
    );
    return foldLineage(entries, disclosures) as unknown as Json;
  }

  async check(value: Json): ReturnType<Plane['check']> {
    try {
      const bundle = parseBundle(value);
      this.#load(bundle);
      return { ok: true, digest: bundleDigest(bundle), problems: [] };
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      return { ok: false, problems: problemsOf(error) };
    }
  }

  async replay(value: Json, limit: number): ReturnType<Plane['replay']> {
    const loaded = this.#load(parseBundle(value));
    const rows = await this.#store.list({ kind: 'execution', limit });
    const decisions: RecordedDecision[] = [];
    for (const { value: row } of rows) {
      const execution = row as ExecutionRow;
      const record = await this.#record(execution);
      if (record?.body.input === undefined) continue;
      const { exec, verdict, reasons } = execution;
      const code = execution.code as RecordedDecision['code'];
      decisions.push({
        id: exec,
        input: record.body.input,
        verdict,
        reasons,
        ...(verdict === 'allow' || code === undefined ? {} : { code }),
      });
    }
    const report = replayDecisions(this.#options.engine, loaded, decisions);
    return {
      decided: report.total,
      changed: report.changed.map(({ id, before, after }) => ({
        executionId: id,
        from: before.verdict,
        to: after.verdict,
        reasons: after.reasons,
      })),
    };
  }

  async state(): ReturnType<Plane['state']> {
    const health = await this.#store.health();
    const { epoch, active } = await this.containments();
    const count = async (state: string): Promise<number> =>
      (await this.#store.list({ kind: 'execution', where: { state }, limit: 10_000 })).length;
    const [inDoubt, running] = [await count('in_doubt'), await count('running')];
    const everything = [...active, ...this.#emergency].some(
      ({ scope: { kind } }) => kind === 'everything' || kind === 'tenant',
    );
    const bundles = this.#loaded?.refs ?? [];
    const rest = { bundles, epoch, inDoubt, running };
    if (!health.ok) return { state: 'fail-closed', why: health.why, ...rest };
    if (this.#loaded === undefined)
      return {
        state: 'fail-closed',
        why: `Nothing is permitted: ${this.#bundleProblem ?? 'no bundle'}.`,
        ...rest,
      };
    if (everything)
      return {
        state: 'contained',
        why: 'A containment covers everything: nothing is permitted until a person lifts it.',
        ...rest,
      };
    if (this.#loaded.observing)
      return { state: 'observing', why: 'Observing: nothing is being stopped.', ...rest };
    const partly = active.length === 0 ? '' : ` ${active.length} containment(s) in force.`;
    return {
      state: 'enforcing',
      why: `Every request is decided by bundle version ${bundles.at(-1)?.version ?? 0}.${partly}`,
      ...rest,
    };
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  async #decideOnce(
    caller: Caller,
    request: DecideRequest,
    ids: { readonly digest: string; readonly idem: string; readonly bound: readonly string[] },
  ): Promise<Answered | 'stale'> {
    const { clock, random } = this.#options;
    const nowMs = clock.nowMs();
    const asker: Asker = { caller, instance: request.instance };
    const snapshot = new Snapshot(this.#store);
    await snapshot.load([
      { kind: 'plane', id: SELF },
      { kind: 'containment', id: SELF },
      { kind: 'policy', id: SELF },
      { kind: 'idem', id: ids.idem },
    ]);
    const known = snapshot.get('idem', ids.idem);
    if (known !== undefined) return this.#recall(known.exec, known.request === ids.digest, asker);
    await this.#ensureBundle(snapshot.get('policy', SELF));

    const fresh = uuidv7(nowMs, random.bytes(10));
    const chain = await chainOf(snapshot, caller, request.parent, fresh);
    const custody = snapshot.get('plane', SELF)?.custody ?? 'same-user';
    const door: Door = { grade: request.door.grade, confine: request.door.confine, custody };
    const refuse = (deny: string, failedLink?: number): Promise<Answered | 'stale'> =>
      this.#refuse(
        caller,
        request,
        ids,
        { exec: fresh, chain: 'deny' in chain ? undefined : chain, door, deny, failedLink },
        snapshot,
      );
    // RULE 38: before an identity is established nothing is appended.
    if ('deny' in chain)
      return chain.deny === 'unidentified'
        ? refusedUnrecorded(fresh, chain.deny)
        : refuse(chain.deny, chain.failedLink);
    const loaded = this.#loaded;
    if (loaded === undefined || this.#tooOld(loaded, nowMs))
      return refuse(loaded === undefined ? 'no_bundle' : 'bundle_expired');
    const plan = loaded.actions.get(request.action);
    if (plan === undefined) return refuse('unknown_action');
    const pin = loaded.pins[request.action];
    // A pinned tool is only called by a door that has seen the pinned definition.
    if (pin !== undefined && !ids.bound.includes(`tool:${pin}`)) return refuse('unpinned');
    const resolved = await resolveArguments(this.#options, plan, request.arguments);
    if ('deny' in resolved) return refuse(resolved.deny);
    const asked = {
      exec: fresh,
      run: chain.run,
      action: request.action,
      chain: chain.links,
      ...(chain.parent === undefined ? {} : { parent: chain.parent }),
    };
    const resources = this.#touched(resolved.resources);
    if (await this.#inEmergency(asked, resources)) return refuse('contained');

    const aud = request.audience ?? this.audience;
    const recognised = recognition(this.#options.tenantKey, {
      jkt: caller.jkt,
      run: chain.parent === undefined ? 'root' : chain.run,
      chain: chain.links.map(({ id }) => id),
      action: request.action,
      aud,
      args: resolved.args,
    });
    await snapshot.load([{ kind: 'hold', id: recognised }]);
    const waiting = snapshot.get('hold', recognised)?.exec;
    if (waiting !== undefined) await snapshot.load([{ kind: 'execution', id: waiting }]);
    const candidate = waiting === undefined ? undefined : snapshot.get('execution', waiting);
    const held = candidate !== undefined && isOpenHold(candidate, nowMs) ? candidate : undefined;
    const exec = held?.exec ?? fresh;
    const question: Question = {
      action: request.action,
      ...resolved,
      chain,
      door: { ...door, bound: ids.bound },
      exec,
      ...(held === undefined ? {} : { execution: held }),
    };
    const judged = await judge(this.#options, snapshot, loaded, question, nowMs);
    if ('deny' in judged) return refuse(judged.deny, judged.failedLink);
    const { inputs } = judged.evaluation;
    if (inputs === undefined) return refuse(judged.verdict.code ?? 'policy_error');

    // One key per execution: the hold and the permit of the same call commit to the same arguments alike.
    const before = held === undefined ? undefined : await this.#record(held);
    const key = before?.key ?? random.bytes(32);
    const { commitments, body } = commitRecord(
      key,
      question,
      { inputs: inputs as unknown as Json, input: judged.input },
      before?.body,
    );
    const command: DecideCommand = {
      kind: 'decide',
      exec: fresh,
      ...(held === undefined ? {} : { continues: held.exec }),
      caller,
      chain: chain.links,
      run: chain.run,
      ...(chain.parent === undefined ? {} : { parent: chain.parent }),
      depth: chain.depth,
      action: request.action,
      aud,
      commitments,
      resources,
      request: ids.digest,
      idem: ids.idem,
      recognition: recognised,
      instance: instanceDigest(request.instance),
      start: request.start === true,
      spend: request.start === true ? 'started' : 'plane',
      ...(request.child === undefined ? {} : { child: request.child }),
      door,
      bound: ids.bound,
      bundles: loaded.refs,
      verdict: judged.verdict,
      reservations: judged.reservations,
      approvals: judged.approvals,
      consequences: judged.consequences,
    };
    const result = await this.#try(
      command,
      snapshot,
      request.seen,
      'normal',
      { id: exec, key, body: body as unknown as Json },
      nowMs,
    );
    if (result === 'stale') return 'stale';
    if (result.reply.kind === 'decided')
      return this.#recall(result.reply.exec, result.reply.sameRequest, asker);
    return { ...answered(result), ...this.#explained(judged), disclosures: disclosuresOf(body) };
  }

  /** Records a denial that was met before the policy was asked. */
  async #refuse(
    caller: Caller,
    request: DecideRequest,
    ids: { readonly digest: string; readonly idem: string },
    what: {
      readonly exec: string;
      readonly chain: Chain | undefined;
      readonly door: Door;
      readonly deny: string;
      readonly failedLink: number | undefined;
    },
    snapshot: Snapshot,
  ): Promise<Answered | 'stale'> {
    const { chain } = what;
    const result = await this.#try(
      {
        kind: 'refuse',
        exec: what.exec,
        caller,
        chain: chain?.links ?? [],
        run: chain?.run ?? what.exec,
        ...(chain?.parent === undefined ? {} : { parent: chain.parent }),
        depth: chain?.depth ?? 0,
        // A name that is not of the form of actions cannot stand in an entry.
        action: ACTION.test(request.action) ? request.action : 'unknown/unknown',
        aud: request.audience ?? this.audience,
        code: what.deny,
        ...(what.failedLink === undefined ? {} : { failedLink: what.failedLink }),
        idem: ids.idem,
        request: ids.digest,
        door: what.door,
        consequences: consequencesOf(this.#loaded),
      },
      snapshot,
      request.seen,
    );
    if (result === 'stale') return 'stale';
    if (result.reply.kind === 'decided')
      return this.#recall(result.reply.exec, result.reply.sameRequest, {
        caller,
        instance: request.instance,
      });
    return answered(result);
  }

  /** Asks today's policy about an execution that was decided before (RULE 4, 24). */
  async #judgeAgain(row: ExecutionRow, caller: Caller, snapshot: Snapshot): Promise<Again> {
    const denied = (code: string): Again => ({ verdict: { ...DENIED, code }, resources: [] });
    await snapshot.load([
      { kind: 'plane', id: SELF },
      { kind: 'containment', id: SELF },
      { kind: 'policy', id: SELF },
    ]);
    await this.#ensureBundle(snapshot.get('policy', SELF));
    const nowMs = this.#options.clock.nowMs();
    const loaded = this.#loaded;
    if (loaded === undefined || this.#tooOld(loaded, nowMs)) return denied('no_bundle');
    const record = await this.#record(row);
    if (record?.body.input === undefined) return denied('not_durable');
    const chain = await chainOf(snapshot, caller, row.parent?.exec, row.exec);
    if ('deny' in chain) return denied(chain.deny);
    const pin = loaded.pins[row.action];
    if (pin !== undefined && !record.body.input.door.bound.includes(`tool:${pin}`)) return denied('unpinned');
    const { arguments: args, resources, input } = record.body;
    if (await this.#inEmergency(row, this.#touched(resources))) return denied('contained');
    const judged = await judge(
      this.#options,
      snapshot,
      loaded,
      { action: row.action, args, resources, chain, door: input.door, exec: row.exec, execution: row },
      nowMs,
    );
    if ('deny' in judged) return denied(judged.deny);
    return { verdict: judged.verdict, resources: this.#touched(resources) };
  }

  /** The answer to a request that was decided before: never a second permit (RULE 6). */
  async #recall(exec: string, sameRequest: boolean, { instance, caller }: Asker): Promise<Answered> {
    if (!sameRequest) return conflict('idempotency_conflict', exec);
    const row = await this.execution(exec);
    if (row === undefined) return conflict('unknown_execution', exec);
    const record = await this.#record(row);
    const disclosures = record === undefined ? {} : { disclosures: disclosuresOf(record.body) };
    if (row.permit === undefined) {
      const holds = (row.hold?.groups ?? []).map(({ group, need, until }) => ({
        group,
        need,
        untilMs: until,
      }));
      const verdict = row.state === 'held' || row.state === 'approved' ? 'hold' : 'deny';
      const code = row.code ?? 'policy';
      const entries = await provenAt(this.#store, [row.decision.index]);
      return {
        reply: { kind: 'refused', exec, code, verdict, reasons: row.reasons, holds },
        entries,
        notes: [],
        ...disclosures,
      };
    }
    if (row.start === undefined) {
      return {
        reply: { kind: 'permitted', exec, permit: 0 },
        entries: await provenAt(this.#store, [row.permit.index]),
        notes: [],
        ...disclosures,
      };
    }
    const mine = row.start.instance === instanceDigest(instance);
    // A lost reply is answered again, but never past a containment or the lease's end: its door would act now.
    const withheld = mine ? await this.#withheld(row, caller) : 'already_started';
    if (withheld !== undefined) return refusedUnrecorded(exec, withheld);
    const entries = await provenAt(this.#store, [row.permit.index, row.start.index]);
    return {
      reply: { kind: 'permitted', exec, permit: 0, start: 1, leaseUntilMs: row.lease!.untilMs },
      entries,
      notes: [],
      ...disclosures,
    };
  }

  async #recallOperation(reply: Reply & { readonly kind: 'decided' }): Promise<Answered> {
    if (!reply.sameRequest) return conflict('idempotency_conflict', reply.exec);
    const row = await this.execution(reply.exec);
    const entries = row === undefined ? [] : await provenAt(this.#store, row.entries);
    if (row?.state === 'completed')
      return {
        reply: {
          kind: 'operated',
          exec: row.exec,
          effect: row.action.slice('licet/'.length) as Effect['op'],
        },
        entries,
        notes: [],
      };
    return { reply: refusedReply(reply.exec, row?.code ?? 'role'), entries, notes: [] };
  }

  /** Prepares again on `stale`; reads back when the outcome of a commit is not known (RULE 4, DESIGN §8). */
  async #attempt(
    { idem, digest }: { readonly idem: string; readonly digest: string },
    asker: Asker,
    once: () => Promise<Answered | 'stale'>,
  ): Promise<Answered> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      try {
        const result = await once();
        if (result !== 'stale') return result;
      } catch (error) {
        if ((error as { readonly code?: unknown }).code !== 'ERR_STORE_UNKNOWN_RESULT') throw error;
        const found = await this.#store.readBack(idem);
        // Not there: nothing was permitted; the caller repeats with the same key, and only then is it decided again.
        if (found === undefined) throw error;
        const [row] = await this.#store.read([{ kind: 'idem', id: idem }]);
        // Somebody else may have used the key for another request while ours was lost.
        const same = (row?.value as IdemRow | undefined)?.request === digest;
        return this.#recall(found.exec, same, asker);
      }
    }
    return { reply: refusedReply('', 'contended'), entries: [], notes: [] };
  }

  async #onExecution(
    exec: string,
    once: (row: ExecutionRow, snapshot: Snapshot) => Promise<Answered | 'stale'>,
  ): Promise<Answered> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const row = await this.execution(exec);
      if (row === undefined) return conflict('unknown_execution', exec);
      const result = await once(row, new Snapshot(this.#store));
      if (result !== 'stale') return result;
    }
    return { reply: refusedReply(exec, 'contended'), entries: [], notes: [] };
  }

  async #try(
    command: Command,
    snapshot: Snapshot,
    seen?: number,
    lane: Lane = 'normal',
    record?: PreparedRecord,
    evaluatedAtMs = this.#options.clock.nowMs(),
  ): Promise<CommitResult | 'stale'> {
    const prepared: Prepared = {
      command,
      reads: snapshot.versions(FENCED),
      evaluatedAtMs,
      ...(record === undefined ? {} : { record }),
    };
    return this.#store.commit(prepared, { lane, ...(seen === undefined ? {} : { seen }) });
  }

  /** Commits a command that rests on no evaluation: it cannot be stale. */
  async #commit(
    command: Command,
    options: { readonly lane?: Lane; readonly seen?: number; readonly record?: PreparedRecord } = {},
  ): Promise<CommitResult> {
    const { record, ...rest } = options;
    const prepared: Prepared = {
      command,
      reads: [],
      evaluatedAtMs: this.#options.clock.nowMs(),
      ...(record === undefined ? {} : { record }),
    };
    const result = await this.#store.commit(prepared, rest);
    if (result === 'stale')
      throw new ControlPlaneError('ERR_PLANE_INVARIANT', `${command.kind} read nothing and was stale`);
    return result;
  }

  /** The record of the latest decision about an execution: a store keeps later ones under `<exec>/<index>`. */
  async #record(
    row: Pick<ExecutionRow, 'exec' | 'decision'>,
  ): Promise<{ readonly key: Uint8Array; readonly body: RecordBody } | undefined> {
    const later = await this.#store.records.get(`${row.exec}/${row.decision.index}`);
    const record = later ?? (await this.#store.records.get(row.exec));
    if (record === undefined || record === 'erased') return undefined;
    return { key: record.key, body: record.body as unknown as RecordBody };
  }

  async #commitResult(
    exec: string,
    result: Json,
  ): Promise<{ readonly commitment: string; readonly record: PreparedRecord }> {
    const key = this.#options.random.bytes(32);
    const { commitment, disclosures } = commitResult(key, result);
    return {
      commitment,
      record: {
        id: `${exec}/result`,
        key,
        body: { commitment, disclosures: disclosures as unknown as Json },
      },
    };
  }

  async #custody(): Promise<Door['custody']> {
    const [row] = await this.#store.read([{ kind: 'plane', id: SELF }]);
    invariant(row !== undefined, 'the log has no genesis');
    return (row.value as { readonly custody: Door['custody'] }).custody;
  }

  /** Loads the published bundle when it is not the one in memory. A bundle that cannot be loaded leaves none. */
  async #ensureBundle(policy: PolicyRow | undefined): Promise<void> {
    const current = (): boolean => {
      const team = this.#loaded?.refs.find(({ layer }) => layer === 'team');
      const org = this.#loaded?.refs.find(({ layer }) => layer === 'org');
      return team?.digest === policy?.team?.digest && org?.digest === policy?.org?.digest;
    };
    if (current()) return;
    this.#loading = this.#loading.then(async () => {
      if (current()) return;
      try {
        this.#loaded = await this.#loadPublished(policy);
        this.#publishedAtMs = policy?.team?.atMs ?? 0;
        this.#bundleProblem = this.#loaded === undefined ? 'no bundle has been published' : undefined;
      } catch (error) {
        this.#loaded = undefined;
        this.#bundleProblem = error instanceof Error ? error.message : 'the bundle cannot be loaded';
      }
    });
    await this.#loading;
  }

  async #loadPublished(policy: PolicyRow | undefined): Promise<LoadedBundle | undefined> {
    if (policy?.team === undefined) return undefined;
    const layers = [policy.team, ...(policy.org === undefined ? [] : [policy.org])];
    const rows = await this.#store.read(
      layers.map(({ digest }) => ({ kind: 'bundle', id: digest }) as const),
    );
    const bundles: Bundle[] = [];
    for (const [at, row] of rows.entries()) {
      if (row === undefined)
        throw new ControlPlaneError('ERR_PLANE_BUNDLE', `bundle ${layers[at]!.digest} is not in the store`);
      const signed = (row.value as { readonly signed: unknown }).signed as SignedBundle;
      // Checked again at every load: what is in the store is not believed because it is in the store.
      if (bundleDigest(signed.bundle) !== layers[at]!.digest)
        throw new ControlPlaneError('ERR_PLANE_BUNDLE', 'a stored bundle is not the published one');
      await this.#verifyAuthors(signed);
      bundles.push(signed.bundle);
    }
    const [team, org] = bundles as [Bundle, Bundle?];
    const loaded = await this.#options.evaluator.load({ team, ...(org === undefined ? {} : { org }) });
    selfTest(this.#options.engine, loaded);
    return loaded;
  }

  #load(bundle: Bundle): LoadedBundle {
    const org = this.#loaded?.layers.org;
    const team = this.#loaded?.layers.team;
    const layers =
      bundle.layer === 'team'
        ? { team: bundle, ...(org === undefined ? {} : { org }) }
        : { org: bundle, team: team ?? EMPTY_TEAM };
    const loaded = loadBundle(this.#options.engine, layers);
    selfTest(this.#options.engine, loaded);
    return loaded;
  }

  async #verifyAuthors(signed: SignedBundle): Promise<void> {
    const log = trustedLog(this.#options.trust, this.origin);
    const purpose = signed.bundle.layer === 'org' ? 'org' : 'author';
    const keys = Object.fromEntries(
      trustedKeys(log, purpose).map((key) => [authorId(key.keyId), base64url(key.publicKey)]),
    );
    await verifyBundleSignatures(signed, keys, this.#options.crypto);
  }

  /** Why this bundle may not be published over the one in force, which the snapshot holds fast until the commit. */
  async #checkPublish(
    effect: Effect & { readonly op: 'publish' },
    snapshot: Snapshot,
  ): Promise<Answered | undefined> {
    await snapshot.load([{ kind: 'policy', id: SELF }]);
    const inForce = snapshot.get('policy', SELF);
    await this.#ensureBundle(inForce);
    const signed = effect.signed as SignedBundle;
    const { bundle } = signed;
    if (bundle.layer === 'team' && (bundle.origin !== this.origin || bundle.tenant !== this.tenant))
      return conflict('bundle_of_another_plane', '');
    if (bundleDigest(bundle) !== effect.digest) return conflict('bundle_digest', '');
    // RULE 20: what the log will say is what the authors signed; an old bundle under a new number is a rollback.
    const { layer, version, sigs } = effect;
    const same = layer === bundle.layer && version === bundle.version;
    if (!same || canonicalize(sigs as unknown as Json) !== canonicalize(signed.sigs as unknown as Json))
      return conflict('bundle_digest', '');
    await this.#verifyAuthors(signed);
    const loaded = this.#load(parseBundle(bundle));
    // A bundle in force that cannot be loaded denies everything: leaving that for observing takes two as well.
    const turnsObserving =
      loaded.observing && inForce?.team !== undefined && this.#loaded?.observing !== true;
    return turnsObserving === effect.observing ? undefined : conflict('observing', '');
  }

  async #afterOperation(effect: Effect): Promise<void> {
    if (effect.op === 'publish') {
      const [row] = await this.#store.read([{ kind: 'policy', id: SELF }]);
      await this.#ensureBundle(row?.value as PolicyRow | undefined);
    }
    if (effect.op === 'clock') await this.#endSegment();
  }

  /** Ends what was permitted before the clock was set back (RULE 39). */
  async #endSegment(): Promise<void> {
    for (const state of ['running', 'permitted', 'held', 'approved'] as const) {
      // Each tick ends those it is given, oldest first, so the next page is the first one again.
      for (let open = await this.#inState(state); open.length > 0; open = await this.#inState(state)) {
        const { reply } = await this.#commit({ kind: 'tick', execs: open }, { lane: 'safety' });
        if (reply.kind !== 'ticked' || reply.changed.length === 0) break;
      }
    }
  }

  /** Scope ids of resources and of all that they lie in. */
  #touched(resources: Question['resources']): readonly string[] {
    const uids = resources.flatMap(({ uid, ancestors }) => [uid, ...ancestors]);
    return [...new Set(uids.map((uid) => resourceScope(this.#options.tenantKey, uid)))];
  }

  /** A scope as the log may name it: of a resource, given as `Type::id`, only an HMAC (RULE 42). */
  #scope<K extends { readonly kind: ScopeKind; readonly id: string }>(scope: K): K {
    const at = scope.kind === 'resource' ? scope.id.indexOf('::') : -1;
    if (at < 0) return scope;
    const uid = { type: scope.id.slice(0, at), id: scope.id.slice(at + 2) };
    return { ...scope, id: resourceScope(this.#options.tenantKey, uid) };
  }

  /** Ids of the oldest executions in a state, a page of them. */
  async #inState(state: ExecutionRow['state']): Promise<readonly string[]> {
    const rows = await this.#store.list({
      kind: 'execution',
      where: { state },
      ascending: true,
      limit: 1_000,
    });
    return rows.map(({ id }) => id);
  }

  #tooOld(loaded: LoadedBundle, nowMs: number): boolean {
    return loaded.maxAgeMs !== undefined && nowMs - this.#publishedAtMs > loaded.maxAgeMs;
  }

  /** True when a kill order that is not in the log yet covers this execution. */
  async #inEmergency(
    execution: Pick<ExecutionRow, 'exec' | 'run' | 'action' | 'chain'> & {
      readonly parent?: { readonly exec: string };
    },
    resources: readonly string[],
  ): Promise<boolean> {
    if (this.#emergency.length === 0) return false;
    const ids = new Set([execution.exec]);
    for (let next = execution.parent?.exec; next !== undefined && ids.size <= MAX_DEPTH + 1;) {
      ids.add(next);
      next = (await this.execution(next))?.parent?.exec;
    }
    const subject = subjectOf(this.tenant, { ...execution, resources });
    return this.#emergency.some(({ scope }) => covers(scope, subject, ids));
  }

  /** Why a start that is in the log may not be handed out (again): its door would act on it now. */
  async #withheld(row: ExecutionRow, caller: Caller): Promise<string | undefined> {
    const nowMs = this.#options.clock.nowMs();
    if (row.state !== 'running') return 'already_started';
    if (row.lease === undefined || nowMs > row.lease.untilMs) return 'expired';
    const snapshot = new Snapshot(this.#store);
    await snapshot.load([
      { kind: 'containment', id: SELF },
      { kind: 'clock', id: SELF },
      { kind: 'identity', id: caller.subject },
      ...row.chain.map(({ id }) => ({ kind: 'identity', id }) as const),
    ]);
    let next = row.parent?.exec;
    for (let depth = 0; next !== undefined && depth <= MAX_DEPTH; depth += 1) {
      await snapshot.load([{ kind: 'execution', id: next }]);
      next = snapshot.get('execution', next)?.parent?.exec;
    }
    const resources = this.#touched((await this.#record(row))?.body.resources ?? []);
    if (await this.#inEmergency(row, resources)) return 'contained';
    const objected = objection(snapshot, this.tenant, { ...row, caller, resources }, nowMs);
    if (objected !== undefined) return objected.code;
    // What today's policy would refuse to renew is not handed out anew either.
    const { verdict } = await this.#judgeAgain(row, caller, snapshot);
    return verdict.verdict === 'allow' ? undefined : (verdict.code ?? 'policy');
  }

  #explained(judged: Judged): Pick<Answered, 'explain'> {
    const notes = judged.evaluation.explain;
    if (judged.evaluation.verdict === 'allow' || notes.length === 0) return {};
    const advice = notes.find((note) => note.explain === 'full' && note.advice !== undefined)?.advice;
    // RULE 45: one policy that shows only its code keeps the whole answer to codes.
    const show = notes.every(({ explain }) => explain === 'full') ? 'full' : 'code';
    return { explain: { show, ...(advice === undefined ? {} : { advice }) } };
  }
}

/** Who asks, and from which process (RULE 6). */
interface Asker {
  readonly caller: Caller;
  readonly instance: Uint8Array;
}

/** Today's word on something that was decided before, and what it touches. */
interface Again {
  readonly verdict: Judged['verdict'];
  readonly resources: readonly string[];
}

const ACTION = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\/[A-Za-z0-9][A-Za-z0-9._/-]{0,95}$/;
const DENIED = {
  verdict: 'deny',
  code: 'policy_error',
  reasons: [],
  holds: [],
  leaseMs: 0,
  maxMs: 0,
  assurance: 'logged',
  engine: '',
} as const;
const EMPTY_TEAM: Bundle = {
  v: 1,
  layer: 'team',
  version: 1,
  policies: [],
  actions: {},
  limits: {},
  pins: {},
};

/** The id by which a bundle's signature names its author: the key id of the note key, in hex. */
export const authorId = (keyId: Uint8Array): string =>
  [...keyId].map((byte) => byte.toString(16).padStart(2, '0')).join('');

const answered = ({ reply, entries, notes, consistency }: CommitResult): Answered => ({
  reply,
  entries,
  notes,
  ...(consistency === undefined ? {} : { consistency }),
});

const conflict = (code: string, exec: string): Answered => ({
  reply: { kind: 'conflict', code, exec },
  entries: [],
  notes: [],
});

const refusedReply = (exec: string, code: string): Reply => ({
  kind: 'refused',
  exec,
  code,
  verdict: 'deny',
  reasons: [],
  holds: [],
});

const refusedUnrecorded = (exec: string, code: string): Answered => ({
  reply: refusedReply(exec, code),
  entries: [],
  notes: [],
});

const disclosuresOf = ({ disclosures }: RecordBody): NonNullable<Answered['disclosures']> => ({
  arguments: disclosures.arguments,
  resources: disclosures.resources,
});

/** What an operator's action says, as arguments of its execution; a bundle is named by its digest. */
function operatorArguments(effect: Effect): { readonly [name: string]: Json } {
  const { op: _, ...rest } = effect as Effect & { readonly signed?: unknown };
  const { signed: __, ...args } = rest as { readonly signed?: unknown } & Record<string, Json | undefined>;
  return Object.fromEntries(
    Object.entries(args).filter((pair): pair is [string, Json] => pair[1] !== undefined),
  );
}

function checkRequest(request: DecideRequest): void {
  if (!isIdempotencyKey(request.idempotencyKey))
    throw new ControlPlaneError('ERR_PLANE_REQUEST', 'idempotencyKey: expected 16 to 64 bytes in base64url');
  if (request.instance.length !== 16)
    throw new ControlPlaneError('ERR_PLANE_REQUEST', 'instance: expected 16 bytes');
  if (canonicalize(request.arguments).length > MAX_REQUEST_BYTES)
    throw new ControlPlaneError('ERR_PLANE_REQUEST', 'arguments: too large');
}

function problemsOf(error: PolicyError): Awaited<ReturnType<Plane['check']>>['problems'] {
  const { problems } = error as {
    readonly problems?: readonly {
      readonly kind: string;
      readonly message: string;
      readonly file?: string;
      readonly line?: number;
      readonly next?: string;
    }[];
  };
  if (problems === undefined || problems.length === 0)
    return [{ code: error.code, message: error.message, next: 'Correct the bundle and check it again.' }];
  return problems.map(({ kind, message, file, line, next }) => ({
    code: kind,
    message,
    ...(file === undefined ? {} : { where: line === undefined ? file : `${file}:${line}` }),
    next: next ?? 'Correct the bundle and check it again.',
  }));
}
