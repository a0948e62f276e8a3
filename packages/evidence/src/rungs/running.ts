/**
 * The rungs about running: one start per permit (RULE 2), order and timing (RULE 39, 44) and the lease (RULE 5, 31).
 */
import type { EntryOf } from '../entries.ts';
import { checkRenewalTime, longestGapMs, parseRenewal, VIA_OF_SPEND, type Renewal } from '../lease.ts';
import { parseNote, verifyNote } from '../note.ts';
import { MAX_START_MS } from '../permit.ts';
import { verifyCheckpoint } from '../tlog-policy.ts';
import { trustedPolicy } from '../trust.ts';
import {
  attempt,
  byLeaf,
  check,
  holdsRange,
  keysOf,
  ofType,
  recordOf,
  sizeOf,
  sum,
  type Case,
  type Finding,
  type Placed,
  type RungItem,
} from './case.ts';

/** How far clocks of witnesses and of the log may differ, and how late an outcome may follow its lease. */
const TOLERANCE_MS = 5_000;

/** Every start spends an included permit of the same execution and key, once. */
export function oneStartRung(c: Case): Finding {
  const items: RungItem[] = [];
  const starts = ofType(c, 'start');
  for (const start of starts) {
    const permit = byLeaf(c, start.entry.permit, 'permit');
    if (permit === undefined) {
      items.push({ status: 'fail', what: `start ${start.index}: its permit is not in this file` });
      continue;
    }
    const place = permit.entry.spend.split(':', 1)[0] as keyof typeof VIA_OF_SPEND;
    const fits =
      start.entry.exec === permit.entry.exec &&
      start.entry.jkt === permit.entry.jkt &&
      start.entry.via === VIA_OF_SPEND[place] &&
      start.index > permit.index;
    if (!fits)
      items.push({ status: 'fail', what: `start ${start.index} does not fit permit ${permit.index}` });
  }
  for (const permit of ofType(c, 'permit')) {
    const own = starts.filter(({ entry }) => entry.permit === permit.id);
    if (own.length > 1)
      items.push({ status: 'fail', what: `permit ${permit.index} was started ${own.length} times` });
    else if (own.length === 1) items.push(onlyStart(c, permit, own[0]!));
    else if (holdsRange(c, permit.index, sizeOf(c)))
      items.push({ status: 'pass', what: `permit ${permit.index} was never started` });
    else
      items.push({
        status: 'asserted',
        what: `permit ${permit.index}: that it was never started is asserted by the operator`,
      });
  }
  return sum(items, 'no permit in this file');
}

/**
 * Entries follow each other in order of index, times do not go back within a clock segment (RULE 39), a start lies in
 * its permit's window. Times are the operator's own, unless cosignatures bracket them (RULE 44).
 */
export async function orderAndTimingRung(c: Case): Promise<Finding> {
  const items: RungItem[] = [];
  let latest: { readonly index: number; readonly at: number } | undefined;
  const segments = new Map<number, number>();
  let segment = 0;
  for (const { index, entry } of c.entries) {
    if (entry === undefined) continue;
    // RULE 39: only a clock entry may set time back; it begins a new segment.
    if (entry.type === 'clock') {
      segment += 1;
      latest = undefined;
    }
    if (latest !== undefined && entry.at < latest.at) {
      items.push({
        status: 'fail',
        what: `entry ${index} is earlier than entry ${latest.index}, without a clock entry between`,
      });
    }
    latest = { index, at: entry.at };
    segments.set(index, segment);
  }
  for (const start of ofType(c, 'start')) {
    const permit = byLeaf(c, start.entry.permit, 'permit');
    if (permit !== undefined)
      items.push(startInWindow(start, permit, segments.get(start.index) === segments.get(permit.index)));
  }
  for (const outcome of ofType(c, 'outcome')) {
    const start = outcome.entry.start === undefined ? undefined : byLeaf(c, outcome.entry.start, 'start');
    if (start !== undefined)
      items.push(
        check(
          start.index < outcome.index,
          `outcome ${outcome.index} after its start`,
          `outcome ${outcome.index} stands before its start`,
        ),
      );
  }
  items.push(...(await bracket(c)));
  return sum(items, 'there is no entry');
}

