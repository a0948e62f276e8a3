/** The parts of the console, with what waits in each. */
import { Link } from '@tanstack/react-router';
import { useQuery } from '@tanstack/react-query';
import { isPublic } from '../../data/listener.ts';
import { approvalsQuery, containmentsQuery } from '../../data/queries.ts';
import { SEE_APPROVALS, useMissing, useSession } from '../../data/session.ts';
import css from './console.module.css';

export function ConsoleNav() {
  const session = useSession();
  const person = session.kind === 'person' && !isPublic;
  const unseen = useMissing(...SEE_APPROVALS);
  const { data: approvals } = useQuery({ ...approvalsQuery, enabled: unseen === undefined });
  const { data: contained } = useQuery({ ...containmentsQuery, enabled: person });
  const parts = [
    ['/console', 'Decisions', undefined],
    ['/approvals', 'Approvals', approvals?.length],
    ['/policies', 'Policies', undefined],
    ['/agents', 'Agents', undefined],
    ['/containment', 'Containment', contained?.active.length],
    ['/facts', 'Facts and limits', undefined],
    ['/in-doubt', 'In doubt', undefined],
    ['/you', session.kind === 'person' ? `You, by ${session.method}` : 'You', undefined],
  ] as const;
  return (
    <nav className={css['nav']} aria-label="Governance console">
      <ul>
        {parts.map(([to, name, count]) => (
          <li key={to}>
            <Link
              to={to}
              activeProps={{ 'aria-current': 'page' }}
              activeOptions={{ exact: to === '/console' }}
            >
              {name}
              {count !== undefined && count > 0 && <span className={css['count']}>{count}</span>}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
