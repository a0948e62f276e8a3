// The door's kernel: from "may I" to a running execution, and from there to its outcome. The guard, the MCP gateway
// and the command runner all go through here, so that asking, believing, starting, renewing and stopping exist once.
//
//   asked → (held → asked again)* → permitted → started → reported
//      └──────────────┴───────────────┴── Denied      └── halted → reported
import { randomBytes } from 'node:crypto';
import { base64url, type Json, type VerifiedPermit, type VerifiedStart } from '@licet/evidence';
import {
  PlaneError,
  type Answer,
  type DoorClaim,
  type Held,
  type Permitted,
  type ProvenEntry,
  type Report,
  type ReportAnswer,
} from '@licet/api';
import { attestingOf, type Attesting, type Measure } from './attesting.ts';
import { believePermit, believeStart, type Asked, type BelievedPermit, type Resource } from './believe.ts';
import { pause, type Reading } from './clock.ts';
import { Denied, deniedBy, stillHeld, type HaltReason } from './denied.ts';
import { SdkError } from './errors.ts';
import { openLease, type Lease } from './lease.ts';
import { findLink } from './links.ts';
import type { VerifiedHead } from './linker.ts';
import { ask, doorOf, isDenial, RELINK_MS, unverifiable, type Door, type TrustedPlane } from './plane.ts';
import { snapshotArguments } from './snapshot.ts';

/** What one execution asks. */
export interface OpenRequest {
  /** `<server>/<tool>`. */
  readonly action: string;
  /** Plain JSON; copied and frozen before anything else happens. */
  readonly arguments: unknown;
  /** The running execution on whose behalf this happens; absent for a root. */
  readonly parent?: string;
  /** Aborting before the start denies (`cancelled`), afterwards halts. */
  readonly signal?: AbortSignal;
  /** ≥ 128 random bits, base64url. Default: fresh ones; give your own only to find an answer again (RULE 6). */
  readonly idempotencyKey?: string;
  /** What this door is (RULE 27). */
  readonly claim: DoorClaim;
  /** What is measured where the bundle wants this action attested: before the start, and at each beat. */
  readonly measure?: Measure;
  /** For a spawn: who may run below this execution, by which key. */
  readonly child?: { readonly agent: string; readonly jkt: string };
  /** `start`: decide and start in one commit; `redeem`: look at the permit first. Default `start`. */
  readonly mode?: 'start' | 'redeem';
  /** Refuse when a component of a permitted path is a symbolic link on this host (RULE 13). Default true. */
  readonly refuseLinks?: boolean;
  /** Milliseconds, at most the door's own. */
  readonly holdWaitMs?: number;
  /** Told each time the call is found held; for progress. */
  readonly onHold?: (held: Held) => void;
}

/** How it ended, as the executor saw it. */
export type Outcome = Omit<Report, 'instance'>;

/** An execution that has the go. */
export interface OpenedExecution {
  readonly executionId: string;
  readonly run: string;
  readonly action: string;
  /** Run exactly these. Frozen. */
  readonly args: { readonly [name: string]: Json };
  readonly resources: readonly Resource[];
  readonly permit: VerifiedPermit;
  readonly start: VerifiedStart;
  /** Aborts when it has to stop; `signal.reason` is a `HaltReason`. */
  readonly signal: AbortSignal;
  /** Why it was stopped; undefined while it runs. */
  readonly haltReason: HaltReason | undefined;
  readonly renewals: number;
  /** Whether an effect may begin this very moment; ask before each (RULE 31). */
  isLive(): boolean;
  /** Ends it from this side. */
  halt(reason: HaltReason): void;
  /**
   * Says how it ended; only the first call counts, and the lease is kept until it is through. Resolves to undefined,
   * with a warning, when no plane took it: the execution then ends `in_doubt`. Never throws, never repeats an effect.
   */
  report(outcome: Outcome): Promise<ReportAnswer | undefined>;
}

