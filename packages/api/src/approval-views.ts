// People's words on holds: given one by one, together or in advance, and where the plane tells of holds.
import type { ApprovalSubject, Json } from '@licet/evidence';
import type { Disclosure, ProvenEntry } from './execution.ts';

/** A person's word on a hold. */
export interface GivenApproval {
  readonly group: string;
  readonly by: string;
  readonly verdict: string;
  readonly atMs?: number;
  /** Until when it counts, milliseconds since the Unix epoch. */
  readonly expires?: number;
  /** Of a rejection: why, as a code, and in their words for people who may read them. */
  readonly reason?: string;
  readonly note?: string;
  /** Leaf of the standing approval that gave it. */
  readonly standing?: string;
}

/** Of a rejection: a code for the log, and words that are kept beside it. */
export interface Rejection {
  readonly code: string;
  /** At most 500 characters. */
  readonly text?: string;
}

/** What came of one of several words. */
export type ApprovedOne =
  | {
      readonly executionId: string;
      readonly ok: true;
      readonly complete: boolean;
      readonly approval: ProvenEntry;
    }
  | { readonly executionId: string; readonly ok: false; readonly code: string; readonly message: string };

/** A standing approval (docs/formats/standing.md). Times in milliseconds since the Unix epoch. */
export interface StandingView {
  readonly leaf: string;
  readonly index: number;
  readonly group: string;
  readonly by: string;
  readonly atMs: number;
  readonly exp: number;
  readonly count: number;
  readonly used: number;
  readonly revoked: boolean;
  /** What it covers; absent when it was erased. */
  readonly scope?: Json;
}

/** Where the plane tells of holds. */
export interface Webhook {
  readonly id: string;
  readonly url: string;
  /** Whether the arguments of held calls are in what is sent, in the clear. */
  readonly arguments: boolean;
}

/** A webhook and how it fares, since this process began. */
export interface WebhookView extends Webhook {
  readonly waiting: number;
  readonly delivered: number;
  readonly dropped: number;
  readonly lastError?: string;
}

export interface WebhooksView {
  readonly items: readonly WebhookView[];
  /** `whpk_…`: verifies what is sent (Standard Webhooks, Ed25519). */
  readonly publicKey?: string;
}

/** An access request of AuthZEN: how a hold stands. Approved is not permitted: the call is to be made again. */
export interface AccessTask {
  readonly task: {
    readonly id: string;
    readonly status: 'pending' | 'approved' | 'denied' | 'expired' | 'cancelled';
    readonly status_endpoint: string;
    readonly expires_at: string;
  };
}

/** What a passkey signs to answer a hold (RULE 22). */
export interface SigningSubject {
  readonly subject: ApprovalSubject;
  /** Its digest: the WebAuthn challenge. Compute it again before signing. */
  readonly challenge: string;
  readonly rpId: string;
  /** Opens `subject.args`; absent when the record was erased. */
  readonly disclosures?: readonly Disclosure[];
}
