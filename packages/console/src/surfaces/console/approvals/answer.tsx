/** The exact arguments, their hash, and the answer; bound to the hold's leaf, so to exactly these arguments (RULE 22). */
import { useMemo, useState } from 'react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ExecutionView, OperatorAnswer, PlaneClient } from '@licet/api';
import type { Json } from '@licet/evidence';
import { Button } from '../../../components/button.tsx';
import { Hash } from '../../../components/hash.tsx';
import { Facts, Panel } from '../../../components/panel.tsx';
import { Note } from '../../../components/states.tsx';
import { LeafTicks } from '../../../components/ticks.tsx';
import { Time, useNow } from '../../../components/time.tsx';
import { post, randomKey } from '../../../data/call.ts';
import { showing, signAhead, signChallenge, subjectOf, type Shown } from '../../../data/passkey.ts';
import { useMissing, useSession } from '../../../data/session.ts';
import { DiffView } from '../diff-view.tsx';
import { lastApproved } from '../last-approved.ts';
import { OperatorResult } from '../operate.tsx';
import { faultOf, NO_AHEAD, scopeOf } from './ahead.ts';
import { AheadFields } from './ahead-fields.tsx';
import { canonicalText, ReadToEnd } from './canonical.tsx';
import { useMe, usePeople } from './people.ts';
import { NO_REASON, Reason, rejectionOf } from './reason.tsx';
import { SECOND_PERSON, whyNot, whyNotAhead } from './terms.ts';
import css from '../console.module.css';

type Approved = Awaited<ReturnType<PlaneClient['approve']>>;
type Verdict = 'approve' | 'reject';

/** What came of it: the word itself, and the one in advance, which can fail alone. */
interface Said {
  readonly verdict: Verdict;
  readonly word: Approved;
  readonly ahead?: OperatorAnswer | Error;
}