/** Pauses before a report is tried again, milliseconds. */
const REPORT_PAUSES_MS = [100, 300, 900, 2_000];
/** Denials that a measurement can change. */
const REATTEST: ReadonlySet<string> = new Set(['attestation_missing', 'attestation_stale']);
/** One long poll for a person, milliseconds. */
const POLL_MS = 15_000;

/**
 * Resolves to the running execution: permitted, proven, started. Nothing has run when it throws.
 * @throws Denied with the plane's code, or one of `DOOR_CODES`
 */
export async function openExecution(
  plane: Door | TrustedPlane,
  request: OpenRequest,
): Promise<OpenedExecution> {
  const door = doorOf(plane);
  // A copy of the request too: a caller that changes it between two awaits changes nothing.
  const opening = new Opening(door, { ...request }, snapshotOf(request));
  return opening.run();
}

/** Cuts the way to a start into steps; state is what the next step may rely on. */
class Opening {
  readonly #door: Door;
  readonly #request: OpenRequest;
  readonly #args: { readonly [name: string]: Json };
  readonly #instance = new Uint8Array(randomBytes(16));
  readonly #keys: string[];
  readonly #attesting: Attesting | undefined;
  #sentAt: Reading;
  #basis: VerifiedHead | undefined;

  constructor(door: Door, request: OpenRequest, args: { readonly [name: string]: Json }) {
    this.#door = door;
    this.#request = request;
    this.#args = args;
    this.#keys = [request.idempotencyKey ?? base64url(randomBytes(16))];
    this.#attesting =
      request.measure === undefined ? undefined : attestingOf(door, request.action, request.measure);
    this.#sentAt = door.clock.now();
  }

