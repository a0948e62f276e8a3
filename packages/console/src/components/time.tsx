/** Times: absolute UTC to the millisecond is primary; local time on hover. A bare "2 min ago" never stands on evidence. */
import { useEffect, useState } from 'react';
import { nowMs } from '../data/clock.ts';

const local = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });

/** Returns `2026-11-22 23:20:52.123Z`. */
export const utc = (ms: number): string => new Date(ms).toISOString().replace('T', ' ');

/** `short` leaves the date to the title: for rows under a date. */
export function Time({ ms, short = false }: { readonly ms: number; readonly short?: boolean }) {
  const text = utc(ms);
  return (
    <time
      className="mono"
      dateTime={new Date(ms).toISOString()}
      title={`${text} · ${local.format(ms)} (yours)`}
    >
      {short ? text.slice(11) : text}
    </time>
  );
}

/** Returns `00:42`, or `1:02:03` above an hour; zero when past. */
export function clockText(leftMs: number): string {
  const s = Math.max(0, Math.ceil(leftMs / 1_000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const [h, m] = [Math.floor(s / 3_600), Math.floor(s / 60) % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${two(m)}:${two(s % 60)}`;
}

/** Returns the visitor's time, renewed every `everyMs`; counting down needs no server. */
export function useNow(everyMs = 1_000): number {
  const [now, setNow] = useState(nowMs);
  useEffect(() => {
    const timer = setInterval(() => setNow(nowMs()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** Counts down to a signed time. */
export function Countdown({ untilMs }: { readonly untilMs: number }) {
  const now = useNow();
  return (
    <span className="mono" title={utc(untilMs)}>
      {clockText(untilMs - now)}
    </span>
  );
}

/** Returns a span of time in words with its exact milliseconds: `12 ms`, `4.2 s`, `3 min`. */
export function spanText(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < 3_600_000 ? `${Math.floor(ms / 60_000)} min` : `${Math.floor(ms / 3_600_000)} h`;
}
