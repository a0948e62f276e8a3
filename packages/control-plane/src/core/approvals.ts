// Approvals at the moment they are spent: role, revocation, separation of duties and expiry are looked at again in the
// commit that starts, not only when the approver pressed the button (RULE 22).
import { quorumOf, type BundleRef, type HoldGroup } from '@licet/evidence';
import type { ApprovalRow, ExecutionRow, RowReader } from './rows.ts';
import { SELF } from './rows.ts';
import { stands as isSomebody } from './vouching.ts';

/** Longest life of an approval. */
export const APPROVAL_TTL_MS = 900_000;

/** The group of the built-in rule that some operator actions need a second person (RULE 34). */
export const SECOND_PERSON = 'second-person';

/** What a hold, or one before it, asks of a group. */
export const askOf = (execution: ExecutionRow, group: string): HoldGroup | undefined =>
  asksOf(execution).find((one) => one.group === group);

const asksOf = ({ hold }: ExecutionRow): readonly HoldGroup[] => [
  ...(hold?.groups ?? []),
  ...(hold?.earlier ?? []),
];

/** True when this identity may approve for the group now. */
export function mayApprove(
  rows: RowReader,
  execution: ExecutionRow,
  { by, group, nowMs }: { readonly by: string; readonly group: string; readonly nowMs: number },
): boolean {
  const approver = rows.get('identity', by);
  if (approver === undefined || !isSomebody(rows, approver) || approver.kind !== 'user') return false;
  if (ownsPartOf(rows, execution, by)) return false;
  if (group === SECOND_PERSON)
    // A policy is judged by whoever writes, runs or approves under it; everything else by whoever runs the plane.
    return approver.roles.some(
      (role) =>
        role === 'operator' ||
        role === 'author' ||
        (role === 'approver' && execution.action === 'licet/publish'),
    );
  if (!approver.roles.includes('approver')) return false;
  // Once the time of an escalation has come, members of that group speak for this one too.
  const also = (askOf(execution, group)?.also ?? []).filter(({ at }) => at <= nowMs);
  return [group, ...also.map((step) => step.group)].some((one) => approver.groups.includes(one));
}

/** Separation of duties: nobody approves what is done in their own name, or by an agent of theirs. */
const ownsPartOf = (rows: RowReader, { chain }: ExecutionRow, by: string): boolean =>
  chain.some(({ id }) => id === by || rows.get('identity', id)?.for === by);

/** Approvals of a held execution that count now. */
export const standing = (rows: RowReader, execution: ExecutionRow, nowMs: number): readonly ApprovalRow[] =>
  (execution.approvals ?? []).filter((one) => stands(rows, execution, one, nowMs));

/** True while an approval counts: in time, by somebody who may, and as the hold asked for it. */
export function stands(rows: RowReader, execution: ExecutionRow, one: ApprovalRow, nowMs: number): boolean {
  if (one.verdict !== 'approve' || one.expiresAtMs <= nowMs) return false;
  if (askOf(execution, one.group)?.method === 'passkey' && one.method !== 'passkey') return false;
  if (isRevoked(rows, one)) return false;
  // The passkey that signed may be what was taken away: what it signed counts while its owner stands as they stood.
  if (one.method === 'passkey' && rows.get('identity', one.by)?.leaf !== one.identity) return false;
  return mayApprove(rows, execution, { ...one, nowMs });
}

/** True when it was given in advance, and the grant has been taken back since. */
export const isRevoked = (rows: RowReader, { standing: grant }: ApprovalRow): boolean =>
  grant !== undefined && rows.get('standing', grant)?.revoked !== false;

/** True when these approvals are enough for what the group is asked. */
export const quorumMet = (rows: RowReader, ask: HoldGroup, approvals: readonly ApprovalRow[]): boolean =>
  quorumOf(
    approvals
      .filter((one) => one.group === ask.group && one.verdict === 'approve')
      .map(({ by }) => ({ subject: by, groups: rows.get('identity', by)?.groups ?? [] })),
    ask.apart,
  ) >= ask.need;

/** Groups of the hold, and of those before it, whose quorum is met: what `context.approvals` holds (RULE 15). */
export function approvedGroups(rows: RowReader, execution: ExecutionRow, nowMs: number): readonly string[] {
  const valid = standing(rows, execution, nowMs);
  return asksOf(execution)
    .filter((ask) => quorumMet(rows, ask, valid))
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
