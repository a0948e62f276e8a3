/** The two halves of approvals: what waits now, and what was approved in advance. */
import { Link } from '@tanstack/react-router';
import css from '../console.module.css';

export function ApprovalsTabs() {
  return (
    <nav className={css['tabs']} aria-label="Approvals">
      <ul>
        {(
          [
            ['/approvals', 'Waiting'],
            ['/approvals/standing', 'Standing approvals'],
          ] as const
        ).map(([to, name]) => (
          <li key={to}>
            <Link to={to} activeProps={{ 'aria-current': 'page' }} activeOptions={{ exact: true }}>
              {name}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
