/** `/console`: what is being allowed right now, and who decides. Live feed with filters in the address, and pause. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { ExecutionView } from '@licet/api';
import { Button } from '../../components/button.tsx';
import { Empty, Failed, Loading } from '../../components/states.tsx';
import { Page, Panel } from '../../components/panel.tsx';
import { LeafTicks } from '../../components/ticks.tsx';
import { spanText, Time } from '../../components/time.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { VerdictMark, verdictOf } from '../../components/verdict.tsx';
import { isPublic } from '../../data/listener.ts';
import { containmentsQuery, executionsQuery, type ExecutionFilters } from '../../data/queries.ts';
import { PeopleOnly } from '../../frame/sign-in.tsx';
import { formatPlace } from '../../frame/proof-link.ts';
import { ConsoleNav } from './console-nav.tsx';
import { Contained, Waiting } from './feed-side.tsx';
import { PublicFeed } from './public-feed.tsx';
import css from './console.module.css';

/** Each figure is of the newest decisions, as many as one page of the plane's list holds. */
const RECENT = 200;
const STATES = [
  'held',
  'permitted',
  'running',
  'completed',
  'failed',
  'halted',
  'in_doubt',
  'expired',
  'refused',
  'denied',
];

export function FeedPage() {
  return (
    <>
      {!isPublic && <ConsoleNav />}
      <PeopleOnly publicView={<PublicFeed />}>
        <LiveFeed />
      </PeopleOnly>
    </>
  );
}

function LiveFeed() {
  const filters = useSearch({ from: '/console' });
  return (
    <Page title="Decisions" lead="What is being allowed right now, and who is deciding." wide>
      <Figures filters={filters} />
      <div className={css['two']}>
        <Feed filters={filters} />
        <div className={css['side']}>
          <Waiting />
          <Contained />
        </div>
      </div>
    </Page>
  );
}

function Figures({ filters }: { readonly filters: ExecutionFilters }) {
  const { data: recent } = useRecent();
  const { data: contained } = useQuery(containmentsQuery);
  const count = (verdict: string): number | undefined =>
    recent?.filter((one) => one.verdict === verdict).length;
  const of = recent === undefined ? '' : ` of the newest ${recent.length}`;
  return (
    <div className={css['strip']}>
      {(['allow', 'deny', 'hold'] as const).map((verdict) => (
        <Link
          key={verdict}
          to="/console"
          search={{ verdict: filters.verdict === verdict ? undefined : verdict } as never}
          aria-current={filters.verdict === verdict ? 'true' : undefined}
        >
          <VerdictMark verdict={verdict} />
          <b>{count(verdict) ?? '–'}</b>
          <span className={css['small']}>{of.trim() || 'loading'}</span>
        </Link>
      ))}
      <Link to="/containment">
        <VerdictMark verdict="contain" />
        <b>{contained?.active.length ?? '–'}</b>
        <span className={css['small']}>in force</span>
      </Link>
    </div>
  );
}

/** The newest decisions without a filter: what the figures count. */
function useRecent() {
  const query = useInfiniteQuery(executionsQuery({}, RECENT));
  return { ...query, data: query.data?.pages[0]?.items };
}