export function Answer({ execution }: { readonly execution: ExecutionView }) {
  const { hold, executionId, action } = execution;
  const client = useQueryClient();
  const roles = [useMissing('approver'), useMissing('operator'), useMissing('author')];
  const [people, me, nowMs] = [usePeople(), useMe(), useNow()];
  const text = useMemo(() => canonicalText(execution), [execution]);
  const [chosen, setGroup] = useState<string>();
  const [typed, setTyped] = useState('');
  const [read, setRead] = useState(false);
  const [reason, setReason] = useState(NO_REASON);
  const [ahead, setAhead] = useState(NO_AHEAD);
  const groups = hold?.groups ?? [];
  const ask =
    groups.find((one) => one.group === chosen) ??
    groups.find((one) => whyNot(execution, one, { me, people, nowMs }) === undefined) ??
    groups[0];
  const group = ask?.group ?? '';
  // Whoever runs the plane or writes its policy may be a second person; the plane looks again at who is.
  const missing = group === SECOND_PERSON && roles.includes(undefined) ? undefined : roles[0];
  const { data: before } = useQuery({
    queryKey: ['approvals', 'before', action, executionId],
    queryFn: ({ signal }) => lastApproved(action, executionId, signal),
    staleTime: 60_000,
  });
  const session = useSession();
  const byPasskey = session.kind === 'person' && session.method === 'passkey';
  const shown = (verdict: Verdict): Shown => ({
    hold: hold!,
    group,
    verdict,
    shows: showing(execution.arguments as Json),
  });
  const { data: signing, error: unsignable } = useQuery({
    queryKey: ['approvals', 'subject', executionId, hold?.leaf, group],
    queryFn: () => subjectOf(executionId, shown('approve')),
    enabled: byPasskey && execution.state === 'held' && text !== undefined && missing === undefined,
    staleTime: 300_000,
    retry: false,
  });
  const say = async (verdict: Verdict): Promise<Approved> => {
    const why = verdict === 'reject' ? rejectionOf(reason) : undefined;
    const about = { hold: hold!.leaf, group, verdict, ...(why === undefined ? {} : { reason: why }) };
    if (!byPasskey) return post<Approved>(`/v1/approvals/${executionId}`, about);
    const { subject, challenge, rpId } =
      verdict === 'approve' && signing !== undefined ? signing : await subjectOf(executionId, shown(verdict));
    const assertion = await signChallenge(challenge, rpId);
    return post<Approved>(`/v1/approvals/${executionId}`, { ...about, expires: subject.expires, assertion });
  };
  const giveAhead = async (): Promise<OperatorAnswer> => {
    const { forMs } = ahead;
    const about = { group, scope: scopeOf(ahead, execution), count: Number(ahead.count) };
    const signed =
      byPasskey && signing !== undefined
        ? { signed: await signAhead(signing, { ...about, exp: nowMs + forMs }) }
        : {};
    const body = { ...about, forMs, ...signed, idempotencyKey: randomKey() };
    return post<OperatorAnswer>('/v1/standing-approvals', body);
  };
  const answer = useMutation({
    async mutationFn(verdict: Verdict): Promise<Said> {
      const word = await say(verdict);
      if (verdict === 'reject' || !inAdvance) return { verdict, word };
      const granted = giveAhead().catch((error: unknown) => error as Error);
      return { verdict, word, ahead: await granted };
    },
    onSettled: () => client.invalidateQueries(),
  });
  if (hold === undefined || ask === undefined) return <Note>This execution is not held.</Note>;
  if (answer.data !== undefined) return <Recorded said={answer.data} />;

  const notAhead = whyNotAhead(execution, ask, { me, people });
  const inAdvance = ahead.on && notAhead === undefined;
  const because =
    missing ??
    whyNot(execution, ask, { me, people, nowMs }) ??
    unsignable?.message ??
    (execution.state !== 'held'
      ? 'It is not held any more.'
      : text === undefined
        ? 'Its arguments cannot be read.'
        : undefined);
  const approve =
    because ??
    (ask.method === 'passkey' && !byPasskey
      ? `${group} approves by passkey only: sign in with yours.`
      : byPasskey && signing === undefined
        ? 'What you would sign is being computed.'
        : !read
          ? 'Read the arguments to their end first.'
          : typed !== action
            ? `Type ${action} to confirm what you approve.`
            : inAdvance
              ? faultOf(ahead, execution)
              : undefined);
  const reject =
    because ??
    (ask.reason === true && rejectionOf(reason) === undefined
      ? `${group} asks for a reason: choose one.`
      : undefined);
  return (
    <Panel title="Exactly these arguments">
      <div className={css['stack']}>
        {text === undefined ? (
          <Note tone="deny">
            The arguments are withheld from you or erased. Nobody should approve what they cannot read.
          </Note>
        ) : (
          <ReadToEnd text={text} onEnd={setRead} />
        )}
        <Facts
          items={[
            ['Bound to', <Hash key="h" value={hold.leaf} label="leaf of the hold" full />],
            [
              'Entry',
              <span key="e">
                {hold.index} <LeafTicks place={hold} />
              </span>,
            ],
            byPasskey
              ? signing !== undefined && [
                  'You sign',
                  <span key="s">
                    <Hash value={signing.challenge} label="digest that your passkey signs" full />{' '}
                    <span className={css['small']}>
                      over this entry, these arguments, {group}, approve, until{' '}
                      <Time ms={signing.subject.expires} />
                    </span>
                  </span>,
                ]
              : ['You sign', 'nothing: given with a token, an approval is only asserted by the operator'],
          ]}
        />
        {before === undefined ? null : before === 'none' ? (
          <p className={css['small']}>
            No call of this action has been approved before, as far as the newest 200 go.
          </p>
        ) : (
          <details>
            <summary>
              What differs from the last approved call, <Time ms={before.atMs} />
            </summary>
            <DiffView before={JSON.stringify(before.arguments, undefined, 2)} after={text ?? ''} />
          </details>
        )}
        <form className={css['form']} onSubmit={(event) => event.preventDefault()}>
          {groups.length > 1 && (
            <label>
              <span>Answer for</span>
              <select value={group} onChange={({ target }) => setGroup(target.value)}>
                {groups.map((one) => (
                  <option key={one.group}>{one.group}</option>
                ))}
              </select>
            </label>
          )}
          <label>
            <span>Type the action to confirm: {action}</span>
            <input
              className={css['code']}
              value={typed}
              autoComplete="off"
              spellCheck={false}
              onChange={({ target }) => setTyped(target.value)}
            />
          </label>
          <AheadFields of={execution} value={ahead} because={because ?? notAhead} onChange={setAhead} />
          <div className={css['buttons']}>
            <Button
              kind="primary"
              because={approve}
              busy={answer.isPending}
              onPress={() => answer.mutate('approve')}
            >
              {`${inAdvance ? `Approve this and the next ${ahead.count}` : byPasskey ? 'Approve' : 'Approve once'}${byPasskey ? ' with your passkey' : ''}`}
            </Button>
          </div>
          <Reason value={reason} required={ask.reason === true} onChange={setReason} />
          <div className={css['buttons']}>
            <Button because={reject} busy={answer.isPending} onPress={() => answer.mutate('reject')}>
              {byPasskey ? 'Reject with your passkey' : 'Reject'}
            </Button>
          </div>
          {answer.error !== null && (
            <Note tone="deny">
              <span role="alert">{answer.error.message}</span>
            </Note>
          )}
        </form>
      </div>
    </Panel>
  );
}

function Recorded({ said: { verdict, word, ahead } }: { readonly said: Said }) {
  return (
    <Panel title="Recorded">
      <div className={css['stack']}>
        <p role="status">
          {verdict === 'reject'
            ? 'Your rejection is in the log. It will not run.'
            : word.complete
              ? 'All approvals are given. It starts when its caller is there again.'
              : 'Your approval is in the log. Others are still asked.'}{' '}
          <Link to="/approvals">Back to the queue</Link>
        </p>
        {ahead !== undefined && (
          <>
            <OperatorResult
              answer={ahead instanceof Error ? undefined : ahead}
              error={ahead instanceof Error ? ahead : null}
              done="Approved in advance."
            />
            <Link to="/approvals/standing">Standing approvals</Link>
          </>
        )}
      </div>
    </Panel>
  );
}