  async run(): Promise<OpenedExecution> {
    this.#stopIfCancelled();
    await this.#relink();
    await this.#attest();
    let answer = await this.#ask();
    if (this.#attesting !== undefined && isDenial(answer) && REATTEST.has(answer.code)) {
      // Required since a moment ago, or grown too old on the way: once more, as another request.
      await this.#attest(true);
      this.#keys.unshift(base64url(randomBytes(16)));
      answer = await this.#ask();
    }
    if (answer.verdict === 'hold') answer = await this.#waitForPeople(answer);
    if (isDenial(answer)) throw deniedBy(this.#request.action, answer);
    // Anything that is neither of the three is no answer.
    if (answer.verdict !== 'allow')
      throw unverifiable(this.#request.action, new Error('the verdict is not one'));
    return this.#start(answer);
  }

  get #startsAtOnce(): boolean {
    return (this.#request.mode ?? 'start') === 'start';
  }

  async #relink(): Promise<void> {
    const { linker, clock } = this.#door;
    try {
      if (linker.fault !== undefined) throw linker.fault;
      if (clock.now().wallMs - linker.linkedAtMs < RELINK_MS) return;
      await ask(this.#door, this.#request.action, (signal) => unwrapped(linker.relink(signal)));
      if (linker.fault !== undefined) throw linker.fault;
    } catch (cause) {
      throw this.#denied(cause);
    }
  }

  /** What cannot be measured or presented in time is a denial; what was presented, the plane judges. */
  async #attest(again = false): Promise<void> {
    const attesting = this.#attesting;
    if (attesting === undefined) return;
    await ask(this.#door, this.#request.action, (signal) => attesting.before(signal, again));
  }

  #ask(): Promise<Answer> {
    const { action, parent, child, claim } = this.#request;
    const body = {
      action,
      arguments: this.#args,
      idempotencyKey: this.#keys[0]!,
      instance: base64url(this.#instance),
      audience: this.#door.audience,
      door: claim,
      ...(this.#startsAtOnce ? { start: true } : {}),
      ...(parent === undefined ? {} : { parent }),
      ...(child === undefined ? {} : { child }),
    };
    return this.#call((signal, seen) => this.#door.client.request(body, { ...seen, signal }));
  }

  #askAgain(executionId: string): Promise<Answer> {
    const key = base64url(randomBytes(16));
    this.#keys.push(key);
    const body = {
      idempotencyKey: key,
      instance: base64url(this.#instance),
      ...(this.#startsAtOnce ? { start: true } : {}),
    };
    return this.#call((signal, seen) => this.#door.client.decide(executionId, body, { ...seen, signal }));
  }

  async #call(
    call: (signal: AbortSignal, seen: { readonly seen?: number }) => Promise<Answer>,
  ): Promise<Answer> {
    this.#stopIfCancelled();
    // Before the call, because the lease counts from here (RULE 31) and the proof comes from there (RULE 8).
    this.#sentAt = this.#door.clock.now();
    this.#basis = this.#door.linker.head;
    const seen = this.#basis === undefined ? {} : { seen: this.#basis.size };
    const answer = await ask(this.#door, this.#request.action, (signal) => call(signal, seen), {
      onLate: (late) => this.#undo(late),
    });
    if (typeof answer !== 'object' || answer === null)
      throw unverifiable(this.#request.action, new Error('the answer is no object'));
    return answer;
  }

  /** RULE 23: a door waits at most 45 s for a person, then lets the caller go. */
  async #waitForPeople(first: Held): Promise<Answer> {
    const { clock } = this.#door;
    const waitMs = Math.min(this.#request.holdWaitMs ?? this.#door.holdWaitMs, this.#door.holdWaitMs);
    const begun = clock.now().monotonicMs;
    let held = first;
    for (;;) {
      this.#request.onHold?.(held);
      await this.#untilChanged(held.executionId, () => waitMs - (clock.now().monotonicMs - begun));
      const left = waitMs - (clock.now().monotonicMs - begun);
      if (left <= 0) throw stillHeld(this.#request.action, held);
      // People take longer than a measurement lasts.
      await this.#attest();
      const answer = await this.#askAgain(held.executionId);
      if (answer.verdict !== 'hold') return answer;
      held = answer;
    }
  }

  /** Returns when the execution is no longer held, or the time is over. What it reads is only a hint to ask again. */
  async #untilChanged(executionId: string, leftMs: () => number): Promise<void> {
    const { client, clock, deadlineMs } = this.#door;
    for (;;) {
      const left = leftMs();
      if (left <= 0) return;
      const waitMs = Math.round(Math.min(left, POLL_MS));
      const began = clock.now().monotonicMs;
      const view = await ask(
        this.#door,
        this.#request.action,
        (signal) =>
          client.execution(executionId, {
            waitMs,
            since: 'held',
            signal: either(signal, this.#request.signal),
          }),
        { deadlineMs: waitMs + deadlineMs },
      ).catch(() => undefined);
      if (this.#request.signal?.aborted === true) {
        // RULE 22: a caller that gives up ends the hold.
        await ask(this.#door, this.#request.action, (signal) => client.cancel(executionId, { signal })).catch(
          () => undefined,
        );
        this.#stopIfCancelled();
      }
      if (view !== undefined && view.state !== 'held') return;
      // A plane that answers at once instead of waiting is not asked in a tight loop.
      const tookMs = clock.now().monotonicMs - began;
      if (tookMs < 250) await pause(clock, Math.min(250, Math.max(leftMs(), 0)), this.#request.signal);
    }
  }

  async #start(answer: Permitted): Promise<OpenedExecution> {
    let believed: BelievedPermit;
    let start: VerifiedStart;
    try {
      believed = await believePermit(this.#door, answer, this.#asked(), this.#basis);
      const link = this.#request.refuseLinks === false ? undefined : await findLink(believed.resources);
      if (link !== undefined) {
        this.#undo(answer, 'not_canonical');
        throw new Denied(this.#request.action, {
          code: 'not_canonical',
          reason: `${link} is a symbolic link, so the path names something else than was permitted.`,
          next: 'Use the path that the link leads to.',
          executionId: answer.executionId,
          decisionId: believed.permit.id,
        });
      }
      this.#stopIfCancelled(answer);
      const given =
        answer.start === undefined
          ? await this.#redeem(answer, believed.permit)
          : { start: answer.start, consistency: answer.consistency };
      start = await believeStart(this.#door, given.start, {
        permit: believed.permit,
        instance: this.#instance,
        claim: this.#request.claim,
        basis: this.#basis,
        consistency: given.consistency,
      });
    } catch (cause) {
      if (!(cause instanceof Denied)) this.#undo(answer, 'unverifiable');
      throw this.#denied(cause);
    }
    const attesting = this.#attesting;
    attesting?.started(start.entry.exec);
    const lease = openLease({
      door: this.#door,
      start,
      instance: this.#instance,
      sentAt: this.#sentAt,
      ...(attesting === undefined ? {} : { attesting }),
    });
    const execution = new Running(this.#door, this.#request, believed, start, this.#instance, lease);
    if (this.#request.signal?.aborted === true) execution.halt(reasonOf(this.#request.signal));
    if (!execution.isLive()) {
      // The go came too late to be used.
      void execution.report({ status: 'halted', reason: execution.haltReason ?? 'lease_ended' });
      throw new Denied(this.#request.action, {
        code: this.#request.signal?.aborted === true ? 'cancelled' : 'plane_unreachable',
        reason: 'The go came too late to be used; nothing ran.',
        next: 'Try again.',
        executionId: execution.executionId,
        decisionId: believed.permit.id,
      });
    }
    return execution;
  }

  async #redeem(
    answer: Permitted,
    permit: VerifiedPermit,
  ): Promise<{ readonly start: ProvenEntry; readonly consistency: readonly string[] | undefined }> {
    const { action, claim } = this.#request;
    // RULE 2: what was started in its own commit can be redeemed nowhere.
    if (permit.entry.spend !== 'plane') throw new Error('the permit was started, but the start is missing');
    this.#sentAt = this.#door.clock.now();
    this.#basis = this.#door.linker.head;
    const seen = this.#basis === undefined ? {} : { seen: this.#basis.size };
    const body = { permit: answer.permit, instance: base64url(this.#instance), door: claim };
    const redeemed = await ask(
      this.#door,
      action,
      (signal) => this.#door.client.redeem(answer.executionId, body, { ...seen, signal }),
      {
        onLate: (late) => {
          if (late.verdict === 'started') this.#reportUnused(answer.executionId, 'plane_unreachable');
        },
      },
    );
    if (isDenial(redeemed)) throw deniedBy(action, redeemed);
    return { start: redeemed.start, consistency: redeemed.consistency };
  }

  #asked(): Asked {
    const { action, parent, claim, child } = this.#request;
    return {
      action,
      arguments: this.#args,
      claim,
      keys: this.#keys,
      ...(parent === undefined ? {} : { parent }),
      ...(child === undefined ? {} : { child }),
    };
  }

  #stopIfCancelled(answer?: Permitted): void {
    if (this.#request.signal?.aborted !== true) return;
    if (answer !== undefined) this.#undo(answer, 'cancelled');
    throw new Denied(this.#request.action, {
      code: 'cancelled',
      reason: 'The caller gave up before the start; nothing ran.',
      next: 'Nothing.',
      ...(answer === undefined ? {} : { executionId: answer.executionId }),
    });
  }

  /** What was permitted and will not be used is given back, so that nothing stays in doubt. Best effort. */
  #undo(answer: Answer, reason = 'plane_unreachable'): void {
    if (answer?.verdict !== 'allow') return;
    if (answer.start !== undefined) this.#reportUnused(answer.executionId, reason);
    else this.#door.client.cancel(answer.executionId).catch(() => undefined);
  }

  #reportUnused(executionId: string, reason: string): void {
    const body: Report = { instance: base64url(this.#instance), status: 'halted', reason };
    this.#door.client.report(executionId, body).catch(() => undefined);
  }

  #denied(cause: unknown): Denied {
    return cause instanceof Denied ? cause : unverifiable(this.#request.action, cause);
  }
}

class Running implements OpenedExecution {
  readonly executionId: string;
  readonly run: string;
  readonly action: string;
  readonly args: { readonly [name: string]: Json };
  readonly resources: readonly Resource[];
  readonly permit: VerifiedPermit;
  readonly start: VerifiedStart;
  readonly #door: Door;
  readonly #instance: Uint8Array;
  readonly #lease: Lease;
  readonly #unlisten: () => void;
  #reported: Promise<ReportAnswer | undefined> | undefined;

  constructor(
    door: Door,
    request: OpenRequest,
    believed: BelievedPermit,
    start: VerifiedStart,
    instance: Uint8Array,
    lease: Lease,
  ) {
    this.executionId = start.entry.exec;
    this.run = believed.permit.entry.run;
    this.action = request.action;
    this.args = believed.args;
    this.resources = believed.resources;
    this.permit = believed.permit;
    this.start = start;
    this.#door = door;
    this.#instance = instance;
    this.#lease = lease;
    // The end of what is around it has a reason of its own; a caller's plain abort is a cancellation.
    const cancel = (): void => lease.halt(reasonOf(request.signal));
    request.signal?.addEventListener('abort', cancel, { once: true });
    this.#unlisten = () => request.signal?.removeEventListener('abort', cancel);
  }

  get signal(): AbortSignal {
    return this.#lease.signal;
  }

  get haltReason(): HaltReason | undefined {
    return this.#lease.haltReason;
  }

  get renewals(): number {
    return this.#lease.renewals;
  }

  isLive(): boolean {
    return this.#reported === undefined && this.#lease.isLive();
  }

  halt(reason: HaltReason): void {
    this.#lease.halt(reason);
  }

  report(outcome: Outcome): Promise<ReportAnswer | undefined> {
    this.#reported ??= this.#send(outcome).finally(() => {
      this.#unlisten();
      this.#lease.finish();
    });
    return this.#reported;
  }

  async #send(outcome: Outcome): Promise<ReportAnswer | undefined> {
    const { client, linker, clock } = this.#door;
    const body: Report = { instance: base64url(this.#instance), ...outcome };
    let last: unknown;
    for (const waitMs of [0, ...REPORT_PAUSES_MS]) {
      if (waitMs > 0) await pause(clock, waitMs);
      const seen = linker.head === undefined ? {} : { seen: linker.head.size };
      try {
        // The same body each time: the plane takes the first and answers the others alike.
        return await ask(this.#door, this.action, (signal) =>
          client.report(this.executionId, body, { ...seen, signal }),
        );
      } catch (cause) {
        last = cause instanceof Denied && cause.cause !== undefined ? cause.cause : cause;
        if (
          last instanceof PlaneError &&
          last.problem !== undefined &&
          last.problem.status < 500 &&
          last.problem.status !== 429
        )
          break;
      }
    }
    this.#door.warn(
      new SdkError(
        'ERR_SDK_STATE',
        `the outcome of ${this.executionId} (${outcome.status}) was not taken: it ends in doubt`,
        { cause: last },
      ),
    );
    return undefined;
  }
}

function snapshotOf(request: OpenRequest): { readonly [name: string]: Json } {
  try {
    return snapshotArguments(request.arguments);
  } catch (cause) {
    throw new Denied(request.action, {
      code: 'arguments',
      reason: cause instanceof Error ? cause.message : 'The arguments are not plain JSON.',
      next: 'Pass plain objects, arrays, strings, safe numbers, booleans and null.',
      cause,
    });
  }
}

/** Keeps a linker's own verdicts apart from a plane that does not answer. */
async function unwrapped(relink: Promise<void>): Promise<void> {
  try {
    await relink;
  } catch (cause) {
    // Noted by the caller: a fault stays, whatever `ask` makes of it.
    if (cause instanceof SdkError) throw unverifiable('licet/log', cause);
    throw cause;
  }
}

function reasonOf(signal: AbortSignal | undefined): HaltReason {
  const reason: unknown = signal?.reason;
  return typeof reason === 'string' && /^[a-z][a-z0-9_]{0,47}$/.test(reason) ? reason : 'cancelled';
}

function either(a: AbortSignal, b: AbortSignal | undefined): AbortSignal {
  return b === undefined ? a : AbortSignal.any([a, b]);
}
