// The lease (RULES 5, 31): running time that ends by itself. It is counted from when the request was *sent*, on
// whichever clock is ahead, and carried on only by renewal notes that a pinned lease key signed for this question.
import { randomBytes } from 'node:crypto';
import { base64url, verifyRenewal, type VerifiedStart } from '@licet/evidence';
import { PlaneError } from '@licet/api';
import { MAX_DIVERGENCE_MS, since, type Reading } from './clock.ts';
import type { Attesting } from './attesting.ts';
import type { HaltReason } from './denied.ts';
import { RELINK_MS, type Door } from './plane.ts';
import { SdkError } from './errors.ts';

/** How often the clocks are compared, milliseconds: a clock that is set is noticed within this time. */
const WATCH_MS = 500;
/** Shortest pause between two renewal requests, milliseconds, however many hints come. */
const MIN_BEAT_MS = 25;

/** A running lease. */
export interface Lease {
  /** Aborts when the lease ends; `reason` is a `HaltReason`. */
  readonly signal: AbortSignal;
  /** Why it ended before its holder was done; undefined while it runs and after `finish`. */
  readonly haltReason: HaltReason | undefined;
  readonly renewals: number;
  /** Milliseconds left by the clock that is ahead; 0 once it ended. */
  remainingMs(): number;
  /** Whether one may go on this very moment; ends the lease if not. To be asked before each effect. */
  isLive(): boolean;
  /** Ask the plane now. */
  poke(): void;
  /** Ends it from this side. */
  halt(reason: HaltReason): void;
  /** The holder is done: no more renewals, no abort. */
  finish(): void;
}

/** What a lease is opened with. */
export interface LeaseParts {
  readonly door: Door;
  readonly start: VerifiedStart;
  readonly instance: Uint8Array;
  /** When the request was sent that brought the start. */
  readonly sentAt: Reading;
  /** What is measured at each beat. */
  readonly attesting?: Attesting;
}

/** Opens the lease of a verified start and keeps it renewed until it is finished or ends. */
export function openLease(parts: LeaseParts): Lease {
  return new RunningLease(parts);
}

class RunningLease implements Lease {
  readonly #parts: LeaseParts;
  readonly #abort = new AbortController();
  #state: 'running' | 'halted' | 'finished' = 'running';
  #haltReason: HaltReason | undefined;
  /** The lease runs from here … */
  #base: Reading;
  /** … for so long. */
  #durationMs: number;
  #counter = 0;
  #renewals = 0;
  #lastAt: number;
  #lastEpoch: number;
  #nextBeatMs: number;
  #asking = false;
  #linking = false;
  #cancelTimer: () => void = () => undefined;
  readonly #unwatch: () => void;

