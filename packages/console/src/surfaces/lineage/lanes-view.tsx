/**
 * Lanes × time on a canvas. The view moves outside React: a pan or a zoom paints one frame and nothing else. The canvas
 * is a picture; the tree view says the same to a screen reader, and keys here do all that a pointer can.
 */
import {
  memo,
  useEffect,
  useEffectEvent,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type PointerEvent,
} from 'react';
import { Button } from '../../components/button.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { utc } from '../../components/time.tsx';
import { hit, marksOf, type Lane, type Mark, type Viewport } from './lanes.ts';
import { KIND_WORDS } from './glyph.tsx';
import { AXIS_HEIGHT, fit, LANE_HEIGHT, maxScale, paintLanes, readPalette, type Palette } from './paint.ts';
import { causesOf, type RunTree } from './run-tree.ts';
import type { TimeScale } from './time-scale.ts';
import css from './lineage.module.css';

interface Props {
  readonly tree: RunTree;
  readonly scale: TimeScale;
  readonly lanes: readonly Lane[];
  readonly selected: number | undefined;
  readonly found: ReadonlySet<number> | undefined;
  readonly nowU: number;
  readonly nameOf: (agent: string) => string;
  readonly onSelect: (item: number, group: readonly number[]) => void;
  readonly onExpand: (lane: Lane) => void;
  /** Told which part of time is in view, for the scrubber. */
  readonly onView: (fromU: number, toU: number) => void;
}

/** Pixels that stay free left and right of the first and last mark. */
const MARGIN = 14;
const PAN = 80;

