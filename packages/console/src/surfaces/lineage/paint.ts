/** Painting lanes and density on a canvas: device pixels, tokens of the page, nothing that depends on a library. */
import { CELL, type Lane, type Mark, type Viewport } from './lanes.ts';
import { KINDS, type MarkKind } from './run-tree.ts';
import type { TimeScale } from './time-scale.ts';

export const LANE_HEIGHT = 30;
export const AXIS_HEIGHT = 26;

/** Colours as the browser resolved them for the theme in force. */
export interface Palette extends Readonly<Record<MarkKind, string>> {
  readonly ink: string;
  readonly ink2: string;
  readonly line: string;
  readonly line2: string;
  readonly card: string;
  readonly sunk: string;
  readonly link: string;
  readonly tint: string;
}

const TOKENS: Readonly<Record<keyof Palette, string>> = {
  allow: '--permit',
  deny: '--deny',
  hold: '--hold',
  halted: '--contain',
  gap: '--unverified',
  ink: '--ink',
  ink2: '--ink-2',
  line: '--line',
  line2: '--line-2',
  card: '--card',
  sunk: '--sunk',
  link: '--link',
  tint: '--tint',
};

/** Returns the palette; `light-dark()` resolves only in a real property, so each token is read through one. */
export function readPalette(host: HTMLElement): Palette {
  const probe = host.ownerDocument.createElement('span');
  host.append(probe);
  const found: Record<string, string> = {};
  for (const [name, token] of Object.entries(TOKENS)) {
    probe.style.color = `var(${token})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found as Record<keyof Palette, string>;
}

/** Fits a canvas to its box in device pixels. Returns its context, scaled to CSS pixels. */
export function fit(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
): CanvasRenderingContext2D | undefined {
  const ratio = Math.min(devicePixelRatio || 1, 3);
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  const ctx = canvas.getContext('2d', { alpha: false }) ?? undefined;
  ctx?.setTransform(ratio, 0, 0, ratio, 0, 0);
  return ctx;
}

export interface LanePicture {
  readonly lanes: readonly Lane[];
  /** Marks by lane. */
  readonly marks: readonly (readonly Mark[])[];
  readonly scale: TimeScale;
  readonly view: Viewport;
  readonly height: number;
  /** Where the scrubber stands, 0 to 1. */
  readonly nowU: number;
  /** Lane of the selected execution and its position in the lane's items. */
  readonly selected: { readonly lane: number; readonly position: number } | undefined;
  /** Ancestors of the selected one with their lane and place, root first, ending with itself. */
  readonly path: readonly { readonly lane: number; readonly x: number }[];
  /** Executions found by the search; undefined when nothing is searched for. */
  readonly found: ReadonlySet<number> | undefined;
}

/** Paints everything. */
export function paintLanes(ctx: CanvasRenderingContext2D, picture: LanePicture, palette: Palette): void {
  const { lanes, marks, view, height, nowU, selected, path, found } = picture;
  const { fromU, scale: pixels, width } = view;
  const xOf = (u: number): number => (u - fromU) * pixels;
  ctx.fillStyle = palette.card;
  ctx.fillRect(0, 0, width, height);
  paintIdle(ctx, picture, palette, xOf);
  paintAxis(ctx, picture, palette, xOf);

  ctx.strokeStyle = palette.line;
  ctx.lineWidth = 1;
  ctx.beginPath();
  for (let at = 0; at <= lanes.length; at += 1) {
    const y = AXIS_HEIGHT + at * LANE_HEIGHT - 0.5;
    ctx.moveTo(0, y);
    ctx.lineTo(width, y);
  }
  ctx.stroke();

  if (path.length > 1) {
    ctx.strokeStyle = palette.link;
    ctx.lineWidth = 1.5;
    ctx.beginPath();
    for (const [at, { lane, x }] of path.entries()) {
      const y = middle(lane);
      const before = path[at - 1];
      if (before === undefined) ctx.moveTo(x, y);
      else {
        const bend = Math.max(before.x + 6, x - 10);
        ctx.lineTo(bend, middle(before.lane));
        ctx.lineTo(bend, y);
        ctx.lineTo(x, y);
      }
    }
    ctx.stroke();
  }

  // Running times first, so that no bar lies over a mark; one path per colour.
  ctx.lineWidth = 2;
  for (const kind of KINDS) {
    ctx.strokeStyle = palette[kind];
    ctx.globalAlpha = 0.45;
    ctx.beginPath();
    for (const lane of marks)
      for (const mark of lane) {
        if (mark.kind !== kind || mark.toX - mark.x < 4) continue;
        const y = middle(mark.lane);
        ctx.moveTo(Math.max(-10, mark.x), y);
        ctx.lineTo(Math.min(width + 10, mark.toX), y);
      }
    ctx.stroke();
  }
  ctx.globalAlpha = 1;

  ctx.font = '600 10px "Plex Sans", system-ui, sans-serif';
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  for (const [at, lane] of marks.entries()) {
    const y = middle(at);
    const { items } = lanes[at]!;
    for (const [order, mark] of lane.entries()) {
      if (mark.x < -20 || mark.x > width + 20) continue;
      let known = found === undefined;
      for (let one = mark.first; one < mark.end && !known; one += 1) known = found!.has(items[one]!);
      const held = selected?.lane === at && selected.position >= mark.first && selected.position < mark.end;
      const later = fromU + mark.x / pixels > nowU + 1e-9;
      ctx.globalAlpha = known ? (later ? 0.4 : 1) : 0.14;
      if (held) {
        ctx.strokeStyle = palette.ink;
        ctx.lineWidth = 1.5;
        ctx.strokeRect(mark.x - 8.5, y - 8.5, 17, 17);
      }
      glyph(ctx, mark.kind, mark.x, y, palette);
      const count = mark.end - mark.first;
      if (count > 1) {
        const next = lane[order + 1];
        const text = `+${count - 1}`;
        // A count needs room; without it the mark's tooltip says it.
        if (next === undefined || next.x - mark.x > 16 + text.length * 6) {
          ctx.fillStyle = palette.ink2;
          ctx.fillText(text, mark.x + 8, y + 0.5);
        } else {
          ctx.fillStyle = palette[mark.kind];
          ctx.fillRect(mark.x - 5, y + 7, 10, 1.5);
        }
      }
    }
  }
  ctx.globalAlpha = 1;

  const now = xOf(nowU);
  if (now >= 0 && now <= width) {
    ctx.strokeStyle = palette.ink;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(Math.round(now) + 0.5, 0);
    ctx.lineTo(Math.round(now) + 0.5, height);
    ctx.stroke();
  }
}

const middle = (lane: number): number => AXIS_HEIGHT + lane * LANE_HEIGHT + LANE_HEIGHT / 2;

function glyph(ctx: CanvasRenderingContext2D, kind: MarkKind, x: number, y: number, palette: Palette): void {
  const colour = palette[kind];
  switch (kind) {
    case 'allow':
      ctx.fillStyle = colour;
      ctx.fillRect(x - 4, y - 4, 8, 8);
      return;
    case 'deny':
      ctx.fillStyle = colour;
      ctx.beginPath();
      ctx.moveTo(x, y - 6);
      ctx.lineTo(x + 6, y + 5);
      ctx.lineTo(x - 6, y + 5);
      ctx.fill();
      return;
    case 'hold':
      outline(ctx, colour, palette.card, x, y);
      ctx.fillStyle = colour;
      ctx.fillRect(x - 2, y - 0.75, 4, 1.5);
      return;
    case 'halted':
      ctx.fillStyle = palette.card;
      ctx.fillRect(x - 6, y - 6, 12, 12);
      ctx.strokeStyle = colour;
      ctx.lineWidth = 1.5;
      ctx.beginPath();
      ctx.moveTo(x - 3, y - 5.5);
      ctx.lineTo(x - 5.5, y - 5.5);
      ctx.lineTo(x - 5.5, y + 5.5);
      ctx.lineTo(x - 3, y + 5.5);
      ctx.moveTo(x + 3, y - 5.5);
      ctx.lineTo(x + 5.5, y - 5.5);
      ctx.lineTo(x + 5.5, y + 5.5);
      ctx.lineTo(x + 3, y + 5.5);
      ctx.stroke();
      ctx.fillStyle = colour;
      ctx.fillRect(x - 2.5, y - 2.5, 5, 5);
      return;
    case 'gap':
      ctx.setLineDash([2.2, 2]);
      outline(ctx, colour, palette.card, x, y);
      ctx.setLineDash([]);
      return;
    default:
      kind satisfies never;
  }
}

function outline(ctx: CanvasRenderingContext2D, colour: string, ground: string, x: number, y: number): void {
  ctx.fillStyle = ground;
  ctx.fillRect(x - 5, y - 5, 10, 10);
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.5;
  ctx.strokeRect(x - 4.25, y - 4.25, 8.5, 8.5);
}

/** Quiet stretches are hatched: they are narrower than time would make them. */
function paintIdle(
  ctx: CanvasRenderingContext2D,
  { scale, view, height }: LanePicture,
  palette: Palette,
  xOf: (u: number) => number,
): void {
  for (const { idle, fromU, toU, fromMs, toMs } of scale.stretches) {
    const [from, to] = [xOf(fromU), xOf(toU)];
    if (!idle || to < 0 || from > view.width) continue;
    ctx.fillStyle = palette.sunk;
    ctx.fillRect(from, AXIS_HEIGHT, to - from, height - AXIS_HEIGHT);
    ctx.strokeStyle = palette.line;
    ctx.setLineDash([3, 3]);
    ctx.beginPath();
    ctx.moveTo(Math.round(from) + 0.5, AXIS_HEIGHT);
    ctx.lineTo(Math.round(from) + 0.5, height);
    ctx.moveTo(Math.round(to) + 0.5, AXIS_HEIGHT);
    ctx.lineTo(Math.round(to) + 0.5, height);
    ctx.stroke();
    ctx.setLineDash([]);
    if (to - from < 26) continue;
    ctx.fillStyle = palette.ink2;
    ctx.font = '11px "Plex Sans", system-ui, sans-serif';
    ctx.textAlign = 'center';
    ctx.textBaseline = 'middle';
    ctx.fillText(idleText(toMs - fromMs), (from + to) / 2, AXIS_HEIGHT - 9);
  }
}

const idleText = (ms: number): string =>
  ms < 60_000
    ? `${Math.round(ms / 1_000)} s`
    : ms < 3_600_000
      ? `${Math.round(ms / 60_000)} min`
      : `${Math.round(ms / 3_600_000)} h`;

const STEPS_MS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000,
  3_600_000, 21_600_000, 86_400_000,
];

/** UTC at round moments; none inside a quiet stretch, where places are no measure. */
function paintAxis(
  ctx: CanvasRenderingContext2D,
  { scale, view, height }: LanePicture,
  palette: Palette,
  xOf: (u: number) => number,
): void {
  ctx.font = '11px "Plex Sans", system-ui, sans-serif';
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  let free = -Infinity;
  for (const { idle, fromU, toU, fromMs, toMs } of scale.stretches) {
    const width = xOf(toU) - xOf(fromU);
    if (idle || xOf(toU) < 0 || xOf(fromU) > view.width || width <= 0) continue;
    const perMs = width / (toMs - fromMs);
    const step = STEPS_MS.find((one) => one * perMs >= 110) ?? 86_400_000;
    const visibleFrom = Math.max(fromMs, scale.toMs(view.fromU));
    const visibleTo = Math.min(toMs, scale.toMs(view.fromU + view.width / view.scale));
    for (let at = Math.ceil(visibleFrom / step) * step; at <= visibleTo; at += step) {
      const x = xOf(scale.toU(at));
      ctx.fillStyle = palette.line;
      ctx.fillRect(Math.round(x), AXIS_HEIGHT - 6, 1, height);
      if (x < free || x > view.width - 20) continue;
      const text = clockOf(at, step);
      ctx.fillStyle = palette.ink2;
      ctx.fillText(text, x + 3, 11);
      free = x + 14 + ctx.measureText(text).width;
    }
  }
}

function clockOf(ms: number, step: number): string {
  const iso = new Date(ms).toISOString();
  return step >= 1_000 ? `${iso.slice(11, 19)}Z` : `${iso.slice(11, 23)}Z`;
}

/** Paints the verdict density below the scrubber: bars stacked by kind, refusals on top where they are seen. */
export function paintDensity(
  ctx: CanvasRenderingContext2D,
  bins: readonly Readonly<Record<MarkKind, number>>[],
  {
    width,
    height,
    view,
    nowU,
  }: {
    readonly width: number;
    readonly height: number;
    readonly view: readonly [number, number];
    readonly nowU: number;
  },
  palette: Palette,
): void {
  ctx.fillStyle = palette.sunk;
  ctx.fillRect(0, 0, width, height);
  ctx.fillStyle = palette.tint;
  ctx.fillRect(view[0] * width, 0, Math.max(2, (view[1] - view[0]) * width), height);
  const most = Math.max(1, ...bins.map((bin) => KINDS.reduce((sum, kind) => sum + bin[kind], 0)));
  const step = width / bins.length;
  for (const [at, bin] of bins.entries()) {
    let y = height;
    for (const kind of KINDS) {
      if (bin[kind] === 0) continue;
      // The square root keeps a single denial visible beside a burst of permits.
      const tall = Math.max(2, (Math.sqrt(bin[kind]) / Math.sqrt(most)) * (height - 6) * 0.9);
      ctx.fillStyle = palette[kind];
      ctx.fillRect(at * step, Math.max(0, y - tall), Math.max(1, step - 1), tall);
      y -= tall;
    }
  }
  ctx.fillStyle = palette.ink;
  ctx.fillRect(Math.min(width - 2, nowU * width - 1), 0, 2, height);
}

/** Smallest scale that still tells two executions apart at this many pixels; zooming stops there. */
export const maxScale = (width: number, spanMs: number): number =>
  Math.max(width, Math.min(4_000_000, spanMs * CELL));
