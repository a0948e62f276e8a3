// Approve: a person's word on one hold, over its exact leaf (RULE 22). Another hold is another question.
import { APPROVAL_TTL_MS, isOfOldSegment, mayApprove } from './approvals.ts';
import type { ApproveCommand } from './commands.ts';
import type { Draft } from './draft.ts';
import type { ExecutionRow, IdentityRow } from './rows.ts';
import type { Transition } from './transition.ts';
import { isPresent } from './vouching.ts';

/** Applies an `approve` command. */
export function approve(draft: Draft, command: ApproveCommand): Transition {
  const row = draft.get('execution', command.exec);
  const conflict = (code: string): Transition => draft.reply({ kind: 'conflict', code, exec: command.exec });
  if (row?.hold === undefined || (row.state !== 'held' && row.state !== 'approved'))
    return conflict('not_held');
  if (row.hold.leaf !== command.hold) return conflict('other_hold');
  if (draft.nowMs >= row.hold.untilMs || isOfOldSegment(draft, row)) return conflict('hold_expired');
  const { group, verdict, caller, passkey, reason } = command;
  const ask = row.hold.groups.find((one) => one.group === group);
  if (ask === undefined) return conflict('other_group');
  const approver = draft.get('identity', caller.subject);
  if (approver === undefined || !isPresent(draft, approver, caller.jkt, draft.nowMs))
    return conflict('may_not_approve');
  if (!mayApprove(draft, row, { by: caller.subject, group, nowMs: draft.nowMs }))
    return conflict('may_not_approve');
  // Who rejects needs no proof of it: that lets nothing happen.
  if (ask.method === 'passkey' && verdict === 'approve' && passkey === undefined)
    return conflict('passkey_required');
  if (ask.reason === true && verdict === 'reject' && reason === undefined) return conflict('reason_required');
  const latestMs = draft.nowMs + (ask.ttl ?? APPROVAL_TTL_MS);
  const objected = unsigned(draft, command, { row, approver, latestMs });
  if (objected !== undefined) return conflict(objected);
  const note = reason?.note;
  draft.append(
    'approval',
    {
      exec: row.exec,
      hold: { index: row.hold.index, leaf: row.hold.leaf },
      group,
      verdict,
      by: caller.subject,
      method: passkey === undefined ? 'token' : 'passkey',
      identity: approver.leaf,
      expires: Math.min(command.expiresMs, latestMs),
      ...(passkey === undefined ? {} : { assertion: passkey.assertion }),
      ...(reason === undefined ? {} : { reason: reason.code }),
      ...(note === undefined ? {} : { note: note.commitment }),
    },
    note === undefined ? {} : { detail: { note: { key: note.key, text: note.text } } },
  );
  return draft.reply({
    kind: 'approval',
    exec: row.exec,
    complete: draft.get('execution', row.exec)?.state === 'approved',
  });
}

/** RULE 22: what Prepare verified is still theirs, and what was signed is taken as it was signed, or not at all. */
function unsigned(
  draft: Draft,
  { passkey, caller, group, expiresMs }: ApproveCommand,
  found: { readonly row: ExecutionRow; readonly approver: IdentityRow; readonly latestMs: number },
): string | undefined {
  if (passkey === undefined) return undefined;
  if (!(found.approver.passkeys ?? []).some(({ jkt }) => jkt === passkey.jkt)) return 'may_not_approve';
  if (expiresMs <= draft.nowMs || expiresMs > found.latestMs) return 'approval_time';
  // A repeat, or an older signature over the same hold: nothing new is said.
  const before = found.row.approvals?.find((one) => one.by === caller.subject && one.group === group);
  return before?.method === 'passkey' && expiresMs <= before.expiresAtMs ? 'approval_known' : undefined;
}
