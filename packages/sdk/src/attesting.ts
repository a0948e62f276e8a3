// Attesting: the door measures what is about to run, and again while it runs, and has the plane appraise it before it
// asks to start or to go on (DESIGN §7). What was measured once and is not so any more ends the execution, whether or
// not the plane can be told.
import type { Json } from '@licet/evidence';
import type { AttestationKind, ChallengeView } from '@licet/api';
import type { Door } from './plane.ts';

/** One measurement. */
export interface Measurement {
  readonly kind: AttestationKind;
  /** Tells whether it is still the same. */
  readonly digest: string;
  /** Claims of the statement: `{ program }`, `{ tool }` … (docs/formats/statement.md). */
  readonly claims: { readonly [claim: string]: Json };
}

/** Measures what an execution is made of: before its start and at each beat of its lease. Never from memory. */
export type Measure = () => Promise<readonly Measurement[]>;

/** Keeps one execution attested. */
export interface Attesting {
  /**
   * Before a request: what its action requires is measured and presented. That nothing is required is remembered for a
   * few seconds; `again` asks anew, after a denial that says otherwise.
   */
  before(signal: AbortSignal, again?: boolean): Promise<void>;
  /** From here on it is about this execution. */
  started(executionId: string): void;
  /** Measures again. After `changed` nothing may go on. */
  measure(): Promise<'same' | 'changed'>;
  /** Presents what was measured last when it has changed, or would be too old in two beats. */
  present(beatMs: number, signal: AbortSignal): Promise<void>;
}

/** How long it is remembered that an action needs no attestation, milliseconds. */
const REMEMBERED_MS = 5_000;
/** When each door learnt of which action that it needs none. */
const unrequired = new WeakMap<Door, Map<string, number>>();

/** Returns the attesting of one execution of `action`. */
export function attestingOf(door: Door, action: string, measure: Measure): Attesting {
  return new Attester(door, action, measure);
}

class Attester implements Attesting {
  readonly #door: Door;
  readonly #action: string;
  readonly #measure: Measure;
  #executionId: string | undefined;
  /** What is asked for, and how old it may be. */
  #requires: ChallengeView['requires'] = [];
  #first: readonly Measurement[] | undefined;
  #latest: readonly Measurement[] = [];
  #changed = false;
  /** When what was presented last had been measured, on the monotonic clock. */
  #presentedMs = Number.NEGATIVE_INFINITY;

  constructor(door: Door, action: string, measure: Measure) {
    this.#door = door;
    this.#action = action;
    this.#measure = measure;
  }

  async before(signal: AbortSignal, again = false): Promise<void> {
    const free = unrequired.get(this.#door) ?? new Map<string, number>();
    unrequired.set(this.#door, free);
    const { monotonicMs } = this.#door.clock.now();
    if (!again && monotonicMs - (free.get(this.#action) ?? Number.NEGATIVE_INFINITY) < REMEMBERED_MS) return;
    const challenge = await this.#challenge(signal);
    if (challenge.requires.length === 0) {
      free.set(this.#action, monotonicMs);
      return;
    }
    free.delete(this.#action);
    await this.measure();
    await this.#presentWith(challenge, signal);
  }

  started(executionId: string): void {
    this.#executionId = executionId;
    // What was presented before the start was about the program; from now on it is about what runs.
    this.#presentedMs = Number.NEGATIVE_INFINITY;
  }

  async measure(): Promise<'same' | 'changed'> {
    // Asked of a plane that wants nothing attested, a measurement would only cost time.
    if (this.#executionId !== undefined && this.#requires.length === 0) return 'same';
    try {
      this.#latest = await this.#measure();
      this.#first ??= this.#latest;
      const was = new Map(this.#first.map(({ kind, digest }) => [kind, digest]));
      this.#changed ||= this.#latest.some(({ kind, digest }) => was.get(kind) !== digest);
    } catch (error) {
      if (this.#first === undefined) throw error;
      // What cannot be measured any more is not what was started: a file that is gone, a tool that is no longer there.
      this.#changed = true;
      this.#latest = [];
    }
    return this.#changed ? 'changed' : 'same';
  }

  async present(beatMs: number, signal: AbortSignal): Promise<void> {
    if (this.#requires.length === 0) return;
    const ageMs = this.#door.clock.now().monotonicMs - this.#presentedMs;
    const due = !(ageMs + 2 * beatMs < Math.min(...this.#requires.map(({ maxAgeMs }) => maxAgeMs)));
    if (due || this.#changed) await this.#presentWith(await this.#challenge(signal), signal);
  }

  async #challenge(signal: AbortSignal): Promise<ChallengeView> {
    const about =
      this.#executionId === undefined ? { action: this.#action } : { executionId: this.#executionId };
    const view = await this.#door.client.challenge(about, { signal });
    this.#requires = view.requires;
    return view;
  }

  /** A challenge is spent by what it is presented with, so each kind has its own. */
  async #presentWith(given: ChallengeView, signal: AbortSignal): Promise<void> {
    const { sign, client, origin, clock } = this.#door;
    // A door without a key to sign with has nothing to present; the plane says what that means.
    if (sign === undefined) return;
    const measuredMs = clock.now().monotonicMs;
    const wanted = this.#latest.filter(({ kind }) => given.requires.some((one) => one.kind === kind));
    for (const [at, { kind, claims }] of wanted.entries()) {
      const { subject, challenge, ticket } = at === 0 ? given : await this.#challenge(signal);
      const { statement, key } = await sign({ nonce: challenge, subject, origin, measured: claims });
      const about = this.#executionId === undefined ? {} : { executionId: this.#executionId };
      await client.attest(
        { kind, challenge, ticket, ...about, evidence: { statement, key: { ...key } } },
        { signal },
      );
    }
    this.#presentedMs = measuredMs;
  }
}