export function LanesView(props: Props) {
  const { tree, scale, lanes, selected, found, nowU, nameOf, onSelect, onExpand, onView } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const view = useRef<Viewport>({ fromU: 0, scale: 0, width: 0 });
  const palette = useRef<Palette>(undefined);
  const frame = useRef(0);
  const marks = useRef<readonly (readonly Mark[])[]>([]);
  const marked = useRef<{ readonly lanes: readonly Lane[]; readonly view: Viewport }>(undefined);
  const drag = useRef<{ readonly x: number; readonly fromU: number; moved: boolean }>(undefined);
  const [focused, setFocused] = useState(false);
  const height = AXIS_HEIGHT + lanes.length * LANE_HEIGHT;
  const laneOf = useMemo(() => {
    const map = new Map<number, number>();
    for (const [at, lane] of lanes.entries()) for (const item of lane.items) map.set(item, at);
    return map;
  }, [lanes]);
  const path = useMemo(
    () => (selected === undefined ? [] : [...causesOf(tree, selected), selected]),
    [tree, selected],
  );

  const paint = useEffectEvent(() => {
    frame.current = 0;
    const element = canvas.current;
    if (element === null || view.current.width === 0) return;
    palette.current ??= readPalette(element.parentElement!);
    const ctx = fit(element, view.current.width, height);
    if (ctx === undefined) return;
    const at = view.current;
    // Scrubbing and selecting leave every mark where it is.
    if (marked.current?.lanes !== lanes || marked.current.view !== at) {
      marks.current = lanes.map((lane, index) => marksOf(tree, scale, lane, index, at));
      marked.current = { lanes, view: at };
    }
    const lane = selected === undefined ? undefined : laneOf.get(selected);
    paintLanes(
      ctx,
      {
        lanes,
        marks: marks.current,
        scale,
        view: at,
        height,
        nowU,
        selected: lane === undefined ? undefined : { lane, position: lanes[lane]!.items.indexOf(selected!) },
        found,
        path: path.flatMap((item) => {
          const lane = laneOf.get(item);
          const u = scale.toU(tree.items[item]!.node.atMs);
          return lane === undefined ? [] : [{ lane, x: (u - at.fromU) * at.scale }];
        }),
      },
      palette.current,
    );
    element.dataset['painted'] = String(marks.current.reduce((sum, lane) => sum + lane.length, 0));
  });
  const draw = (): void => {
    if (frame.current === 0) frame.current = requestAnimationFrame(() => paint());
  };
  const moveTo = (fromU: number, pixels = view.current.scale): void => {
    const { width } = view.current;
    const wide = Math.min(Math.max(pixels, width - 2 * MARGIN), maxScale(width, tree.toMs - tree.fromMs));
    const margin = MARGIN / wide;
    const last = Math.max(-margin, 1 + margin - width / wide);
    view.current = { width, scale: wide, fromU: Math.min(Math.max(fromU, -margin), last) };
    onView(Math.max(0, view.current.fromU), Math.min(1, view.current.fromU + width / wide));
    draw();
  };
  const zoom = (by: number, atX: number): void => {
    const { fromU, scale: pixels } = view.current;
    const u = fromU + atX / pixels;
    const next = Math.min(
      Math.max(pixels * by, view.current.width - 2 * MARGIN),
      maxScale(view.current.width, tree.toMs - tree.fromMs),
    );
    moveTo(u - atX / next, next);
  };

  const resize = useEffectEvent((width: number) => {
    const before = view.current;
    view.current = { ...before, width };
    const fitted = before.scale === 0 || before.scale <= before.width - 2 * MARGIN + 1;
    moveTo(before.fromU, fitted ? width - 2 * MARGIN : before.scale);
  });
  const wheel = useEffectEvent((event: WheelEvent) => {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      return zoom(Math.exp(-event.deltaY / 300), event.offsetX);
    }
    const by = event.shiftKey ? event.deltaY : event.deltaX;
    if (by === 0) return;
    event.preventDefault();
    moveTo(view.current.fromU + by / view.current.scale);
  });
  const repaint = useEffectEvent(() => {
    palette.current = undefined;
    draw();
  });
  useEffect(() => {
    const element = canvas.current!;
    const sizes = new ResizeObserver(([box]) => resize(Math.floor(box!.contentRect.width)));
    sizes.observe(element.parentElement!);
    const turn = (event: WheelEvent): void => wheel(event);
    element.addEventListener('wheel', turn, { passive: false });
    const theme = new MutationObserver(() => repaint());
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const changed = (): void => repaint();
    scheme.addEventListener('change', changed);
    void document.fonts.ready.then(changed);
    return () => {
      sizes.disconnect();
      theme.disconnect();
      scheme.removeEventListener('change', changed);
      element.removeEventListener('wheel', turn);
      cancelAnimationFrame(frame.current);
      frame.current = 0;
    };
  }, []);
  useEffect(draw);

  const bring = useEffectEvent((item: number) => {
    const { fromU, scale: pixels, width } = view.current;
    const u = scale.toU(tree.items[item]!.node.atMs);
    if (width > 0 && (u < fromU || u > fromU + width / pixels)) moveTo(u - width / 2 / pixels);
  });
  useEffect(() => {
    if (selected !== undefined) bring(selected);
  }, [selected]);

  const markAt = (x: number, y: number): Mark | undefined => {
    const lane = marks.current[Math.floor((y - AXIS_HEIGHT) / LANE_HEIGHT)];
    return lane === undefined ? undefined : hit(lane, x);
  };
  const groupOf = (mark: Mark): readonly number[] => lanes[mark.lane]!.items.slice(mark.first, mark.end);
  const point = (event: PointerEvent<HTMLCanvasElement>): readonly [number, number] => {
    const box = event.currentTarget.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const hover = (mark: Mark | undefined, x: number, y: number): void => {
    const element = tip.current;
    if (element === null) return;
    element.hidden = mark === undefined;
    if (mark === undefined) return;
    const { node, kind } = tree.items[mark.item]!;
    const count = mark.end - mark.first;
    element.textContent = `${KIND_WORDS[kind]} · ${node.action ?? 'action withheld'} · ${utc(node.atMs).slice(11)}${count > 1 ? ` · and ${count - 1} more in this mark` : ''}`;
    const left = Math.min(x + 12, Math.max(0, view.current.width - 340));
    element.style.transform = `translate(${left}px, ${y + 16}px)`;
  };

  const press = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = (by: 1 | -1): void => {
      const lane = lanes[selected === undefined ? 0 : (laneOf.get(selected) ?? 0)];
      if (lane === undefined) return;
      const at = selected === undefined ? (by > 0 ? -1 : lane.items.length) : lane.items.indexOf(selected);
      const next = lane.items[at + by];
      if (next !== undefined) onSelect(next, []);
    };
    const change = (by: 1 | -1): void => {
      const from = selected === undefined ? (by > 0 ? -1 : lanes.length) : (laneOf.get(selected) ?? 0);
      const u = selected === undefined ? 0 : scale.toU(tree.items[selected]!.node.atMs);
      const lane = lanes[from + by];
      if (lane === undefined || lane.items.length === 0) return;
      let [best, away] = [0, Infinity];
      for (const [at, place] of lane.us.entries())
        if (Math.abs(place - u) < away) [best, away] = [at, Math.abs(place - u)];
      onSelect(lane.items[best]!, []);
    };
    const { fromU, scale: pixels, width } = view.current;
    const acts: Readonly<Record<string, () => void>> = {
      ArrowRight: () => (event.shiftKey ? moveTo(fromU + PAN / pixels) : step(1)),
      ArrowLeft: () => (event.shiftKey ? moveTo(fromU - PAN / pixels) : step(-1)),
      ArrowDown: () => change(1),
      ArrowUp: () => change(-1),
      '+': () => zoom(1.5, width / 2),
      '=': () => zoom(1.5, width / 2),
      '-': () => zoom(1 / 1.5, width / 2),
      '0': () => moveTo(0, 0),
    };
    const act = acts[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  };
  const say =
    selected === undefined
      ? 'nothing selected'
      : `${KIND_WORDS[tree.items[selected]!.kind]} ${tree.items[selected]!.node.action ?? ''}`;

  return (
    <div className={css['lanes']}>
      <LaneNames tree={tree} lanes={lanes} nameOf={nameOf} onExpand={onExpand} />
      <div
        className={css['canvasBox']}
        role="application"
        aria-label={`Lanes of ${tree.items.length.toLocaleString('en')} executions by ${tree.agents.length} agents; arrows move between executions, plus and minus zoom; ${say}`}
        tabIndex={0}
        data-focused={focused || undefined}
        onFocus={() => setFocused(true)}
        onBlur={() => setFocused(false)}
        onKeyDown={press}
      >
        <canvas
          ref={canvas}
          style={{ height }}
          aria-hidden="true"
          onPointerDown={(event) => {
            if (event.button !== 0) return;
            event.currentTarget.setPointerCapture(event.pointerId);
            drag.current = { x: event.clientX, fromU: view.current.fromU, moved: false };
          }}
          onPointerMove={(event) => {
            const held = drag.current;
            const [x, y] = point(event);
            if (held === undefined) return hover(markAt(x, y), x, y);
            const by = event.clientX - held.x;
            if (Math.abs(by) > 3) held.moved = true;
            if (held.moved) moveTo(held.fromU - by / view.current.scale);
          }}
          onPointerUp={(event) => {
            const held = drag.current;
            drag.current = undefined;
            if (held === undefined || held.moved) return;
            const [x, y] = point(event);
            const mark = markAt(x, y);
            if (mark !== undefined) onSelect(mark.item, mark.end - mark.first > 1 ? groupOf(mark) : []);
          }}
          onPointerCancel={() => (drag.current = undefined)}
          onPointerLeave={() => hover(undefined, 0, 0)}
          onDoubleClick={(event) => zoom(3, event.nativeEvent.offsetX)}
        />
        <div ref={tip} className={css['tip']} hidden />
        <div className={css['zoom']}>
          <Button kind="quiet" label="Zoom in" onPress={() => zoom(1.6, view.current.width / 2)}>
            +
          </Button>
          <Button kind="quiet" label="Zoom out" onPress={() => zoom(1 / 1.6, view.current.width / 2)}>
            −
          </Button>
          <Button kind="quiet" label="Show all of it" onPress={() => moveTo(0, 0)}>
            All
          </Button>
        </div>
      </div>
    </div>
  );
}

