/** `/approvals`: what waits for a person, by deadline; one at a time, with exactly what would be permitted. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { ExecutionView, PlaneClient } from '@licet/api';
import { Button } from '../../components/button.tsx';
import { Hash } from '../../components/hash.tsx';
import { Facts, Page, Panel } from '../../components/panel.tsx';
import { Empty, Failed, Loading, Note } from '../../components/states.tsx';
import { LeafTicks } from '../../components/ticks.tsx';
import { Countdown, Time } from '../../components/time.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { post } from '../../data/call.ts';
import { approvalsQuery, executionQuery } from '../../data/queries.ts';
import { signChallenge, subjectOf, type Shown } from '../../data/passkey.ts';
import { SEE_APPROVALS, useMissing, useSession } from '../../data/session.ts';
import { formatPlace } from '../../frame/proof-link.ts';
import { PeopleOnly } from '../../frame/sign-in.tsx';
import { Chain } from './chain.tsx';
import { ConsoleNav } from './console-nav.tsx';
import { DiffView } from './diff-view.tsx';
import { lastApproved } from './last-approved.ts';
import css from './console.module.css';

type Approved = Awaited<ReturnType<PlaneClient['approve']>>;

export function ApprovalsPage() {
  return (
    <>
      <ConsoleNav />
      <PeopleOnly>
        <Queue />
      </PeopleOnly>
    </>
  );
}

function Queue() {
  const unseen = useMissing(...SEE_APPROVALS);
  const { data, error, isPending, refetch } = useQuery({ ...approvalsQuery, enabled: unseen === undefined });
  const due = (data ?? []).toSorted((a, b) => (a.hold?.untilMs ?? 0) - (b.hold?.untilMs ?? 0));
  return (
    <Page title="Approvals" lead="Held executions, the nearest deadline first. Silence denies.">
      <Panel flush>
        {unseen !== undefined ? (
          <Empty title="What waits is not yours to see.">{unseen}</Empty>
        ) : isPending ? (
          <Loading what="approvals" />
        ) : error !== null ? (
          <Failed error={error} what="approvals" retry={() => void refetch()} />
        ) : due.length === 0 ? (
          <Empty
            title="Nothing waits for a person."
            action={<Link to="/policies">See which policies hold</Link>}
          >
            A call is held when a policy marked <code>@hold</code> forbids it until someone approves.
          </Empty>
        ) : (
          <ul className={css['list']}>
            {due.map((one) => (
              <li key={one.executionId} data-proof={formatPlace(one.decision)}>
                <div className={css['spread']}>
                  <Link to="/approvals/$id" params={{ id: one.executionId }} data-row>
                    <strong>
                      <Untrusted>{one.action}</Untrusted>
                    </strong>
                  </Link>
                  {one.hold !== undefined && (
                    <span>
                      ends in <Countdown untilMs={one.hold.untilMs} />
                    </span>
                  )}
                </div>
                <div className={css['spread']}>
                  <span className={css['small']}>
                    <Untrusted>{one.chain.at(-1)?.name ?? one.chain.at(-1)?.id ?? ''}</Untrusted>, asked{' '}
                    <Time ms={one.atMs} />, needs{' '}
                    {one.hold?.groups.map(({ group, need }) => `${need} of ${group}`).join(' and ')}
                  </span>
                  <LeafTicks place={one.decision} />
                </div>
                {one.resources !== undefined && (
                  <div className={css['small']}>
                    {one.resources.map(({ id }, at) => (
                      <code key={at}>
                        <Untrusted>{id}</Untrusted>{' '}
                      </code>
                    ))}
                  </div>
                )}
              </li>
            ))}
          </ul>
        )}
      </Panel>
    </Page>
  );
}

export function ApprovalPage() {
  const { id } = useParams({ from: '/approvals/$id' });
  return (
    <>
      <ConsoleNav />
      <PeopleOnly>
        <Approval id={id} />
      </PeopleOnly>
    </>
  );
}

function Approval({ id }: { readonly id: string }) {
  const { data, error, isPending, refetch } = useQuery(executionQuery(id));
  if (isPending)
    return (
      <Page title="Approval">
        <Loading what="the hold" />
      </Page>
    );
  if (data === undefined)
    return (
      <Page title="Approval">
        <Failed error={error} what="this hold" retry={() => void refetch()} />
      </Page>
    );
  return (
    <Page
      title={<Untrusted>{data.action}</Untrusted>}
      lead={
        data.state === 'held' && data.hold !== undefined ? (
          <>
            Held; if nobody answers it is denied in <Countdown untilMs={data.hold.untilMs} />.
          </>
        ) : (
          `Not held any more: ${data.state.replace('_', ' ')}.`
        )
      }
      actions={
        <Link to="/decisions/$id" params={{ id }}>
          The whole decision
        </Link>
      }
    >
      <div className={css['columns']}>
        <div className={css['stack']}>
          <Judge execution={data} />
        </div>
        <div className={css['stack']}>
          <Panel title="Who asks">
            <Chain links={data.chain} />
          </Panel>
          <Panel title="What holds it">
            <Facts
              items={[
                ['Policies', data.reasons.join(', ') || 'none'],
                [
                  'Resources',
                  <span key="r">
                    {(data.resources ?? []).map(({ type, id: name }, at) => (
                      <div key={at}>
                        {type}{' '}
                        <code>
                          <Untrusted>{name}</Untrusted>
                        </code>
                      </div>
                    ))}
                  </span>,
                ],
                ['Door', `${data.grade}, ${data.custody}, ${data.confine}`],
                data.hold !== undefined && [
                  'Given so far',
                  data.hold.approvals
                    .map(({ group, by, verdict }) => `${verdict} by ${by} for ${group}`)
                    .join(', ') || 'nothing',
                ],
              ]}
            />
          </Panel>
        </div>
      </div>
    </Page>
  );
}

/** The exact arguments, their hash, and the answer; bound to the hold's leaf, so to exactly these arguments. */
function Judge({ execution }: { readonly execution: ExecutionView }) {
  const { hold, executionId, action } = execution;
  const client = useQueryClient();
  const missing = useMissing('approver');
  const args = execution.arguments;
  const text = useMemo(
    () =>
      args === undefined || args === 'erased'
        ? undefined
        : JSON.stringify(args, Object.keys(flatKeys(args)).sort(), 2),
    [args],
  );
  const [group, setGroup] = useState(hold?.groups[0]?.group ?? '');
  const [typed, setTyped] = useState('');
  const [read, setRead] = useState(false);
  const { data: before } = useQuery({
    queryKey: ['approvals', 'before', action, executionId],
    queryFn: ({ signal }) => lastApproved(action, executionId, signal),
    staleTime: 60_000,
  });
  const session = useSession();
  const byPasskey = session.kind === 'person' && session.method === 'passkey';
  const shown = (verdict: 'approve' | 'reject'): Shown => ({
    hold: hold!,
    group,
    verdict,
    arguments: args as Shown['arguments'],
  });
  const { data: signing, error: unsignable } = useQuery({
    queryKey: ['approvals', 'subject', executionId, hold?.leaf, group],
    queryFn: () => subjectOf(executionId, shown('approve')),
    enabled: byPasskey && execution.state === 'held' && text !== undefined && missing === undefined,
    staleTime: 300_000,
    retry: false,
  });
  const answer = useMutation({
    async mutationFn(verdict: 'approve' | 'reject') {
      const about = { hold: hold!.leaf, group, verdict };
      if (!byPasskey) return post<Approved>(`/v1/approvals/${executionId}`, about);
      const { subject, challenge, rpId } =
        verdict === 'approve' && signing !== undefined
          ? signing
          : await subjectOf(executionId, shown(verdict));
      const assertion = await signChallenge(challenge, rpId);
      return post<Approved>(`/v1/approvals/${executionId}`, {
        ...about,
        expires: subject.expires,
        assertion,
      });
    },
    onSettled: () => client.invalidateQueries(),
  });
  if (hold === undefined) return <Note>This execution is not held.</Note>;
  if (answer.data !== undefined)
    return (
      <Panel title="Recorded">
        <p>
          {answer.data.complete
            ? 'All approvals are given. It starts when its caller is there again.'
            : 'Your answer is in the log.'}{' '}
          <Link to="/approvals">Back to the queue</Link>
        </p>
      </Panel>
    );
  const held = execution.state === 'held';
  const needed = hold.groups.find((one) => one.group === group)?.method;
  const because =
    missing ??
    unsignable?.message ??
    (!held ? 'It is not held any more.' : text === undefined ? 'Its arguments cannot be read.' : undefined);
  const approve =
    because ??
    (needed === 'passkey' && !byPasskey
      ? `${group} approves by passkey only: sign in with yours.`
      : byPasskey && signing === undefined
        ? 'What you would sign is being computed.'
        : !read
          ? 'Read the arguments to their end first.'
          : typed !== action
            ? `Type ${action} to confirm what you approve.`
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
          {hold.groups.length > 1 && (
            <label>
              <span>Answer for</span>
              <select value={group} onChange={({ target }) => setGroup(target.value)}>
                {hold.groups.map((one) => (
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
          <div className={css['buttons']}>
            <Button
              kind="primary"
              because={approve}
              busy={answer.isPending}
              onPress={() => answer.mutate('approve')}
            >
              {byPasskey ? 'Approve with your passkey' : 'Approve once'}
            </Button>
            <Button because={because} busy={answer.isPending} onPress={() => answer.mutate('reject')}>
              {byPasskey ? 'Reject with your passkey' : 'Reject'}
            </Button>
          </div>
          {answer.error !== null && <Note tone="deny">{answer.error.message}</Note>}
        </form>
      </div>
    </Panel>
  );
}

/** Every key at any depth, so that `JSON.stringify` sorts all levels. */
function flatKeys(value: unknown, found: Record<string, true> = {}): Record<string, true> {
  if (Array.isArray(value)) for (const inner of value) flatKeys(inner, found);
  else if (typeof value === 'object' && value !== null)
    for (const [name, inner] of Object.entries(value)) {
      found[name] = true;
      flatKeys(inner, found);
    }
  return found;
}

/** Says when its text has been seen to the end: at once when it fits. */
function ReadToEnd({ text, onEnd }: { readonly text: string; onEnd(read: boolean): void }) {
  const box = useRef<HTMLDivElement>(null);
  const look = (): void => {
    const { current } = box;
    if (current !== null && current.scrollTop + current.clientHeight >= current.scrollHeight - 4) onEnd(true);
  };
  useEffect(() => {
    onEnd(false);
    look();
  }, [text]);
  return (
    <div
      ref={box}
      className={css['canonical']}
      tabIndex={0}
      role="region"
      aria-label="Arguments, to be read to the end"
      onScroll={look}
    >
      <pre>
        <Whole text={text} />
      </pre>
    </div>
  );
}

/** All of it: what is approved must not be cut short. */
function Whole({ text }: { readonly text: string }) {
  const parts = text.match(/[^]{1,4000}/gu) ?? [''];
  return (
    <>
      {parts.map((part, at) => (
        <Untrusted key={at}>{part}</Untrusted>
      ))}
    </>
  );
}
