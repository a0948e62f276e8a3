/** What an operator's action came to: done, held for a second person, or denied; always with its place in the log. */
import { Link } from '@tanstack/react-router';
import type { OperatorAnswer } from '@licet/api';
import { Note } from '../../components/states.tsx';
import { VerdictMark } from '../../components/verdict.tsx';

export function OperatorResult({
  answer,
  error,
  done,
}: {
  readonly answer: OperatorAnswer | undefined;
  readonly error: Error | null;
  readonly done: string;
}) {
  if (error !== null)
    return (
      <Note tone="deny">
        <p role="alert">{error.message}</p>
      </Note>
    );
  if (answer === undefined) return null;
  const link = (
    <Link to="/decisions/$id" params={{ id: answer.executionId }}>
      It is an execution of its own
    </Link>
  );
  if (answer.verdict === 'done')
    return (
      <Note>
        <p role="status">
          <VerdictMark verdict="allow" word="done" /> {done} {link}.
        </p>
      </Note>
    );
  if (answer.verdict === 'hold')
    return (
      <Note tone="hold">
        <p role="status">
          <VerdictMark verdict="hold" /> It takes a second person: {answer.next} {link}.
        </p>
      </Note>
    );
  return (
    <Note tone="deny">
      <p role="alert">
        <VerdictMark verdict="deny" /> {answer.reason} {answer.next}
      </p>
    </Note>
  );
}
