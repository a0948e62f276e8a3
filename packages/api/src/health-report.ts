// The plane of itself: its state in words and numbers.
import type { Custody, Grade } from '@licet/evidence';

export interface PlaneStatus {
  readonly origin: string;
  readonly tenant: string;
  readonly audience: string;
  readonly state: 'enforcing' | 'observing' | 'contained' | 'fail-closed';
  /** The reason in words. */
  readonly why: string;
  readonly size: number;
  readonly root: string;
  readonly epoch: number;
  readonly custody: Custody;
  readonly people: 1 | 2;
  readonly bundles: readonly {
    readonly layer: 'org' | 'team';
    readonly digest: string;
    readonly version: number;
  }[];
  /** A status note by the status key, over the above (RULE 9). */
  readonly note: string;
}

/** What the plane measures of itself: numbers, codes and places in the log, nothing that names anybody (RULE 42). */
export interface HealthReport {
  readonly ok: boolean;
  readonly state: PlaneStatus['state'];
  readonly why: string;
  readonly size: number;
  /** The plane's clock, milliseconds. */
  readonly atMs: number;
  /** Since when this process measures. */
  readonly startedMs: number;
  /** Time of the newest entry. */
  readonly lastEntryMs?: number;
  readonly store: {
    readonly ok: boolean;
    readonly why: string;
    readonly queue: number;
    readonly kind: string;
    /** Where several processes share it: those alive, how much of the log each has, when it was last heard. */
    readonly replicas?: readonly {
      readonly id: string;
      readonly size: number;
      readonly ageMs: number;
      readonly self: boolean;
    }[];
  };
  readonly evaluator: { readonly engine: string; readonly inFlight: number; readonly workers: number };
  readonly running: number;
  readonly inDoubt: number;
  readonly bundles: PlaneStatus['bundles'];
  /** When the rows were counted; older than `atMs` when the store cannot be read. */
  readonly countedMs: number;
  /** From the newest rows; `operations` are what people did to the plane itself, counted apart. */
  readonly decisions: {
    readonly counted: number;
    readonly complete: boolean;
    readonly allow: number;
    readonly deny: number;
    readonly hold: number;
    readonly operations: number;
  };
  readonly starts: readonly { readonly grade: Grade; readonly count: number; readonly lastMs?: number }[];
  readonly outcomes: {
    readonly completed: number;
    readonly failed: number;
    readonly halted: number;
    readonly expired: number;
  };
  readonly approvals: { readonly waiting: number; readonly nextEndsMs?: number };
  /** Signed ends of running leases, soonest first. */
  readonly leases: { readonly running: number; readonly untilMs: readonly number[] };
  /** Counters in use, those with nothing left, and when the first of these counts anew. */
  readonly limits: { readonly counting: number; readonly spent: number; readonly nextResetMs?: number };
  /**
   * What was attested of identities and of running executions: what holds, what was not attested again in time, what a
   * verifier refused; and when the first that holds ends.
   */
  readonly attestation: {
    readonly holds: number;
    readonly ended: number;
    readonly refused: number;
    readonly nextEndsMs?: number;
  };
  readonly drill?: {
    readonly passed: boolean;
    readonly digest: string;
    readonly index: number;
    readonly leaf: string;
    readonly atMs: number;
  };
  readonly latency: {
    readonly sloP99Ms: number;
    /** Upper edges of the histogram; one more slot counts what was slower. */
    readonly edgesMs: readonly number[];
    readonly slotMs: number;
    readonly total: HealthSlot;
    /** Oldest first; a slot without decisions is left out. */
    readonly slots: readonly HealthSlot[];
  };
}

/** Decisions answered within one slot of time. */
export interface HealthSlot {
  readonly at: number;
  readonly allow: number;
  readonly deny: number;
  readonly hold: number;
  readonly latency: readonly number[];
}
