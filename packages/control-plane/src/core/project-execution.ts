// Projection of an execution: permit, start, outcome, refusal and approval each move its row (DESIGN §7).
import type { EntryOf, RefusalEntry } from '@licet/evidence';
import { quorumMet, sameBundles } from './approvals.ts';
import { reserve, settle } from './meters.ts';
import { closed, denied, joined, unspent } from './project-run.ts';
import type { ApprovalRow, ExecutionRow, RowReader } from './rows.ts';
import { move } from './states.ts';
import { put, type EntryDetail, type Put } from './transition.ts';

/** After a lease's end the plane waits this long for a report under way before it calls the execution in doubt. */
export const REPORT_GRACE_MS = 1_000;
/** Refusals that end a hold (DESIGN §7). */
const ENDS_HOLD: ReadonlySet<string> = new Set(['hold_expired', 'approval_expired', 'cancelled']);
/** Entries remembered per execution, for its evidence. */
const REMEMBERED_ENTRIES = 64;

/** May start: the first entry of its execution, or the end of a hold. */
export function permit(
  rows: RowReader,
  entry: EntryOf<'permit'>,
  leaf: string,
  index: number,
  detail?: EntryDetail,
): readonly Put[] {
  const before = rows.get('execution', entry.exec);
  const row: ExecutionRow = {
    exec: entry.exec,
    run: entry.run,
    ...(entry.parent === undefined ? {} : { parent: entry.parent }),
    depth: depthOf(rows, entry.parent?.exec),
    state: move(before?.state, 'permitted'),
    verdict: 'allow',
    reasons: entry.reasons,
    action: entry.action,
    aud: entry.aud,
    args: entry.args,
    resource: entry.resource,
    inputs: entry.inputs,
    chain: entry.chain,
    bundles: entry.bundles,
    jkt: entry.jkt,
    grade: entry.grade,
    custody: entry.custody,
    confine: entry.confine,
    atMs: before?.atMs ?? entry.at,
    decision: { leaf, index },
    entries: withEntry(before, index),
    ...(before?.hold === undefined ? {} : { hold: before.hold, approvals: before.approvals ?? [] }),
    ...(before?.recognition === undefined ? {} : { recognition: before.recognition }),
    permit: {
      leaf,
      index,
      nbf: entry.nbf,
      exp: entry.exp,
      ttlMs: entry.lease.ttlMs,
      maxMs: entry.lease.maxMs,
      spend: entry.spend,
      assurance: entry.assurance,
      incarnation: entry.incarnation,
      approvals: entry.approvals ?? [],
      ...(entry.child === undefined ? {} : { child: entry.child }),
    },
    reserved: entry.meters,
    dueAtMs: entry.exp,
  };
  return [
    put('execution', entry.exec, row),
    ...joined(rows, row, before === undefined, entry.at),
    ...idem(entry.idem, entry.exec, leaf, detail),
    unspent(rows, row, 1),
    ...reserve(rows, entry.meters).map((meter) => put('meter', meter.name, meter)),
  ];
}

