/** "What if": the decision made again in this browser with something changed. Nothing is sent, nothing recorded. */
import { useState } from 'react';
import type { ExecutionView } from '@licet/api';
import type { Json } from '@licet/evidence';
import { Button } from '../../components/button.tsx';
import { Panel } from '../../components/panel.tsx';
import { Note } from '../../components/states.tsx';
import { Untrusted, visibleParts } from '../../components/untrusted.tsx';
import { VerdictMark } from '../../components/verdict.tsx';
import {
  asTestFile,
  whatIf,
  type DecisionAgain,
  type Judge,
  type VerdictHere,
  type WhatIf,
} from '../../data/decide.ts';
import { useMissing } from '../../data/session.ts';
import css from './console.module.css';

/** JSON with invisible and direction-changing characters as escapes: the same value, and a field cannot lie about it. */
const spelledOut = (json: string): string =>
  visibleParts(json)
    .map(({ hidden, text }) => (hidden ? escaped(text) : text))
    .join('');
function escaped(point: string): string {
  const units = String.fromCodePoint(Number.parseInt(point.slice(2), 16));
  return Array.from(
    { length: units.length },
    (_, at) => `\\u${units.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('');
}

/** Facts as an operator would state them: decimals as text. */
const plainFacts = (facts: { readonly [name: string]: Json }): { readonly [name: string]: Json } =>
  Object.fromEntries(
    Object.entries(facts).map(([name, value]) => {
      const { __extn: extension } = (value ?? {}) as { readonly __extn?: { readonly arg: Json } };
      return [name, extension === undefined ? value : extension.arg];
    }),
  );

export function Counterfactual({
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
  const [args, setArgs] = useState(() => spelledOut(JSON.stringify(recorded, undefined, 2)));
  const [approvals, setApprovals] = useState((context.approvals ?? []).join(' '));
  const [labels, setLabels] = useState((context.labels ?? []).join(' '));
  const [facts, setFacts] = useState(() => JSON.stringify(plainFacts(context.facts ?? {})));
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
        facts: JSON.parse(facts) as WhatIf['facts'] & object,
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
        <label>
          <span>Operators’ facts, JSON</span>
          <input
            className={css['code']}
            value={facts}
            spellCheck={false}
            onChange={({ target }) => setFacts(target.value)}
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
