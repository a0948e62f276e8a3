// An operation: what somebody does to the plane, as the governed execution that it is (RULE 34). It is refused, held for
// the second person, or permitted, started and completed in one commit; the plane is door and target of its own.
import type { ChainLink } from '@licet/evidence';
import { isOfOldSegment, SECOND_PERSON, standing } from './approvals.ts';
import type { OperateCommand } from './commands.ts';
import { containmentOf } from './containment.ts';
import type { Draft } from './draft.ts';
import type { ExecutionRow, IdentityRow, RowReader } from './rows.ts';
import type { Transition } from './transition.ts';

const ENGINE = 'licet-operator/1';
const REASON = 'licet/operator';
const HOLD_MS = 900_000;
const OPERATION_MS = 1_000;

/** An operation that is started and has done nothing yet. */
interface Started {
  readonly exec: string;
  readonly permit: string;
  readonly start: string;
  /** Whoever asked and whoever approved it, in this order, at most four. */
  readonly by: readonly string[];
}

/** What was appended: its leaf, and the time that what follows must bear when the clock was moved. */
export interface Performed {
  readonly leaf?: string;
  readonly atMs?: number;
}

/** Permits and starts an operation, or the one that was held before. */
export function startOperation(
  draft: Draft,
  command: OperateCommand,
  actor: IdentityRow,
  before: ExecutionRow | undefined,
): Started {
  const exec = before?.exec ?? command.exec;
  const approvals = before === undefined ? [] : standing(draft, before, draft.nowMs).map((one) => one.leaf);
  const permit = draft.append(
    'permit',
    {
      ...subject(draft, command, actor, exec),
      ...(before?.hold === undefined ? {} : { prior: before.hold.leaf }),
      ...(approvals.length === 0 ? {} : { approvals }),
      spend: 'started',
      nbf: draft.nowMs,
      exp: draft.nowMs + OPERATION_MS,
      lease: { ttlMs: OPERATION_MS, maxMs: OPERATION_MS },
      assurance: 'logged',
    },
    { detail: { request: command.request } },
  );
  const start = draft.append('start', {
    exec,
    permit: permit.leaf,
    via: 'direct',
    instance: command.instance,
    jkt: command.caller.jkt,
    ...door(draft),
    leaseUntil: draft.nowMs + OPERATION_MS,
    epoch: containmentOf(draft).epoch,
    heads: draft.heads,
  });
  const by = [
    ...new Set([
      command.caller.subject,
      ...(before === undefined ? [] : standing(draft, before, draft.nowMs).map((one) => one.by)),
    ]),
  ].slice(0, 4);
  return { exec, permit: permit.leaf, start: start.leaf, by };
}

/** Completes a started operation with what it appended. */
export function completeOperation(
  draft: Draft,
  { effect }: OperateCommand,
  { exec, permit, start }: Started,
  { leaf, atMs }: Performed,
): Transition {
  draft.append(
    'outcome',
    {
      exec,
      permit,
      start,
      status: 'completed',
      renewals: 0,
      longestGapMs: 0,
      by: 'plane',
      settled: [],
    },
    atMs === undefined ? {} : { atMs },
  );
  return draft.reply({
    kind: 'operated',
    exec,
    effect: effect.op,
    ...(leaf === undefined ? {} : { leaf }),
    epoch: containmentOf(draft).epoch,
  });
}

/** The held operation that this caller has come back for. Prepare and Apply ask the same question (RULE 23). */
export function heldBefore(
  rows: RowReader,
  command: Pick<OperateCommand, 'recognition' | 'caller'>,
): ExecutionRow | undefined {
  const hold = rows.get('hold', command.recognition);
  const row = hold === undefined ? undefined : rows.get('execution', hold.exec);
  const open = (row?.state === 'held' || row?.state === 'approved') && !isOfOldSegment(rows, row);
  return open && row.chain.at(-1)?.id === command.caller.subject ? row : undefined;
}

/** Holds an operation for the second person, or says again that it is held. */
export function holdOperation(
  draft: Draft,
  command: OperateCommand,
  actor: IdentityRow,
  before: ExecutionRow | undefined,
): Transition {
  const exec = before?.exec ?? command.exec;
  const untilMs = before?.hold?.untilMs ?? draft.nowMs + HOLD_MS;
  const holds = [{ group: SECOND_PERSON, need: 1, untilMs }];
  const asked = draft.reply({
    kind: 'refused',
    exec,
    code: 'held',
    verdict: 'hold',
    reasons: [REASON],
    holds,
  });
  if (before !== undefined) return asked;
  draft.append(
    'refusal',
    {
      ...subject(draft, command, actor, exec),
      verdict: 'hold',
      code: 'held',
      holds: [{ group: SECOND_PERSON, need: 1, until: untilMs }],
    },
    { detail: { request: command.request, recognition: command.recognition } },
  );
  return draft.reply(asked.reply);
}

/** Refuses an operation; the refusal is in the log like any other. */
export function refuseOperation(
  draft: Draft,
  command: OperateCommand,
  actor: IdentityRow | undefined,
  code: string,
): Transition {
  draft.append(
    'refusal',
    {
      exec: command.exec,
      run: command.exec,
      action: `licet/${command.effect.op}`,
      jkt: command.caller.jkt,
      idem: command.idem,
      verdict: 'deny',
      code,
      ...(actor === undefined ? {} : { chain: [linkOf(actor)] }),
    },
    { detail: { request: command.request } },
  );
  return draft.reply({
    kind: 'refused',
    exec: command.exec,
    code,
    verdict: 'deny',
    reasons: [REASON],
    holds: [],
  });
}

const linkOf = (actor: IdentityRow): ChainLink => ({
  kind: actor.kind === 'agent' ? 'agent' : 'user',
  id: actor.subject,
  identity: actor.leaf,
});

/** The plane is both door and target of its own operations. */
const door = (draft: Draft) => ({
  grade: 'verified' as const,
  custody: draft.plane.custody,
  confine: 'none' as const,
});

function subject(draft: Draft, command: OperateCommand, actor: IdentityRow, exec: string) {
  return {
    exec,
    run: exec,
    chain: [linkOf(actor)],
    action: `licet/${command.effect.op}`,
    resource: command.commitments.resource,
    aud: 'licet',
    args: command.commitments.args,
    inputs: command.commitments.inputs,
    bound: [],
    reasons: [REASON],
    bundles: [],
    meters: [],
    epoch: containmentOf(draft).epoch,
    heads: draft.heads,
    incarnation: draft.plane.incarnation,
    idem: command.idem,
    ...door(draft),
    jkt: command.caller.jkt,
    engine: ENGINE,
  };
}