/** Denied or held; or an objection to something that exists already. */
export function refusal(
  rows: RowReader,
  entry: RefusalEntry,
  leaf: string,
  index: number,
  detail?: EntryDetail,
): readonly Put[] {
  if (entry.exec === undefined) return [];
  const before = rows.get('execution', entry.exec);
  const remembered = entry.idem === undefined ? [] : idem(entry.idem, entry.exec, leaf, detail);
  if (before !== undefined && entry.of !== undefined) {
    // About something that exists: a lapsed or cancelled hold ends it, any other refusal moves nothing by itself.
    const ends = (before.state === 'held' || before.state === 'approved') && ENDS_HOLD.has(entry.code);
    const { dueAtMs: _, ...rest } = before;
    const entries = withEntry(before, index);
    const row: ExecutionRow = ends
      ? { ...rest, entries, state: move(before.state, 'denied'), code: entry.code }
      : { ...before, entries };
    return [put('execution', entry.exec, row), ...denied(rows, row, entry.at), ...remembered];
  }
  const holds = entry.holds ?? [];
  const untilMs = Math.min(...holds.map((hold) => hold.until));
  const held = entry.verdict === 'hold' && holds.length > 0;
  const row: ExecutionRow = {
    exec: entry.exec,
    run: entry.run ?? entry.exec,
    ...(entry.parent === undefined ? {} : { parent: entry.parent }),
    depth: depthOf(rows, entry.parent?.exec),
    state: move(before?.state, held ? 'held' : before === undefined ? 'refused' : 'denied'),
    verdict: entry.verdict,
    code: entry.code,
    reasons: entry.reasons ?? [],
    action: entry.action ?? before?.action ?? 'unknown/unknown',
    aud: entry.aud ?? before?.aud ?? entry.origin,
    ...(entry.args === undefined ? {} : { args: entry.args }),
    ...(entry.resource === undefined ? {} : { resource: entry.resource }),
    ...(entry.inputs === undefined ? {} : { inputs: entry.inputs }),
    chain: entry.chain ?? [],
    bundles: entry.bundles ?? [],
    jkt: entry.jkt ?? '',
    grade: entry.grade ?? 'in-process',
    custody: entry.custody ?? 'same-user',
    confine: entry.confine ?? 'none',
    atMs: before?.atMs ?? entry.at,
    decision: { leaf, index },
    entries: withEntry(before, index),
    ...(entry.failedLink === undefined ? {} : { failedLink: entry.failedLink }),
    ...(detail?.recognition === undefined ? {} : { recognition: detail.recognition }),
    ...(held
      ? {
          hold: { leaf, index, groups: holds, untilMs, ...earlierHolds(before, holds, entry) },
          approvals: continues(before, entry) ? (before?.approvals ?? []) : [],
          dueAtMs: untilMs,
        }
      : {}),
    reserved: [],
  };
  const puts: Put[] = [put('execution', entry.exec, row), ...remembered];
  if (held && detail?.recognition !== undefined)
    puts.push(put('hold', detail.recognition, { exec: entry.exec }));
  puts.push(...(held ? joined(rows, row, before === undefined, undefined) : denied(rows, row, entry.at)));
  return puts;
}

/** Running, under a lease. */
export function start(rows: RowReader, entry: EntryOf<'start'>, leaf: string, index: number): readonly Put[] {
  const row = rows.get('execution', entry.exec);
  if (row === undefined) return [];
  return [
    put('execution', entry.exec, {
      ...row,
      entries: withEntry(row, index),
      state: move(row.state, 'running'),
      grade: entry.grade,
      custody: entry.custody,
      confine: entry.confine,
      start: { leaf, index, instance: entry.instance, atMs: entry.at, heads: entry.heads },
      lease: { untilMs: entry.leaseUntil, counter: 0, atMs: entry.at, longestGapMs: 0 },
      dueAtMs: entry.leaseUntil + REPORT_GRACE_MS,
    }),
    unspent(rows, row, -1),
  ];
}

/** Ended, or in doubt: limits settle. */
export function outcome(
  rows: RowReader,
  entry: EntryOf<'outcome'>,
  leaf: string,
  index: number,
): readonly Put[] {
  const before = rows.get('execution', entry.exec);
  if (before === undefined) return [];
  // RULE 25: a late report moves no state.
  if (entry.late === true)
    return [put('execution', entry.exec, { ...before, entries: withEntry(before, index) })];
  const { dueAtMs: _, ...rest } = before;
  const row: ExecutionRow = {
    ...rest,
    entries: withEntry(before, index),
    state: move(before.state, entry.status),
    outcome: {
      leaf,
      index,
      status: entry.status,
      ...(entry.reason === undefined ? {} : { reason: entry.reason }),
      atMs: entry.at,
      ...(entry.exit === undefined ? {} : { exit: entry.exit }),
      by: entry.by,
    },
  };
  const puts: Put[] = [put('execution', entry.exec, row)];
  if (entry.status === 'expired') puts.push(unspent(rows, row, -1));
  // What was in doubt settled when it fell in doubt; resolving it says what happened and gives nothing back (RULE 25).
  if (before.state === 'in_doubt') return puts;
  puts.push(...settle(rows, before.reserved, entry.settled).map((meter) => put('meter', meter.name, meter)));
  return [...puts, ...closed(rows, row)];
}

