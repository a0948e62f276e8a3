/**
 * Several holds answered in one call, each over its own leaf (RULE 22). Nothing is approved unseen: the arguments of
 * every one of them are opened here, and each is to be read to its end.
 */
import { useState } from 'react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { ApprovedOne, ExecutionView } from '@licet/api';
import type { Json } from '@licet/evidence';
import { Button } from '../../../components/button.tsx';
import { count } from '../../../components/count.ts';
import { Hash } from '../../../components/hash.tsx';
import { Facts, Panel } from '../../../components/panel.tsx';
import { Note } from '../../../components/states.tsx';
import { useNow } from '../../../components/time.tsx';
import { Untrusted } from '../../../components/untrusted.tsx';
import { VerdictMark } from '../../../components/verdict.tsx';
import { post } from '../../../data/call.ts';
import { showing, signTogether, subjectOf } from '../../../data/passkey.ts';
import { useMissing, useSession } from '../../../data/session.ts';
import { Asked } from './asked.tsx';
import { canonicalText, ReadToEnd } from './canonical.tsx';
import { useMe, usePeople } from './people.ts';
import { NO_REASON, Reason, rejectionOf } from './reason.tsx';
import { whyNot, type Ask } from './terms.ts';
import shared from '../console.module.css';
import css from './approvals.module.css';

type Verdict = 'approve' | 'reject';
/** Most words that the plane takes in one call. */
export const MAX_TOGETHER = 64;

