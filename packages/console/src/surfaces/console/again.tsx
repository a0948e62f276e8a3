/** "Decide again here": the evidence bundle judged by this browser's own Cedar, then with something changed. */
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { ExecutionView } from '@licet/api';
import type { Json } from '@licet/evidence';
import { Button } from '../../components/button.tsx';
import { Panel } from '../../components/panel.tsx';
import { Failed, Loading, Note } from '../../components/states.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { VerdictMark } from '../../components/verdict.tsx';
import {
  asTestFile,
  judge,
  openJudge,
  whatIf,
  type DecisionAgain,
  type Judge,
  type Judgement,
  type VerdictHere,
  type WhatIf,
} from '../../data/decide.ts';
import { evidenceQuery } from '../../data/queries.ts';
import { useMissing } from '../../data/session.ts';
import { useTrustText } from '../../data/trust.ts';
import css from './console.module.css';

export function Again({ execution }: { readonly execution: ExecutionView }) {
  const mayRead = execution.arguments !== undefined;
  const newest = Math.max(
    execution.decision.index,
    execution.outcome?.index ?? 0,
    execution.start?.index ?? 0,
  );
  const trust = useTrustText();
  const evidence = useQuery({ ...evidenceQuery(execution.executionId, newest), enabled: mayRead });
  const worker = useRef<Promise<Judge>>(undefined);
  useEffect(() => () => void worker.current?.then((one) => one.close()), []);
  const judged = useQuery({
    queryKey: ['judged', execution.executionId, newest, trust],
    queryFn: async () => judge(await (worker.current ??= openJudge()), evidence.data!, trust),
    enabled: evidence.data !== undefined,
    staleTime: Infinity,
    gcTime: 0,
    structuralSharing: false,
    retry: false,
  });
  if (!mayRead)
    return (
      <Panel title="Decided again here">
        <Note>Deciding again needs the evidence bundle, which opens arguments; your roles do not.</Note>
      </Panel>
    );
  const error = evidence.error ?? judged.error;
  if (error !== null)
    return (
      <Panel title="Decided again here">
        <Failed error={error} what="the evidence" retry={() => void evidence.refetch()} />
      </Panel>
    );
  if (judged.data === undefined)
    return (
      <Panel title="Decided again here" flush>
        <Loading what="Cedar and the evidence" rows={4} />
      </Panel>
    );
  const at = judged.data.decisions.length - 1;
  return (
    <>
      <Agreement judgement={judged.data} evidence={evidence.data!} id={execution.executionId} />
      {at >= 0 && <Policies decision={judged.data.decisions[at]!} />}
      {at >= 0 && judged.data.decisions[at]!.verdict !== undefined && (
        <Counterfactual
          judge={worker.current!}
          at={at}
          decision={judged.data.decisions[at]!}
          execution={execution}
        />
      )}
    </>
  );
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
    <table className={css['grid']}>
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
              <code>
                {links[link]?.type}::{links[link]?.id}
              </code>
            </td>
            <td>
              <code>
                {resources[resource]?.type}::<Untrusted>{resources[resource]?.id ?? ''}</Untrusted>
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

function Counterfactual({
  judge: opened,
  at,
  decision,
  execution,
}: {
  readonly judge: Promise<Judge>;
  readonly at: number;
  readonly decision: DecisionAgain;
  readonly execution: ExecutionView;
}) {
  const recorded = execution.arguments === 'erased' ? {} : (execution.arguments ?? {});
  const context = (decision.context ?? {}) as {
    readonly approvals?: readonly string[];
    readonly labels?: readonly string[];
    readonly facts?: { readonly [name: string]: Json };
  };
  const [args, setArgs] = useState(() => JSON.stringify(recorded, undefined, 2));
  const [approvals, setApprovals] = useState((context.approvals ?? []).join(' '));
  const [labels, setLabels] = useState((context.labels ?? []).join(' '));
  const [answer, setAnswer] = useState<VerdictHere>();
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const [test, setTest] = useState('');
  const words = (text: string): readonly string[] => text.split(/[\s,]+/).filter((word) => word !== '');
  const author = useMissing('author');

  const decide = async (): Promise<void> => {
    setBusy(true);
    setProblem('');
    try {
      const change: WhatIf = {
        args: JSON.parse(args) as WhatIf['args'] & object,
        approvals: words(approvals),
        labels: words(labels),
      };
      setAnswer(await whatIf(await opened, at, change));
    } catch (error) {
      setAnswer(undefined);
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  const make = async (): Promise<void> => {
    try {
      setTest(await asTestFile(await opened, at, `${execution.action} as recorded`));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  const changed =
    answer !== undefined &&
    (answer.verdict !== decision.verdict || answer.reasons.join() !== (decision.reasons ?? []).join());
  return (
    <Panel
      title="What if"
      aside={
        <Button kind="quiet" because={author === undefined ? undefined : author} onPress={() => void make()}>
          Make it a test
        </Button>
      }
    >
      <form
        className={css['form']}
        onSubmit={(event) => {
          event.preventDefault();
          void decide();
        }}
      >
        <label>
          <span>Arguments, JSON</span>
          <textarea
            rows={Math.min(10, args.split('\n').length + 1)}
            value={args}
            spellCheck={false}
            onChange={({ target }) => setArgs(target.value)}
          />
        </label>
        <label>
          <span>Approvals given, by group</span>
          <input
            className={css['code']}
            value={approvals}
            placeholder="none"
            spellCheck={false}
            onChange={({ target }) => setApprovals(target.value)}
          />
        </label>
        <label>
          <span>Labels</span>
          <input
            className={css['code']}
            value={labels}
            placeholder="none"
            spellCheck={false}
            onChange={({ target }) => setLabels(target.value)}
          />
        </label>
        <div className={css['buttons']}>
          <Button submit kind="primary" busy={busy}>
            Decide here
          </Button>
          <span className={css['small']}>Nothing is sent or recorded.</span>
        </div>
      </form>
      <div role="status">
        {problem !== '' && <Note tone="deny">{problem}</Note>}
        {answer !== undefined && (
          <Note>
            <VerdictMark verdict={answer.verdict} /> {changed ? 'instead of' : 'as recorded:'}{' '}
            {changed && decision.verdict !== undefined && <VerdictMark verdict={decision.verdict} />}{' '}
            {answer.code !== undefined && answer.code !== 'policy' && (
              <span>
                {answer.code.replaceAll('_', ' ')}: {answer.detail}{' '}
              </span>
            )}
            {answer.reasons.length > 0 && (
              <span>
                because of <code>{answer.reasons.join(', ')}</code>
              </span>
            )}
            {answer.reasons.length === 0 && answer.verdict === 'deny' && answer.code === 'policy' && (
              <span>because no policy permits it</span>
            )}
            {answer.holds.length > 0 && (
              <span>
                ; {answer.holds.map(({ group, need }) => `${need} of ${group}`).join(' and ')} would lift it
              </span>
            )}
          </Note>
        )}
      </div>
      {test !== '' && (
        <div>
          <h3>Save as tests/recorded.test.json beside the policies</h3>
          <pre className={css['canonical']} tabIndex={0}>
            <Untrusted>{test}</Untrusted>
          </pre>
        </div>
      )}
    </Panel>
  );
}