/** A person's word on a hold; the last one that is needed makes it `approved`. */
export function approval(
  rows: RowReader,
  entry: EntryOf<'approval'>,
  leaf: string,
  index: number,
  detail?: EntryDetail,
): readonly Put[] {
  const found = rows.get('execution', entry.exec);
  if (found?.hold === undefined || found.hold.leaf !== entry.hold.leaf) return [];
  const row = { ...found, hold: found.hold, entries: withEntry(found, index) };
  const one: ApprovalRow = {
    leaf,
    group: entry.group,
    by: entry.by,
    verdict: entry.verdict,
    method: entry.method,
    atMs: entry.at,
    expiresAtMs: entry.expires,
    ...(entry.identity === undefined ? {} : { identity: entry.identity }),
    ...(entry.reason === undefined ? {} : { reason: entry.reason }),
    ...(detail?.note === undefined ? {} : { note: detail.note.text }),
    ...(entry.standing === undefined ? {} : { standing: entry.standing }),
  };
  const used = entry.standing === undefined ? [] : useOf(rows, entry.standing);
  const approvals = [
    ...(row.approvals ?? []).filter((other) => other.group !== one.group || other.by !== one.by),
    one,
  ];
  const { dueAtMs: _, ...rest } = row;
  if (entry.verdict === 'reject') {
    return [
      ...used,
      put('execution', entry.exec, {
        ...rest,
        approvals,
        state: move(row.state, 'denied'),
        code: 'denied_by_person',
      }),
    ];
  }
  const complete = row.hold.groups.every((ask) => quorumMet(rows, ask, approvals));
  return [
    ...used,
    put('execution', entry.exec, {
      ...row,
      approvals,
      ...(complete && row.state === 'held'
        ? {
            state: move(row.state, 'approved'),
            dueAtMs: Math.min(...approvals.map((each) => each.expiresAtMs)),
          }
        : {}),
    }),
  ];
}

/** One use less is left of a standing approval. */
function useOf(rows: RowReader, leaf: string): readonly Put[] {
  const row = rows.get('standing', leaf);
  return row === undefined ? [] : [put('standing', leaf, { ...row, used: row.used + 1 })];
}

/** RULE 22: approvals carry over to a further hold only while the same bundles decide. */
const continues = (before: ExecutionRow | undefined, entry: RefusalEntry): boolean =>
  before?.hold !== undefined && sameBundles(before.bundles, entry.bundles ?? []);

type Groups = NonNullable<ExecutionRow['hold']>['groups'];

/** Groups asked for before and not asked again: their approvals still count towards the permit. */
function earlierHolds(
  before: ExecutionRow | undefined,
  holds: Groups,
  entry: RefusalEntry,
): { readonly earlier?: Groups } {
  if (!continues(before, entry)) return {};
  const earlier = [...before!.hold!.groups, ...(before!.hold!.earlier ?? [])].filter(
    ({ group }) => !holds.some((one) => one.group === group),
  );
  return earlier.length === 0 ? {} : { earlier };
}

const depthOf = (rows: RowReader, parent: string | undefined): number =>
  parent === undefined ? 0 : (rows.get('execution', parent)?.depth ?? 0) + 1;

const withEntry = (row: ExecutionRow | undefined, index: number): readonly number[] =>
  [...(row?.entries ?? []), index].slice(-REMEMBERED_ENTRIES);

const idem = (digest: string, exec: string, leaf: string, detail?: EntryDetail): readonly Put[] => [
  put('idem', digest, { exec, leaf, ...(detail?.request === undefined ? {} : { request: detail.request }) }),
];
