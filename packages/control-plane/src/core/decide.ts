// Decide: the verdict becomes an entry. A permit is appended only when everything that the evaluation rested on still
// holds under the fence (RULE 4); whatever does not is a refusal.
import { EvidenceError, type Meter } from '@licet/evidence';
import { approvedGroups, isOfOldSegment, isOpenHold, sameBundles, standing } from './approvals.ts';
import type { Caller, DecideCommand, LimitHit, Reservation, RefuseCommand, Reply } from './commands.ts';
import { consequence } from './consequence.ts';
import type { Appended, Draft, Fields } from './draft.ts';
import { containmentOf } from './containment.ts';
import { unspentPermits } from './project-run.ts';
import { exhausted } from './meters.ts';
import type { ExecutionRow } from './rows.ts';
import { objection, rootObjection, type Objection } from './standing.ts';
import { spendGrants } from './standing-approvals.ts';
import type { Transition } from './transition.ts';

/** A permit is good this long for starting; RULES allow at most 60 s including skew (RULE 9). */
export const PERMIT_TTL_MS = 30_000;
/** Permits of one identity that may wait to be spent (RULE 38). */
export const MAX_UNSPENT_PERMITS = 1_024;
/** No lease and no running time is longer than this: the `@max` of a session (RULE 18). */
export const MAX_LEASE_MS = 43_200_000;

/** Applies a `decide` command. */
export function decide(draft: Draft, command: DecideCommand): Transition | 'stale' {
  const seen = seenBefore(draft, command.idem, command.request);
  if (seen !== undefined) return draft.reply(seen);

  const before = continued(draft, command);
  // The evaluation counted the approvals of one execution, and the record is named after it: no other will do.
  if (before?.exec !== command.continues) return 'stale';
  const exec = before?.exec ?? command.exec;
  const claim = { ...command, exec };
  const objected =
    objection(draft, draft.plane.tenant, claim, draft.nowMs) ??
    (command.parent === undefined ? rootObjection(draft, command.caller, draft.nowMs) : undefined) ??
    bundleObjection(draft, command) ??
    (unspentPermits(draft, command.caller.subject) < MAX_UNSPENT_PERMITS
      ? undefined
      : { code: 'overload', retryAfterMs: PERMIT_TTL_MS });
  const { verdict } = command;

  if (objected !== undefined) return refuse(draft, command, exec, objected);
  if (verdict.verdict === 'deny') {
    return refuse(draft, command, exec, {
      code: verdict.code ?? 'policy',
      ...(verdict.failedLink === undefined ? {} : { failedLink: verdict.failedLink }),
    });
  }
  if (verdict.verdict === 'hold') return hold(draft, command, exec, before);

  // The groups that the evaluation counted must still be met by approvals that still stand (RULE 22).
  if (command.approvals.length > 0 && before === undefined)
    return refuse(draft, command, exec, { code: 'approval_expired' });
  const used = before === undefined ? [] : standing(draft, before, draft.nowMs);
  const groups = before === undefined ? [] : approvedGroups(draft, before, draft.nowMs);
  const counted =
    before !== undefined &&
    sameBundles(before.bundles, command.bundles) &&
    command.approvals.every((leaf) => used.some((one) => one.leaf === leaf));
  const quorum = (before?.hold?.groups ?? []).every(({ group }) => groups.includes(group));
  if (before !== undefined && command.approvals.length > 0 && !(counted && quorum)) {
    return refuse(draft, command, exec, { code: 'approval_expired' });
  }

  const over = exhausted(draft, command.reservations);
  if (over !== undefined) {
    return refuse(draft, command, exec, {
      code: 'limit',
      ...(over.resetsAtMs === undefined ? {} : { retryAfterMs: Math.max(0, over.resetsAtMs - draft.nowMs) }),
      limit: hitOf(over),
    });
  }
  return permit(draft, command, exec, before);
}

