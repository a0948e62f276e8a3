/** `/lineage/:id` — who caused this, under whose authority, and what did it touch? */
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import {
  memo,
  useCallback,
  useDeferredValue,
  useEffect,
  useMemo,
  useRef,
  useState,
  type ReactNode,
} from 'react';
import { Button } from '../../components/button.tsx';
import { Hash } from '../../components/hash.tsx';
import { Page } from '../../components/panel.tsx';
import { Empty, Failed, Loading, Note } from '../../components/states.tsx';
import { CallError } from '../../data/call.ts';
import { base, isPublic } from '../../data/listener.ts';
import { PeopleOnly } from '../../frame/sign-in.tsx';
import { KIND_WORDS, KindGlyph } from './glyph.tsx';
import { FocusView } from './focus-view.tsx';
import { lanesOf, type Lane } from './lanes.ts';
import { LanesView } from './lanes-view.tsx';
import { NodePanel } from './node-panel.tsx';
import { provOf } from './prov.ts';
import { liftedOf, useNames, useRun, type RunData } from './run-data.ts';
import { KINDS } from './run-tree.ts';
import { RunsPage } from './runs-page.tsx';
import { saveFile } from './save-file.ts';
import { Scrubber } from './scrubber.tsx';
import { searchRun } from './search-run.ts';
import { ThenPanel } from './then-panel.tsx';
import { timeScale } from './time-scale.ts';
import { TreeView } from './tree-view.tsx';
import css from './lineage.module.css';

const VIEWS = ['lanes', 'tree', 'focus'] as const;
type View = (typeof VIEWS)[number];
const VIEW_WORDS: Readonly<Record<View, string>> = { lanes: 'Lanes', tree: 'Tree', focus: 'Focus graph' };
/** The scrubber rests when it has not moved for this long, milliseconds. */
const REST_MS = 120;
const Then = memo(ThenPanel);
/** Lanes that fit one screen; more are unfolded by hand. */
const MAX_LANES = 24;

export function LineagePage() {
  const { id } = useParams({ strict: false });
  if (id === undefined) return <RunsPage />;
  const page = <RunPage id={id} />;
  return <PeopleOnly publicView={page}>{page}</PeopleOnly>;
}

function RunPage({ id }: { readonly id: string }) {
  const { data, error, refetch } = useRun(id);
  if (data !== undefined && data.tree.items.length > 0)
    return <Run data={data} error={data.folded ? null : error} retry={() => void refetch()} />;
  if (error === null && data === undefined)
    return (
      <Page title="Lineage">
        <Loading what="the run, its entries and the tree of causes" rows={10} />
      </Page>
    );
  if (data !== undefined || (error instanceof CallError && error.status === 404))
    return (
      <Page title="Lineage">
        <Empty title="There is no such run here." action={<a href={`${base}/lineage`}>All runs</a>}>
          The log holds no execution with this id, or you may not see it.
        </Empty>
      </Page>
    );
  return (
    <Page title="Lineage">
      <Failed error={error} what="the run" retry={() => void refetch()} />
    </Page>
  );
}

