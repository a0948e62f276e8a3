/** Handlers of attestation: a challenge is given out, evidence is presented, and what it showed is read (DESIGN §7). */
import type { AttestationRow, AttestBody } from '@licet/control-plane';
import { PlaneError, type EvidenceBody } from '@licet/api';
import { isOwn, isPerson, known, notFound, type Context, type Handlers, type Parts } from './handlers.ts';
import { presentAttested } from './present.ts';

/** Returns the handlers. */
export function attestationHandlers({ plane }: Parts): Handlers {
  const caller = (context: Context): { readonly subject: string; readonly jkt: string } => {
    const { subject, jkt } = known(context);
    return { subject, jkt };
  };
  return {
    async challenge(context) {
      const { executionId, action } = context.body as {
        readonly executionId?: string;
        readonly action?: string;
      };
      const given = await plane.challenge(caller(context), {
        ...(executionId === undefined ? {} : { exec: executionId }),
        ...(action === undefined ? {} : { action }),
      });
      if (given === 'unknown_execution') throw notFound();
      const { challenge, ticket, expiresMs, requires } = given;
      const { subject } = known(context);
      return { subject, challenge, ticket, expires: expiresMs, requires };
    },
    async attest(context) {
      const { executionId, ...body } = context.body as EvidenceBody;
      const asked: AttestBody = { ...body, ...(executionId === undefined ? {} : { exec: executionId }) };
      return presentAttested(await plane.attest(caller(context), asked), body.kind);
    },
    async attestations(context) {
      const about = context.query['about'];
      const principal = known(context);
      if (about === undefined) {
        if (!isPerson(principal)) return { items: views(await plane.attestations(principal.subject)) };
        return { items: views(await plane.attestations()) };
      }
      if (!isPerson(principal) && about !== principal.subject) {
        const row = await plane.execution(String(about));
        if (row === undefined || !isOwn(principal, row))
          throw new PlaneError('forbidden', 'forbidden: this needs a role that sees more than its own');
      }
      return { items: views(await plane.attestations(String(about))) };
    },
  };
}

const views = (rows: readonly AttestationRow[]) =>
  rows.flatMap(({ about, items }) =>
    Object.values(items).map(({ expMs, ...item }) => ({ about, ...item, expires: expMs })),
  );