/** Applies a `refuse` command: what could not be decided is still answered for. */
export function refuseCommand(draft: Draft, command: RefuseCommand): Transition {
  const seen = seenBefore(draft, command.idem, command.request);
  if (seen !== undefined) return draft.reply(seen);
  const { failedLink } = command;
  const code = { code: command.code, ...(failedLink === undefined ? {} : { failedLink }) };
  const { leaf } = appendRefusal(
    draft,
    {
      exec: command.exec,
      run: command.run,
      ...(command.parent === undefined ? {} : { parent: command.parent }),
      chain: command.chain,
      action: command.action,
      aud: command.aud,
      jkt: command.caller.jkt,
      idem: command.idem,
      ...command.door,
      epoch: containmentOf(draft).epoch,
      heads: draft.heads,
      incarnation: draft.plane.incarnation,
      verdict: 'deny',
      ...code,
    },
    command.request,
  );
  const on = command.code === 'unpinned' ? 'unpinned_tool' : 'denials';
  consequence(draft, { rules: command.consequences, on, exec: command.exec, leaf });
  return draft.reply({
    kind: 'refused',
    exec: command.exec,
    verdict: 'deny',
    reasons: [],
    holds: [],
    ...code,
  });
}

function seenBefore(draft: Draft, idem: string, request: string): Reply | undefined {
  const row = draft.get('idem', idem);
  // A row without its request (its record was erased) never matches: it denies rather than guesses.
  return row === undefined
    ? undefined
    : { kind: 'decided', exec: row.exec, sameRequest: row.request === request };
}

/** The held or approved execution that this caller has come back for (RULE 23). */
function continued(draft: Draft, command: DecideCommand): ExecutionRow | undefined {
  const hold = draft.get('hold', command.recognition);
  const row = hold === undefined ? undefined : draft.get('execution', hold.exec);
  if (row?.hold === undefined || row.jkt !== command.caller.jkt) return undefined;
  // A root that comes back has no run yet; below a root, only the same run may lift its own hold.
  const sameRun = command.parent === undefined ? row.parent === undefined : row.run === command.run;
  return isOpenHold(row, draft.nowMs) && !isOfOldSegment(draft, row) && sameRun ? row : undefined;
}

/** The bundles that decided must be the ones in force, and there must be one (RULE 4, 20). */
function bundleObjection(draft: Draft, command: DecideCommand): Objection | undefined {
  const policy = draft.get('policy', 'self');
  const team = command.bundles.find((bundle) => bundle.layer === 'team');
  if (policy?.team === undefined || team === undefined) return { code: 'no_bundle' };
  const org = command.bundles.find((bundle) => bundle.layer === 'org');
  if (team.digest !== policy.team.digest || org?.digest !== policy.org?.digest)
    return { code: 'contended', retryAfterMs: 50 };
  if (team.version < policy.floors.team || (org !== undefined && org.version < policy.floors.org))
    return { code: 'no_bundle' };
  return undefined;
}

function subject(draft: Draft, command: DecideCommand, exec: string) {
  return {
    exec,
    run: command.parent === undefined ? exec : command.run,
    ...(command.parent === undefined ? {} : { parent: command.parent }),
    chain: command.chain,
    action: command.action,
    resource: command.commitments.resource,
    aud: command.aud,
    args: command.commitments.args,
    inputs: command.commitments.inputs,
    bound: command.bound,
    reasons: command.verdict.reasons.slice(0, 16),
    bundles: command.bundles,
    meters: [] as readonly Meter[],
    epoch: containmentOf(draft).epoch,
    heads: draft.heads,
    incarnation: draft.plane.incarnation,
    idem: command.idem,
    ...command.door,
    jkt: command.caller.jkt,
    engine: command.verdict.engine,
  };
}