/** The renewals of each start are signed, in order, unbroken, and as many as its outcome says. */
export async function leaseRung(c: Case): Promise<Finding> {
  const items: RungItem[] = [];
  const renewed = new Set<string>();
  for (const start of ofType(c, 'start')) {
    const permit = byLeaf(c, start.entry.permit, 'permit');
    renewed.add(start.entry.exec);
    if (permit !== undefined) items.push(...(await checkLease(c, start, permit)));
    else items.push({ status: 'not checked', what: `start ${start.index}: its permit is not in this file` });
  }
  for (const [exec, record] of Object.entries(c.file.executions)) {
    if (record.renewals.length > 0 && !renewed.has(exec))
      items.push({ status: 'fail', what: `renewals of ${exec}, which never started` });
  }
  return sum(items, 'nothing in this file was started');
}

/** RULE 44: one file cannot prove the absence of a second start, unless it holds the full range. */
function onlyStart(c: Case, permit: Placed<'permit'>, start: Placed<'start'>): RungItem {
  const name = `permit ${permit.index}: one start, entry ${start.index}`;
  return holdsRange(c, permit.index, sizeOf(c))
    ? { status: 'pass', what: name }
    : { status: 'asserted', what: `${name}; that there is no other is asserted by the operator` };
}

function startInWindow(start: Placed<'start'>, permit: Placed<'permit'>, oneSegment: boolean): RungItem {
  const { at, late, leaseUntil } = start.entry;
  const { nbf, exp, lease } = permit.entry;
  const name = `start ${start.index} in the window of permit ${permit.index}`;
  if (exp - Math.min(nbf, permit.entry.at) > MAX_START_MS)
    return { status: 'fail', what: `permit ${permit.index} is valid for more than ${MAX_START_MS} ms` };
  // RULE 39: all permits end at a clock entry, so a start in a later segment has none. A verifier may report late.
  if (late === true && start.entry.via === 'verifier')
    return {
      status: 'asserted',
      what: `start ${start.index} was reported late; when it ran is asserted by its verifier`,
    };
  if (!oneSegment)
    return {
      status: 'fail',
      what: `start ${start.index} and permit ${permit.index} are in two clock segments`,
    };
  const good = late !== true && at >= nbf && at < exp && leaseUntil <= at + lease.ttlMs;
  return check(
    good,
    name,
    `start ${start.index} at ${at}, lease until ${leaseUntil}: permitted ${nbf} to ${exp}, lease ${lease.ttlMs} ms`,
  );
}

/** Looks for cosignatures before and after the whole file; they alone make its times more than the operator's word. */
async function bracket(c: Case): Promise<readonly RungItem[]> {
  const first = c.entries[0];
  const last = c.entries.at(-1);
  if (c.log === undefined || first?.entry === undefined || last?.entry === undefined) {
    return [{ status: 'asserted', what: 'order is by index; the times are asserted by the operator' }];
  }
  let before = -Infinity;
  let after = Infinity;
  for (const { note, head } of c.checkpoints) {
    if (head === undefined) continue;
    try {
      const { witnesses } = await verifyCheckpoint(
        note,
        trustedPolicy(c.log),
        c.crypto,
        c.nowMs === undefined ? {} : { nowMs: c.nowMs },
      );
      for (const { timestampS } of witnesses) {
        if (head.size <= first.index) before = Math.max(before, timestampS * 1_000);
        if (head.size > last.index) after = Math.min(after, timestampS * 1_000 + 999);
      }
    } catch {
      // A checkpoint that does not verify brackets nothing; its own rung says why.
    }
  }
  if (first.entry.at < before - TOLERANCE_MS || last.entry.at > after + TOLERANCE_MS) {
    return [
      {
        status: 'fail',
        what: `times ${first.entry.at} to ${last.entry.at} lie outside what witnesses saw: ${before} to ${after}`,
      },
    ];
  }
  if (Number.isFinite(before) && Number.isFinite(after))
    return [{ status: 'pass', what: `witnesses bracket the times: ${before} to ${after}` }];
  return [{ status: 'asserted', what: 'order is by index; the times are asserted by the operator' }];
}

