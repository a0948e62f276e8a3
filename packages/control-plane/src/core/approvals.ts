// Approvals at the moment they are spent: role, revocation, separation of duties and expiry are looked at again in the
// commit that starts, not only when the approver pressed the button (RULE 22).
import type { BundleRef } from '@licet/evidence';
import type { ApprovalRow, ExecutionRow, RowReader } from './rows.ts';
import { SELF } from './rows.ts';

/** The group of the built-in rule that some operator actions need a second person (RULE 34). */
export const SECOND_PERSON = 'second-person';

/** True when this identity may still approve for the group. */
export function mayApprove(rows: RowReader, execution: ExecutionRow, by: string, group: string): boolean {
  const approver = rows.get('identity', by);
  if (approver === undefined || approver.revoked || approver.kind !== 'user') return false;
  // Separation of duties: nobody approves what is done in their own name.
  if (execution.chain.some((link) => link.id === by)) return false;
  if (group === SECOND_PERSON)
    return approver.roles.includes('operator') || approver.roles.includes('author');
  return approver.roles.includes('approver') && approver.groups.includes(group);
}

/** Approvals of a held execution that count now. */
export const standing = (rows: RowReader, execution: ExecutionRow, nowMs: number): readonly ApprovalRow[] =>
  (execution.approvals ?? []).filter(
    (one) =>
      one.verdict === 'approve' && one.expiresAtMs > nowMs && mayApprove(rows, execution, one.by, one.group),
  );

/** Groups of the hold, and of those before it, whose quorum is met: what `context.approvals` holds (RULE 15). */
export function approvedGroups(rows: RowReader, execution: ExecutionRow, nowMs: number): readonly string[] {
  const valid = standing(rows, execution, nowMs);
  return [...(execution.hold?.groups ?? []), ...(execution.hold?.earlier ?? [])]
    .filter(
      ({ group, need }) =>
        new Set(valid.filter((one) => one.group === group).map((one) => one.by)).size >= need,
    )
    .map(({ group }) => group);
}

/** True while a caller may come back for it (RULE 23). Prepare and Apply ask the same question. */
export const isOpenHold = (row: ExecutionRow, nowMs: number): boolean =>
  row.state === 'approved' || (row.state === 'held' && row.hold !== undefined && nowMs < row.hold.untilMs);

/** True when the same bundles decided: what was approved under others is another question (RULE 22). */
export const sameBundles = (a: readonly BundleRef[], b: readonly BundleRef[]): boolean =>
  a.length === b.length &&
  a.every(({ layer, digest }) => b.some((other) => other.layer === layer && other.digest === digest));

/** True when the clock was set back since it was decided: its times, and those of its approvals, mean nothing now (RULE 39). */
export const isOfOldSegment = (rows: RowReader, row: ExecutionRow): boolean =>
  row.decision.index < (rows.get('clock', SELF)?.segmentStart ?? 0);
