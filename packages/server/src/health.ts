/**
 * `/health.json`: everything the health page shows, in one answer. State and counts from the rows, latencies from this
 * process, the last drill from the log. Numbers, codes and places in the log only, because the public listener serves
 * it too (RULE 42).
 */
import type { ExecutionRow, Plane, Store } from '@licet/control-plane';
import type { HealthReport } from '@licet/api';
import { stateOf } from './handlers-evidence.ts';
import type { Parts } from './handlers.ts';
import { noticesOf } from './notices.ts';
import { LATENCY_EDGES_MS, SLOT_MS } from './vitals.ts';

/** Decisions that take longer than this at the 99th percentile are worth a look: doors give up at 2,000 ms. */
const SLO_P99_MS = 200;
/** Rows that are counted, newest first; beyond, the answer says that it is not all. */
const COUNTED = 10_000;
/** Counting reads rows, and strangers may ask: at most this often, milliseconds. */
const COUNT_EVERY_MS = 1_000;
const MAX_LEASES = 200;
const GRADES = ['in-process', 'gateway', 'verified'] as const;

type Counts = Pick<
  HealthReport,
  | 'decisions'
  | 'starts'
  | 'outcomes'
  | 'approvals'
  | 'leases'
  | 'limits'
  | 'attestation'
  | 'drill'
  | 'countedMs'
>;

/** Returns how to answer `/health.json`. */
export function healthOf(parts: Parts): (sinceMs: number | undefined) => Promise<HealthReport> {
  const { plane, store, clock, vitals } = parts;
  let counted: { readonly atMs: number; readonly value: Promise<Counts> } | undefined;
  const counts = (): Promise<Counts> => {
    const now = clock.nowMs();
    if (counted === undefined || !(Math.abs(now - counted.atMs) < COUNT_EVERY_MS)) {
      const before = counted?.value;
      // A store that cannot be read is when health matters most: the last figures stay, with their own time.
      const value = count(plane, store, now).catch((error: unknown) => before ?? Promise.reject(error));
      counted = { atMs: now, value };
      value.catch(() => (counted = undefined));
    }
    return counted.value;
  };
  return async (sinceMs) => {
    const [state, health, figures, clockRows] = await Promise.all([
      stateOf(parts),
      store.health(),
      counts(),
      // The time of the newest entry is one figure of many; without it the others still stand.
      store.read([{ kind: 'clock', id: 'self' }]).catch(() => []),
    ]);
    const lastEntryMs = (clockRows[0]?.value as { readonly atMs: number } | undefined)?.atMs;
    return {
      ok: health.ok && state.state !== 'fail-closed',
      state: state.state,
      why: state.why,
      size: health.size,
      atMs: clock.nowMs(),
      startedMs: vitals.startedMs,
      ...(lastEntryMs === undefined ? {} : { lastEntryMs }),
      store: {
        ok: health.ok,
        why: health.why,
        queue: health.queue,
        kind: health.kind,
        ...(health.replicas === undefined ? {} : { replicas: health.replicas }),
      },
      evaluator: parts.evaluator(),
      running: state.running,
      inDoubt: state.inDoubt,
      bundles: state.bundles,
      ...figures,
      latency: {
        sloP99Ms: SLO_P99_MS,
        edgesMs: [...LATENCY_EDGES_MS],
        slotMs: SLOT_MS,
        total: vitals.total(),
        slots: vitals.slots(sinceMs ?? clock.nowMs() - 900_000),
      },
    };
  };
}

async function count(
  plane: Pick<Plane, 'limits' | 'attestations'>,
  store: Pick<Store, 'list' | 'log'>,
  nowMs: number,
): Promise<Counts> {
  const [rows, notices, limits, attested] = await Promise.all([
    store.list({ kind: 'execution', limit: COUNTED }),
    noticesOf(store, 20),
    plane.limits(),
    plane.attestations(),
  ]);
  const all = rows.map(({ value }) => value as ExecutionRow);
  // What people do to the plane itself is governed and logged too, but it is not what agents were allowed.
  const governed = all.filter(({ action }) => !action.startsWith('licet/'));
  const number = (test: (row: ExecutionRow) => boolean): number => governed.filter(test).length;
  const held = all.filter(({ state }) => state === 'held');
  const leases = all
    .filter(({ state, lease }) => state === 'running' && lease !== undefined)
    .map(({ lease }) => lease!.untilMs)
    .toSorted((a, b) => a - b);
  const drill = notices.find(({ kind }) => kind === 'drill' || kind === 'drill_failed');
  const nextMs = soonest(held.map(({ hold }) => hold?.untilMs ?? 0));
  return {
    countedMs: nowMs,
    decisions: {
      counted: governed.length,
      complete: rows.length < COUNTED,
      allow: number(({ verdict }) => verdict === 'allow'),
      deny: number(({ verdict }) => verdict === 'deny'),
      hold: number(({ verdict }) => verdict === 'hold'),
      operations: all.length - governed.length,
    },
    starts: GRADES.map((grade) => {
      const started = governed.filter((row) => row.grade === grade && row.start !== undefined);
      const lastMs = started.reduce((latest, { start }) => Math.max(latest, start!.atMs), 0);
      return { grade, count: started.length, ...(started.length === 0 ? {} : { lastMs }) };
    }),
    outcomes: {
      completed: number(({ state }) => state === 'completed'),
      failed: number(({ state }) => state === 'failed'),
      halted: number(({ state }) => state === 'halted'),
      expired: number(({ state }) => state === 'expired'),
    },
    approvals: { waiting: held.length, ...(nextMs === undefined ? {} : { nextEndsMs: nextMs }) },
    leases: { running: leases.length, untilMs: leases.slice(0, MAX_LEASES) },
    limits: limitsOf(limits),
    attestation: attestationOf(attested, all, nowMs),
    ...(drill === undefined
      ? {}
      : {
          drill: {
            passed: drill.kind === 'drill',
            digest: drill.digest,
            index: drill.index,
            leaf: drill.leaf,
            atMs: drill.atMs,
          },
        }),
  };
}

function limitsOf(counters: Awaited<ReturnType<Plane['limits']>>): HealthReport['limits'] {
  const spent = counters.filter(({ left }) => left === '0');
  const nextResetMs = soonest(spent.flatMap(({ resetsAtMs }) => resetsAtMs ?? []));
  return {
    counting: counters.length,
    spent: spent.length,
    ...(nextResetMs === undefined ? {} : { nextResetMs }),
  };
}

/** Of identities, and of the executions that run: what was attested of those that have ended stops nothing any more. */
function attestationOf(
  attested: Awaited<ReturnType<Plane['attestations']>>,
  executions: readonly ExecutionRow[],
  nowMs: number,
): HealthReport['attestation'] {
  const over = new Set(executions.filter(({ state }) => state !== 'running').map(({ exec }) => exec));
  const items = attested.filter(({ about }) => !over.has(about)).flatMap((row) => Object.values(row.items));
  const good = items.filter(({ status }) => status === 'affirming' || status === 'warning');
  const fresh = good.filter(({ expMs }) => expMs > nowMs);
  const nextEndsMs = soonest(fresh.map(({ expMs }) => expMs));
  return {
    holds: fresh.length,
    ended: good.length - fresh.length,
    refused: items.length - good.length,
    ...(nextEndsMs === undefined ? {} : { nextEndsMs }),
  };
}

const soonest = (times: readonly number[]): number | undefined => times.toSorted((a, b) => a - b)[0];
