/**
 * Attestation as policies see it (DESIGN §7): what was proven of whoever acts, by kind, and what a bundle asks for
 * before an action may be decided, started or go on. Result words are those of EAR.
 */
import type { CedarValue } from './cedar.ts';
import type { DenyCode } from './deny-codes.ts';

/** What can be attested. */
export const ATTESTATION_KINDS = [
  'container',
  'executable',
  'npm_provenance',
  'tool_manifest',
  'workload_token',
] as const;
export type AttestationKind = (typeof ATTESTATION_KINDS)[number];

/** EAR's words, best first. */
export const ATTESTATION_STATUSES = ['affirming', 'warning', 'contraindicated', 'none'] as const;
export type AttestationStatus = (typeof ATTESTATION_STATUSES)[number];

/** Whose key answers for the evidence: the acting agent's own, a registered door's, or a registered verifier's. */
export const ATTESTERS = ['self', 'door', 'verifier'] as const;
export type AttesterRole = (typeof ATTESTERS)[number];

/** The newest attestation of one kind. */
export interface AttestationFact {
  /** As appraised; `none` also once it has run out. */
  readonly status: AttestationStatus;
  /** Digest of what was measured, base64url. */
  readonly measured: string;
  /** Milliseconds since the challenge was given out: what was measured is no older. */
  readonly ageMs: number;
  /** Milliseconds until the evidence runs out by itself; 0 or less when it has. */
  readonly leftMs: number;
  readonly by: AttesterRole;
  /** The entry it came from (RULE 19). */
  readonly cite?: { readonly index: number; readonly leaf: string };
}

/** By kind; what was not attested is absent. */
export type AttestationFacts = { readonly [K in AttestationKind]?: AttestationFact };

/** One thing that a bundle asks for, under `attest`, for an action or an action group. */
export interface AttestSpec {
  readonly kind: AttestationKind;
  /** How old it may be, as in `30s`. Default one minute. */
  readonly maxAge?: string;
  /** Digests that are accepted; `pinned` is the bundle's pin of the action. Left out: any that the door binds. */
  readonly allow?: readonly string[] | 'pinned';
  /** Whose word counts. Default: anybody's whom the kind lets answer. */
  readonly by?: readonly AttesterRole[];
}

/** The same, read. */
export interface AttestRequirement {
  readonly kind: AttestationKind;
  readonly maxAgeMs: number;
  readonly allow?: readonly string[];
  readonly by?: readonly AttesterRole[];
}

export const DEFAULT_ATTESTATION_AGE_MS = 60_000;

/** Kinds whose measurement is of the very thing a call uses, and the part of `bound` that says which (RULE 26). */
export const BOUND_BY: Readonly<Partial<Record<AttestationKind, string>>> = {
  executable: 'program:',
  tool_manifest: 'tool:',
};

/** Returns the code of the first requirement that is not met, or undefined. Whatever is unclear is not met (P6). */
export function unmetAttestation(
  required: readonly AttestRequirement[],
  facts: CedarValue | undefined,
  bound: readonly string[],
): DenyCode | undefined {
  const known = facts as { readonly [kind: string]: Omit<AttestationFact, 'cite'> } | undefined;
  for (const { kind, maxAgeMs, allow, by } of required) {
    const fact = known !== undefined && Object.hasOwn(known, kind) ? known[kind] : undefined;
    if (fact === undefined) return 'attestation_missing';
    if (fact.status === 'contraindicated') return 'attestation_contraindicated';
    // Negated, so that an age that is no number is too old.
    if (!(fact.leftMs > 0) || !(fact.ageMs <= maxAgeMs)) return 'attestation_stale';
    if (fact.status !== 'affirming' && fact.status !== 'warning') return 'attestation_missing';
    if (by !== undefined && !by.includes(fact.by)) return 'attestation_missing';
    const prefix = BOUND_BY[kind];
    if (prefix !== undefined && !bound.includes(`${prefix}${fact.measured}`))
      return 'attestation_contraindicated';
    if (allow !== undefined && !allow.includes(fact.measured)) return 'attestation_contraindicated';
  }
  return undefined;
}

/** Returns `context.attestation`, or undefined when a fact is not of its form. */
export function attestationValue(facts: AttestationFacts): CedarValue | undefined {
  const values: Record<string, CedarValue> = {};
  for (const kind of ATTESTATION_KINDS) {
    const fact = Object.hasOwn(facts, kind) ? facts[kind] : undefined;
    if (fact === undefined) continue;
    const { status, measured, ageMs, leftMs, by } = fact;
    const fits =
      ATTESTATION_STATUSES.includes(status) &&
      ATTESTERS.includes(by) &&
      typeof measured === 'string' &&
      measured.isWellFormed() &&
      Number.isSafeInteger(ageMs) &&
      Number.isSafeInteger(leftMs);
    if (!fits) return undefined;
    values[kind] = { status, measured, ageMs, leftMs, by };
  }
  return values;
}