interface NamesProps {
  readonly tree: RunTree;
  readonly lanes: readonly Lane[];
  readonly nameOf: (agent: string) => string;
  readonly onExpand: (lane: Lane) => void;
}

/** The names of the lanes: rendered when lanes change, not while time is scrubbed. */
const LaneNames = memo(function LaneNames({ tree, lanes, nameOf, onExpand }: NamesProps) {
  return (
    <div className={css['laneNames']} style={{ paddingTop: AXIS_HEIGHT }}>
      <ol aria-label="Lanes, one per agent">
        {lanes.map((lane) => {
          const { id } = tree.agents[lane.agent]!;
          return (
            <li
              key={lane.agent}
              style={{ height: LANE_HEIGHT, paddingLeft: 12 + Math.min(lane.depth, 6) * 12 }}
            >
              <span className={css['laneName']} title={id}>
                {lane.depth > 0 && <i aria-hidden="true">└</i>}
                <Untrusted>{nameOf(id)}</Untrusted>
              </span>
              {lane.folded > 0 ? (
                <button
                  type="button"
                  className={css['fold']}
                  onClick={() => onExpand(lane)}
                  title={`${lane.folded} agents below it are shown in this lane; press to unfold`}
                >
                  <span className="sr">Unfold </span>+{lane.folded}
                  <span className="sr"> agents of {nameOf(id)}</span>
                </button>
              ) : (
                <span className={css['laneCount']}>{lane.items.length.toLocaleString('en')}</span>
              )}
            </li>
          );
        })}
      </ol>
    </div>
  );
});
