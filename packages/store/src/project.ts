/**
 * Replaying: the rows made again from entries, details and notes, transition by transition, exactly as they were
 * made the first time (DESIGN §9: the log is the ground truth).
 */
import { base64url, parseEntry } from '@licet/evidence';
import type { EntryDetail, Machine } from '@licet/control-plane';
import type { StoredEntry } from './answers.ts';
import type { Overlay } from './overlay.ts';

/** What one transition left behind. */
export interface Recorded {
  readonly transition: number;
  readonly entries: readonly (StoredEntry & { readonly detail?: EntryDetail })[];
  readonly notes: readonly { readonly exec: string; readonly note: string }[];
}

/** Stages the rows of one transition. */
export function replay(machine: Machine, rows: Overlay, recorded: Recorded): void {
  const { transition } = recorded;
  for (const { bytes, leaf, index, detail } of recorded.entries) {
    const item = { entry: parseEntry(bytes), leaf: base64url(leaf), index };
    rows.put(machine.project(rows, { ...item, ...(detail === undefined ? {} : { detail }) }), transition);
  }
  for (const { exec, note } of recorded.notes) {
    rows.put(machine.projectNote(rows, exec, note), transition);
  }
  rows.endTransition(transition);
}