  constructor(parts: LeaseParts) {
    this.#parts = parts;
    const { entry } = parts.start;
    this.#base = parts.sentAt;
    // RULE 31: send time plus duration; that the plane decided later makes the lease shorter, never longer.
    this.#durationMs = Math.min(entry.leaseUntil - entry.at, parts.start.lease.ttlMs);
    this.#lastAt = entry.at;
    this.#lastEpoch = entry.epoch;
    this.#nextBeatMs = this.#durationMs / 3;
    this.#unwatch = parts.door.halts.add(
      { executionId: entry.exec, poke: () => this.poke() },
      parts.start.size - 1,
    );
    this.#tick();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get haltReason(): HaltReason | undefined {
    return this.#haltReason;
  }

  get renewals(): number {
    return this.#renewals;
  }

  remainingMs(): number {
    return this.#state === 'running' ? Math.max(0, this.#durationMs - this.#elapsedMs()) : 0;
  }

  isLive(): boolean {
    if (this.#state !== 'running') return false;
    const { monotonicMs, wallMs } = since(this.#base, this.#parts.door.clock.now());
    // RULE 31: after a sleep or a set clock nobody knows how long it was; the lease is over, not guessed at.
    // Negated comparisons, so that a clock that gives no number ends the lease too.
    if (!(Math.max(monotonicMs, wallMs) < this.#durationMs)) this.halt('lease_ended');
    else if (!(Math.abs(monotonicMs - wallMs) <= MAX_DIVERGENCE_MS)) this.halt('clock');
    return this.#state === 'running';
  }

  poke(): void {
    if (this.#state !== 'running') return;
    this.#nextBeatMs = Math.min(this.#nextBeatMs, this.#elapsedMs() + (this.#asking ? MIN_BEAT_MS : 0));
    this.#tick();
  }

  halt(reason: HaltReason): void {
    if (this.#state !== 'running') return;
    this.#state = 'halted';
    this.#haltReason = reason;
    this.#close();
    this.#abort.abort(reason);
  }

  finish(): void {
    if (this.#state !== 'running') return;
    this.#state = 'finished';
    this.#close();
  }

  #close(): void {
    this.#cancelTimer();
    this.#unwatch();
  }

  #elapsedMs(): number {
    const { monotonicMs, wallMs } = since(this.#base, this.#parts.door.clock.now());
    return Math.max(monotonicMs, wallMs);
  }

  #tick(): void {
    this.#cancelTimer();
    if (!this.isLive()) return;
    const elapsed = this.#elapsedMs();
    if (elapsed >= this.#nextBeatMs && !this.#asking) void this.#renew();
    this.#relink();
    const untilBeat = this.#asking ? WATCH_MS : Math.max(this.#nextBeatMs - elapsed, 1);
    // In the background: who forgets an execution does not hang, it ends.
    this.#cancelTimer = this.#parts.door.clock.after(
      Math.min(untilBeat, this.#durationMs - elapsed, WATCH_MS),
      () => this.#tick(),
      true,
    );
  }

  async #renew(): Promise<void> {
    const { door, start, instance, attesting } = this.#parts;
    this.#asking = true;
    let changed = false;
    // RULE 5: a fresh nonce and a rising counter, so that no earlier answer fits this question.
    const nonce = base64url(randomBytes(16));
    const counter = ++this.#counter;
    const beatMs = this.#durationMs / 3;
    const given = new AbortController();
    const cancel = door.clock.after(Math.min(door.deadlineMs, this.remainingMs()), () => given.abort(), true);
    try {
      if (attesting !== undefined) {
        // Measured and presented before it is asked, so that the answer rests on what is there now.
        changed = (await attesting.measure()) === 'changed';
        await orAborted(attesting.present(beatMs, given.signal), given.signal).catch(() => undefined);
        if (this.#state !== 'running') return;
      }
      const sentAt = door.clock.now();
      const answer = await orAborted(
        door.client.renew(
          start.entry.exec,
          { instance: base64url(instance), counter, nonce },
          { signal: given.signal },
        ),
        given.signal,
      );
      if (this.#state !== 'running') return;
      if (answer.verdict === 'deny') {
        this.halt(typeof answer.code === 'string' ? answer.code : 'denied');
        return;
      }
      const renewal = await verifyRenewal(answer.note, {
        trust: door.trust,
        crypto: door.crypto,
        start,
        instance,
        counter,
        nonce,
      });
      if (renewal.at < this.#lastAt || renewal.epoch < this.#lastEpoch)
        throw new Error('the renewal is older than the one before');
      // Only a lease that is still running is carried on; one that ended stays ended.
      if (changed || !this.isLive()) return;
      this.#lastAt = renewal.at;
      this.#lastEpoch = renewal.epoch;
      this.#base = sentAt;
      this.#durationMs = renewal.durationMs;
      this.#nextBeatMs = renewal.durationMs / 3;
      this.#renewals++;
    } catch (error) {
      if (isFinal(error)) this.halt(error.code);
      // Anything else is no answer: asked again soon, and the lease runs out meanwhile.
      this.#nextBeatMs = this.#elapsedMs() + Math.max(MIN_BEAT_MS, Math.min(beatMs / 2, 250));
    } finally {
      cancel();
      this.#asking = false;
      // Whatever the plane said, or did not: this is not what was permitted to run.
      if (changed) this.halt('attestation_contraindicated');
      if (this.#state === 'running') this.#tick();
    }
  }

  /** RULE 8: while something runs, the history is looked at every second; a fork stops everything. */
  #relink(): void {
    const { linker, clock } = this.#parts.door;
    if (linker.fault !== undefined) {
      this.halt('log');
      return;
    }
    if (this.#linking || clock.now().wallMs - linker.linkedAtMs < RELINK_MS) return;
    this.#linking = true;
    const given = new AbortController();
    const cancel = clock.after(this.#parts.door.deadlineMs, () => given.abort(), true);
    orAborted(linker.relink(given.signal), given.signal)
      .catch((error: unknown) => {
        if (error instanceof SdkError && error.code !== 'ERR_SDK_UNLINKED') this.halt('log');
        // Out of reach: the lease decides.
      })
      .finally(() => {
        cancel();
        this.#linking = false;
      });
  }
}

/** A refusal of the contract that asking again cannot change. */
function isFinal(error: unknown): error is PlaneError {
  if (!(error instanceof PlaneError) || error.problem === undefined) return false;
  const { status } = error.problem;
  return status >= 400 && status < 500 && status !== 429 && status !== 408 && status !== 401;
}

/** Rejects when the signal aborts, also when the client does not heed it. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(new PlaneError('timeout', 'no answer in time'));
    if (signal.aborted) aborted();
    signal.addEventListener('abort', aborted, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}