function refuse(
  draft: Draft,
  command: DecideCommand,
  exec: string,
  objected: Objection & { readonly limit?: LimitHit },
): Transition {
  const { code, failedLink } = objected;
  const { leaf } = appendRefusal(
    draft,
    {
      ...subject(draft, command, exec),
      verdict: 'deny',
      code,
      ...(failedLink === undefined ? {} : { failedLink }),
    },
    command.request,
  );
  observeShadow(draft, command, leaf, exec);
  consequence(draft, { rules: command.consequences, on: 'denials', exec, leaf });
  return draft.reply({
    kind: 'refused',
    exec,
    code,
    verdict: 'deny',
    ...(failedLink === undefined ? {} : { failedLink }),
    reasons: command.verdict.verdict === 'deny' ? command.verdict.reasons : [],
    holds: [],
    ...(objected.retryAfterMs === undefined ? {} : { retryAfterMs: objected.retryAfterMs }),
    ...(objected.limit === undefined ? {} : { limit: objected.limit }),
  });
}

function hold(
  draft: Draft,
  command: DecideCommand,
  exec: string,
  before: ExecutionRow | undefined,
): Transition {
  // RULE 18: a hold ends no later than its parent's last possible moment.
  const parent = command.parent === undefined ? undefined : draft.get('execution', command.parent.exec);
  const parentEnds =
    parent?.start === undefined || parent.permit === undefined
      ? Infinity
      : parent.start.atMs + parent.permit.maxMs;
  const holds = command.verdict.holds.map((one) => ({ ...one, untilMs: Math.min(one.untilMs, parentEnds) }));
  const { reasons, code = 'policy' } = command.verdict;
  if (before?.hold !== undefined && unchanged(draft, command, before)) {
    // RULE 23: asking again about a hold that has not changed appends nothing.
    const same = before.hold.groups.map(({ until, ...ask }) => ({ ...ask, untilMs: until }));
    return draft.reply({
      kind: 'refused',
      exec,
      code: before.code ?? 'policy',
      verdict: 'hold',
      reasons,
      holds: same,
      ...(spendGrants(draft, exec, command.standing) ? { lifted: true } : {}),
    });
  }
  let leaf: string;
  try {
    leaf = draft.append(
      'refusal',
      {
        ...subject(draft, command, exec),
        verdict: 'hold',
        code,
        ...(command.verdict.failedLink === undefined ? {} : { failedLink: command.verdict.failedLink }),
        holds: holds.map(({ untilMs, ...ask }) => ({ ...ask, until: untilMs })),
        ...(before?.hold === undefined ? {} : { prior: before.hold.leaf }),
      },
      { detail: { request: command.request, recognition: command.recognition } },
    ).leaf;
  } catch (error) {
    if (error instanceof EvidenceError && error.code === 'ERR_ENTRY_TOO_LARGE')
      return refuse(draft, command, exec, { code: 'too_large' });
    throw error;
  }
  observeShadow(draft, command, leaf, exec);
  const lifted = spendGrants(draft, exec, command.standing) ? ({ lifted: true } as const) : {};
  return draft.reply({ kind: 'refused', exec, code, verdict: 'hold', reasons, holds, ...lifted });
}

/** True when what is still asked for is what the hold asks for, less the groups that have approved meanwhile. */
function unchanged(draft: Draft, command: DecideCommand, before: ExecutionRow): boolean {
  const asked = before.hold?.groups ?? [];
  const met = approvedGroups(draft, before, draft.nowMs);
  const { holds } = command.verdict;
  const wanted = (group: string, need: number): boolean =>
    holds.some((one) => one.group === group && one.need === need);
  return (
    before.state === 'held' &&
    sameBundles(before.bundles, command.bundles) &&
    asked.every(({ group, need }) => wanted(group, need) || met.includes(group)) &&
    holds.every(({ group }) => asked.some((one) => one.group === group))
  );
}

