/** The public feed: opaque ids, verdicts and codes, each with its proof; nothing else leaves the plane (RULE 42). */
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Hash } from '../../components/hash.tsx';
import { Page, Panel } from '../../components/panel.tsx';
import { Empty, Failed, Loading, Note } from '../../components/states.tsx';
import { LeafTicks } from '../../components/ticks.tsx';
import { Time } from '../../components/time.tsx';
import { VerdictMark, verdictOf } from '../../components/verdict.tsx';
import { PUBLIC_REASON } from '../../data/listener.ts';
import { publicFeedQuery, statusQuery } from '../../data/queries.ts';
import { formatPlace } from '../../frame/proof-link.ts';
import css from './console.module.css';

/** The same word on every row, told apart for those who hear it. */
function Hidden({ of }: { readonly of: string }) {
  return (
    <>
      open<span className="sr"> execution {of}</span>
    </>
  );
}

export function PublicFeed() {
  const { data: status } = useQuery(statusQuery);
  const feed = useQuery(publicFeedQuery(status?.size ?? 0));
  return (
    <Page
      title="Decisions"
      lead="The newest entries of the log, redacted. Every one can be proven from its hash."
    >
      <Note>{PUBLIC_REASON}</Note>
      <Panel title="Log" flush>
        {feed.isError ? (
          <Failed error={feed.error} what="the public feed" retry={() => void feed.refetch()} />
        ) : feed.data === undefined ? (
          <Loading what="the public feed" />
        ) : feed.data.length === 0 ? (
          <Empty title="The log is empty." />
        ) : (
          <div className={css['flush']} tabIndex={0} role="region" aria-label="Log entries">
            <table className={css['grid']}>
              <thead>
                <tr>
                  <th>Index</th>
                  <th>Time (UTC)</th>
                  <th>Entry</th>
                  <th>Verdict</th>
                  <th>Execution</th>
                  <th>Proof</th>
                </tr>
              </thead>
              <tbody>
                {feed.data.map((entry) => (
                  <tr key={entry.index} data-proof={formatPlace(entry)}>
                    <td className="mono">{entry.index}</td>
                    <td>
                      <Time ms={entry.at} />
                    </td>
                    <td>
                      {entry.type}
                      {entry.status !== undefined && (
                        <span className="muted"> {entry.status.replace('_', ' ')}</span>
                      )}
                    </td>
                    <td>
                      {entry.verdict !== undefined && <VerdictMark verdict={verdictOf(entry.verdict)} />}
                      {entry.code !== undefined && <span className="muted"> {entry.code}</span>}
                    </td>
                    <td>
                      {entry.executionId !== undefined && (
                        <>
                          <Link to="/decisions/$id" params={{ id: entry.executionId }} data-row>
                            <Hidden of={entry.executionId} />
                          </Link>{' '}
                          <Hash value={entry.executionId} />
                        </>
                      )}
                    </td>
                    <td>
                      <LeafTicks place={entry} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
    </Page>
  );
}
