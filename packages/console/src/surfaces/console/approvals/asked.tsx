/** What each group is asked, how far it is and by whom, who may speak for it later, and who may not at all. */
import type { ReactNode } from 'react';
import { Link } from '@tanstack/react-router';
import type { ExecutionView, GivenApproval } from '@licet/api';
import { spanText, Time, useNow } from '../../../components/time.tsx';
import { Untrusted } from '../../../components/untrusted.tsx';
import { VerdictMark } from '../../../components/verdict.tsx';
import { usePeople } from './people.ts';
import { countedOf, isLapsed, ownersOf, type Ask, type Hold, type People } from './terms.ts';
import shared from '../console.module.css';
import css from './approvals.module.css';

/** All groups of a hold. */
export function Asked({ of }: { readonly of: ExecutionView }) {
  const people = usePeople();
  const { hold } = of;
  if (hold === undefined) return null;
  const owners = ownersOf(of, people);
  return (
    <div className={shared['stack']}>
      {hold.groups.map((ask) => (
        <Group key={ask.group} ask={ask} hold={hold} people={people} />
      ))}
      {owners.length > 0 && (
        <p className={shared['small']}>
          May not answer, since it is done in their name:{' '}
          {owners.map((subject, at) => (
            <span key={subject}>
              {at > 0 && ', '}
              <Person subject={subject} people={people} />
            </span>
          ))}
          .
        </p>
      )}
    </div>
  );
}

/** `finance 1 of 2`, for a row. */
export function progressText(hold: Hold, people: People, nowMs: number): string {
  return hold.groups
    .map((ask) => `${ask.group} ${countedOf(ask, hold, people, nowMs)} of ${ask.need}`)
    .join(', ');
}

function Group({ ask, hold, people }: { readonly ask: Ask; readonly hold: Hold; readonly people: People }) {
  const now = useNow();
  const counted = countedOf(ask, hold, people, now);
  const given = hold.approvals.filter(({ group }) => group === ask.group);
  return (
    <div className={css['group']} role="group" aria-label={`What ${ask.group} is asked`}>
      <div className={shared['spread']}>
        <strong>
          <Untrusted>{ask.group}</Untrusted>
        </strong>
        <span className={css['progress']}>
          <span className={css['pips']} aria-hidden="true">
            {Array.from({ length: ask.need }, (_, at) => (
              <i key={at} data-given={at < counted || undefined} />
            ))}
          </span>
          {counted} of {ask.need} approved
        </span>
      </div>
      {given.length > 0 && (
        <ul className={css['given']}>
          {given.map((one, at) => (
            <li key={at}>
              <Given one={one} lapsed={isLapsed(one, now)} people={people} />
            </li>
          ))}
        </ul>
      )}
      <ul className={css['terms']}>
        {termsOf(ask, now).map((term, at) => (
          <li key={at}>{term}</li>
        ))}
        {ask.until !== hold.untilMs && (
          <li>
            It is asked until <Time ms={ask.until} />.
          </li>
        )}
      </ul>
    </div>
  );
}

function termsOf({ need, apart, also = [], method, reason, ttl }: Ask, nowMs: number): readonly ReactNode[] {
  const several = `${need} different people`;
  return [
    apart !== undefined
      ? need === 1
        ? `Somebody of ${apart.join(' or ')}.`
        : `${several}, each of another one of ${apart.join(', ')}.`
      : need > 1 && `${several}.`,
    ...also.map(({ group, at }) =>
      at <= nowMs ? (
        <>
          Members of {group} may answer as well, since <Time ms={at} />.
        </>
      ) : (
        <>
          Members of {group} may answer as well from <Time ms={at} />.
        </>
      ),
    ),
    method === 'passkey' && 'Only what a passkey signs counts.',
    reason === true && 'Who rejects says why.',
    ttl !== undefined && `An approval counts for ${spanText(ttl)}.`,
  ].filter((term) => term !== false);
}

function Given({
  one,
  lapsed,
  people,
}: {
  readonly one: GivenApproval;
  readonly lapsed: boolean;
  readonly people: People;
}) {
  const { by, verdict, atMs, reason, note, standing } = one;
  return (
    <>
      <VerdictMark
        verdict={verdict === 'approve' ? 'allow' : 'deny'}
        word={verdict === 'approve' ? 'approved' : 'rejected'}
      />{' '}
      by <Person subject={by} people={people} />
      {atMs !== undefined && (
        <>
          , <Time ms={atMs} />
        </>
      )}
      {standing !== undefined && (
        <>
          , <Link to="/approvals/standing">in advance</Link>
        </>
      )}
      {verdict === 'approve' && lapsed && ', counts no more'}
      {reason !== undefined && (
        <>
          : <code>{reason}</code>
        </>
      )}
      {note !== undefined && (
        <q className={css['note']}>
          <Untrusted>{note}</Untrusted>
        </q>
      )}
    </>
  );
}

/** A person by name, with a way to their page. */
export function Person({ subject, people }: { readonly subject: string; readonly people: People }) {
  return (
    <Link to="/agents/$id" params={{ id: subject }} title={subject}>
      <Untrusted>{people.get(subject)?.name ?? subject}</Untrusted>
    </Link>
  );
}
