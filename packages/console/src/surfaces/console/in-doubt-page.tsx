/** `/in-doubt`: executions whose end nobody reported; people say what became of them (RULE 25). */
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { ExecutionView, OperatorAnswer } from '@licet/api';
import { shortId } from '../../components/hash.tsx';
import { Button } from '../../components/button.tsx';
import { Page, Panel } from '../../components/panel.tsx';
import { Empty, Failed, Loading } from '../../components/states.tsx';
import { LeafTicks } from '../../components/ticks.tsx';
import { Time } from '../../components/time.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { post } from '../../data/call.ts';
import { executionsQuery } from '../../data/queries.ts';
import { useMissing } from '../../data/session.ts';
import { PeopleOnly } from '../../frame/sign-in.tsx';
import { ConsoleNav } from './console-nav.tsx';
import { OperatorResult } from './operate.tsx';
import css from './console.module.css';

const REASONS = ['target_confirmed', 'target_unchanged', 'stopped_by_hand'] as const;

export function InDoubtPage() {
  return (
    <>
      <ConsoleNav />
      <PeopleOnly>
        <InDoubt />
      </PeopleOnly>
    </>
  );
}

function InDoubt() {
  const query = useInfiniteQuery(executionsQuery({ state: 'in_doubt' }));
  const all = query.data?.pages.flatMap(({ items }) => items) ?? [];
  // RULE 30: what nobody could have observed is counted, not queued for people.
  const items = all.filter(({ outcome }) => outcome?.reason !== 'unobserved');
  return (
    <Page
      title="In doubt"
      lead="Started, and its lease ran out without a report. Until someone resolves it, what runs below stays contained and its budget stays spent."
    >
      <Panel flush>
        {query.isPending ? (
          <Loading what="executions in doubt" />
        ) : query.isError ? (
          <Failed error={query.error} what="executions in doubt" retry={() => void query.refetch()} />
        ) : items.length === 0 ? (
          <Empty title="Nothing is in doubt.">
            {all.length > 0 && `${all.length} were never observable and are settled in full.`}
          </Empty>
        ) : (
          <ul className={css['list']}>
            {items.map((one) => (
              <Doubt key={one.executionId} of={one} />
            ))}
          </ul>
        )}
      </Panel>
    </Page>
  );
}

function Doubt({ of }: { readonly of: ExecutionView }) {
  const client = useQueryClient();
  const missing = useMissing('operator');
  const [status, setStatus] = useState<'completed' | 'failed' | 'halted'>('completed');
  const [reason, setReason] = useState<string>(REASONS[0]);
  const resolve = useMutation({
    mutationFn: () => post<OperatorAnswer>(`/v1/executions/${of.executionId}/resolve`, { status, reason }),
    onSettled: () => client.invalidateQueries(),
  });
  const name = `${of.action} ${shortId(of.executionId)}`;
  return (
    <li>
      <div className={css['spread']}>
        <Link to="/decisions/$id" params={{ id: of.executionId }} data-row>
          <strong>
            <Untrusted>{of.action}</Untrusted>
          </strong>
        </Link>
        <span>
          {of.outcome !== undefined && (
            <>
              <Time ms={of.outcome.atMs} /> <LeafTicks place={of.outcome} />
            </>
          )}
        </span>
      </div>
      <div className={css['small']}>
        <Untrusted>{of.chain.at(-1)?.name ?? of.chain.at(-1)?.id ?? ''}</Untrusted>, started{' '}
        {of.start !== undefined && <Time ms={of.start.atMs} />}
      </div>
      <div className={css['buttons']}>
        <select
          aria-label={`What became of ${name}`}
          value={status}
          onChange={({ target }) => setStatus(target.value as typeof status)}
        >
          <option value="completed">It completed</option>
          <option value="failed">It failed</option>
          <option value="halted">It was halted</option>
        </select>
        <select
          aria-label={`How you know about ${name}`}
          value={reason}
          onChange={({ target }) => setReason(target.value)}
        >
          {REASONS.map((one) => (
            <option key={one} value={one}>
              {one.replaceAll('_', ' ')}
            </option>
          ))}
        </select>
        <Button because={missing} busy={resolve.isPending} onPress={() => resolve.mutate()}>
          Resolve
        </Button>
      </div>
      <OperatorResult answer={resolve.data} error={resolve.error} done="Resolved." />
    </li>
  );
}
