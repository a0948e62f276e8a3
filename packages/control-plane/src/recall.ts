// Recall: the answer to a request that was decided before. Never a second permit (RULE 6), and never a start that its
// door would now act on against a containment or after its lease.
import { instanceDigest } from '@licet/evidence';
import { judgeAgain } from './again.ts';
import { conflict, disclosuresOf, refusedReply, refusedUnrecorded } from './answers.ts';
import type { PlaneContext } from './context.ts';
import type { Caller, Effect, Reply } from './core/commands.ts';
import { MAX_DEPTH } from './core/containment.ts';
import { mandateKeys } from './core/mandates.ts';
import type { ExecutionRow } from './core/rows.ts';
import { SELF } from './core/rows.ts';
import { objection } from './core/standing.ts';
import type { Answered } from './face.ts';
import { executionOf } from './look-up.ts';
import { provenAt } from './proven.ts';
import { recordOf } from './records.ts';
import { touchedScopes } from './scopes.ts';
import { Snapshot } from './snapshot.ts';
import { loadPeople, loadSpeaker } from './speakers.ts';

/** Who asks, and from which process (RULE 6). */
export interface Asker {
  readonly caller: Caller;
  readonly instance: Uint8Array;
}

/** The answer to a request that was decided before: never a second permit (RULE 6). */
export async function recall(
  context: PlaneContext,
  exec: string,
  sameRequest: boolean,
  { instance, caller }: Asker,
): Promise<Answered> {
  const { store } = context;
  if (!sameRequest) return conflict('idempotency_conflict', exec);
  const row = await executionOf(store, exec);
  if (row === undefined) return conflict('unknown_execution', exec);
  const record = await recordOf(store, row);
  const disclosures = record === undefined ? {} : { disclosures: disclosuresOf(record.body) };
  if (row.permit === undefined) {
    const holds = (row.hold?.groups ?? []).map(({ until, ...ask }) => ({ ...ask, untilMs: until }));
    const verdict = row.state === 'held' || row.state === 'approved' ? 'hold' : 'deny';
    const code = row.code ?? 'policy';
    const entries = await provenAt(store, [row.decision.index]);
    return {
      reply: { kind: 'refused', exec, code, verdict, reasons: row.reasons, holds },
      entries,
      notes: [],
      ...disclosures,
      ...(row.code === 'denied_by_person' ? rejection(context, row) : {}),
    };
  }
  if (row.start === undefined) {
    return {
      reply: { kind: 'permitted', exec, permit: 0 },
      entries: await provenAt(store, [row.permit.index]),
      notes: [],
      ...disclosures,
    };
  }
  const mine = row.start.instance === instanceDigest(instance);
  // A lost reply is answered again, but never past a containment or the lease's end: its door would act now.
  const why = mine ? await withheld(context, row, caller) : 'already_started';
  if (why !== undefined) return refusedUnrecorded(exec, why);
  const entries = await provenAt(store, [row.permit.index, row.start.index]);
  return {
    reply: { kind: 'permitted', exec, permit: 0, start: 1, leaseUntilMs: row.lease!.untilMs },
    entries,
    notes: [],
    ...disclosures,
  };
}

/** What the caller is told of a person's refusal: their words, where every policy that held it shows itself (RULE 45). */
export function rejection({ keeper }: PlaneContext, row: ExecutionRow): Pick<Answered, 'explain'> {
  const words = row.approvals?.find(({ verdict }) => verdict === 'reject');
  const open = row.reasons.every((id) => keeper.loaded?.enforced.byId.get(id)?.explain === 'full');
  if (words?.reason === undefined || !open || row.reasons.length === 0) return {};
  const { reason, note } = words;
  return {
    explain: {
      show: 'full',
      advice: `A person rejected it (${reason})${note === undefined ? '.' : `: ${note}`}`,
    },
  };
}

/** Why a start that is in the log may not be handed out (again): its door would act on it now. */
export async function withheld(
  context: PlaneContext,
  row: ExecutionRow,
  caller: Caller,
): Promise<string | undefined> {
  const { store, clock, tenant, tenantKey, emergency } = context;
  const nowMs = clock.nowMs();
  if (row.state !== 'running') return 'already_started';
  if (row.lease === undefined || nowMs > row.lease.untilMs) return 'expired';
  const snapshot = new Snapshot(store);
  await snapshot.load([
    { kind: 'containment', id: SELF },
    { kind: 'clock', id: SELF },
  ]);
  await loadPeople(snapshot, [caller.subject, ...row.chain.map(({ id }) => id)]);
  await loadSpeaker(snapshot, caller.jkt);
  await snapshot.load(mandateKeys(row.chain.map(({ id }) => id)));
  // RULE 39: a start of before the clock was set back is over, whatever its lease says.
  if (row.decision.index < (snapshot.get('clock', SELF)?.segmentStart ?? 0)) return 'expired';
  let next = row.parent?.exec;
  for (let depth = 0; next !== undefined && depth <= MAX_DEPTH; depth += 1) {
    await snapshot.load([{ kind: 'execution', id: next }]);
    const parent = snapshot.get('execution', next);
    if (parent !== undefined) await loadSpeaker(snapshot, parent.jkt);
    next = parent?.parent?.exec;
  }
  const resources = touchedScopes(tenantKey, (await recordOf(store, row))?.body.resources ?? []);
  if (await emergency.covers(context, row, resources)) return 'contained';
  const objected = objection(snapshot, tenant, { ...row, caller, resources }, nowMs);
  if (objected !== undefined) return objected.code;
  // What today's policy would refuse to renew is not handed out anew either.
  const { verdict } = await judgeAgain(context, row, caller, snapshot);
  return verdict.verdict === 'allow' ? undefined : (verdict.code ?? 'policy');
}

/** The answer to an operator's action that was decided before. */
export async function recallOperation(
  { store }: PlaneContext,
  reply: Reply & { readonly kind: 'decided' },
): Promise<Answered> {
  if (!reply.sameRequest) return conflict('idempotency_conflict', reply.exec);
  const row = await executionOf(store, reply.exec);
  const entries = row === undefined ? [] : await provenAt(store, row.entries);
  if (row?.state === 'completed')
    return {
      reply: {
        kind: 'operated',
        exec: row.exec,
        effect: row.action.slice('licet/'.length) as Effect['op'],
      },
      entries,
      notes: [],
    };
  return { reply: refusedReply(reply.exec, row?.code ?? 'role'), entries, notes: [] };
}
