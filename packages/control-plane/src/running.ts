// Running: a permit is redeemed, its lease renewed, its outcome reported; or a hold is given up. Redeeming and renewing
// ask the whole question again (RULE 4).
import { instanceDigest, permitId, unbase64url } from '@licet/evidence';
import { judgeAgain } from './again.ts';
import { answered, conflict, refusedUnrecorded } from './answers.ts';
import { commit, commitOn, onExecution } from './commits.ts';
import type { PlaneContext } from './context.ts';
import type { Caller, Command } from './core/commands.ts';
import type { Answered, Plane } from './face.ts';
import { custodyOf, executionOf } from './look-up.ts';
import { consequencesOf } from './prepare.ts';
import { provenAt } from './proven.ts';
import { withheld } from './recall.ts';
import { resultRecord } from './records.ts';

/** Spends the permit and opens the lease, for one instance only. */
export async function redeem(
  context: PlaneContext,
  caller: Caller,
  exec: string,
  body: Parameters<Plane['redeem']>[2],
): Promise<Answered> {
  const { store, clock, keeper } = context;
  const { entry, index } = body.permit;
  const leaf = permitId(entry);
  // RULE 2: spent-ness is keyed by (origin, index): the bytes presented must be those at the index presented.
  const at = await store.log.find(unbase64url(leaf));
  if (at === undefined || at !== index) return conflict('unknown_permit', exec);
  return onExecution(context, exec, async (row, snapshot) => {
    const evaluatedAtMs = clock.nowMs();
    const judged = await judgeAgain(context, row, caller, snapshot);
    const command: Command = {
      kind: 'redeem',
      exec,
      caller,
      permit: leaf,
      instance: instanceDigest(body.instance),
      resources: judged.resources,
      door: { ...body.door, custody: await custodyOf(store) },
      verdict: judged.verdict,
      consequences: consequencesOf(keeper.loaded),
    };
    const result = await commitOn(context, command, snapshot, { seen: body.seen, evaluatedAtMs });
    if (result === 'stale') return 'stale';
    if (result.reply.kind !== 'decided') return answered(result);
    const now = await executionOf(store, exec);
    const why = await withheld(context, now!, caller);
    if (why !== undefined) return refusedUnrecorded(exec, why);
    const entries = await provenAt(store, [now!.start!.index]);
    return {
      reply: { kind: 'started', exec, start: 0, leaseUntilMs: now!.lease!.untilMs },
      entries,
      notes: [],
    };
  });
}

/** Lengthens the lease by a signed note, or halts it by a refusal (RULE 5). */
export async function renew(
  context: PlaneContext,
  caller: Caller,
  exec: string,
  body: Parameters<Plane['renew']>[2],
): Promise<Answered> {
  return onExecution(context, exec, async (row, snapshot) => {
    const evaluatedAtMs = context.clock.nowMs();
    const judged = await judgeAgain(context, row, caller, snapshot);
    const { counter, nonce } = body;
    const command: Command = {
      kind: 'renew',
      exec,
      caller,
      instance: instanceDigest(body.instance),
      counter,
      nonce,
      resources: judged.resources,
      verdict: judged.verdict,
    };
    const result = await commitOn(context, command, snapshot, { lane: 'safety', evaluatedAtMs });
    return result === 'stale' ? 'stale' : answered(result);
  });
}

/** What became of it, in the words of the instance that ran it (RULE 25). */
export async function report(
  context: PlaneContext,
  caller: Caller,
  exec: string,
  body: Parameters<Plane['report']>[2],
): Promise<Answered> {
  const { store, random, keeper } = context;
  const result = body.result === undefined ? undefined : resultRecord(random, exec, body.result);
  const committed = await commit(
    context,
    {
      kind: 'report',
      exec,
      caller,
      instance: instanceDigest(body.instance),
      status: body.status,
      ...(result === undefined ? {} : { result: result.commitment }),
      ...(body.exit === undefined ? {} : { exit: body.exit }),
      ...(body.reason === undefined ? {} : { reason: body.reason }),
      settled: body.settled ?? [],
      consequences: consequencesOf(keeper.loaded),
    },
    { lane: 'safety', seen: body.seen, ...(result === undefined ? {} : { record: result.record }) },
  );
  if (committed.reply.kind !== 'decided') return answered(committed);
  const row = await executionOf(store, exec);
  const entries = await provenAt(store, [row!.outcome!.index]);
  return { reply: { kind: 'done', exec, status: body.status, late: false }, entries, notes: [] };
}

/** Ends a hold that its caller no longer waits for (RULE 22). */
export async function cancel(context: PlaneContext, caller: Caller, exec: string): Promise<Answered> {
  return answered(await commit(context, { kind: 'cancel', exec, caller }));
}
