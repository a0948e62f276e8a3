// Apply: one command against the rows, inside the write transaction, one at a time (DESIGN §3). Pure: the same rows,
// command, time and random bytes give the same transition.
import type { Prepared } from '../ports.ts';
import { approve } from './approve.ts';
import { attest } from './attest.ts';
import { boot } from './boot.ts';
import type { Command, DecideCommand, OrderCommand, RedeemCommand, RenewCommand } from './commands.ts';
import { contain } from './consequence.ts';
import { containmentOf } from './containment.ts';
import { decide, refuseCommand } from './decide.ts';
import { Draft } from './draft.ts';
import { enter } from './enter.ts';
import { operate } from './operate.ts';
import { orderOfSerial } from './project-plane.ts';
import { redeem } from './redeem.ts';
import { renew } from './renew.ts';
import { cancel, report } from './report.ts';
import type { RowReader } from './rows.ts';
import { SELF } from './rows.ts';
import { tick } from './tick.ts';
import type { ApplyContext, Transition } from './transition.ts';

/** An evaluation older than this decides nothing (RULE 4). */
export const MAX_EVALUATION_AGE_MS = 1_000;
/** How far the clock may stand behind the log's last entry before the plane denies everything (RULE 39). */
export const CLOCK_TOLERANCE_MS = 2_000;

/** The transition, or `stale`: something that Prepare read has changed since (RULE 4). */
export function apply(rows: RowReader, prepared: Prepared, context: ApplyContext): Transition | 'stale' {
  const { command, reads, evaluatedAtMs } = prepared;
  if (reads.some(([kind, id, version]) => rows.version(kind, id) !== version)) return 'stale';
  const draft = new Draft(rows, context);
  if (evaluates(command)) {
    if (Math.abs(context.nowMs - evaluatedAtMs) > MAX_EVALUATION_AGE_MS) return 'stale';
    if (context.nowMs >= (command.verdict.goodUntilMs ?? Infinity)) return 'stale';
  }
  const lastAtMs = rows.get('clock', SELF)?.atMs ?? 0;
  if (context.nowMs < lastAtMs - CLOCK_TOLERANCE_MS && !survivesClock(command)) {
    return draft.reply({ kind: 'conflict', code: 'clock' });
  }
  switch (command.kind) {
    case 'decide':
      return decide(draft, command);
    case 'refuse':
      return refuseCommand(draft, command);
    case 'redeem':
      return redeem(draft, command);
    case 'renew':
      return renew(draft, command);
    case 'report':
      return report(draft, command);
    case 'cancel':
      return cancel(draft, command);
    case 'approve':
      return approve(draft, command);
    case 'operate':
      return operate(draft, command);
    case 'enter':
      return enter(draft, command);
    case 'order':
      return order(draft, command);
    case 'tick':
      return tick(draft, command);
    case 'boot':
      return boot(draft, command);
    case 'attest':
      return attest(draft, command);
    default:
      return command satisfies never;
  }
}

/** A verified kill order becomes the next entry; a serial that acted, lifted or not, never acts again (RULE 34). */
function order(draft: Draft, command: OrderCommand): Transition {
  const { digest, serial, scope } = command;
  const before = draft.get('order', digest);
  if (before?.lifted === true || draft.get('order', orderOfSerial(serial))?.lifted === true)
    return draft.reply({ kind: 'conflict', code: 'order_lifted' });
  const leaf = before?.leaf ?? contain(draft, { scope, cause: 'order', by: [], order: { digest, serial } });
  return draft.reply({
    kind: 'operated',
    exec: '',
    effect: 'contain',
    leaf,
    epoch: containmentOf(draft).epoch,
  });
}

const evaluates = (command: Command): command is DecideCommand | RedeemCommand | RenewCommand =>
  command.kind === 'decide' || command.kind === 'redeem' || command.kind === 'renew';

/** With the clock behind the log, what only stops things still goes through; so does setting the clock right. */
const survivesClock = (command: Command): boolean =>
  command.kind === 'order' ||
  command.kind === 'report' ||
  command.kind === 'boot' ||
  command.kind === 'approve' ||
  (command.kind === 'operate' && (command.effect.op === 'clock' || command.effect.op === 'contain'));
