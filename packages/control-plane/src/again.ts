// The question asked again: today's policy about an execution that was decided before (RULE 4, 24). Whatever cannot be
// asked again is denied.
import { chainOf } from './chain.ts';
import type { PlaneContext } from './context.ts';
import type { Caller, Verdict } from './core/commands.ts';
import type { ExecutionRow } from './core/rows.ts';
import { SELF } from './core/rows.ts';
import { judge } from './prepare.ts';
import { recordOf } from './records.ts';
import { touchedScopes } from './scopes.ts';
import type { Snapshot } from './snapshot.ts';

/** Today's word on something that was decided before, and what it touches. */
export interface Again {
  readonly verdict: Verdict;
  /** Scope ids. */
  readonly resources: readonly string[];
}

const DENIED = {
  verdict: 'deny',
  code: 'policy_error',
  reasons: [],
  holds: [],
  leaseMs: 0,
  maxMs: 0,
  assurance: 'logged',
  engine: '',
} as const;

/** Asks today's policy about an execution, on the word of `caller`; what it read is in the snapshot afterwards. */
export async function judgeAgain(
  context: PlaneContext,
  row: ExecutionRow,
  caller: Caller,
  snapshot: Snapshot,
): Promise<Again> {
  const { store, evaluator, clock, tenantKey, keeper, emergency } = context;
  const denied = (code: string): Again => ({ verdict: { ...DENIED, code }, resources: [] });
  evaluator.admit(row.start !== undefined);
  await snapshot.load([
    { kind: 'plane', id: SELF },
    { kind: 'containment', id: SELF },
    { kind: 'policy', id: SELF },
  ]);
  await keeper.ensure(snapshot.get('policy', SELF));
  const nowMs = clock.nowMs();
  const { loaded } = keeper;
  if (loaded === undefined || keeper.tooOld(loaded, nowMs)) return denied('no_bundle');
  const record = await recordOf(store, row);
  if (record?.body.input === undefined) return denied('not_durable');
  const chain = await chainOf(snapshot, caller, row.parent?.exec, row.exec, nowMs);
  if ('deny' in chain) return denied(chain.deny);
  const pin = loaded.pins[row.action];
  if (pin !== undefined && !record.body.input.door.bound.includes(`tool:${pin}`)) return denied('unpinned');
  const { arguments: args, resources, input } = record.body;
  const touched = touchedScopes(tenantKey, resources);
  if (await emergency.covers(context, row, touched)) return denied('contained');
  const judged = await judge(
    evaluator,
    snapshot,
    loaded,
    { action: row.action, args, resources, chain, door: input.door, exec: row.exec, execution: row },
    nowMs,
  );
  if ('deny' in judged) return denied(judged.deny);
  return { verdict: judged.verdict, resources: touched };
}
