/**
 * Terms: how long an execution may run and what its door must offer. They start from the floor of the action
 * in the bundle; every determining permit of every link can only tighten them (RULE 16).
 */

/** How hard the door is to go round, weakest first (RULE 27). */
export const GRADES = ['in-process', 'gateway', 'verified'] as const;
/** Proof wanted before start, weakest first (RULE 10). */
export const ASSURANCES = ['logged', 'witnessed', 'anchored'] as const;
/** How the runner confines a process (RULE 29). */
export const CONFINEMENTS = ['none', 'namespace', 'cgroup', 'swept', 'group-only'] as const;

export type Grade = (typeof GRADES)[number];
export type Assurance = (typeof ASSURANCES)[number];
export type Confinement = (typeof CONFINEMENTS)[number];

/** The terms of an allowed execution. */
export interface Terms {
  /** Milliseconds the lease lives without renewal. */
  readonly leaseMs: number;
  /** Milliseconds the execution may run in all. */
  readonly maxMs: number;
  /** The least grade the door must have. */
  readonly grade?: Grade;
  /** The least proof before start. */
  readonly assurance?: Assurance;
  /** True when the process must be confined by namespace or cgroup; swept and group-only are evadable. */
  readonly confine?: true;
}

/** What one annotation set or floor asks for; everything optional. */
export type TermChange = Partial<Terms>;

/** DESIGN §7: default lease 10 s. RULE 16: default maximum 10 min. */
export const DEFAULT_TERMS: Terms = { leaseMs: 10_000, maxMs: 600_000 };

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST_MS = 31 * 86_400_000;
/** Entries refuse shorter leases. */
const SHORTEST_MS = 100;

/** Returns the milliseconds of `250ms`, `30s`, `10m`, `12h` or `7d`; undefined when malformed or out of bounds. */
export function parseDuration(text: string): number | undefined {
  const match = /^([1-9][0-9]{0,8})(ms|s|m|h|d)$/.exec(text);
  if (match === null) return undefined;
  const ms = Number(match[1]) * UNITS[match[2]!]!;
  return ms >= SHORTEST_MS && ms <= LONGEST_MS ? ms : undefined;
}

/** Returns both asks in one: the shorter times, the higher grade and assurance. RULE 16: never looser. */
export function tighten(terms: Terms, change: TermChange): Terms {
  const grade = higher(GRADES, terms.grade, change.grade);
  const assurance = higher(ASSURANCES, terms.assurance, change.assurance);
  const confine = terms.confine ?? change.confine;
  return {
    leaseMs: Math.min(terms.leaseMs, change.leaseMs ?? terms.leaseMs),
    maxMs: Math.min(terms.maxMs, change.maxMs ?? terms.maxMs),
    ...(grade === undefined ? {} : { grade }),
    ...(assurance === undefined ? {} : { assurance }),
    ...(confine === undefined ? {} : { confine }),
  };
}

/** True when a door of this grade satisfies the terms. */
export function gradeSatisfies(terms: Terms, grade: Grade): boolean {
  return terms.grade === undefined || GRADES.indexOf(grade) >= GRADES.indexOf(terms.grade);
}

/** True when this confinement satisfies the terms. RULE 29: only a namespace or cgroup cannot be left. */
export function confinementSatisfies(terms: Terms, confine: Confinement): boolean {
  return terms.confine === undefined || confine === 'namespace' || confine === 'cgroup';
}

function higher<T extends string>(order: readonly T[], a: T | undefined, b: T | undefined): T | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return order.indexOf(a) >= order.indexOf(b) ? a : b;
}
