// Project: what one committed entry means for the rows. Apply writes rows only through it, and a rebuild runs it over
// the whole log again: so the tables are projections by construction, not by discipline (DESIGN §9).
import {
  jwkThumbprint,
  parseNote,
  parseRenewal,
  type Entry,
  type EntryOf,
  type RefusalEntry,
} from '@licet/evidence';
import { sameBundles } from './approvals.ts';
import { containmentOf } from './containment.ts';
import { reserve, settle } from './meters.ts';
import type { ExecutionRow, IdentityRow, RowKind, RowReader, RowValues, RunRow } from './rows.ts';
import { SELF } from './rows.ts';
import { move } from './states.ts';
import type { EntryDetail, Put } from './transition.ts';

/** An entry at its place in the log. */
export interface Placed {
  readonly entry: Entry;
  /** base64url leaf hash. */
  readonly leaf: string;
  readonly index: number;
  readonly detail?: EntryDetail;
}

/** After a lease's end the plane waits this long for a report under way before it calls the execution in doubt. */
export const REPORT_GRACE_MS = 1_000;
/** Denials remembered per run, for containment by consequence (RULE 33). */
const REMEMBERED_DENIALS = 64;
/** Keys remembered per run; a run in which more keys act bars the first ones and is contained as a whole anyway. */
const REMEMBERED_KEYS = 256;
const DAY_MS = 86_400_000;
/** Refusals that end a hold (DESIGN §7). */
const ENDS_HOLD: ReadonlySet<string> = new Set(['hold_expired', 'approval_expired', 'cancelled']);

const put = <K extends RowKind>(kind: K, id: string, value: RowValues[K]): Put<K> => ({ kind, id, value });

/** The rows that this entry changes. */
export function project(rows: RowReader, placed: Placed): readonly Put[] {
  const clock = rows.get('clock', SELF);
  const { entry } = placed;
  const time = put('clock', SELF, {
    atMs: entry.type === 'clock' ? entry.to : Math.max(entry.at, clock?.atMs ?? 0),
    segment: (clock?.segment ?? 0) + (entry.type === 'clock' ? 1 : 0),
    segmentStart: entry.type === 'clock' ? placed.index : (clock?.segmentStart ?? 0),
  });
  return [time, ...byType(rows, placed)];
}

/** Row id of the order with this serial. */
export const orderOfSerial = (serial: number): string => `serial:${serial}`;

/** The rows that a renewal note changes: notes are no entries, but they move the lease (RULE 5). */
export function projectNote(rows: RowReader, exec: string, note: string): readonly Put[] {
  const renewal = parseRenewal(parseNote(note).text);
  const row = rows.get('execution', exec);
  if (row?.lease === undefined || row.state !== 'running') return [];
  const untilMs = renewal.at + renewal.durationMs;
  return [
    put('execution', exec, {
      ...row,
      lease: {
        untilMs,
        counter: renewal.counter,
        atMs: renewal.at,
        longestGapMs: Math.max(row.lease.longestGapMs, renewal.at - row.lease.atMs),
      },
      dueAtMs: untilMs + REPORT_GRACE_MS,
    }),
  ];
}

