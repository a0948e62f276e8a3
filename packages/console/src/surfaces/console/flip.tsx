/** A recorded decision that another bundle would make otherwise. */
import { Link } from '@tanstack/react-router';
import { shortId } from '../../components/hash.tsx';
import { VerdictMark, verdictOf } from '../../components/verdict.tsx';
import css from './console.module.css';

type Verdict = Parameters<typeof verdictOf>[0];

export function Flip({
  executionId,
  from,
  to,
}: {
  readonly executionId: string;
  readonly from: Verdict;
  readonly to: Verdict;
}) {
  return (
    <div className={css['spread']}>
      <Link to="/decisions/$id" params={{ id: executionId }}>
        <code>{shortId(executionId)}</code>
      </Link>
      <span>
        <VerdictMark verdict={verdictOf(from)} /> → <VerdictMark verdict={verdictOf(to)} />
      </span>
    </div>
  );
}
