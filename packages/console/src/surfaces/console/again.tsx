/** "Decide again here": the evidence bundle judged by this browser's own Cedar, then with something changed. */
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import type { ExecutionView } from '@licet/api';
import { Button } from '../../components/button.tsx';
import { Panel } from '../../components/panel.tsx';
import { Failed, Loading, Note } from '../../components/states.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { VerdictMark } from '../../components/verdict.tsx';
import { judge, openJudge, type DecisionAgain, type Judge, type Judgement } from '../../data/decide.ts';
import { evidenceQuery } from '../../data/queries.ts';
import { useTrustText } from '../../data/trust.ts';
import css from './console.module.css';
import { Counterfactual } from './counterfactual.tsx';

/** An execution's evidence as judged here, or why it is not (yet). */
export type Judged =
  | { readonly state: 'withheld' }
  | { readonly state: 'loading' }
  | { readonly state: 'failed'; readonly error: Error; retry(): void }
  | {
      readonly state: 'ready';
      readonly evidence: Uint8Array;
      readonly judgement: Judgement;
      readonly judge: Promise<Judge>;
      /** Position of the newest decision within the judgement; −1 when the file holds none. */
      readonly at: number;
    };

/** Fetches the evidence of an execution and judges it in a worker of this page. */
export function useJudged(execution: ExecutionView | undefined): Judged {
  const mayRead = execution?.arguments !== undefined;
  const id = execution?.executionId ?? '';
  const newest = Math.max(
    execution?.decision.index ?? 0,
    execution?.outcome?.index ?? 0,
    execution?.start?.index ?? 0,
  );
  const trust = useTrustText();
  const evidence = useQuery({
    ...evidenceQuery(id, newest),
    enabled: mayRead,
    placeholderData: (before, query) => (query?.queryKey[1] === id ? before : undefined),
  });
  const worker = useRef<Promise<Judge>>(undefined);
  useEffect(() => () => void worker.current?.then((one) => one.close()), []);
  const judged = useQuery({
    queryKey: ['judged', id, newest, trust, evidence.isPlaceholderData],
    queryFn: async () => judge(await (worker.current ??= openJudge()), evidence.data!, trust),
    enabled: evidence.data !== undefined && !evidence.isPlaceholderData,
    // What was judged stays while a newer outcome is fetched, so that nobody loses what they typed.
    placeholderData: (before, query) => (query?.queryKey[1] === id ? before : undefined),
    staleTime: Infinity,
    gcTime: 0,
    structuralSharing: false,
    retry: false,
  });
  if (execution === undefined) return { state: 'loading' };
  if (!mayRead) return { state: 'withheld' };
  const error = evidence.error ?? judged.error;
  if (error !== null) return { state: 'failed', error, retry: () => void evidence.refetch() };
  if (judged.data === undefined || evidence.data === undefined || worker.current === undefined)
    return { state: 'loading' };
  return {
    state: 'ready',
    evidence: evidence.data,
    judgement: judged.data,
    judge: worker.current,
    at: judged.data.decisions.length - 1,
  };
}

/** Whether this browser comes to the same verdict, and the ladder of the file. */
export function AgreementPanel({ judged, id }: { readonly judged: Judged; readonly id: string }) {
  if (judged.state === 'ready')
    return <Agreement judgement={judged.judgement} evidence={judged.evidence} id={id} />;
  return (
    <Panel title="Decided again here" flush={judged.state === 'loading'}>
      {judged.state === 'withheld' && (
        <Note>Deciding again needs the evidence bundle, which opens arguments; your roles do not.</Note>
      )}
      {judged.state === 'failed' && <Failed error={judged.error} what="the evidence" retry={judged.retry} />}
      {judged.state === 'loading' && <Loading what="Cedar and the evidence" rows={4} />}
    </Panel>
  );
}

/** The policies that determined the verdict, and the facts. */
export function PoliciesPanel({
  judged,
  reasons,
}: {
  readonly judged: Judged;
  readonly reasons: readonly string[];
}) {
  const decision = judged.state === 'ready' ? judged.judgement.decisions[judged.at] : undefined;
  if (decision !== undefined) return <Policies decision={decision} />;
  return (
    <Panel title="Why: determining policies">
      <p>{reasons.length === 0 ? 'No policy is named.' : reasons.join(', ')}</p>
    </Panel>
  );
}