function byType(rows: RowReader, { entry, leaf, index, detail }: Placed): readonly Put[] {
  switch (entry.type) {
    case 'genesis':
      return [
        put('plane', SELF, {
          origin: entry.origin,
          tenant: entry.tenant,
          genesis: leaf,
          custody: entry.custody,
          public: entry.public,
          people: entry.people === 1 ? 1 : 2,
          ...(entry.org === undefined ? {} : { org: entry.org }),
          incarnation: '',
          operatorPolicy: '',
        }),
      ];
    case 'boot': {
      const plane = rows.get('plane', SELF);
      if (plane === undefined) return [];
      const { incarnation, custody, operatorPolicy } = entry;
      return [put('plane', SELF, { ...plane, incarnation, custody, operatorPolicy })];
    }
    case 'permit':
      return permit(rows, entry, leaf, index, detail);
    case 'refusal':
      return refusal(rows, entry, leaf, index, detail);
    case 'start':
      return start(rows, entry, leaf, index);
    case 'outcome':
      return outcome(rows, entry, leaf, index);
    case 'approval':
      return approval(rows, entry, leaf, index);
    case 'containment': {
      const before = containmentOf(rows);
      const active =
        entry.op === 'contain'
          ? [
              ...before.active,
              {
                leaf,
                scope: entry.scope,
                atMs: entry.at,
                cause: entry.cause,
                ...(entry.order === undefined ? {} : { order: entry.order }),
              },
            ]
          : before.active.filter((one) => one.leaf !== entry.lifts);
      const puts: Put[] = [put('containment', SELF, { epoch: entry.epoch, head: leaf, active })];
      const lifted = before.active.find((one) => one.leaf === entry.lifts);
      const order = entry.order ?? lifted?.order;
      if (order !== undefined) {
        const row = { digest: order.digest, leaf: lifted?.leaf ?? leaf, lifted: lifted !== undefined };
        puts.push(put('order', order.digest, row), put('order', orderOfSerial(order.serial), row));
      }
      return puts;
    }
    case 'policy': {
      const before = rows.get('policy', SELF) ?? { head: null, floors: { team: 1, org: 1 } };
      const floors = { ...before.floors, [entry.layer]: entry.floor };
      if (entry.op === 'floor') return [put('policy', SELF, { ...before, head: leaf, floors })];
      const layer = { digest: entry.digest, version: entry.version, leaf, atMs: entry.at };
      const puts: Put[] = [put('policy', SELF, { ...before, head: leaf, floors, [entry.layer]: layer })];
      if (detail?.signed !== undefined) {
        puts.push(
          put('bundle', entry.digest, { layer: entry.layer, version: entry.version, signed: detail.signed }),
        );
      }
      return puts;
    }
    case 'identity':
      return identity(rows, entry, leaf, detail);
    case 'fact':
      return [
        put('fact', entry.name, { name: entry.name, value: entry.value, expMs: entry.exp, leaf, index }),
      ];
    case 'clock':
    case 'key':
    case 'mandate':
    case 'attestation':
    case 'observation':
    case 'successor':
    case 'redaction':
    case 'notice':
      return [];
    default:
      return entry satisfies never;
  }
}

