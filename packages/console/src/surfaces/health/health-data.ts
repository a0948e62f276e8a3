/** What the page asks: `/health.json` every two seconds, only for what it has not heard; and what it verifies itself. */
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { HealthReport } from '@licet/api';
import { get } from '../../data/call.ts';
import { nowMs } from '../../data/clock.ts';
import { useHead, type ProofState } from '../../data/proof-state.ts';
import { hear, NOTHING, type Heard } from './series.ts';

/** How often health is asked for, milliseconds; shown beside every check. */
export const EVERY_MS = 2_000;

export interface Health {
  /** The last answer, kept while the plane is silent. */
  readonly report: HealthReport | undefined;
  readonly heard: Heard;
  /** When that answer came, by the visitor's clock. */
  readonly answeredMs: number;
  readonly error: Error | null;
}

/** Returns what the plane says, with everything heard since the page was opened. */
export function useHealth(rangeMs: number): Health {
  const heard = useRef<Heard>(NOTHING);
  const covered = useRef(Infinity);
  const { data, error, dataUpdatedAt } = useQuery({
    queryKey: ['health', rangeMs],
    queryFn: async ({ signal }) => {
      const from = nowMs() - rangeMs;
      const newest = heard.current.spans.at(-1)?.untilMs;
      // What was heard before is not asked for again, unless the range reaches further back now.
      const since = newest === undefined || from < covered.current ? from : Math.max(from, newest - 60_000);
      const report = await get<HealthReport>(`/health.json?since=${Math.max(0, Math.floor(since))}`, signal);
      covered.current = Math.min(covered.current, since);
      heard.current = hear(heard.current, report, since);
      return report;
    },
    refetchInterval: EVERY_MS,
    staleTime: 0,
    retry: false,
    placeholderData: (before) => before,
  });
  return { report: data, heard: heard.current, answeredMs: dataUpdatedAt, error };
}

/** Returns the newest checkpoint that was checked here; it stays when the plane falls silent in the middle of a check. */
export function useLastHead(): ReturnType<typeof useHead>['data'] {
  const { data } = useHead();
  const last = useRef(data);
  if (data !== undefined) last.current = data;
  return last.current;
}

/** One checkpoint as it was verified here. */
export interface GrowthPoint {
  readonly atMs: number;
  readonly size: number;
  readonly root: string;
  readonly state: ProofState;
  /** Whether its tree was proven here to continue the one before; undefined for the first. */
  readonly consistent?: boolean;
}

const MAX_POINTS = 2_000;

/** Returns the checkpoints that this page has seen, each compared with the one before by a proof computed here. */
export function useGrowth(): readonly GrowthPoint[] {
  const { data } = useHead();
  const [points, setPoints] = useState<readonly GrowthPoint[]>([]);
  const known = useRef<readonly GrowthPoint[]>([]);
  useEffect(() => {
    const head = data?.head;
    const root = head?.checked.root;
    const last = known.current.at(-1);
    if (
      head === undefined ||
      root === undefined ||
      (last?.size === head.size && last.root === root && last.state === head.checked.state)
    )
      return;
    let gone = false;
    void (async () => {
      const { rootAt } = await import('../../data/verify.ts');
      // The old root must be what the new tree's own hashes give for that size, and the proof between them must hold.
      const consistent =
        last === undefined
          ? undefined
          : last.size > head.size
            ? false
            : await rootAt(last.size, head).then(
                (found) => found.consistent && found.root === last.root,
                () => false,
              );
      if (gone) return;
      const { atMs, state } = head.checked;
      const point = {
        atMs,
        size: head.size,
        root,
        state,
        ...(consistent === undefined ? {} : { consistent }),
      };
      known.current = [...known.current, point].slice(-MAX_POINTS);
      setPoints(known.current);
    })();
    return () => void (gone = true);
  }, [data]);
  return points;
}