function permit(
  draft: Draft,
  command: DecideCommand,
  exec: string,
  before: ExecutionRow | undefined,
): Transition {
  const { verdict } = command;
  const ttlMs = Math.min(verdict.leaseMs, MAX_LEASE_MS);
  const maxMs = Math.min(verdict.maxMs, MAX_LEASE_MS);
  let appended: Appended;
  try {
    appended = draft.append(
      'permit',
      {
        ...subject(draft, command, exec),
        ...(before?.hold === undefined ? {} : { prior: before.hold.leaf }),
        ...(command.approvals.length === 0 ? {} : { approvals: command.approvals }),
        ...(command.child === undefined ? {} : { child: command.child }),
        meters: command.reservations.map(({ meter, amount, currency }) => ({
          name: meter,
          amount,
          ...(currency === undefined ? {} : { currency }),
        })),
        spend: command.spend,
        nbf: draft.nowMs,
        exp: draft.nowMs + PERMIT_TTL_MS,
        lease: { ttlMs, maxMs },
        assurance: verdict.assurance,
      },
      { detail: { request: command.request } },
    );
  } catch (error) {
    if (error instanceof EvidenceError && error.code === 'ERR_ENTRY_TOO_LARGE')
      return refuse(draft, command, exec, { code: 'too_large' });
    throw error;
  }
  observeShadow(draft, command, appended.leaf, exec);
  if (!command.start) return draft.reply({ kind: 'permitted', exec, permit: appended.position });
  const leaseUntilMs = draft.nowMs + Math.min(ttlMs, maxMs);
  const started = appendStart(draft, {
    exec,
    permit: appended.leaf,
    via: 'direct',
    instance: command.instance,
    caller: command.caller,
    door: command.door,
    leaseUntilMs,
  });
  return draft.reply({
    kind: 'permitted',
    exec,
    permit: appended.position,
    start: started.position,
    leaseUntilMs,
  });
}

const hitOf = ({ name, per, max, currency, resetsAtMs }: Reservation): LimitHit => ({
  name,
  per,
  max,
  ...(currency === undefined ? {} : { currency }),
  ...(resetsAtMs === undefined ? {} : { resetsAtMs }),
});

/** Appends the start of a lease. */
export function appendStart(
  draft: Draft,
  start: {
    readonly exec: string;
    readonly permit: string;
    readonly via: 'redeem' | 'direct';
    readonly instance: string;
    readonly caller: Caller;
    readonly door: DecideCommand['door'];
    readonly leaseUntilMs: number;
  },
): Appended {
  return draft.append('start', {
    exec: start.exec,
    permit: start.permit,
    via: start.via,
    instance: start.instance,
    jkt: start.caller.jkt,
    ...start.door,
    leaseUntil: start.leaseUntilMs,
    epoch: containmentOf(draft).epoch,
    heads: draft.heads,
  });
}

/** A refusal that does not fit is cut down to what identifies it: the denial stands, whatever its size. */
function appendRefusal(draft: Draft, fields: Fields<'refusal'>, request: string): Appended {
  try {
    return draft.append('refusal', fields, { detail: { request } });
  } catch (error) {
    if (!(error instanceof EvidenceError) || error.code !== 'ERR_ENTRY_TOO_LARGE') throw error;
    const { exec, run, parent, jkt, idem, verdict, code } = fields;
    return draft.append(
      'refusal',
      {
        verdict,
        code,
        ...(exec === undefined ? {} : { exec }),
        ...(run === undefined ? {} : { run }),
        ...(parent === undefined ? {} : { parent }),
        ...(jkt === undefined ? {} : { jkt }),
        ...(idem === undefined ? {} : { idem }),
      },
      { detail: { request } },
    );
  }
}

/** RULE 1: what shadow policies would have said is an observation, never authority. */
function observeShadow(draft: Draft, command: DecideCommand, of: string, exec: string): void {
  const { shadow } = command.verdict;
  if (shadow === undefined) return;
  draft.append('observation', {
    kind: 'shadow',
    verdict: shadow.verdict,
    reasons: shadow.reasons.slice(0, 16),
    of,
    exec,
    inputs: command.commitments.inputs,
  });
}