async function checkLease(
  c: Case,
  start: Placed<'start'>,
  permit: Placed<'permit'>,
): Promise<readonly RungItem[]> {
  const name = `start ${start.index}`;
  const record = recordOf(c, start.entry.exec);
  const outcome = ofType(c, 'outcome').find(
    ({ entry }) => entry.start === start.id && entry.late !== true && entry.resolves === undefined,
  );
  if (record === undefined)
    return [{ status: 'not checked', what: `${name}: renewals are not in this file` }];
  const items: RungItem[] = [];
  const { lease } = permit.entry;
  const renewals: Renewal[] = [];
  let until = start.entry.leaseUntil;
  for (const [i, note] of record.renewals.entries()) {
    const renewal = attempt(() => parseRenewal(parseNote(note).text));
    if (renewal === undefined)
      return [...items, { status: 'fail', what: `${name}: renewal ${i} is not a renewal note` }];
    const previous = renewals.at(-1);
    // RULE 9: a permit spent at a verifier is never renewed.
    const fits =
      start.entry.via !== 'verifier' &&
      renewal.origin === c.file.origin &&
      renewal.exec === start.entry.exec &&
      renewal.start.index === start.index &&
      renewal.start.leaf === start.id &&
      renewal.instance === start.entry.instance &&
      renewal.counter > (previous?.counter ?? 0) &&
      renewal.at >= (previous?.at ?? start.entry.at) &&
      attempt(() => checkRenewalTime(renewal, start.entry.at, lease, start.entry.epoch) ?? true) === true;
    if (!fits) items.push({ status: 'fail', what: `${name}: renewal ${i} does not continue this lease` });
    if (renewal.at > until)
      items.push({
        status: 'fail',
        what: `${name}: renewal ${i} came ${renewal.at - until} ms after the lease had ended`,
      });
    items.push(await signedRenewal(c, note, `${name}: renewal ${i}`));
    renewals.push(renewal);
    until = renewal.at + renewal.durationMs;
  }
  if (outcome === undefined)
    return [
      ...items,
      { status: 'not checked', what: `${name}: no outcome in this file to compare its lease with` },
    ];
  return [
    ...items,
    ...checkEnd(
      outcome.entry,
      name,
      until,
      renewals.length,
      longestGapMs(
        start.entry.at,
        renewals.map(({ at }) => at),
      ),
    ),
  ];
}

function checkEnd(
  outcome: EntryOf<'outcome'>,
  name: string,
  until: number,
  count: number,
  gapMs: number,
): readonly RungItem[] {
  if (outcome.renewals > count) {
    return [
      {
        status: 'not checked',
        what: `${name}: ${outcome.renewals - count} of ${outcome.renewals} renewals are not in this file`,
      },
    ];
  }
  const ran = outcome.status === 'completed' || outcome.status === 'failed';
  return [
    check(
      outcome.renewals === count,
      `${name}: ${count} renewals`,
      `${name}: ${count} renewals, its outcome says ${outcome.renewals}`,
    ),
    check(
      outcome.longestGapMs >= gapMs,
      `${name}: longest gap ${gapMs} ms`,
      `${name}: longest gap ${gapMs} ms, its outcome says ${outcome.longestGapMs}`,
    ),
    check(
      !ran || outcome.at <= until + TOLERANCE_MS,
      `${name}: ended within its lease`,
      `${name}: ${outcome.status} ${outcome.at - until} ms after its lease had ended`,
    ),
  ];
}

async function signedRenewal(c: Case, note: string, name: string): Promise<RungItem> {
  const { trusted, asserted } = keysOf(c, 'lease');
  const signed = async (keys: typeof trusted): Promise<boolean> => {
    try {
      await verifyNote(note, keys, c.crypto);
      return true;
    } catch {
      return false;
    }
  };
  if (await signed(trusted)) return { status: 'pass', what: `${name} is signed` };
  if (await signed(asserted))
    return { status: 'asserted', what: `${name} is signed by a key that only the log names` };
  return c.log === undefined
    ? { status: 'not checked', what: `${name}: no trust file names the lease key` }
    : { status: 'fail', what: `${name} is not signed by a lease key that the trust file names` };
}
