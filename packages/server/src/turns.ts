/**
 * Turns at Cedar. An evaluation that is older than a second counts for nothing (RULE 4), so a queue in which each waits
 * longer than that makes nobody's decision: all are done, all are stale, all are done again. Hence nobody waits who, by
 * the time that evaluations take now, would come too late: they are refused before any work, and may come back. What runs
 * already goes first: it loses its lease where somebody new only loses a moment.
 */
import { ControlPlaneError, MAX_EVALUATION_AGE_MS, type Clock } from '@licet/control-plane';

export interface TurnsOptions {
  readonly clock: Clock;
  /** Evaluations under way at a time. */
  readonly atOnce: number;
  /** Most that wait or are under way, however quick it goes. */
  readonly most: number;
}

/** Somebody who wants to evaluate. */
export interface Asking {
  /** When that was read on which the evaluation rests: its age counts from here. Milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Whether an execution that runs depends on it. */
  readonly running: boolean;
}

export interface Turns {
  /** Waiting or under way. */
  readonly inFlight: number;
  /** Whether somebody who came now would be let in. @throws ControlPlaneError `ERR_PLANE_OVERLOADED` */
  admit(asking: Pick<Asking, 'running'>): void;
  /** Does the work when its turn has come. @throws ControlPlaneError `ERR_PLANE_OVERLOADED`, without having begun it */
  take<T>(asking: Asking, work: () => T | Promise<T>): Promise<T>;
}

/** Milliseconds that one may wait here: half of an evaluation's life; the rest is for reading and for the way to the log. */
export const MAY_WAIT_MS = 500;
/** How much the newest of the measured times counts: one pause of the machine must not turn a crowd away. */
const NEWEST = 1 / 64;

interface Waiting extends Asking {
  /** After this it is refused. */
  readonly untilMs: number;
  begin(): void;
  refuse(why: string): void;
}

/** Returns turns that nobody has taken yet. */
export function createTurns({ clock, atOnce, most }: TurnsOptions): Turns {
  const running: Waiting[] = [];
  const fresh: Waiting[] = [];
  let underWay = 0;
  /** Milliseconds from one end to the next while there is work. Begins at nothing: what is cold is slow only once. */
  let eachMs = 0;
  let lastEndMs: number | undefined;

  const waiting = (): number => running.length + fresh.length;

  /** Why it cannot be done in time; undefined when it can, as far as is known. */
  function tooLate(asking: Pick<Asking, 'running'>, leftMs: number): string | undefined {
    const inFlight = underWay + waiting();
    if (inFlight >= most) return `${inFlight} evaluations are waiting`;
    // Nobody before it: whatever was measured, its turn is now.
    if (inFlight === 0) return undefined;
    const before = underWay + (asking.running ? running.length : waiting());
    const neededMs = (before + 1) * eachMs;
    return neededMs <= leftMs
      ? undefined
      : `${before} evaluations are before it, of ${eachMs.toFixed(1)} ms each`;
  }

  function next(): void {
    while (underWay < atOnce) {
      const one = running.shift() ?? fresh.shift();
      if (one === undefined) return;
      // It took longer than was thought. Done now, it would be stale at the log.
      if (clock.nowMs() >= one.untilMs) one.refuse('its turn came when it was too old');
      else {
        underWay += 1;
        one.begin();
      }
    }
  }

  function ended(): void {
    underWay -= 1;
    const nowMs = clock.nowMs();
    if (lastEndMs !== undefined) {
      const tookMs = Math.max(0, nowMs - lastEndMs);
      eachMs += NEWEST * (tookMs - eachMs);
    }
    next();
    // Idle time is nobody's.
    lastEndMs = underWay === 0 ? undefined : nowMs;
  }

  return {
    get inFlight() {
      return underWay + waiting();
    },
    admit(asking) {
      const late = tooLate(asking, MAY_WAIT_MS);
      if (late !== undefined) throw new ControlPlaneError('ERR_PLANE_OVERLOADED', late);
    },
    async take(asking, work) {
      const nowMs = clock.nowMs();
      // Reading may have taken long already; what is left of its life is the end in any case.
      const untilMs = Math.min(nowMs + MAY_WAIT_MS, asking.sinceMs + MAX_EVALUATION_AGE_MS);
      const late = tooLate(asking, untilMs - nowMs);
      if (late !== undefined) throw new ControlPlaneError('ERR_PLANE_OVERLOADED', late);
      // Begun in the order of the queue, also when there is room at once.
      await new Promise<void>((resolve, reject) => {
        const refuse = (why: string): void => reject(new ControlPlaneError('ERR_PLANE_OVERLOADED', why));
        (asking.running ? running : fresh).push({ ...asking, untilMs, begin: resolve, refuse });
        if (lastEndMs === undefined && underWay === 0) lastEndMs = nowMs;
        next();
      });
      try {
        return await work();
      } finally {
        ended();
      }
    },
  };
}