function Feed({ filters }: { readonly filters: ExecutionFilters }) {
  const { verdict, state, agent, action, run } = filters;
  const query = useInfiniteQuery(executionsQuery({ verdict, state, agent, action, run }));
  // The plane lists what changed last first; here a decision keeps its place, by its entry in the log.
  const live = useMemo(
    () =>
      (query.data?.pages.flatMap(({ items }) => items) ?? []).toSorted(
        (a, b) => b.decision.index - a.decision.index,
      ),
    [query.data],
  );
  const [frozen, setFrozen] = useState<readonly ExecutionView[]>();
  const items = frozen ?? live;
  const waiting =
    frozen === undefined ? 0 : live.findIndex((one) => one.executionId === frozen[0]?.executionId);
  const pause = (): void => setFrozen((before) => (before === undefined ? live : undefined));

  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const { target } = event;
      if (
        event.key !== ' ' ||
        (target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT|BUTTON|SUMMARY)$/.test(target.tagName))
      )
        return;
      event.preventDefault();
      pause();
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  });

  return (
    <Panel
      title="Feed"
      flush
      aside={
        <Button kind="quiet" pressed={frozen !== undefined} onPress={pause}>
          {frozen === undefined ? 'Pause' : 'Resume'}
        </Button>
      }
    >
      <Filters filters={filters} />
      {frozen !== undefined && (
        <p className={css['waiting']} role="status">
          Paused.{' '}
          {waiting > 0
            ? `${waiting} newer ${waiting === 1 ? 'decision waits' : 'decisions wait'}.`
            : 'Nothing newer yet.'}
        </p>
      )}
      {query.isPending ? (
        <Loading what="decisions" rows={10} />
      ) : query.isError && live.length === 0 ? (
        <Failed error={query.error} what="decisions" retry={() => void query.refetch()} />
      ) : items.length === 0 ? (
        <NoDecisions
          filtered={Object.values({ verdict, state, agent, action, run }).some(
            (value) => value !== undefined,
          )}
        />
      ) : (
        <Rows
          items={items}
          more={query.hasNextPage && frozen === undefined ? () => void query.fetchNextPage() : undefined}
        />
      )}
      {items.length > 0 && items.every(({ action }) => action.startsWith('licet/')) && (
        <p className={css['date']}>
          So far only the plane’s own operations. <Link to="/demo">Run the demo</Link> to see an agent ask.
        </p>
      )}
    </Panel>
  );
}

function NoDecisions({ filtered }: { readonly filtered: boolean }) {
  return filtered ? (
    <Empty title="No decision fits these filters." action={<Link to="/console">Show all decisions</Link>} />
  ) : (
    <Empty title="No decisions yet" action={<Link to="/demo">Run the demo</Link>}>
      Nothing has asked this plane for permission. A first request appears here the moment it is recorded.
    </Empty>
  );
}

function Filters({ filters }: { readonly filters: ExecutionFilters }) {
  const navigate = useNavigate({ from: '/console' });
  const set = (name: keyof ExecutionFilters, value: string): void =>
    void navigate({ search: (old) => ({ ...old, [name]: value === '' ? undefined : value }), replace: true });
  return (
    <form className={css['filters']} aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <label>
        Verdict
        <select value={filters.verdict ?? ''} onChange={({ target }) => set('verdict', target.value)}>
          <option value="">any</option>
          <option value="allow">permitted</option>
          <option value="deny">denied</option>
          <option value="hold">held</option>
        </select>
      </label>
      <label>
        State
        <select value={filters.state ?? ''} onChange={({ target }) => set('state', target.value)}>
          <option value="">any</option>
          {STATES.map((state) => (
            <option key={state} value={state}>
              {state.replace('_', ' ')}
            </option>
          ))}
        </select>
      </label>
      <TextFilter
        name="Action"
        value={filters.action}
        pattern={/^[A-Za-z0-9._-]+\/[A-Za-z0-9._/-]+$/}
        placeholder="server/tool"
        set={(value) => set('action', value)}
      />
      <TextFilter
        name="Agent"
        value={filters.agent}
        pattern={/^[A-Za-z0-9][A-Za-z0-9._:@-]*$/}
        placeholder="a-…"
        set={(value) => set('agent', value)}
      />
      {filters.run !== undefined && (
        <button type="button" className={css['chip']} onClick={() => set('run', '')}>
          one run ×
        </button>
      )}
    </form>
  );
}

