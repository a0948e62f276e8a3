// Renew: the beat of a running execution. Everything that could take its authority away is looked at again; the answer
// is a note signed by a lease key, or a refusal that halts it (RULE 5, DESIGN §7).
import { formatRenewal } from '@licet/evidence';
import type { RenewCommand } from './commands.ts';
import { containmentOf } from './containment.ts';
import { appendDenial } from './denial.ts';
import type { Draft } from './draft.ts';
import type { ExecutionRow } from './rows.ts';
import { SELF } from './rows.ts';
import { objection, type Objection } from './standing.ts';
import type { Transition } from './transition.ts';

/** Applies a `renew` command. */
export function renew(draft: Draft, command: RenewCommand): Transition {
  const row = draft.get('execution', command.exec);
  if (row?.start === undefined || row.permit === undefined || row.lease === undefined) {
    return draft.reply({ kind: 'conflict', code: 'not_started', exec: command.exec });
  }
  if (row.start.instance !== command.instance || row.jkt !== command.caller.jkt) {
    return draft.reply({ kind: 'conflict', code: 'other_instance', exec: row.exec });
  }
  if (row.state !== 'running') return draft.reply({ kind: 'conflict', code: 'not_running', exec: row.exec });
  // A lost reply is asked for again with a higher counter; an old counter is an old question (RULE 5).
  if (command.counter <= row.lease.counter)
    return draft.reply({ kind: 'conflict', code: 'old_counter', exec: row.exec });

  // RULE 39: a renewal is no entry, so the log's last time does not bound it; the go-ahead before it does.
  const nowMs = Math.max(draft.nowMs, row.lease.atMs);
  const endsMs = row.start.atMs + row.permit.maxMs;
  const objected = renewalObjection(draft, command, row, { nowMs, endsMs });
  if (objected !== undefined) return refuse(draft, command, row, objected);

  const durationMs = Math.min(row.permit.ttlMs, endsMs - nowMs);
  const text = formatRenewal({
    origin: draft.plane.origin,
    exec: row.exec,
    start: { index: row.start.index, leaf: row.start.leaf },
    instance: row.start.instance,
    counter: command.counter,
    nonce: command.nonce,
    at: nowMs,
    epoch: containmentOf(draft).epoch,
    durationMs,
  });
  draft.keepNote(row.exec, draft.context.signNote(text));
  return draft.reply({ kind: 'renewed', exec: row.exec, untilMs: nowMs + durationMs });
}

function renewalObjection(
  draft: Draft,
  command: RenewCommand,
  row: ExecutionRow,
  { nowMs, endsMs }: { readonly nowMs: number; readonly endsMs: number },
): Objection | undefined {
  const { caller, resources } = command;
  if (nowMs > row.lease!.untilMs) return { code: 'expired' };
  if (nowMs >= endsMs) return { code: 'max_time' };
  if (row.decision.index < (draft.get('clock', SELF)?.segmentStart ?? 0)) return { code: 'expired' };
  return (
    objection(draft, draft.plane.tenant, { ...row, caller, resources }, nowMs) ??
    (command.verdict.verdict === 'allow'
      ? undefined
      : {
          code: command.verdict.code ?? 'policy',
          ...(command.verdict.failedLink === undefined ? {} : { failedLink: command.verdict.failedLink }),
        })
  );
}

function refuse(draft: Draft, command: RenewCommand, row: ExecutionRow, objected: Objection): Transition {
  const { code, failedLink } = objected;
  const more = failedLink === undefined ? {} : { failedLink };
  appendDenial(draft, row, row.start!.leaf, {
    jkt: command.caller.jkt,
    code,
    ...more,
    reasons: command.verdict.reasons.slice(0, 16),
    epoch: containmentOf(draft).epoch,
    heads: draft.heads,
  });
  return draft.reply({
    kind: 'refused',
    exec: row.exec,
    code,
    verdict: 'deny',
    ...more,
    reasons: command.verdict.reasons,
    holds: [],
  });
}
