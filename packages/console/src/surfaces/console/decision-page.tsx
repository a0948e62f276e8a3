/** `/decisions/:id`: one execution from request to outcome, each stage with its entry; judged again in this browser. */
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { ExecutionView } from '@licet/api';
import { Hash, shortId } from '../../components/hash.tsx';
import { Facts, Page, Panel } from '../../components/panel.tsx';
import { Failed, Loading, Note, Withheld } from '../../components/states.tsx';
import { LeafTicks } from '../../components/ticks.tsx';
import { Countdown, spanText, Time } from '../../components/time.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { VerdictMark, verdictOf } from '../../components/verdict.tsx';
import { isPublic } from '../../data/listener.ts';
import type { LogPlace } from '../../data/proof-state.ts';
import { executionQuery, publicExecutionQuery, type PublicExecution } from '../../data/queries.ts';
import { formatPlace } from '../../frame/proof-link.ts';
import { PeopleOnly } from '../../frame/sign-in.tsx';
import { AgreementPanel, PoliciesPanel, useJudged, WhatIfPanel } from './again.tsx';
import { Asked } from './approvals/asked.tsx';
import { Arguments } from './arguments.tsx';
import { Attestations } from './attested.tsx';
import { Chain } from './chain.tsx';
import { ConsoleNav } from './console-nav.tsx';
import css from './console.module.css';

export function DecisionPage() {
  const { id } = useParams({ from: '/decisions/$id' });
  return (
    <>
      {!isPublic && <ConsoleNav />}
      <PeopleOnly publicView={<PublicDecision id={id} />}>
        <Decision id={id} />
      </PeopleOnly>
    </>
  );
}

function Decision({ id }: { readonly id: string }) {
  const { data: execution, error, isPending, refetch } = useQuery(executionQuery(id));
  const judged = useJudged(execution);
  if (isPending)
    return (
      <Page title="Decision">
        <Loading what="the execution" />
      </Page>
    );
  if (execution === undefined)
    return (
      <Page title="Decision">
        <Failed error={error} what="this execution" retry={() => void refetch()} />
      </Page>
    );
  const actor = execution.chain.at(-1);
  return (
    <Page
      title={<Untrusted>{execution.action}</Untrusted>}
      lead={<Hash value={execution.executionId} label="execution id" full />}
      actions={
        <>
          <Link to="/lineage/$id" params={{ id: execution.run }} search={{ node: execution.executionId }}>
            Lineage of its run
          </Link>
          <Link to="/containment" search={{ kind: 'run', id: execution.run }}>
            Contain this run
          </Link>
        </>
      }
    >
      <p className={css['sentence']}>
        <VerdictMark verdict={verdictOf(execution.verdict)} /> {sentence(execution)} for{' '}
        <Untrusted>{actor?.name ?? actor?.id ?? 'an unknown caller'}</Untrusted>
        {execution.chain.length > 1 && (
          <>
            {' '}
            on behalf of <Untrusted>{execution.chain[0]!.name ?? execution.chain[0]!.id}</Untrusted>
          </>
        )}
        , decided <Time ms={execution.atMs} />.
      </p>
      {execution.state === 'held' && (
        <Note tone="hold">
          Waits for {execution.hold?.groups.map(({ group, need }) => `${need} of ${group}`).join(' and ')}.{' '}
          <Link to="/approvals/$id" params={{ id }}>
            Read it and decide
          </Link>
        </Note>
      )}
      {execution.state === 'in_doubt' && (
        <Note tone="hold">
          Nobody knows how this ended: its lease ran out without a report.{' '}
          <Link to="/in-doubt">Resolve it</Link>
        </Note>
      )}
      <Steps execution={execution} />
      <div className={css['columns']}>
        <div className={css['stack']}>
          <Panel title="What: arguments as committed">
            <Arguments of={execution} />
          </Panel>
          <PoliciesPanel judged={judged} reasons={execution.reasons} />
          <WhatIfPanel judged={judged} execution={execution} />
        </div>
        <div className={css['stack']}>
          <Panel title="Who: chain of authority">
            <Chain links={execution.chain} />
          </Panel>
          <Attestations of={execution} judged={judged} />
          <AgreementPanel judged={judged} id={execution.executionId} />
          <Panel title="Where it was enforced">
            <DoorFacts of={execution} />
          </Panel>
          {execution.hold !== undefined && (
            <Panel title="Approvals">
              <Asked of={execution} />
            </Panel>
          )}
        </div>
      </div>
    </Page>
  );
}

const sentence = ({ verdict, state, code }: Pick<ExecutionView, 'verdict' | 'state' | 'code'>): string => {
  if (verdict === 'allow') return `and ${state.replace('_', ' ')},`;
  return code === undefined || code === 'policy' ? 'by policy,' : `with ${code.replaceAll('_', ' ')},`;
};

