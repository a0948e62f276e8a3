/**
 * What the plane measures of itself for people (UI: Health): how long decisions took, by slot of time, and how many
 * there were by verdict. Kept in memory since this process started and no longer; durable figures come from the rows.
 * Numbers only: no resource, argument, name or id (RULE 42).
 */
import type { Clock } from '@licet/control-plane';

/** Upper edges of the latency histogram, milliseconds; one more slot counts what was slower. */
export const LATENCY_EDGES_MS = [
  1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500, 1_000, 2_000,
] as const;
/** Width of one slot of time, milliseconds. */
export const SLOT_MS = 10_000;
/** Slots that are kept: one day. */
const MAX_SLOTS = 8_640;

export type DecisionVerdict = 'allow' | 'deny' | 'hold';

/** Decisions answered within one slot of time. */
export interface VitalsSlot {
  /** Begin of the slot, milliseconds since the epoch, a multiple of {@link SLOT_MS}. */
  readonly at: number;
  readonly allow: number;
  readonly deny: number;
  readonly hold: number;
  /** Decisions by latency: one number per edge, and the last for slower ones. */
  readonly latency: readonly number[];
}

export interface Vitals {
  readonly startedMs: number;
  /** Counts one answered decision. */
  decided(verdict: DecisionVerdict, tookMs: number): void;
  /** Returns the slots that end after `sinceMs`, oldest first; a slot without decisions is left out. */
  slots(sinceMs: number): readonly VitalsSlot[];
  /** Returns all decisions since the start, by latency. */
  total(): VitalsSlot;
}

type Counting = { at: number; allow: number; deny: number; hold: number; latency: number[] };

/** Returns vitals that begin now. */
export function openVitals(clock: Clock): Vitals {
  const startedMs = clock.nowMs();
  const total = emptySlot(startedMs);
  const slots: Counting[] = [];
  return {
    startedMs,
    decided(verdict, tookMs) {
      const at = Math.floor(clock.nowMs() / SLOT_MS) * SLOT_MS;
      let slot = slots.at(-1);
      // A clock that was set back counts into the newest slot: the past is not rewritten.
      if (slot === undefined || slot.at < at) {
        slot = emptySlot(at);
        slots.push(slot);
        if (slots.length > MAX_SLOTS) slots.shift();
      }
      const edge = LATENCY_EDGES_MS.findIndex((most) => tookMs <= most);
      for (const counting of [slot, total]) {
        counting[verdict] += 1;
        counting.latency[edge < 0 ? LATENCY_EDGES_MS.length : edge]! += 1;
      }
    },
    slots: (sinceMs) => slots.filter(({ at }) => at + SLOT_MS > sinceMs).map(copyOf),
    total: () => copyOf(total),
  };
}

const emptySlot = (at: number): Counting => ({
  at,
  allow: 0,
  deny: 0,
  hold: 0,
  latency: Array.from({ length: LATENCY_EDGES_MS.length + 1 }, () => 0),
});
const copyOf = (slot: Counting): VitalsSlot => ({ ...slot, latency: [...slot.latency] });
