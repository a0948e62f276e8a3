/** `/lineage` without an id: the runs, newest first, and a box for an id. */
import { Link, useNavigate } from '@tanstack/react-router';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '../../components/button.tsx';
import { Hash } from '../../components/hash.tsx';
import { Page, Panel } from '../../components/panel.tsx';
import { Empty, Failed, Loading } from '../../components/states.tsx';
import { Time } from '../../components/time.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { VerdictMark, verdictOf } from '../../components/verdict.tsx';
import { isPublic } from '../../data/listener.ts';
import { executionsQuery, publicFeedQuery, statusQuery } from '../../data/queries.ts';
import { useSession } from '../../data/session.ts';
import { PeopleOnly } from '../../frame/sign-in.tsx';
import css from './lineage.module.css';

export function RunsPage() {
  return (
    <PeopleOnly
      publicView={
        <Frame>
          <PublicRuns />
        </Frame>
      }
    >
      <Frame>
        <Runs />
      </Frame>
    </PeopleOnly>
  );
}

function Frame({ children }: { readonly children: React.ReactNode }) {
  const navigate = useNavigate();
  const [id, setId] = useState('');
  return (
    <Page
      title="Lineage"
      lead="Who caused this, under whose authority, and what did it touch? Every run is a tree of executions; any of its ids opens it."
    >
      <form
        className={css['open']}
        aria-label="Open a run"
        onSubmit={(event) => {
          event.preventDefault();
          if (id.trim() !== '') void navigate({ to: '/lineage/$id', params: { id: id.trim() } });
        }}
      >
        <input
          value={id}
          aria-label="Run or execution id"
          placeholder="Run or execution id"
          onChange={({ target }) => setId(target.value)}
        />
        <Button submit because={id.trim() === '' ? 'Give an id first.' : undefined}>
          Open
        </Button>
      </form>
      {children}
    </Page>
  );
}

interface Row {
  readonly run: string;
  readonly count: number;
  readonly first: string;
  readonly atMs: number;
  readonly who: string;
  readonly verdicts: readonly string[];
}

function Runs() {
  const session = useSession();
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    ...executionsQuery({}),
    enabled: session.kind === 'person',
  });
  if (error !== null) return <Failed error={error} what="the runs" retry={() => void refetch()} />;
  if (data === undefined) return <Loading what="the runs" />;
  const runs = new Map<string, Row>();
  for (const one of data.pages.flatMap(({ items }) => items)) {
    const known = runs.get(one.run);
    const who = one.chain.at(-1);
    runs.set(one.run, {
      run: one.run,
      count: (known?.count ?? 0) + 1,
      // The list is newest first, so the last one seen is the earliest.
      first: one.action,
      atMs: one.atMs,
      who: who?.name ?? who?.id ?? '',
      verdicts: [...new Set([...(known?.verdicts ?? []), one.verdict])],
    });
  }
  if (runs.size === 0)
    return (
      <Empty title="No runs yet." action={<a href="/demo">Run the demo</a>}>
        A run begins with the first request of an agent.
      </Empty>
    );
  return (
    <Panel title="Runs" aside={`${runs.size} shown`} flush>
      <ul className={css['runs']}>
        {[...runs.values()].map((row) => (
          <li key={row.run}>
            <Link to="/lineage/$id" params={{ id: row.run }} data-row="">
              <Time ms={row.atMs} />
              <span className={css['clip']}>
                <Untrusted>{row.who}</Untrusted>
              </span>
              <span className={css['clip']}>
                <Untrusted>{row.first}</Untrusted>
                {row.count > 1 && <span className="muted"> and {row.count - 1} more</span>}
              </span>
              <span className={css['runMarks']}>
                {row.verdicts.map((verdict) => (
                  <VerdictMark key={verdict} verdict={verdictOf(verdict)} />
                ))}
              </span>
            </Link>
          </li>
        ))}
      </ul>
      {hasNextPage && (
        <p className={css['older']}>
          <Button busy={isFetchingNextPage} onPress={() => void fetchNextPage()}>
            Older
          </Button>
        </p>
      )}
    </Panel>
  );
}

function PublicRuns() {
  const { data: status } = useQuery({ ...statusQuery, enabled: isPublic });
  const { data } = useQuery(publicFeedQuery(status?.size ?? 0));
  const seen = [
    ...new Map(
      (data ?? []).flatMap((one) => (one.executionId === undefined ? [] : [[one.executionId, one] as const])),
    ).values(),
  ];
  if (data === undefined) return <Loading what="the newest entries" />;
  if (seen.length === 0)
    return (
      <Empty title="No executions in the newest entries.">
        A run begins with the first request of an agent.
      </Empty>
    );
  return (
    <Panel title="Newest executions" aside="redacted" flush>
      <ul className={css['runs']}>
        {seen.slice(0, 60).map(({ executionId, at, verdict, status: ended }) => (
          <li key={executionId}>
            <Link to="/lineage/$id" params={{ id: executionId! }} data-row="">
              <Time ms={at} />
              <Hash value={executionId!} />
              <span>{ended ?? ''}</span>
              <span>{verdict === undefined ? '' : <VerdictMark verdict={verdictOf(verdict)} />}</span>
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