function permit(
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

function refusal(
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

function start(rows: RowReader, entry: EntryOf<'start'>, leaf: string, index: number): readonly Put[] {
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

function outcome(rows: RowReader, entry: EntryOf<'outcome'>, leaf: string, index: number): readonly Put[] {
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
  const run = rows.get('run', row.run);
  if (run !== undefined) puts.push(put('run', row.run, { ...run, open: Math.max(0, run.open - 1) }));
  const root = row.parent === undefined ? row.chain.at(-1)?.id : undefined;
  const roots = root === undefined ? undefined : rows.get('roots', root);
  if (root !== undefined && roots !== undefined) {
    puts.push(put('roots', root, { ...roots, open: Math.max(0, roots.open - 1) }));
  }
  return puts;
}

function approval(rows: RowReader, entry: EntryOf<'approval'>, leaf: string, index: number): readonly Put[] {
  const found = rows.get('execution', entry.exec);
  if (found?.hold === undefined || found.hold.leaf !== entry.hold.leaf) return [];
  const row = { ...found, hold: found.hold, entries: withEntry(found, index) };
  const one = { leaf, group: entry.group, by: entry.by, verdict: entry.verdict, expiresAtMs: entry.expires };
  const approvals = [
    ...(row.approvals ?? []).filter((other) => other.group !== one.group || other.by !== one.by),
    one,
  ];
  const { dueAtMs: _, ...rest } = row;
  if (entry.verdict === 'reject') {
    return [
      put('execution', entry.exec, {
        ...rest,
        approvals,
        state: move(row.state, 'denied'),
        code: 'denied_by_person',
      }),
    ];
  }
  const complete = row.hold.groups.every(
    ({ group, need }) =>
      approvals.filter((each) => each.group === group && each.verdict === 'approve').length >= need,
  );
  return [
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

function identity(
  rows: RowReader,
  entry: EntryOf<'identity'>,
  leaf: string,
  detail?: EntryDetail,
): readonly Put[] {
  const before = rows.get('identity', entry.subject);
  const jkts = entry.keys.map((key) => jwkThumbprint(key));
  const name = detail?.name ?? before?.name;
  const row: IdentityRow = {
    subject: entry.subject,
    kind: entry.kind,
    roles: entry.roles,
    groups: entry.groups,
    keys: entry.keys,
    jkts,
    ...(entry.for === undefined ? {} : { for: entry.for }),
    ...(entry.root === undefined ? {} : { root: entry.root }),
    // A revoked identity stays revoked: coming back takes a new one.
    revoked: entry.op === 'revoke' || before?.revoked === true,
    leaf,
    ...(name === undefined ? {} : { name }),
  };
  return [
    put('identity', entry.subject, row),
    ...jkts.map((jkt) => put('key', jkt, { subject: entry.subject })),
  ];
}

const depthOf = (rows: RowReader, parent: string | undefined): number =>
  parent === undefined ? 0 : (rows.get('execution', parent)?.depth ?? 0) + 1;

const tallyOf = (subject: string): string => `unspent:${subject}`;

/** Permits of this identity that wait to be spent (RULE 38). */
export const unspentPermits = (rows: RowReader, subject: string): number =>
  rows.get('tally', tallyOf(subject))?.count ?? 0;

function unspent(rows: RowReader, row: ExecutionRow, change: 1 | -1): Put {
  const subject = row.chain.at(-1)?.id ?? '';
  return put('tally', tallyOf(subject), { count: Math.max(0, unspentPermits(rows, subject) + change) });
}

const REMEMBERED_ENTRIES = 64;
const withEntry = (row: ExecutionRow | undefined, index: number): readonly number[] =>
  [...(row?.entries ?? []), index].slice(-REMEMBERED_ENTRIES);

const idem = (digest: string, exec: string, leaf: string, detail?: EntryDetail): readonly Put[] => [
  put('idem', digest, { exec, leaf, ...(detail?.request === undefined ? {} : { request: detail.request }) }),
];

const runOf = (rows: RowReader, row: ExecutionRow): RunRow =>
  rows.get('run', row.run) ?? {
    run: row.run,
    agent: row.chain.at(-1)?.id ?? '',
    keys: [],
    executions: 0,
    open: 0,
    denials: [],
    atMs: row.atMs,
  };

/** A permit or a hold joined the run; a permit also opens it, and a root counts against its grant (RULE 18). */
function joined(
  rows: RowReader,
  row: ExecutionRow,
  isNew: boolean,
  openedAtMs: number | undefined,
): readonly Put[] {
  const run = runOf(rows, row);
  const keys =
    run.keys.includes(row.jkt) || run.keys.length >= REMEMBERED_KEYS ? run.keys : [...run.keys, row.jkt];
  const puts: Put[] = [
    put('run', row.run, {
      ...run,
      keys,
      executions: run.executions + (isNew ? 1 : 0),
      open: run.open + (openedAtMs === undefined ? 0 : 1),
    }),
  ];
  const root = row.parent === undefined ? row.chain.at(-1)?.id : undefined;
  if (root !== undefined && openedAtMs !== undefined) {
    // The day of the permit, not of the asking: a hold may have been asked for yesterday.
    const day = Math.floor(openedAtMs / DAY_MS);
    const roots = rows.get('roots', root);
    const today = roots?.day === day ? roots.today : 0;
    puts.push(put('roots', root, { day, today: today + 1, open: (roots?.open ?? 0) + 1 }));
  }
  return puts;
}

function denied(rows: RowReader, row: ExecutionRow, atMs: number): readonly Put[] {
  const run = runOf(rows, row);
  const keys =
    row.jkt === '' || run.keys.includes(row.jkt) || run.keys.length >= REMEMBERED_KEYS
      ? run.keys
      : [...run.keys, row.jkt];
  return [
    put('run', row.run, {
      ...run,
      keys,
      executions: run.executions + (rows.get('execution', row.exec) === undefined ? 1 : 0),
      denials: [...run.denials, atMs].slice(-REMEMBERED_DENIALS),
    }),
  ];
}
