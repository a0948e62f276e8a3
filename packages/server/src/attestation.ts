/**
 * The verifiers of this server behind the plane's `Attestation` port: one for each kind, none of which may keep a decision
 * waiting or end it by an exception (DESIGN §7, P6).
 */
import { digestOfEvidence, type Crypto } from '@licet/evidence';
import type { Appraisal, Attestation, Verifier } from '@licet/control-plane';
import { statementVerifiers } from '@licet/control-plane';

/** Longest time that one appraisal may take, milliseconds. A door waits two seconds for its answer. */
const APPRAISAL_MS = 1_000;

/** Returns the port. `verifiers` are added by kind, or take the place of those that are there. */
export function openAttestation(
  crypto: Crypto,
  verifiers: Readonly<Record<string, Verifier>> = {},
  deadlineMs = APPRAISAL_MS,
): Attestation {
  const known: Readonly<Record<string, Verifier>> = { ...statementVerifiers(crypto), ...verifiers };
  return {
    async appraise(asked) {
      const nothing = (why: string): Appraisal => ({
        status: 'none',
        measured: digestOfEvidence(asked.evidence),
        by: asked.subject,
        why,
      });
      const verifier = Object.hasOwn(known, asked.kind) ? known[asked.kind] : undefined;
      if (verifier === undefined) return nothing('nobody here verifies this kind');
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<Appraisal>((resolve) => {
        timer = setTimeout(() => resolve(nothing('the verifier gave no answer in time')), deadlineMs);
      });
      try {
        return await Promise.race([verifier(asked), late]);
      } catch (error) {
        return nothing(error instanceof Error ? error.message : 'the verifier failed');
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
