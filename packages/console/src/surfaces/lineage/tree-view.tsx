/**
 * The tree: an ARIA treegrid of the same executions (WAI-ARIA APG, "Treegrid"), complete for screen readers: level,
 * position and size of each set are said, rows beyond the window are counted and reached by keys.
 */
import { defaultRangeExtractor, useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { Button } from '../../components/button.tsx';
import { Hash } from '../../components/hash.tsx';
import { LeafTicks } from '../../components/ticks.tsx';
import { spanText, Time } from '../../components/time.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { formatPlace } from '../../frame/proof-link.ts';
import { KindMark } from './glyph.tsx';
import type { RunItem, RunTree } from './run-tree.ts';
import { firstExpanded, treeRows, withBelow } from './tree-rows.ts';
import css from './lineage.module.css';

const ROW = 32;
const COLUMNS = ['Execution', 'Agent', 'Verdict', 'Outcome', 'From', 'Took', 'Proof'] as const;

interface Props {
  readonly tree: RunTree;
  readonly selected: number | undefined;
  readonly found: ReadonlySet<number> | undefined;
  readonly nameOf: (agent: string) => string;
  readonly onSelect: (item: number) => void;
}

export function TreeView({ tree, selected, found, nameOf, onSelect }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [expanded, setExpanded] = useState(() => firstExpanded(tree));
  const rows = useMemo(() => treeRows(tree, expanded), [tree, expanded]);
  const place = useMemo(() => new Map(rows.map(({ item }, at) => [item, at])), [rows]);
  const [active, setActive] = useState(0);
  const focusNext = useRef(false);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: 12,
    // The row that has the focus is always there, so that no key is lost while it scrolls into view.
    rangeExtractor: (range) =>
      [...new Set([...defaultRangeExtractor(range), Math.min(active, rows.length - 1)])]
        .filter((at) => at >= 0)
        .toSorted((a, b) => a - b),
  });
  const shown = virtual.getVirtualItems();

  // What is selected elsewhere is opened and brought into view here.
  useEffect(() => {
    if (selected === undefined) return;
    setExpanded((before) => {
      const next = new Set(before);
      for (let at = tree.items[selected]?.parent; at !== undefined; at = tree.items[at]?.parent) next.add(at);
      return next.size === before.size ? before : next;
    });
  }, [selected, tree]);
  useEffect(() => {
    const at = selected === undefined ? undefined : place.get(selected);
    if (at === undefined || focusNext.current) return;
    setActive(at);
    virtual.scrollToIndex(at, { align: 'auto' });
  }, [selected, place, virtual]);
  useLayoutEffect(() => {
    if (!focusNext.current) return;
    const row = box.current?.querySelector<HTMLElement>(`[aria-rowindex="${active + 2}"]`);
    if (row === null || row === undefined) return;
    focusNext.current = false;
    row.focus({ preventScroll: true });
  });

  const go = (to: number): void => {
    const next = Math.max(0, Math.min(rows.length - 1, to));
    focusNext.current = true;
    setActive(next);
    virtual.scrollToIndex(next, { align: 'auto' });
  };
  const turn = (item: number, open: boolean): void =>
    setExpanded((before) => {
      const next = new Set(before);
      if (open) next.add(item);
      else next.delete(item);
      return next;
    });
  const press = (event: KeyboardEvent, at: number): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== event.currentTarget) return;
    const { item } = rows[at]!;
    const { children, parent } = tree.items[item]!;
    const open = expanded.has(item) && children.length > 0;
    const page = Math.max(1, Math.floor((box.current?.clientHeight ?? 320) / ROW) - 1);
    const acts: Readonly<Record<string, () => void>> = {
      ArrowDown: () => go(at + 1),
      ArrowUp: () => go(at - 1),
      PageDown: () => go(at + page),
      PageUp: () => go(at - page),
      Home: () => go(0),
      End: () => go(rows.length - 1),
      ArrowRight: () => {
        if (children.length === 0) return;
        if (open) go(at + 1);
        else turn(item, true);
      },
      ArrowLeft: () => {
        if (open) turn(item, false);
        else if (parent !== undefined) go(place.get(parent) ?? at);
      },
      Enter: () => onSelect(item),
      ' ': () => onSelect(item),
      e: () => {
        focusNext.current = true;
        setExpanded((before) => {
          const next = new Set(before);
          for (const one of withBelow(tree, item))
            if (open) next.delete(one);
            else next.add(one);
          return next;
        });
      },
    };
    const act = acts[event.key];
    if (act === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };

  return (
    <>
      <p className={css['treeBar']}>
        <span className="muted">
          {rows.length.toLocaleString('en')} of {tree.items.length.toLocaleString('en')} executions shown
        </span>
        <Button
          kind="quiet"
          onPress={() =>
            setExpanded(new Set(tree.items.flatMap(({ at, children }) => (children.length > 0 ? [at] : []))))
          }
        >
          Expand all
        </Button>
        <Button kind="quiet" onPress={() => setExpanded(new Set())}>
          Collapse all
        </Button>
      </p>
      <div ref={box} className={css['treeBox']} role="presentation">
        <div
          role="treegrid"
          aria-label="Executions of the run"
          aria-rowcount={rows.length + 1}
          aria-colcount={COLUMNS.length}
          className={css['grid']}
        >
          <div role="rowgroup" className={css['gridHead']}>
            <div role="row" aria-rowindex={1} className={css['gridRow']}>
              {COLUMNS.map((name) => (
                <span key={name} role="columnheader">
                  {name}
                </span>
              ))}
            </div>
          </div>
          <div role="rowgroup" className={css['gridBody']} style={{ height: virtual.getTotalSize() }}>
            {shown.map(({ index, start }) => {
              const row = rows[index];
              const item = row === undefined ? undefined : tree.items[row.item];
              if (row === undefined || item === undefined) return null;
              const { node, children } = item;
              const open = children.length > 0 ? expanded.has(row.item) : undefined;
              const decided = node.permit ?? node.refusals.at(-1);
              return (
                <div
                  key={row.item}
                  role="row"
                  tabIndex={index === active ? 0 : -1}
                  className={css['gridRow']}
                  style={{ transform: `translateY(${start}px)` }}
                  data-row=""
                  data-dim={(found !== undefined && !found.has(row.item)) || undefined}
                  data-proof={decided === undefined ? undefined : formatPlace(decided)}
                  aria-rowindex={index + 2}
                  aria-level={row.level}
                  aria-posinset={row.position}
                  aria-setsize={row.siblings}
                  aria-expanded={open}
                  aria-selected={row.item === selected}
                  onFocus={() => setActive(index)}
                  onKeyDown={(event) => press(event, index)}
                  onClick={() => onSelect(row.item)}
                >
                  <span role="gridcell" style={{ paddingLeft: 8 + Math.min(row.level - 1, 12) * 14 }}>
                    {open === undefined ? (
                      <i className={css['leafDot']} />
                    ) : (
                      <button
                        type="button"
                        tabIndex={-1}
                        className={css['twist']}
                        aria-label={open ? 'Collapse' : 'Expand'}
                        onClick={(event) => {
                          event.stopPropagation();
                          turn(row.item, !open);
                        }}
                      >
                        <svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
                          <path
                            d={open ? 'M1.5 3.5 5 7l3.5-3.5' : 'M3.5 1.5 7 5 3.5 8.5'}
                            fill="none"
                            stroke="currentColor"
                            strokeWidth="1.5"
                          />
                        </svg>
                      </button>
                    )}
                    <ActionName item={item} />
                    {open === false && <span className="muted"> +{item.below.toLocaleString('en')}</span>}
                  </span>
                  <span role="gridcell" className={css['clip']}>
                    <Untrusted>{nameOf(tree.agents[item.agent]!.id)}</Untrusted>
                  </span>
                  <span role="gridcell">
                    <KindMark kind={item.kind} />
                  </span>
                  <span role="gridcell" className={css['clip']}>
                    {outcomeOf(item)}
                  </span>
                  <span role="gridcell">
                    <Time ms={node.atMs} short />
                  </span>
                  <span role="gridcell" className="mono">
                    {node.endMs === undefined ? '—' : spanText(node.endMs - node.atMs)}
                  </span>
                  <span role="gridcell">
                    {decided === undefined ? 'none' : <LeafTicks place={decided} />}
                  </span>
                </div>
              );
            })}
          </div>
        </div>
      </div>
    </>
  );
}

/** The action, or the id where the action is not shown. */
export function ActionName({ item: { node } }: { readonly item: RunItem }) {
  return node.action === undefined ? <Hash value={node.exec} /> : <Untrusted>{node.action}</Untrusted>;
}

/** How it ended, or what is missing. */
export function outcomeOf({ node, kind }: RunItem): string {
  if (kind === 'gap') return node.gaps.join('; ');
  if (node.outcome !== undefined) return node.outcome.status.replace('_', ' ');
  if (node.start !== undefined) return 'running';
  if (node.verdict === 'allow') return 'not started';
  return node.code ?? 'refused';
}
