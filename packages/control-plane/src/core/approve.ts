// Approve: a person's word on one hold, over its exact leaf (RULE 22). Another hold is another question.
import { isOfOldSegment, mayApprove } from './approvals.ts';
import type { ApproveCommand } from './commands.ts';
import type { Draft } from './draft.ts';
import type { Transition } from './transition.ts';

/** Longest life of an approval. */
export const APPROVAL_TTL_MS = 900_000;

/** Applies an `approve` command. */
export function approve(draft: Draft, command: ApproveCommand): Transition {
  const row = draft.get('execution', command.exec);
  const conflict = (code: string): Transition => draft.reply({ kind: 'conflict', code, exec: command.exec });
  if (row?.hold === undefined || (row.state !== 'held' && row.state !== 'approved'))
    return conflict('not_held');
  if (row.hold.leaf !== command.hold) return conflict('other_hold');
  if (draft.nowMs >= row.hold.untilMs || isOfOldSegment(draft, row)) return conflict('hold_expired');
  const { group, verdict, caller, method, assertion, reason } = command;
  const ask = row.hold.groups.find((one) => one.group === group);
  if (ask === undefined) return conflict('other_group');
  if (!mayApprove(draft, row, { by: caller.subject, group, nowMs: draft.nowMs }))
    return conflict('may_not_approve');
  if (ask.method === 'passkey' && verdict === 'approve' && method !== 'passkey')
    return conflict('passkey_required');
  if (ask.reason === true && verdict === 'reject' && reason === undefined) return conflict('reason_required');
  draft.append('approval', {
    exec: row.exec,
    hold: { index: row.hold.index, leaf: row.hold.leaf },
    group,
    verdict,
    by: caller.subject,
    method,
    identity: draft.get('identity', caller.subject)!.leaf,
    expires: Math.min(command.expiresMs, draft.nowMs + (ask.ttl ?? APPROVAL_TTL_MS)),
    ...(assertion === undefined ? {} : { assertion }),
    ...(reason === undefined ? {} : { reason: reason.code }),
    ...(reason?.note === undefined ? {} : { note: reason.note }),
  });
  return draft.reply({
    kind: 'approval',
    exec: row.exec,
    complete: draft.get('execution', row.exec)?.state === 'approved',
  });
}
