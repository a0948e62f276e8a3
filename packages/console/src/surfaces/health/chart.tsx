/** One chart over time (uPlot): axes in UTC, a shared cursor, gaps left open; its figures also stand in a table. */
import { useEffect, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import css from './health.module.css';

/** One line. `token` is a colour of the design by name. */
export interface Line {
  readonly name: string;
  readonly token: string;
  readonly dash?: readonly number[];
  readonly values: readonly (number | null)[];
  readonly stepped?: boolean;
  readonly points?: boolean;
}

export interface ChartProps {
  readonly title: string;
  readonly unit: string;
  /** Seconds since the epoch. */
  readonly at: readonly number[];
  readonly lines: readonly Line[];
  /** A horizontal line with its name. */
  readonly limit?: { readonly value: number; readonly name: string };
  /** Stretches without data, seconds; hatched. */
  readonly gaps: readonly (readonly [from: number, until: number])[];
  readonly range: readonly [from: number, until: number];
  readonly format: (value: number) => string;
  /** Whether the figures are counts: then the axis has whole numbers only. */
  readonly whole?: boolean;
}

const HEIGHT = 190;
const two = (value: number): string => String(value).padStart(2, '0');
const clock = (seconds: number): string => {
  const date = new Date(seconds * 1_000);
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
};

export function Chart({ title, unit, at, lines, limit, gaps, range, format, whole = false }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const live = useRef({ gaps, range, limit });
  live.current = { gaps, range, limit };
  const colours = useColours();
  const shape = lines.map(({ name, token }) => `${name}${token}`).join();
  const [cursor, setCursor] = useState<number | null>(null);

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        padding: [10, 8, 0, 0],
        cursor: { sync: { key: 'health' }, drag: { x: false, y: false }, points: { size: 6 } },
        scales: {
          x: { time: true, range: () => [...live.current.range] },
          y: { range: (_u, _min, max) => [0, Math.max(max ?? 0, live.current.limit?.value ?? 0, 1) * 1.3] },
        },
        axes: [
          {
            stroke: colours('ink-2'),
            grid: { stroke: colours('line'), width: 1 },
            ticks: { show: false },
            size: 28,
            font: '12px Plex Sans',
            values: (_u, splits) =>
              splits.map((split) =>
                clock(split).slice(0, live.current.range[1] - live.current.range[0] > 1_800 ? 5 : 8),
              ),
            space: 90,
          },
          {
            stroke: colours('ink-2'),
            grid: { stroke: colours('line'), width: 1 },
            ticks: { show: false },
            font: '12px Plex Sans',
            size: 56,
            values: (_u, splits) =>
              splits.map((split) => (whole && !Number.isInteger(split) ? '' : format(split))),
          },
        ],
        series: [
          {},
          ...lines.map(({ token, dash, stepped, points }): uPlot.Series => ({
            stroke: colours(token),
            width: 1.5,
            ...(dash === undefined ? {} : { dash: [...dash] }),
            spanGaps: false,
            points: { show: points ?? false, size: 5 },
            ...(stepped === true ? { paths: uPlot.paths.stepped!({ align: 1 }) } : {}),
          })),
        ],
        hooks: {
          drawClear: [(u) => hatch(u, live.current.gaps, colours('line-2'))],
          draw: [(u) => drawLimit(u, live.current.limit, colours('ink-2'))],
          setCursor: [(u) => setCursor(u.cursor.idx ?? null)],
        },
      },
      [[...at], ...lines.map(({ values }) => [...values])] as uPlot.AlignedData,
      element,
    );
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
    };
    // The plot is made again for other lines or colours; new figures go into the one that is there.
  }, [shape, colours]);
  useEffect(() => {
    plot.current?.setData([[...at], ...lines.map(({ values }) => [...values])] as uPlot.AlignedData, true);
  });

  const shown = cursor === null ? lastKnown(lines) : cursor;
  const rows = at
    .map((_, i) => i)
    .filter((i) => lines.some(({ values }) => typeof values[i] === 'number' && values[i] !== 0))
    .slice(-40);
  return (
    <figure className={css['chart']} aria-label={title}>
      <figcaption>
        <h3>{title}</h3>
        <span className={css['legend']}>
          {at[shown] !== undefined && <span className="mono muted">{clock(at[shown])}Z</span>}
          {lines.map(({ name, token, values, dash }) => (
            <span key={name}>
              <svg viewBox="0 0 16 8" width="16" height="8" aria-hidden="true">
                <path
                  d="M0 4h16"
                  stroke={`var(--${token})`}
                  strokeWidth="2"
                  strokeDasharray={dash?.join(' ')}
                />
              </svg>
              {name}{' '}
              <b>{values[shown] === null || values[shown] === undefined ? '–' : format(values[shown])}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={box} className={css['plot']} aria-hidden="true" />
      <details>
        <summary>Figures</summary>
        <div className={css['scroll']} tabIndex={0} role="group" aria-label={`Figures of ${title}`}>
          <table>
            <thead>
              <tr>
                <th scope="col">UTC</th>
                {lines.map(({ name }) => (
                  <th scope="col" key={name}>
                    {name}, {unit}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((i) => (
                <tr key={at[i]}>
                  <td className="mono">{clock(at[i]!)}</td>
                  {lines.map(({ name, values }) => (
                    <td key={name}>
                      {values[i] === null || values[i] === undefined ? 'not known' : format(values[i])}
                    </td>
                  ))}
                </tr>
              ))}
              {rows.length === 0 && (
                <tr>
                  <td colSpan={lines.length + 1}>Nothing in this range.</td>
                </tr>
              )}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

const lastKnown = (lines: readonly Line[]): number =>
  Math.max(0, ...lines.map(({ values }) => values.findLastIndex((value) => value !== null)));

/** Hatches what is not known, so that nobody reads a line where there is none. */
function hatch(u: uPlot, gaps: ChartProps['gaps'], colour: string): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  for (const [from, until] of gaps) {
    const left = Math.max(bbox.left, u.valToPos(from, 'x', true));
    const right = Math.min(bbox.left + bbox.width, u.valToPos(until, 'x', true));
    if (right > left) ctx.rect(left, bbox.top, right - left, bbox.height);
  }
  ctx.clip();
  ctx.strokeStyle = colour;
  ctx.globalAlpha = 0.45;
  ctx.beginPath();
  for (let x = bbox.left - bbox.height; x < bbox.left + bbox.width; x += 9) {
    ctx.moveTo(x, bbox.top + bbox.height);
    ctx.lineTo(x + bbox.height, bbox.top);
  }
  ctx.stroke();
  ctx.restore();
}

function drawLimit(u: uPlot, limit: ChartProps['limit'], colour: string): void {
  if (limit === undefined) return;
  const { ctx, bbox } = u;
  const y = u.valToPos(limit.value, 'y', true);
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.setLineDash([6, 4]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.fillStyle = colour;
  ctx.font = `${12 * devicePixelRatio}px Plex Sans`;
  ctx.textAlign = 'right';
  ctx.fillText(limit.name, bbox.left + bbox.width - 6, y - 5 * devicePixelRatio);
  ctx.restore();
}

/** Returns the design's colours as a canvas takes them; changes with light and dark. */
function useColours(): (token: string) => string {
  const [colours, setColours] = useState<(token: string) => string>(() => readColours());
  useEffect(() => {
    const again = (): void => setColours(() => readColours());
    const watching = new MutationObserver(again);
    watching.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', again);
    return () => {
      watching.disconnect();
      scheme.removeEventListener('change', again);
    };
  }, []);
  return colours;
}

function readColours(): (token: string) => string {
  const known = new Map<string, string>();
  return (token) => {
    let colour = known.get(token);
    if (colour === undefined) {
      const probe = document.createElement('i');
      probe.style.color = `var(--${token})`;
      document.body.append(probe);
      colour = getComputedStyle(probe).color;
      probe.remove();
      known.set(token, colour);
    }
    return colour;
  };
}