/** Filters when the text is whole: a half-typed action would be refused. */
function TextFilter({
  name,
  value,
  pattern,
  placeholder,
  set,
}: {
  readonly name: string;
  readonly value: string | undefined;
  readonly pattern: RegExp;
  readonly placeholder: string;
  set(value: string): void;
}) {
  const [text, setText] = useState(value ?? '');
  useEffect(() => setText(value ?? ''), [value]);
  const settle = (): void => {
    if (text === '' || pattern.test(text)) set(text);
  };
  return (
    <label>
      {name}
      <input
        value={text}
        placeholder={placeholder}
        spellCheck={false}
        onChange={({ target }) => setText(target.value)}
        onBlur={settle}
        onKeyDown={({ key }) => {
          if (key === 'Enter') settle();
        }}
      />
    </label>
  );
}

function Rows({
  items,
  more,
}: {
  readonly items: readonly ExecutionView[];
  readonly more: (() => void) | undefined;
}) {
  const scroll = useRef<HTMLDivElement>(null);
  const height = rowHeight();
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => height,
    overscan: 12,
    getItemKey: (index) => items[index]!.executionId,
  });
  const rows = virtual.getVirtualItems();
  const last = rows.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= items.length - 8) more?.();
  }, [last, items.length, more]);
  const first = useRef(new Set(items.map(({ executionId }) => executionId)));
  return (
    <div
      className={css['table']}
      role="table"
      aria-label="Decisions, newest first"
      aria-rowcount={items.length + 1}
    >
      <div role="rowgroup">
        <div className={css['head']} role="row">
          {['Time (UTC)', 'Verdict', 'Action', 'State', 'Agent', 'Policy', 'Took', 'Proof'].map((name) => (
            <span key={name} role="columnheader">
              {name}
            </span>
          ))}
        </div>
      </div>
      <div
        ref={scroll}
        className={css['scroll']}
        style={{ height: `min(${virtual.getTotalSize()}px, max(320px, 100vh - 340px))` }}
        role="rowgroup"
        tabIndex={0}
        aria-label="Rows"
      >
        <div className={css['canvas']} style={{ height: virtual.getTotalSize() }} role="presentation">
          {rows.map(({ index, start, key }) => (
            <FeedRow
              key={key}
              item={items[index]!}
              index={index}
              top={start}
              fresh={!first.current.has(items[index]!.executionId)}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

/** The grid's row height: the density's, or two lines on narrow screens. */
const rowHeight = (): number => (matchMedia('(max-width: 640px)').matches ? 56 : 32);

function FeedRow({
  item,
  index,
  top,
  fresh,
}: {
  readonly item: ExecutionView;
  readonly index: number;
  readonly top: number;
  readonly fresh: boolean;
}) {
  const agent = item.chain.at(-1);
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      className={`${css['row']} ${fresh ? css['new'] : ''}`}
      style={{ transform: `translateY(${top}px)` }}
      data-proof={formatPlace(item.decision)}
    >
      <span role="cell">
        <Time ms={item.atMs} short />
      </span>
      <span role="cell">
        <VerdictMark verdict={verdictOf(item.verdict)} />
      </span>
      <span role="cell">
        <Link to="/decisions/$id" params={{ id: item.executionId }} data-row>
          <Untrusted>{item.action}</Untrusted>
        </Link>
      </span>
      <span role="cell" className={css['small']}>
        {stateText(item)}
      </span>
      <span role="cell">
        <Untrusted>{agent?.name ?? agent?.id ?? 'nobody'}</Untrusted>
      </span>
      <span role="cell" className={css['small']}>
        {item.reasons[0] ?? item.code ?? ''}
        {item.reasons.length > 1 && ` +${item.reasons.length - 1}`}
      </span>
      <span role="cell" className={`${css['small']} ${css['end']}`}>
        {tookText(item)}
      </span>
      <span role="cell">
        <LeafTicks place={item.decision} />
      </span>
    </div>
  );
}

/** What the verdict does not say already. */
const stateText = ({ state }: ExecutionView): string =>
  state === 'refused' || state === 'held' || state === 'denied' ? '' : state.replace('_', ' ');

/** From start to outcome, both as the log has them. */
const tookText = ({ start, outcome }: ExecutionView): string =>
  start === undefined || outcome === undefined ? '' : spanText(outcome.atMs - start.atMs);