function Run({
  data,
  error,
  retry,
}: {
  readonly data: RunData;
  readonly error: Error | null;
  readonly retry: () => void;
}) {
  const { tree, run, named, lineage, folded: whole } = data;
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const nameOf = useNames();
  const [expanded, setExpanded] = useState<ReadonlySet<number>>(new Set());
  const [group, setGroup] = useState<readonly number[]>([]);
  const [inView, setInView] = useState<readonly [number, number]>([0, 1]);
  const [text, setText] = useState('');
  const sought = useDeferredValue(text);
  const [dragMs, setDragMs] = useState<number>();
  const searchBox = useRef<HTMLInputElement>(null);

  const view: View = VIEWS.find((one) => one === search.view) ?? 'lanes';
  const selected = tree.byExec.get(search.node ?? (named === run ? '' : named));
  const urlMs = search.t ?? NaN;
  const nowMs =
    dragMs ?? (Number.isFinite(urlMs) ? Math.min(tree.toMs, Math.max(tree.fromMs, urlMs)) : tree.toMs);

  const scale = useMemo(() => {
    const times = new Float64Array(tree.items.length * 2);
    for (const { at, node, endMs } of tree.items) {
      times[2 * at] = node.atMs;
      times[2 * at + 1] = endMs;
    }
    return timeScale([...times.sort()]);
  }, [tree]);
  const lanes = useMemo(() => lanesOf(tree, scale, { max: MAX_LANES, expanded }), [tree, scale, expanded]);
  const found = useMemo(() => searchRun(tree, sought, nameOf), [tree, sought, nameOf]);
  const foundSet = useMemo(() => (found === undefined ? undefined : new Set(found)), [found]);
  const folded = lanes.reduce((sum, lane) => sum + lane.folded, 0);

  const change = (
    next: { readonly node?: string; readonly t?: number; readonly view?: string },
    replace = true,
  ): void =>
    void navigate({
      to: '.',
      search: ((old: Readonly<Record<string, unknown>>) => ({ ...old, ...next })) as never,
      replace,
    });
  const select = (item: number, marked: readonly number[] = []): void => {
    setGroup(marked);
    change({ node: tree.items[item]!.node.exec });
  };
  // Scrubbing moves a picture; the address follows when the hand rests.
  useEffect(() => {
    if (dragMs === undefined) return;
    const timer = setTimeout(() => {
      change({ t: dragMs });
      setDragMs(undefined);
    }, 200);
    return () => clearTimeout(timer);
  });

  const unfold = useCallback((agent: number): void => {
    setExpanded((before) => {
      const next = new Set(before);
      if (next.has(agent)) next.delete(agent);
      else next.add(agent);
      return next;
    });
  }, []);
  const expand = useCallback(({ agent }: Lane): void => unfold(agent), [unfold]);
  // What was permitted then is read from the log: asked where the hand rests, not for each moment that it passes.
  const [restMs, setRestMs] = useState(nowMs);
  useEffect(() => {
    const timer = setTimeout(() => setRestMs(nowMs), REST_MS);
    return () => clearTimeout(timer);
  }, [nowMs]);

  const step = (by: 1 | -1): void => {
    const { items } = tree;
    const next =
      by > 0
        ? items.find(({ node }) => node.atMs > nowMs)?.node.atMs
        : items.findLast(({ node }) => node.atMs < nowMs)?.node.atMs;
    if (next !== undefined) setDragMs(next);
  };
  const keys = (event: KeyboardEvent): void => {
    const { target } = event;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (
      target instanceof HTMLElement &&
      /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) &&
      target.getAttribute('type') !== 'range'
    )
      return;
    const parent = selected === undefined ? undefined : tree.items[selected]!.parent;
    const acts: Readonly<Record<string, (() => void) | undefined>> = {
      ',': () => step(-1),
      '.': () => step(1),
      u: parent === undefined ? undefined : () => select(parent),
      f:
        selected === undefined
          ? undefined
          : () => change({ view: view === 'focus' ? 'lanes' : 'focus' }, false),
      e: selected === undefined || view !== 'lanes' ? undefined : () => unfold(tree.items[selected]!.agent),
    };
    const act = acts[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  };
  const press = useRef(keys);
  useEffect(() => {
    press.current = keys;
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => press.current(event);
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, []);
  const goFound = (by: 1 | -1): void => {
    if (found === undefined || found.length === 0) return;
    const at = selected === undefined ? -1 : found.indexOf(selected);
    select(found[(at + by + found.length) % found.length]!);
  };

  return (
    <Page
      wide
      title="Lineage"
      lead={
        <>
          {counted(tree.items.length, 'execution')} in {counted(lanes.length, 'lane')}
          {folded > 0 && <>, {counted(folded, 'agent')} folded</>} · run <Hash value={run} label="run id" />
          {!whole &&
            (error === null
              ? ' · resources and gaps are being read from its entries …'
              : ' · resources and gaps did not come')}
        </>
      }
      actions={
        <>
          <Button onPress={() => saveFile(`lineage-${run}.json`, JSON.stringify(lineage, undefined, 2))}>
            Export JSON
          </Button>
          <Button
            onPress={() =>
              saveFile(
                `lineage-${run}.prov.json`,
                JSON.stringify(provOf(lineage, location.host), undefined, 2),
              )
            }
          >
            Export PROV
          </Button>
        </>
      }
    >
      {error !== null && (
        <Note tone="hold">
          The whole run did not come: {error.message} What is shown are its newest executions only.{' '}
          <Button onPress={retry}>Try again</Button>
        </Note>
      )}
      <div className={css['bar']}>
        <div role="group" aria-label="View" className={css['views']}>
          {VIEWS.map((one) => (
            <Button
              key={one}
              pressed={view === one}
              because={one === 'focus' && selected === undefined ? 'Select an execution first.' : undefined}
              onPress={() => change({ view: one }, false)}
            >
              {VIEW_WORDS[one]}
            </Button>
          ))}
        </div>
        <ul className={css['legend']} aria-label="Executions by mark">
          {KINDS.map((kind) => (
            <li key={kind} className={css[`ink-${kind}`]}>
              <KindGlyph kind={kind} /> {tree.counts[kind].toLocaleString('en')}{' '}
              {kind === 'gap' && tree.counts.gap !== 1 ? 'gaps in the record' : KIND_WORDS[kind]}
            </li>
          ))}
        </ul>
        <form
          className={css['find']}
          role="search"
          aria-label="In this run"
          onSubmit={(event) => {
            event.preventDefault();
            goFound(1);
          }}
        >
          <input
            ref={searchBox}
            type="search"
            value={text}
            placeholder="Find in this run"
            aria-label="Find in this run"
            onChange={({ target }) => setText(target.value)}
            onKeyDown={({ key, currentTarget }) => key === 'Escape' && currentTarget.blur()}
          />
          <span role="status" className="muted">
            {found === undefined ? '' : `${found.length.toLocaleString('en')} found`}
          </span>
          {found !== undefined && found.length > 0 && (
            <>
              <Button kind="quiet" label="Previous found" onPress={() => goFound(-1)}>
                ↑
              </Button>
              <Button kind="quiet" label="Next found" submit>
                ↓
              </Button>
            </>
          )}
        </form>
      </div>
      <div className={css['split']}>
        <div className={css['stage']}>
          <Stage data={data} view={view} selected={selected}>
            {view === 'lanes' && (
              <LanesView
                tree={tree}
                scale={scale}
                lanes={lanes}
                selected={selected}
                found={foundSet}
                nowU={scale.toU(nowMs)}
                nameOf={nameOf}
                onSelect={select}
                onExpand={expand}
                onView={(from, to) =>
                  setInView((before) => (before[0] === from && before[1] === to ? before : [from, to]))
                }
              />
            )}
            {view === 'tree' && (
              <TreeView tree={tree} selected={selected} found={foundSet} nameOf={nameOf} onSelect={select} />
            )}
            {view === 'focus' && selected !== undefined && (
              <FocusView
                tree={tree}
                selected={selected}
                lifted={liftedOf(data)}
                nameOf={nameOf}
                onSelect={select}
              />
            )}
          </Stage>
          <Scrubber
            tree={tree}
            scale={scale}
            nowMs={nowMs}
            view={view === 'lanes' ? inView : [0, 1]}
            onScrub={setDragMs}
          />
        </div>
        <aside className={css['side']} aria-label="Selected">
          {selected === undefined ? (
            <p className={css['hint']}>
              Select a mark, or a row of the tree, to see what was decided, what it touched and what proves
              it.
              {isPublic &&
                ' The public view holds verdicts and places in the log, no names, actions or resources.'}
            </p>
          ) : (
            <NodePanel
              tree={tree}
              item={selected}
              group={group}
              folded={whole}
              nameOf={nameOf}
              onSelect={(item) => select(item, group.includes(item) ? group : [])}
              onFocus={() => change({ view: 'focus' }, false)}
            />
          )}
          <Then tree={tree} ms={restMs} />
        </aside>
      </div>
    </Page>
  );
}

function Stage({
  view,
  selected,
  children,
}: {
  readonly data: RunData;
  readonly view: View;
  readonly selected: number | undefined;
  readonly children: ReactNode;
}) {
  if (view === 'focus' && selected === undefined)
    return (
      <Empty title="Nothing is selected.">
        Select an execution in the lanes or the tree; the focus graph then shows its causes and effects.
      </Empty>
    );
  return (
    <section className={css['picture']} aria-label={`${VIEW_WORDS[view]} view`}>
      {children}
    </section>
  );
}

const counted = (n: number, noun: string): string => `${n.toLocaleString('en')} ${noun}${n === 1 ? '' : 's'}`;
