// Redeem: the permit is spent and the lease opened in one step (RULE 2, 4, 6). Exactly one instance gets the go.
import type { ConsequenceRule, RedeemCommand } from './commands.ts';
import { consequence } from './consequence.ts';
import { containmentOf } from './containment.ts';
import { appendStart } from './decide.ts';
import { appendDenial } from './denial.ts';
import type { Draft } from './draft.ts';
import { stands } from './approvals.ts';
import type { ExecutionRow } from './rows.ts';
import { SELF } from './rows.ts';
import { objection, type Objection } from './standing.ts';
import type { Transition } from './transition.ts';

/** Applies a `redeem` command. */
export function redeem(draft: Draft, command: RedeemCommand): Transition {
  const row = draft.get('execution', command.exec);
  if (row?.permit === undefined || row.permit.leaf !== command.permit) {
    return draft.reply({ kind: 'conflict', code: 'unknown_permit', exec: command.exec });
  }
  // A lost reply: the same instance of the same key gets the start that it already has (RULE 6).
  if (row.start !== undefined && row.start.instance === command.instance && row.jkt === command.caller.jkt) {
    return draft.reply({ kind: 'decided', exec: row.exec, sameRequest: true });
  }
  const foreign = row.jkt !== command.caller.jkt;
  if (foreign) return refuse(draft, command, row, { code: 'foreign_permit' }, 'foreign_permit');
  if (row.state !== 'permitted') {
    const spent = row.start !== undefined;
    return refuse(
      draft,
      command,
      row,
      { code: spent ? 'spent' : 'expired' },
      spent ? 'replayed_permit' : 'denials',
    );
  }
  const objected = spendObjection(draft, command, row);
  if (objected !== undefined) return refuse(draft, command, row, objected, 'denials');

  const leaseUntilMs = draft.nowMs + Math.min(row.permit.ttlMs, row.permit.maxMs);
  const { caller, door, instance } = command;
  const start = appendStart(draft, {
    exec: row.exec,
    permit: row.permit.leaf,
    via: 'redeem',
    instance,
    caller,
    door,
    leaseUntilMs,
  });
  return draft.reply({ kind: 'started', exec: row.exec, start: start.position, leaseUntilMs });
}

/** Every renewal check, and those of the permit itself, under the same fence (RULE 4). */
function spendObjection(draft: Draft, command: RedeemCommand, row: ExecutionRow): Objection | undefined {
  const permit = row.permit!;
  const { caller, resources } = command;
  if (permit.spend !== 'plane') return { code: 'wrong_place' };
  if (draft.nowMs < permit.nbf || draft.nowMs >= permit.exp) return { code: 'expired' };
  if (permit.incarnation !== draft.plane.incarnation) return { code: 'expired' };
  if (row.decision.index < (draft.get('clock', SELF)?.segmentStart ?? 0)) return { code: 'expired' };
  // RULE 27: the door that starts must be at least what the decision was told.
  const { grade, confine } = command.door;
  if (grade !== row.grade || confine !== row.confine) return { code: 'other_door' };
  // RULE 22: approvals are looked at once more in the commit that starts.
  for (const leaf of permit.approvals) {
    const approval = row.approvals?.find((one) => one.leaf === leaf);
    if (approval === undefined || !stands(draft, row, approval, draft.nowMs))
      return { code: 'approval_expired' };
  }
  return (
    objection(draft, draft.plane.tenant, { ...row, caller, resources }, draft.nowMs) ??
    (command.verdict.verdict === 'allow' ? undefined : { code: command.verdict.code ?? 'policy' })
  );
}

function refuse(
  draft: Draft,
  command: RedeemCommand,
  row: ExecutionRow,
  objected: Objection,
  on: ConsequenceRule['on'],
): Transition {
  const { leaf } = appendDenial(draft, row, row.permit!.leaf, {
    jkt: command.caller.jkt,
    code: objected.code,
    ...(objected.failedLink === undefined ? {} : { failedLink: objected.failedLink }),
    epoch: containmentOf(draft).epoch,
    heads: draft.heads,
  });
  const culprit = on === 'foreign_permit' ? { culprit: command.caller.subject } : {};
  consequence(draft, { rules: command.consequences, on, exec: row.exec, leaf, ...culprit });
  const { code, failedLink } = objected;
  return draft.reply({
    kind: 'refused',
    exec: row.exec,
    code,
    verdict: 'deny',
    ...(failedLink === undefined ? {} : { failedLink }),
    reasons: [],
    holds: [],
  });
}
