/** Beside the feed: what waits for a person, and what is contained. */
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Panel } from '../../components/panel.tsx';
import { Loading } from '../../components/states.tsx';
import { Countdown, Time } from '../../components/time.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { VerdictMark } from '../../components/verdict.tsx';
import { approvalsQuery, containmentsQuery } from '../../data/queries.ts';
import { SEE_APPROVALS, useMissing } from '../../data/session.ts';
import css from './console.module.css';

export function Waiting() {
  const unseen = useMissing(...SEE_APPROVALS);
  const { data, isPending, error } = useQuery({ ...approvalsQuery, enabled: unseen === undefined });
  const due = (data ?? []).toSorted((a, b) => (a.hold?.untilMs ?? 0) - (b.hold?.untilMs ?? 0));
  return (
    <Panel title="Waiting for a person" aside={<Link to="/approvals">All</Link>} flush>
      {unseen !== undefined ? (
        <p className={css['date']}>{unseen}</p>
      ) : isPending ? (
        <Loading what="approvals" rows={2} />
      ) : error !== null ? (
        <p className={css['date']}>{error.message}</p>
      ) : due.length === 0 ? (
        <p className={css['date']}>Nothing is held.</p>
      ) : (
        <ul className={css['list']}>
          {due.slice(0, 6).map((one) => (
            <li key={one.executionId}>
              <div className={css['spread']}>
                <Link to="/approvals/$id" params={{ id: one.executionId }} data-row>
                  <Untrusted>{one.action}</Untrusted>
                </Link>
                {one.hold !== undefined && <Countdown untilMs={one.hold.untilMs} />}
              </div>
              <div className={css['small']}>
                <Untrusted>{one.chain.at(-1)?.name ?? one.chain.at(-1)?.id ?? ''}</Untrusted> needs{' '}
                {one.hold?.groups.map(({ group }) => group).join(', ')}
              </div>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

export function Contained() {
  const { data } = useQuery(containmentsQuery);
  return (
    <Panel title="Containments in force" aside={<Link to="/containment">Contain</Link>} flush>
      {data === undefined ? (
        <Loading what="containments" rows={1} />
      ) : data.active.length === 0 ? (
        <p className={css['date']}>None. Epoch {data.epoch}.</p>
      ) : (
        <ul className={css['list']}>
          {data.active.slice(0, 6).map(({ leaf, scope, atMs, cause }) => (
            <li key={leaf}>
              <div className={css['spread']}>
                <VerdictMark verdict="contain" word={scope.kind} />
                <Time ms={atMs} short />
              </div>
              <div className={css['small']}>
                <Untrusted>{scope.id}</Untrusted> by {cause}
              </div>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