/** Another verdict for another argument; nothing where the inputs are withheld. */
export function WhatIfPanel({
  judged,
  execution,
}: {
  readonly judged: Judged;
  readonly execution: ExecutionView;
}) {
  const decision = judged.state === 'ready' ? judged.judgement.decisions[judged.at] : undefined;
  if (judged.state !== 'ready' || decision?.verdict === undefined) return null;
  return <Counterfactual judge={judged.judge} at={judged.at} decision={decision} execution={execution} />;
}

function Agreement({
  judgement: { report, decisions, engine },
  evidence,
  id,
}: {
  readonly judgement: Judgement;
  readonly evidence: Uint8Array;
  readonly id: string;
}) {
  const last = decisions.at(-1);
  const same = last?.agreement.status === 'pass';
  const counts = (status: string): number => report.rungs.filter((rung) => rung.status === status).length;
  const save = (): void => {
    const url = URL.createObjectURL(new Blob([evidence.slice().buffer], { type: 'application/json' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = `${id}.evidence.json`;
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <Panel
      title="Decided again here"
      aside={
        <Button kind="quiet" onPress={save}>
          Take the evidence
        </Button>
      }
    >
      <div className={css['stack']}>
        {last === undefined ? (
          <Note>This file holds no decision of the policy.</Note>
        ) : (
          <Note tone={same ? 'plain' : last.agreement.status === 'fail' ? 'deny' : 'plain'}>
            <strong>
              {same ? 'Same.' : last.agreement.status === 'fail' ? 'Different.' : 'Not decided again.'}
            </strong>{' '}
            {same
              ? `This browser’s ${engine} gives the recorded verdict from the recorded facts; it does not prove that the facts were true.`
              : last.agreement.why}
          </Note>
        )}
        <details>
          <summary>
            {counts('pass')} of {report.rungs.length} rungs pass, {counts('fail')} fail, {counts('asserted')}{' '}
            asserted by the operator, {counts('not checked')} not checked
          </summary>
          <ul className={css['ladder']}>
            {report.rungs.map(({ name, status, why }) => (
              <li key={name} data-status={status} title={why}>
                <span>{name}</span>
                <span>{status}</span>
              </li>
            ))}
          </ul>
        </details>
        <p className={css['small']}>
          {report.exit === 5
            ? 'Consistent with itself; you named nobody to trust, so its signer is unknown.'
            : report.summary}
        </p>
        {last?.pairs !== undefined && <Pairs decision={last} />}
      </div>
    </Panel>
  );
}

function Pairs({
  decision: { pairs = [], links = [], resources = [] },
}: {
  readonly decision: DecisionAgain;
}) {
  return (
    <table className={`${css['grid']} ${css['pairs']}`}>
      <thead>
        <tr>
          <th>Link</th>
          <th>Resource</th>
          <th>Verdict</th>
          <th>Because of</th>
        </tr>
      </thead>
      <tbody>
        {pairs.map(({ link, resource, verdict, reasons, errors }) => (
          <tr key={`${link}.${resource}`}>
            <td>
              <div className="muted">{links[link]?.type}</div>
              <code className={css['tight']}>{links[link]?.id}</code>
            </td>
            <td>
              <div className="muted">{resources[resource]?.type}</div>
              <code>
                <Untrusted>{resources[resource]?.id ?? ''}</Untrusted>
              </code>
            </td>
            <td>
              <VerdictMark verdict={verdict} />
            </td>
            <td>
              {reasons.length > 0
                ? reasons.join(', ')
                : errors.length > 0
                  ? errors.join(', ')
                  : 'no policy permits it'}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Policies({ decision: { sources = [], context } }: { readonly decision: DecisionAgain }) {
  return (
    <Panel title="Why: determining policies">
      {sources.length === 0 && <p className="muted">No policy spoke; what nothing permits is denied.</p>}
      {sources.map(({ id, layer, version, file, text }) => (
        <article key={id} className={css['policy']}>
          <header>
            <strong>{id}</strong>
            <span className="muted">
              {layer} bundle, version {version}, {file}
            </span>
          </header>
          <pre tabIndex={0}>
            <Untrusted>{text}</Untrusted>
          </pre>
        </article>
      ))}
      {context !== undefined && (
        <details>
          <summary>Facts as recorded</summary>
          <pre className={css['canonical']} tabIndex={0}>
            <Untrusted>{JSON.stringify(context, undefined, 2)}</Untrusted>
          </pre>
        </details>
      )}
    </Panel>
  );
}
