// Project: what one committed entry means for the rows. Apply writes rows only through it, and a rebuild runs it over
// the whole log again: so the tables are projections by construction, not by discipline (DESIGN §9).
import { parseNote, parseRenewal, type Entry } from '@licet/evidence';
import { attestation } from './project-attestation.ts';
import { approval, outcome, permit, refusal, REPORT_GRACE_MS, start } from './project-execution.ts';
import {
  boot,
  containment,
  genesis,
  identity,
  key,
  mandate,
  policy,
  standing,
  successor,
} from './project-plane.ts';
import type { RowReader } from './rows.ts';
import { SELF } from './rows.ts';
import { vouching } from './vouching.ts';
import { put, type EntryDetail, type Put } from './transition.ts';

/** An entry at its place in the log. */
export interface Placed {
  readonly entry: Entry;
  /** base64url leaf hash. */
  readonly leaf: string;
  readonly index: number;
  readonly detail?: EntryDetail;
}

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
      return genesis(entry, leaf);
    case 'boot':
      return boot(rows, entry);
    case 'permit':
      return permit(rows, entry, leaf, index, detail);
    case 'refusal':
      return refusal(rows, entry, leaf, index, detail);
    case 'start':
      return start(rows, entry, leaf, index);
    case 'outcome':
      return outcome(rows, entry, leaf, index);
    case 'approval':
      return approval(rows, entry, leaf, index, detail);
    case 'containment':
      return containment(rows, entry, leaf);
    case 'policy':
      return policy(rows, entry, leaf, detail);
    case 'identity':
      return identity(rows, entry, leaf, detail);
    case 'fact':
      return [
        put('fact', entry.name, { name: entry.name, value: entry.value, expMs: entry.exp, leaf, index }),
      ];
    case 'mandate':
      return mandate(rows, entry, leaf, index, detail);
    case 'standing':
      return standing(rows, entry, leaf, index, detail);
    case 'successor':
      return successor(rows, entry);
    case 'key':
      return key(rows, entry, leaf);
    case 'attestation':
      return [...vouching(rows, entry, leaf), ...attestation(rows, entry, leaf, index)];
    case 'clock':
    case 'observation':
    case 'redaction':
    case 'notice':
      return [];
    default:
      return entry satisfies never;
  }
}
