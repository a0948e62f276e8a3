/** What policies in shadow would have decided otherwise: the list that is looked through before one is enforced. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { PlaneClient } from '@licet/api';
import { shortId } from '../../components/hash.tsx';
import { Button } from '../../components/button.tsx';
import { Panel } from '../../components/panel.tsx';
import { Empty, Failed, Loading } from '../../components/states.tsx';
import { Time } from '../../components/time.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { VerdictMark, verdictOf } from '../../components/verdict.tsx';
import { get } from '../../data/call.ts';
import { useNames } from '../lineage/run-data.ts';
import css from './console.module.css';

type Findings = Awaited<ReturnType<PlaneClient['shadowFindings']>>;

export function ShadowFindings() {
  const nameOf = useNames();
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery({
      queryKey: ['log', 'shadow'],
      queryFn: ({ pageParam, signal }) =>
        get<Findings>(`/v1/shadow-findings${pageParam === undefined ? '' : `?before=${pageParam}`}`, signal),
      initialPageParam: undefined as number | undefined,
      getNextPageParam: ({ next }) => next,
    });
  const items = data?.pages.flatMap((page) => page.items) ?? [];
  const looked = data?.pages.at(-1)?.next;
  return (
    <Panel
      title="Shadow findings"
      flush
      aside={
        hasNextPage ? (
          <Button busy={isFetchingNextPage} onPress={() => void fetchNextPage()}>
            Look further back
          </Button>
        ) : undefined
      }
    >
      {isPending ? (
        <Loading what="shadow findings" />
      ) : error !== null ? (
        <Failed error={error} what="shadow findings" retry={() => void refetch()} />
      ) : items.length === 0 ? (
        <Empty title="No policy in shadow would have decided otherwise.">
          {looked === undefined
            ? 'The whole log was looked through.'
            : `The log was looked through back to entry ${looked.toLocaleString('en')}.`}{' '}
          A policy marked <code>@mode("shadow")</code> is evaluated and recorded without effect.
        </Empty>
      ) : (
        <div className={css['flush']} tabIndex={0} role="region" aria-label="Decisions that would differ">
          <table className={css['grid']}>
            <thead>
              <tr>
                <th>When</th>
                <th>Was</th>
                <th>Would be</th>
                <th>Because of</th>
                <th>Action</th>
                <th>Agent</th>
                <th>Execution</th>
              </tr>
            </thead>
            <tbody>
              {items.map(({ index, executionId, was, verdict, reasons, action, agent, atMs }) => (
                <tr key={index}>
                  <td>
                    <Time ms={atMs} />
                  </td>
                  <td>{was !== undefined && <VerdictMark verdict={verdictOf(was)} />}</td>
                  <td>
                    <VerdictMark verdict={verdictOf(verdict)} />
                  </td>
                  <td>
                    {reasons.length === 0 ? (
                      <span className="muted">no policy permits it</span>
                    ) : (
                      <code>{reasons.join(', ')}</code>
                    )}
                  </td>
                  <td>{action !== undefined && <Untrusted>{action}</Untrusted>}</td>
                  <td>{agent !== undefined && <Untrusted>{nameOf(agent)}</Untrusted>}</td>
                  <td>
                    <Link to="/decisions/$id" params={{ id: executionId }} data-row>
                      <code>{shortId(executionId)}</code>
                    </Link>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
