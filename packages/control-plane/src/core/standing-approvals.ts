// Standing approvals: a person's word given in advance, spent under the fence (RULE 4, 22). Each use is an approval of its
// own over its own hold, which cites the grant; so whatever ends an approval ends a use of it too.
import { APPROVAL_TTL_MS, askOf, mayApprove, quorumMet, standing } from './approvals.ts';
import type { Effect } from './commands.ts';
import type { Draft } from './draft.ts';
import type { HoldGroup } from '@licet/evidence';
import type { ExecutionRow, RowReader, StandingRow } from './rows.ts';
import { SELF } from './rows.ts';

/** Longest life of a standing approval: it is meant for an afternoon, not for a job. */
export const MAX_STANDING_MS = 86_400_000;

/** True while something of the grant is left: in time, of this segment of the clock (RULE 39), not revoked. */
export const isOpenGrant = (rows: Pick<RowReader, 'get'>, row: StandingRow, nowMs: number): boolean =>
  !row.revoked &&
  row.used < row.count &&
  nowMs < row.expMs &&
  row.index >= (rows.get('clock', SELF)?.segmentStart ?? 0);

/**
 * Spends the grants that cover a held execution, as many as its quorums still need. True when the hold is approved
 * now. Commands of a batch apply one after the other, so that racing uses never spend more than there is.
 */
export function spendGrants(draft: Draft, exec: string, leaves: readonly string[]): boolean {
  for (const leaf of leaves) {
    const execution = draft.get('execution', exec);
    const grant = draft.get('standing', leaf);
    if (execution?.hold === undefined || execution.state !== 'held' || grant === undefined) continue;
    const ask = askOf(execution, grant.group);
    if (ask !== undefined && isWanted(draft, execution, ask, grant)) give(draft, execution, ask, grant);
  }
  return draft.get('execution', exec)?.state === 'approved';
}

function isWanted(draft: Draft, execution: ExecutionRow, ask: HoldGroup, grant: StandingRow): boolean {
  const { nowMs } = draft;
  const given = standing(draft, execution, nowMs);
  return (
    isOpenGrant(draft, grant, nowMs) &&
    // A group that wants a passkey wants it for each call.
    ask.method === undefined &&
    !quorumMet(draft, ask, given) &&
    !given.some((one) => one.group === ask.group && one.by === grant.by) &&
    mayApprove(draft, execution, { by: grant.by, group: grant.group, nowMs })
  );
}

function give(draft: Draft, execution: ExecutionRow, ask: HoldGroup, grant: StandingRow): void {
  const { hold } = execution;
  draft.append('approval', {
    exec: execution.exec,
    hold: { index: hold!.index, leaf: hold!.leaf },
    group: ask.group,
    verdict: 'approve',
    by: grant.by,
    method: 'token',
    identity: draft.get('identity', grant.by)!.leaf,
    expires: Math.min(draft.nowMs + (ask.ttl ?? APPROVAL_TTL_MS), grant.expMs),
    standing: grant.leaf,
  });
}

type StandingEffect = Effect & { readonly op: 'standing' };

/** Appends a grant or its end; returns the leaf. */
export function appendStanding(draft: Draft, effect: StandingEffect, by: string): string {
  if (effect.change === 'revoke') return draft.append('standing', { op: 'revoke', by, of: effect.leaf }).leaf;
  const { group, scope, count, expMs, opened, assertion } = effect;
  const identity = draft.get('identity', by)!.leaf;
  return draft.append(
    'standing',
    {
      op: 'grant',
      by,
      group,
      scope,
      count,
      exp: expMs,
      identity,
      ...(assertion === undefined ? {} : { assertion }),
    },
    { detail: { standing: opened } },
  ).leaf;
}

/** Why the grant, or its end, cannot be. */
export function impossibleStanding(draft: Draft, effect: StandingEffect, by: string): string | undefined {
  if (effect.change === 'revoke') {
    const row = draft.get('standing', effect.leaf);
    return row === undefined || row.revoked ? 'unknown_standing' : undefined;
  }
  const actor = draft.get('identity', by);
  if (actor?.kind !== 'user' || !actor.groups.includes(effect.group)) return 'may_not_approve';
  const left = effect.expMs - draft.nowMs;
  return left > 0 && left <= MAX_STANDING_MS ? undefined : 'standing_time';
}
