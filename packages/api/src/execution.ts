// Executions as a door asks for them, and what it is answered (DESIGN §10). Entries travel as their canonical text.
import type { Confine, Grade, HoldGroup, Json } from '@licet/evidence';

/** `[salt, name, value]`: one opened field of a commitment (RULE 40). */
export type Disclosure = readonly [salt: string, name: string, value: Json];

/** An entry with its proof: `entry` is the JCS text, `proof` a `c2sp.org/tlog-proof@v1` text. */
export interface ProvenEntry {
  readonly entry: string;
  readonly proof: string;
}

/** Reaches every call: the largest checkpoint size the door has verified (RULE 8), and a way to give up. */
export interface CallOptions {
  readonly seen?: number;
  readonly signal?: AbortSignal;
}

/** Carried by every answer with proofs: hashes in base64 from `seen` to the tree of those proofs. */
export interface Linked {
  readonly consistency?: readonly string[];
}

/** What a door says of itself; recorded in permit and start, visible to policies (RULE 27). */
export interface DoorClaim {
  readonly grade: Grade;
  readonly confine: Confine;
  /** Names of parts that the door binds (`upstream`, `body` …) beside the arguments (RULE 26). */
  readonly bound?: readonly string[];
}

export interface ExecutionRequest {
  /** `<server>/<tool>`. */
  readonly action: string;
  readonly arguments: { readonly [name: string]: Json };
  /** The running execution on whose behalf this happens; absent for a root (RULE 18). */
  readonly parent?: string;
  /** ≥ 128 random bits, base64url; the same key never mints twice (RULE 6). */
  readonly idempotencyKey: string;
  /** 128 random bits of the acting process, base64url; held in memory only (RULE 6). */
  readonly instance: string;
  /** Decide and start in one commit: for a door that is also the executor. Default false. */
  readonly start?: boolean;
  /** The one place that will spend the permit. Default: this tenant's default audience. */
  readonly audience?: string;
  /** For a spawn: the agent and key that may run below this execution. */
  readonly child?: { readonly agent: string; readonly jkt: string };
  readonly door: DoorClaim;
}

/** Permission, with all that a door needs to check it offline and to run exactly what was committed. */
export interface Permitted extends Linked {
  readonly verdict: 'allow';
  readonly executionId: string;
  readonly permit: ProvenEntry;
  /** Present when the request said `start`. */
  readonly start?: ProvenEntry;
  readonly disclosures: {
    readonly arguments: readonly Disclosure[];
    readonly resources: readonly Disclosure[];
  };
}

/** A denial that an agent can use (RULE 45). */
export interface Denial extends Linked {
  readonly verdict: 'deny';
  readonly code: string;
  readonly decisionId: string;
  readonly executionId: string;
  /** One sentence for the agent and its people. */
  readonly reason: string;
  /** Ids of the determining policies, where the policy allows them to be shown. */
  readonly policies: readonly string[];
  readonly failedLink?: number;
  /** What to do next, in one sentence. */
  readonly next: string;
  readonly retryAfterMs?: number;
  /** Of the code `limit`: which one, and whom it counts. */
  readonly limit?: LimitExceeded;
  readonly refusal?: ProvenEntry;
}

/** A limit that is used up. */
export interface LimitExceeded {
  readonly name: string;
  readonly per: string;
  /** How much it is, where the policy shows it. */
  readonly max?: string;
  /** When its window ends, milliseconds since the Unix epoch. */
  readonly resetsAt?: number;
}

/** A denial that named approvals would lift. */
export interface Held extends Linked {
  readonly verdict: 'hold';
  readonly executionId: string;
  readonly decisionId: string;
  readonly code: string;
  readonly reason: string;
  readonly policies: readonly string[];
  readonly holds: readonly HoldGroup[];
  readonly next: string;
  readonly refusal?: ProvenEntry;
  /** The same for those who speak AuthZEN's Access Request: where to ask, and until when. */
  readonly context?: {
    readonly evaluation_id: string;
    readonly access_request: { readonly endpoint: string; readonly expires_at: string };
  };
}

export type Answer = Permitted | Denial | Held;

export type RedeemAnswer =
  | ({ readonly verdict: 'started'; readonly executionId: string; readonly start: ProvenEntry } & Linked)
  | Denial;

/** `note` is signed by a lease key (RULE 5); a denial means halt now. */
export type RenewAnswer = { readonly verdict: 'renewed'; readonly note: string } | Denial;

export interface Report {
  readonly instance: string;
  readonly status: 'completed' | 'failed' | 'halted';
  readonly result?: Json;
  readonly exit?: number;
  /** A code, never free text. */
  readonly reason?: string;
  /** Lower actual amounts, where the limit lets them be settled (RULE 25). */
  readonly settled?: readonly { readonly name: string; readonly amount: string }[];
}

export interface ReportAnswer extends Linked {
  readonly executionId: string;
  readonly status: string;
  readonly late: boolean;
  readonly outcome: ProvenEntry;
}