/** The five stages that users see: Decision, Authorize, Execute, Audit, Report. */
function Steps({
  execution: { decision, atMs, permit, start, lease, outcome, state, hold },
}: {
  readonly execution: ExecutionView;
}) {
  return (
    <div className={css['steps']}>
      <Step name="Decision" place={decision}>
        <Time ms={atMs} short />
        <span className="muted">entry {decision.index}</span>
      </Step>
      <Step name="Authorize" place={permit ?? hold}>
        {permit !== undefined ? (
          <>
            <span>permit, {permit.assurance}</span>
            <span className="muted">
              to start until <Time ms={permit.exp} short />
            </span>
          </>
        ) : hold !== undefined ? (
          <>
            <span>held</span>
            <span className="muted">
              until <Time ms={hold.untilMs} short />
            </span>
          </>
        ) : (
          'no permit'
        )}
      </Step>
      <Step name="Execute" place={start}>
        {start === undefined ? (
          'not started'
        ) : (
          <>
            <Time ms={start.atMs} short />
            {state === 'running' && lease !== undefined ? (
              <span className="muted">
                lease ends in <Countdown untilMs={lease.untilMs} />
              </span>
            ) : (
              <span className="muted">{lease?.counter ?? 0} renewals</span>
            )}
          </>
        )}
      </Step>
      <Step name="Report" place={outcome}>
        {outcome === undefined ? (
          'no outcome'
        ) : (
          <>
            <span>
              {outcome.status.replace('_', ' ')}
              {outcome.reason !== undefined && `: ${outcome.reason.replaceAll('_', ' ')}`}
            </span>
            <span className="muted">
              {start === undefined ? (
                <Time ms={outcome.atMs} short />
              ) : (
                `after ${spanText(outcome.atMs - start.atMs)}`
              )}
            </span>
          </>
        )}
      </Step>
    </div>
  );
}

function Step({
  name,
  place,
  children,
}: {
  readonly name: string;
  readonly place: LogPlace | undefined;
  readonly children: ReactNode;
}) {
  return (
    <section
      className={css['step']}
      data-empty={place === undefined || undefined}
      data-proof={place === undefined ? undefined : formatPlace(place)}
    >
      <h2>
        {name}
        {place !== undefined && <LeafTicks place={place} />}
      </h2>
      {children}
    </section>
  );
}

function DoorFacts({ of }: { readonly of: ExecutionView | PublicExecution }) {
  const GRADES = {
    'in-process': 'in-process: the agent’s own process could go round it',
    gateway: 'gateway: a separate process holds the credential',
    verified: 'verified: the target checks the permit',
  } as const;
  return (
    <Facts
      items={[
        ['Grade', GRADES[of.grade]],
        [
          'Custody',
          of.custody === 'separate'
            ? 'separate account'
            : 'same account: stops a misled model, not code running as that user',
        ],
        ['Confinement', of.confine],
        ['Depth', String(of.depth)],
        ['Run', <Hash key="r" value={of.run} label="run id" />],
        of.parent !== undefined && [
          'Parent',
          <Link key="p" to="/decisions/$id" params={{ id: of.parent }}>
            {shortId(of.parent)}
          </Link>,
        ],
      ]}
    />
  );
}

function PublicDecision({ id }: { readonly id: string }) {
  const { data, error, isPending, refetch } = useQuery(publicExecutionQuery(id));
  if (isPending)
    return (
      <Page title="Decision">
        <Loading what="the execution" />
      </Page>
    );
  if (data === undefined)
    return (
      <Page title="Decision">
        <Failed error={error} what="this execution" retry={() => void refetch()} />
      </Page>
    );
  return (
    <Page title="Decision" lead={<Hash value={id} label="execution id" full />}>
      <p className={css['sentence']}>
        <VerdictMark verdict={verdictOf(data.verdict)} /> {sentence(data)} decided <Time ms={data.atMs} />.
      </p>
      <div className={css['steps']}>
        <Step name="Decision" place={data.decision}>
          <Time ms={data.atMs} short />
        </Step>
        <Step name="Authorize" place={data.permit}>
          {data.permit === undefined ? 'no permit' : 'permit'}
        </Step>
        <Step name="Execute" place={data.start}>
          {data.start === undefined ? 'not started' : <Time ms={data.start.atMs} short />}
        </Step>
        <Step name="Report" place={data.outcome}>
          {data.outcome === undefined ? 'no outcome' : data.outcome.status.replace('_', ' ')}
        </Step>
      </div>
      <div className={css['columns']}>
        <Panel title="What">
          <p>
            <Withheld why="withheld on the public listener" /> Action, arguments, resources and names stay
            with the plane; their commitments are in the log.
          </p>
        </Panel>
        <Panel title="Where it was enforced">
          <DoorFacts of={data} />
        </Panel>
      </div>
    </Page>
  );
}
