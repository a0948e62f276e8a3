/** `/approvals/standing`: what people approved in advance: how much of it is left, for what, until when, and its end. */
import { useState } from 'react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { OperatorAnswer, StandingView } from '@licet/api';
import type { StandingScope } from '@licet/evidence';
import { Button } from '../../../components/button.tsx';
import { Hash } from '../../../components/hash.tsx';
import { Facts, Page, Panel } from '../../../components/panel.tsx';
import { Empty, Failed, Loading, Withheld } from '../../../components/states.tsx';
import { LeafTicks } from '../../../components/ticks.tsx';
import { Countdown, Time, useNow } from '../../../components/time.tsx';
import { Untrusted } from '../../../components/untrusted.tsx';
import { post } from '../../../data/call.ts';
import { standingQuery } from '../../../data/queries.ts';
import { useMissing } from '../../../data/session.ts';
import { formatPlace } from '../../../frame/proof-link.ts';
import { PeopleOnly } from '../../../frame/sign-in.tsx';
import { ConsoleNav } from '../console-nav.tsx';
import { OperatorResult } from '../operate.tsx';
import { Person } from './asked.tsx';
import { useMe, usePeople } from './people.ts';
import { ApprovalsTabs } from './tabs.tsx';
import css from '../console.module.css';

export function StandingPage() {
  return (
    <>
      <ConsoleNav />
      <PeopleOnly>
        <Page
          title="Standing approvals"
          lead="Words in advance: the next calls like one need not wait. Each use is an approval in the log."
        >
          <ApprovalsTabs />
          <Grants />
        </Page>
      </PeopleOnly>
    </>
  );
}

function Grants() {
  const { data, error, isPending, refetch } = useQuery(standingQuery);
  const client = useQueryClient();
  const [ending, setEnding] = useState('');
  const end = useMutation({
    mutationFn: (leaf: string) => post<OperatorAnswer>(`/v1/standing-approvals/${leaf}/revoke`, {}),
    onSettled: () => {
      setEnding('');
      return client.invalidateQueries();
    },
  });
  return (
    <Panel flush>
      {isPending ? (
        <Loading what="standing approvals" rows={3} />
      ) : error !== null ? (
        <Failed error={error} what="standing approvals" retry={() => void refetch()} />
      ) : data.length === 0 ? (
        <Empty title="Nothing was approved in advance.">
          Whoever approves a hold can approve the next ones like it with the same word.
        </Empty>
      ) : (
        <ul className={css['list']}>
          {data.map((one) => (
            <Grant
              key={one.leaf}
              of={one}
              ending={ending === one.leaf}
              busy={end.isPending}
              onAsk={(asked) => setEnding(asked ? one.leaf : '')}
              onEnd={() => end.mutate(one.leaf)}
            />
          ))}
        </ul>
      )}
      <OperatorResult
        answer={end.data}
        error={end.error}
        done="Ended, with what it approved and had not started."
      />
    </Panel>
  );
}

function Grant({
  of,
  ending,
  busy,
  onAsk,
  onEnd,
}: {
  readonly of: StandingView;
  readonly ending: boolean;
  readonly busy: boolean;
  onAsk(asked: boolean): void;
  onEnd(): void;
}) {
  const { leaf, group, by, used, count, exp, atMs, revoked } = of;
  const [people, me, now] = [usePeople(), useMe(), useNow()];
  const [own, others] = [useMissing('approver', 'operator'), useMissing('operator')];
  const over = revoked ? 'ended' : used >= count ? 'used up' : now >= exp ? 'its time is over' : undefined;
  const scope = of.scope as unknown as StandingScope | undefined;
  return (
    <li data-proof={formatPlace(of)} aria-label={`${scope?.action ?? 'Erased'} for ${group}`}>
      <div className={css['spread']}>
        <strong>
          <Untrusted>{scope?.action ?? 'erased'}</Untrusted>
        </strong>
        <span>
          {over ?? (
            <>
              {count - used} left, ends in <Countdown untilMs={exp} />
            </>
          )}{' '}
          <LeafTicks place={of} />
        </span>
      </div>
      <Facts
        items={[
          ['Used', `${used} of ${count}`],
          [
            'Given',
            <span key="g">
              for <Untrusted>{group}</Untrusted> by <Person subject={by} people={people} />,{' '}
              <Time ms={atMs} />
            </span>,
          ],
          ['Until', <Time key="u" ms={exp} />],
          ['Covers', <Scope key="c" of={scope} />],
          ['Entry', <Hash key="h" value={leaf} label="leaf of the standing approval" />],
        ]}
      />
      {!revoked && (
        <div className={css['buttons']}>
          {ending ? (
            <>
              <Button kind="danger" busy={busy} onPress={onEnd}>
                End it now
              </Button>
              <Button kind="quiet" onPress={() => onAsk(false)}>
                Keep
              </Button>
            </>
          ) : (
            <Button because={by === me ? own : others} onPress={() => onAsk(true)}>
              End it …
            </Button>
          )}
        </div>
      )}
    </li>
  );
}

function Scope({ of }: { readonly of: StandingScope | undefined }) {
  if (of === undefined) return <Withheld why="erased: it covers nothing any more" />;
  const { agent, agents, within, max } = of;
  return (
    <div>
      {agent !== undefined && (
        <div>
          calls by <Untrusted>{agent}</Untrusted>
        </div>
      )}
      {agents !== undefined && (
        <div>
          calls by agents of <Untrusted>{agents}</Untrusted>
        </div>
      )}
      {within === undefined ? (
        <div>touching anything that policies permit</div>
      ) : (
        within.map(({ type, id }, at) => (
          <div key={at}>
            {type === 'Folder' ? 'anything in' : type === 'Host' ? 'anything on' : type}{' '}
            <code>
              <Untrusted>{id}</Untrusted>
            </code>
          </div>
        ))
      )}
      {Object.entries(max ?? {}).map(([name, most]) => (
        <div key={name}>
          <Untrusted>{name}</Untrusted> at most {most}
        </div>
      ))}
    </div>
  );
}
