// What can be attested, how it is asked for, and what was.
import type { Json } from '@licet/evidence';
import type { Linked, ProvenEntry } from './execution.ts';

/** What can be attested (docs/ATTESTATION.md). */
export type AttestationKind =
  'container' | 'executable' | 'npm_provenance' | 'tool_manifest' | 'workload_token';

/** EAR's words. */
export type AttestationStatus = 'affirming' | 'warning' | 'contraindicated' | 'none';

export interface ChallengeView {
  /** Whom the evidence has to be about. */
  readonly subject: string;
  /** 128 random bits, base64url. */
  readonly challenge: string;
  /** Goes back with the evidence. */
  readonly ticket: string;
  readonly expires: number;
  /** What has to be attested for the action that was named, and how fresh. */
  readonly requires: readonly { readonly kind: AttestationKind; readonly maxAgeMs: number }[];
}

export interface EvidenceBody {
  readonly kind: AttestationKind;
  readonly challenge: string;
  readonly ticket: string;
  readonly executionId?: string;
  readonly evidence: Json;
}

export interface AttestAnswer extends Linked {
  readonly kind: AttestationKind;
  readonly status: AttestationStatus;
  readonly measured: string;
  readonly expires: number;
  /** Why it is not affirming. */
  readonly why?: string;
  readonly attestation: ProvenEntry;
}

export interface AttestationView {
  /** Identity or execution. */
  readonly about: string;
  readonly kind: AttestationKind;
  readonly status: AttestationStatus;
  readonly measured: string;
  /** `self`, `door` or `verifier`: whose word it is. */
  readonly by: string;
  readonly attester: string;
  /** What was measured is no older. */
  readonly sinceMs: number;
  readonly expires: number;
  readonly index: number;
  readonly leaf: string;
}
