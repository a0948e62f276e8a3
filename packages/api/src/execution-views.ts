// Executions as people see them: one with all that is known of it, a run, the feed, findings of policies in shadow.
import type {
  Assurance,
  ChainLink,
  Confine,
  Custody,
  Entry,
  Grade,
  HoldGroup,
  Json,
  ProofRef,
} from '@licet/evidence';
import type { GivenApproval } from './approval-views.ts';

/** One execution among all of its run: its places in the log, what was decided, what caused it. */
export interface RunExecution {
  readonly executionId: string;
  readonly parent?: string;
  /** Position in `RunExecutions.chains`. */
  readonly chain: number;
  readonly action: string;
  readonly verdict: string;
  readonly code?: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly decision: ProofRef;
  /** Where it is another entry than the decision. */
  readonly permit?: ProofRef;
  readonly start?: ProofRef;
  readonly outcome?: ProofRef & { readonly status: string; readonly atMs: number };
  readonly renewals: number;
}

/** A decision that a policy in shadow would have made otherwise (RULE 1). */
export interface ShadowFinding extends ProofRef {
  readonly executionId: string;
  /** What it would have been. */
  readonly verdict: string;
  /** The policies that would have determined it. */
  readonly reasons: readonly string[];
  readonly atMs: number;
  /** What it was. */
  readonly was?: string;
  readonly action?: string;
  readonly agent?: string;
}

/** All executions of a run. */
export interface RunExecutions {
  readonly run: string;
  readonly chains: readonly (readonly ChainLink[])[];
  readonly items: readonly RunExecution[];
}

/** One execution as its page shows it. */
export interface ExecutionView {
  readonly executionId: string;
  readonly run: string;
  readonly parent?: string;
  readonly state: string;
  readonly verdict: 'allow' | 'deny' | 'hold';
  readonly code?: string;
  readonly reasons: readonly string[];
  readonly action: string;
  readonly chain: readonly (ChainLink & { readonly name?: string })[];
  readonly grade: Grade;
  readonly custody: Custody;
  readonly confine: Confine;
  readonly atMs: number;
  readonly depth: number;
  /** The leaf hashes and indexes of its entries so far. */
  readonly decision: { readonly leaf: string; readonly index: number };
  readonly permit?: {
    readonly leaf: string;
    readonly index: number;
    readonly exp: number;
    readonly assurance: Assurance;
  };
  readonly start?: { readonly leaf: string; readonly index: number; readonly atMs: number };
  readonly lease?: { readonly untilMs: number; readonly counter: number };
  readonly outcome?: {
    readonly leaf: string;
    readonly index: number;
    readonly status: string;
    readonly reason?: string;
    readonly atMs: number;
  };
  readonly hold?: {
    readonly leaf: string;
    readonly index: number;
    readonly untilMs: number;
    readonly groups: readonly HoldGroup[];
    readonly approvals: readonly GivenApproval[];
  };
  /** Only for callers who may read arguments. */
  readonly arguments?: { readonly [name: string]: Json } | 'erased';
  readonly resources?: readonly { readonly type: string; readonly id: string }[];
}

export interface ExecutionQuery {
  readonly state?: string;
  readonly verdict?: string;
  readonly agent?: string;
  readonly action?: string;
  readonly run?: string;
  readonly after?: number;
  readonly limit?: number;
}

/** One committed entry on the feed; `id` is the log index. */
export interface FeedEvent {
  readonly index: number;
  readonly leaf: string;
  readonly entry: Entry;
}
