/** `/approvals`: what waits for a person, by deadline; answered one at a time, or several that were opened together. */
import { useState } from 'react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ExecutionView } from '@licet/api';
import { Button } from '../../../components/button.tsx';
import { Page, Panel } from '../../../components/panel.tsx';
import { Empty, Failed, Loading } from '../../../components/states.tsx';
import { LeafTicks } from '../../../components/ticks.tsx';
import { Countdown, Time, useNow } from '../../../components/time.tsx';
import { Untrusted } from '../../../components/untrusted.tsx';
import { approvalsQuery } from '../../../data/queries.ts';
import { SEE_APPROVALS, useMissing } from '../../../data/session.ts';
import { formatPlace } from '../../../frame/proof-link.ts';
import { PeopleOnly } from '../../../frame/sign-in.tsx';
import { ConsoleNav } from '../console-nav.tsx';
import { progressText } from './asked.tsx';
import { usePeople } from './people.ts';
import { ApprovalsTabs } from './tabs.tsx';
import { MAX_TOGETHER, Together } from './together.tsx';
import shared from '../console.module.css';
import css from './approvals.module.css';

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
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [opened, setOpened] = useState<readonly ExecutionView[]>([]);
  const due = (data ?? []).toSorted((a, b) => (a.hold?.untilMs ?? 0) - (b.hold?.untilMs ?? 0));
  // What is not held any more is not picked any more.
  const chosen = due.filter(({ executionId, hold }) => hold !== undefined && picked.has(executionId));
  const pick = (id: string, on: boolean): void =>
    setPicked((now) => new Set(on ? [...now, id] : [...now].filter((one) => one !== id)));
  return (
    <Page title="Approvals" lead="Held executions, the nearest deadline first. Silence denies.">
      <ApprovalsTabs />
      {opened.length > 0 ? (
        <Together
          holds={opened}
          onDone={() => {
            setOpened([]);
            setPicked(new Set());
          }}
        />
      ) : (
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
            <>
              {due.length > 1 && (
                <div className={css['bar']}>
                  <Button because={tooFew(chosen.length)} onPress={() => setOpened(chosen)}>
                    {chosen.length < 2 ? 'Open together' : `Open ${chosen.length} together`}
                  </Button>
                </div>
              )}
              <ul className={shared['list']}>
                {due.map((one) => (
                  <Waiting
                    key={one.executionId}
                    of={one}
                    picked={due.length > 1 ? picked.has(one.executionId) : undefined}
                    onPick={(on) => pick(one.executionId, on)}
                  />
                ))}
              </ul>
            </>
          )}
        </Panel>
      )}
    </Page>
  );
}

const tooFew = (chosen: number): string | undefined =>
  chosen < 2
    ? 'Select two or more to answer them in one go.'
    : chosen > MAX_TOGETHER
      ? `At most ${MAX_TOGETHER} at once.`
      : undefined;

function Waiting({
  of: one,
  picked,
  onPick,
}: {
  readonly of: ExecutionView;
  /** Undefined where there is nothing to pick from. */
  readonly picked: boolean | undefined;
  onPick(on: boolean): void;
}) {
  const [people, now] = [usePeople(), useNow()];
  const agent = one.chain.at(-1)?.name ?? one.chain.at(-1)?.id ?? '';
  return (
    <li data-proof={formatPlace(one.decision)}>
      <div className={picked === undefined ? undefined : css['pick']}>
        {picked !== undefined && (
          <label className={css['box']}>
            <input type="checkbox" checked={picked} onChange={({ target }) => onPick(target.checked)} />
            <span className="sr">
              Select {one.action} of {agent}, entry {one.decision.index}
            </span>
          </label>
        )}
        <div>
          <div className={shared['spread']}>
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
          <div className={shared['spread']}>
            <span className={shared['small']}>
              <Untrusted>{agent}</Untrusted>, asked <Time ms={one.atMs} />
              {one.hold !== undefined && `, ${progressText(one.hold, people, now)} approved`}
            </span>
            <LeafTicks place={one.decision} />
          </div>
          {one.resources !== undefined && (
            <div className={shared['small']}>
              {one.resources.map(({ id }, at) => (
                <code key={at}>
                  <Untrusted>{id}</Untrusted>{' '}
                </code>
              ))}
            </div>
          )}
        </div>
      </div>
    </li>
  );
}