/** `holds` are as they were when they were chosen: what is shown is what is answered. */
export function Together({ holds, onDone }: { readonly holds: readonly ExecutionView[]; onDone(): void }) {
  const client = useQueryClient();
  const missing = useMissing('approver');
  const session = useSession();
  const byPasskey = session.kind === 'person' && session.method === 'passkey';
  const [people, me, nowMs] = [usePeople(), useMe(), useNow()];
  const [read, setRead] = useState<Readonly<Record<string, boolean>>>({});
  const [chosen, setChosen] = useState<Readonly<Record<string, string>>>({});
  const [typed, setTyped] = useState('');
  const [reason, setReason] = useState(NO_REASON);
  const askOf = (one: ExecutionView): Ask =>
    one.hold!.groups.find(({ group }) => group === chosen[one.executionId]) ??
    one.hold!.groups.find((ask) => whyNot(one, ask, { me, people, nowMs }) === undefined) ??
    one.hold!.groups[0]!;
  const answer = useMutation({
    async mutationFn(verdict: Verdict) {
      const why = verdict === 'reject' ? rejectionOf(reason) : undefined;
      const items = holds.map((one) => ({
        executionId: one.executionId,
        hold: one.hold!.leaf,
        group: askOf(one).group,
        verdict,
        ...(why === undefined ? {} : { reason: why }),
      }));
      const signed = byPasskey ? await signedTogether(items, holds) : { items };
      const done = await post<{ readonly items: readonly ApprovedOne[] }>('/v1/approvals', signed);
      return { verdict, items: done.items };
    },
    onSettled: () => client.invalidateQueries(),
  });
  if (answer.data !== undefined)
    return <Outcome holds={holds} verdict={answer.data.verdict} items={answer.data.items} onDone={onDone} />;

  const phrase = `approve ${holds.length}`;
  const because = missing ?? first(holds, (one) => whyNot(one, askOf(one), { me, people, nowMs }));
  const approve =
    because ??
    first(holds, (one) =>
      askOf(one).method === 'passkey' && !byPasskey
        ? `${askOf(one).group} approves by passkey only: sign in with yours.`
        : canonicalText(one) === undefined
          ? 'The arguments of one of them cannot be read: leave it out.'
          : undefined,
    ) ??
    (holds.some(({ executionId }) => read[executionId] !== true)
      ? 'Read the arguments of each to their end first.'
      : typed !== phrase
        ? `Type ${phrase} to confirm.`
        : undefined);
  const asksWhy = holds.map(askOf).find((ask) => ask.reason === true);
  const reject =
    because ??
    (asksWhy !== undefined && rejectionOf(reason) === undefined
      ? `${asksWhy.group} asks for a reason: choose one.`
      : undefined);
  return (
    <Panel
      title={`Answer ${count(holds.length, 'hold')} together`}
      aside={
        <Button kind="quiet" onPress={onDone}>
          Back to the queue
        </Button>
      }
    >
      <div className={shared['stack']}>
        {holds.map((one, at) => (
          <section
            key={one.executionId}
            className={css['each']}
            aria-label={`${at + 1} of ${holds.length}: ${one.action}`}
          >
            <div className={shared['spread']}>
              <h3>
                {at + 1}. <Untrusted>{one.action}</Untrusted>
              </h3>
              <span className={shared['small']}>
                <Untrusted>{one.chain.at(-1)?.name ?? one.chain.at(-1)?.id ?? ''}</Untrusted>
              </span>
            </div>
            <Arguments
              of={one}
              label={`Arguments ${at + 1} of ${holds.length}, to be read to the end`}
              onEnd={(seen) => setRead((now) => ({ ...now, [one.executionId]: seen }))}
            />
            <Facts
              items={[['Bound to', <Hash key="h" value={one.hold!.leaf} label="leaf of the hold" full />]]}
            />
            <Asked of={one} />
            {one.hold!.groups.length > 1 && (
              <div className={shared['form']}>
                <label>
                  <span>Answer {at + 1} for</span>
                  <select
                    value={askOf(one).group}
                    onChange={({ target }) =>
                      setChosen((now) => ({ ...now, [one.executionId]: target.value }))
                    }
                  >
                    {one.hold!.groups.map(({ group }) => (
                      <option key={group}>{group}</option>
                    ))}
                  </select>
                </label>
              </div>
            )}
          </section>
        ))}
        <form className={shared['form']} onSubmit={(event) => event.preventDefault()}>
          <label>
            <span>Type to confirm: {phrase}</span>
            <input
              className={shared['code']}
              value={typed}
              autoComplete="off"
              spellCheck={false}
              onChange={({ target }) => setTyped(target.value)}
            />
          </label>
          <div className={shared['buttons']}>
            <Button
              kind="primary"
              because={approve}
              busy={answer.isPending}
              onPress={() => answer.mutate('approve')}
            >{`Approve these ${holds.length}`}</Button>
          </div>
          <Reason value={reason} required={asksWhy !== undefined} onChange={setReason} />
          <div className={shared['buttons']}>
            <Button
              because={reject}
              busy={answer.isPending}
              onPress={() => answer.mutate('reject')}
            >{`Reject these ${holds.length}`}</Button>
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

interface Word {
  readonly executionId: string;
  readonly hold: string;
  readonly group: string;
  readonly verdict: Verdict;
}

/** One touch of the passkey over all of them, each held against what is shown here (RULE 22). */
async function signedTogether(words: readonly Word[], holds: readonly ExecutionView[]) {
  const signing = await Promise.all(
    words.map((word, at) =>
      subjectOf(word.executionId, {
        ...word,
        hold: holds[at]!.hold!,
        shows: showing(holds[at]!.arguments as Json),
      }),
    ),
  );
  const items = words.map((word, at) => ({ ...word, expires: signing[at]!.subject.expires }));
  return { items, assertion: await signTogether(signing) };
}

function Arguments({
  of,
  label,
  onEnd,
}: {
  readonly of: ExecutionView;
  readonly label: string;
  onEnd(read: boolean): void;
}) {
  const text = canonicalText(of);
  return text === undefined ? (
    <Note tone="deny">The arguments are withheld from you or erased.</Note>
  ) : (
    <ReadToEnd text={text} label={label} onEnd={onEnd} />
  );
}

function Outcome({
  holds,
  verdict,
  items,
  onDone,
}: {
  readonly holds: readonly ExecutionView[];
  readonly verdict: Verdict;
  readonly items: readonly ApprovedOne[];
  onDone(): void;
}) {
  return (
    <Panel title="Recorded">
      <div className={shared['stack']} role="status">
        <ul className={css['terms']} aria-label="What came of each">
          {holds.map(({ executionId, action }) => {
            const one = items.find((item) => item.executionId === executionId);
            return (
              <li key={executionId}>
                <VerdictMark
                  verdict={one?.ok === true && verdict === 'approve' ? 'allow' : 'deny'}
                  word={one?.ok === true ? (verdict === 'approve' ? 'approved' : 'rejected') : 'not recorded'}
                />{' '}
                <Untrusted>{action}</Untrusted>{' '}
                {one === undefined
                  ? 'The plane said nothing of it.'
                  : !one.ok
                    ? one.message
                    : verdict === 'reject'
                      ? 'It will not run.'
                      : one.complete
                        ? 'It starts when its caller is there again.'
                        : 'Others are still asked.'}
              </li>
            );
          })}
        </ul>
        <div>
          <Button onPress={onDone}>Back to the queue</Button>
        </div>
      </div>
    </Panel>
  );
}

const first = <T,>(items: readonly T[], of: (item: T) => string | undefined): string | undefined => {
  for (const item of items) {
    const found = of(item);
    if (found !== undefined) return found;
  }
  return undefined;
};
