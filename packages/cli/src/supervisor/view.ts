/**
 * What the demo's page is told: plain values, all taken from this world: entries, files, processes, calls that arrived.
 * The page has a copy of these shapes (packages/console/src/surfaces/demo/view.ts); its end-to-end test holds them equal.
 */

export const STAGES = ['Decision', 'Authorize', 'Execute', 'Audit', 'Report'] as const;
export type StageName = (typeof STAGES)[number];

/** `stopped`: this is where it ended, by refusal or halt. `skipped`: never reached because of that. */
export type StageState = 'waiting' | 'busy' | 'done' | 'stopped' | 'skipped';

/** A place in the log. */
export interface Place {
  readonly index: number;
  readonly leaf: string;
}

/** One of the five stages, with what was found. */
export interface StageView {
  readonly name: StageName;
  readonly state: StageState;
  /** Name and value; every value is from this run. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly place?: Place;
}

/** One press of a button. */
export interface RunView {
  readonly id: string;
  readonly scenario: string;
  readonly title: string;
  readonly startedMs: number;
  readonly endedMs?: number;
  /** What it came to; absent while it runs. */
  readonly verdict?: 'allow' | 'deny' | 'hold' | 'contain';
  /** What was seen, in a sentence. */
  readonly sentence?: string;
  /** What the same agent did without governance. */
  readonly free?: string;
  readonly stages: readonly StageView[];
  readonly executionId?: string;
  /** Set while a person is asked. */
  readonly held?: { readonly executionId: string; readonly untilMs: number };
  readonly before: WorldView;
  readonly after?: WorldView;
  /** What went to and came from the plane, and what the door said, as lines. */
  readonly raw: readonly string[];
}

export interface FileView {
  readonly name: string;
  readonly text: string;
}
export interface ArrivalView {
  readonly atMs: number;
  readonly path: string;
  readonly body: string;
}
export interface ProcessView {
  readonly pid: number;
  readonly what: string;
}
/** One side of the world, as read from disk, the target and the process list. */
export interface SideView {
  readonly files: readonly FileView[];
  readonly outside: readonly FileView[];
  readonly arrivals: readonly ArrivalView[];
  readonly processes: readonly ProcessView[];
}
export interface WorldView {
  readonly governed: SideView;
  readonly free: SideView;
}

export interface ScenarioView {
  readonly id: string;
  readonly key: string;
  readonly title: string;
  readonly what: string;
  /** Why it cannot be run now. */
  readonly because?: string;
}

/** A lease that runs, by what the plane signed. */
export interface LeaseView {
  readonly executionId: string;
  /** Milliseconds since the epoch: `at` + duration of the last signed note or start. */
  readonly untilMs: number;
  readonly beats: number;
  readonly renewals: number;
  readonly endedMs?: number;
  readonly reason?: string;
}

/** What the door said when it asked last while the plane was dead. */
export interface ProbeView {
  readonly atMs: number;
  readonly tookMs: number;
  readonly code: string;
  readonly count: number;
}

/** Everything. Sent whole on each change. */
export interface DemoView {
  readonly plane: {
    readonly state: 'up' | 'dead' | 'starting';
    readonly sinceMs: number;
    readonly url: string;
    readonly publicUrl: string;
    /** The console of this plane, with the token that signs its operator in. */
    readonly consoleUrl: string;
    readonly origin: string;
    /** Entries in the log before it was killed and after it was back. */
    readonly sizes?: { readonly before: number; readonly after?: number; readonly recoveredMs?: number };
  };
  readonly folder: string;
  readonly scenarios: readonly ScenarioView[];
  readonly runs: readonly RunView[];
  readonly lease?: LeaseView;
  readonly probe?: ProbeView;
  readonly world: WorldView;
}
