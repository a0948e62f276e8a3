/** The scrubber: a slider over all of time, above the density of verdicts. Its place is part of the address. */
import { useEffect, useEffectEvent, useMemo, useRef, useState } from 'react';
import { Time, utc } from '../../components/time.tsx';
import { densityOf } from './lanes.ts';
import { fit, paintDensity, readPalette, type Palette } from './paint.ts';
import type { RunTree } from './run-tree.ts';
import type { TimeScale } from './time-scale.ts';
import css from './lineage.module.css';

const HEIGHT = 44;
const STEPS = 10_000;

interface Props {
  readonly tree: RunTree;
  readonly scale: TimeScale;
  readonly nowMs: number;
  readonly view: readonly [number, number];
  readonly onScrub: (ms: number) => void;
}

export function Scrubber({ tree, scale, nowMs, view, onScrub }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const palette = useRef<Palette>(undefined);
  const [width, setWidth] = useState(0);
  const bins = useMemo(
    () => densityOf(tree, scale, Math.max(20, Math.floor(width / 5))),
    [tree, scale, width],
  );
  const nowU = scale.toU(nowMs);
  const paint = useEffectEvent(() => {
    const element = canvas.current;
    if (element === null || width === 0) return;
    palette.current ??= readPalette(element.parentElement!);
    const ctx = fit(element, width, HEIGHT);
    if (ctx !== undefined) paintDensity(ctx, bins, { width, height: HEIGHT, view, nowU }, palette.current);
  });
  useEffect(() => {
    const frame = requestAnimationFrame(() => paint());
    return () => cancelAnimationFrame(frame);
  });
  useEffect(() => {
    const sizes = new ResizeObserver(([box]) => setWidth(Math.floor(box!.contentRect.width)));
    sizes.observe(canvas.current!.parentElement!);
    const again = (): void => {
      palette.current = undefined;
      paint();
    };
    const theme = new MutationObserver(again);
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', again);
    return () => {
      sizes.disconnect();
      theme.disconnect();
      scheme.removeEventListener('change', again);
    };
  }, []);
  return (
    <div className={css['scrubber']}>
      <div className={css['density']}>
        <canvas ref={canvas} style={{ height: HEIGHT }} aria-hidden="true" />
        <input
          type="range"
          min={0}
          max={STEPS}
          step={1}
          value={Math.round(nowU * STEPS)}
          aria-label="Moment of the run"
          aria-valuetext={utc(nowMs)}
          onChange={({ target }) => onScrub(scale.toMs(Number(target.value) / STEPS))}
        />
      </div>
      <p className={css['ends']}>
        <Time ms={tree.fromMs} short />
        <strong>
          <Time ms={nowMs} />
        </strong>
        <Time ms={tree.toMs} short />
      </p>
    </div>
  );
}
