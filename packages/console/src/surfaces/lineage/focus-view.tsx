/** The focus graph: what caused one execution and what it caused, at most 300 boxes; the rest is folded and counted. */
import { useEffect, useMemo, useRef, useState } from 'react';
import { shortId } from '../../components/hash.tsx';
import { Button } from '../../components/button.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { FOCUS_MAX, focusGraph, type FocusBox } from './focus-layout.ts';
import { KindGlyph, KIND_WORDS } from './glyph.tsx';
import type { RunTree } from './run-tree.ts';
import { outcomeOf } from './tree-view.tsx';
import css from './lineage.module.css';

const [WIDE, TALL, ACROSS, DOWN] = [196, 46, 252, 58];

const x = ({ column }: FocusBox): number => 12 + column * ACROSS;
const y = ({ row }: FocusBox): number => 12 + row * DOWN;

interface Props {
  readonly tree: RunTree;
  readonly selected: number;
  readonly lifted: readonly { readonly from: number; readonly to: number }[];
  readonly nameOf: (agent: string) => string;
  readonly onSelect: (item: number) => void;
}

export function FocusView({ tree, selected, lifted, nameOf, onSelect }: Props) {
  const [steps, setSteps] = useState(1);
  const graph = useMemo(() => focusGraph(tree, selected, { steps, lifted }), [tree, selected, steps, lifted]);
  const area = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const box = area.current?.parentElement;
    const centre = graph.boxes.find((one) => one.more === undefined && one.item === selected);
    if (box === null || box === undefined || centre === undefined) return;
    // Moves the graph in its box, never the page.
    box.scrollTo(x(centre) + WIDE / 2 - box.clientWidth / 2, y(centre) + TALL / 2 - box.clientHeight / 2);
  }, [graph, selected]);
  const [width, height] = [24 + (graph.columns - 1) * ACROSS + WIDE, 24 + (graph.rows - 1) * DOWN + TALL];
  return (
    <>
      <p className={css['treeBar']}>
        <span className="muted">
          {graph.boxes.length} of at most {FOCUS_MAX} boxes; causes to the left, effects to the right
        </span>
        <Button
          kind="quiet"
          onPress={() => setSteps(steps - 1)}
          because={steps === 1 ? 'One step is the least.' : undefined}
          label="One step less"
        >
          −
        </Button>
        <span>
          {steps} {steps === 1 ? 'step' : 'steps'}
        </span>
        <Button kind="quiet" onPress={() => setSteps(steps + 1)} label="One step more">
          +
        </Button>
      </p>
      <div className={css['focusBox']} tabIndex={0} role="region" aria-label="Focus graph">
        <div ref={area} className={css['focusArea']} style={{ width, height }}>
          <svg width={width} height={height} aria-hidden="true">
            {graph.lines.map(({ from, to, kind }, at) => {
              const [a, b] = [graph.boxes[from]!, graph.boxes[to]!];
              const [x1, y1, x2, y2] = [x(a) + WIDE, y(a) + TALL / 2, x(b), y(b) + TALL / 2];
              const bend = (x1 + x2) / 2;
              return (
                <path
                  key={at}
                  className={css[kind === 'lifted' ? 'lineLifted' : 'line']}
                  d={`M${x1} ${y1}H${bend}V${y2}H${x2}`}
                />
              );
            })}
          </svg>
          <ul>
            {graph.boxes.map((box) => {
              const item = tree.items[box.item]!;
              const style = { left: x(box), top: y(box), width: WIDE, height: TALL };
              if (box.more !== undefined)
                return (
                  <li key={box.id} style={style}>
                    <button
                      type="button"
                      className={css['foldBox']}
                      onClick={() => (box.item === selected ? setSteps(steps + 1) : onSelect(box.item))}
                    >
                      +{box.more.toLocaleString('en')} more
                    </button>
                  </li>
                );
              return (
                <li key={box.id} style={style}>
                  <button
                    type="button"
                    className={css['box']}
                    data-row=""
                    aria-current={box.item === selected || undefined}
                    onClick={() => onSelect(box.item)}
                  >
                    <KindGlyph kind={item.kind} />
                    <span className="sr">{KIND_WORDS[item.kind]} </span>
                    <span className={css['boxText']}>
                      <b>
                        <Untrusted>{item.node.action ?? shortId(item.node.exec)}</Untrusted>
                      </b>
                      <small>
                        <Untrusted>{nameOf(tree.agents[item.agent]!.id)}</Untrusted> · {outcomeOf(item)}
                      </small>
                    </span>
                  </button>
                </li>
              );
            })}
          </ul>
        </div>
      </div>
    </>
  );
}
