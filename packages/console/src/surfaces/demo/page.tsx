/** `/demo` — does it really stop things? Buttons run real governed executions in a world of their own. */
import { useNavigate, useParams } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { Button } from '../../components/button.tsx';
import { Page, Panel } from '../../components/panel.tsx';
import { Empty, Loading, Note } from '../../components/states.tsx';
import { Time } from '../../components/time.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { VerdictMark } from '../../components/verdict.tsx';
import { Outage } from './outage.tsx';
import { Stages } from './stages.tsx';
import { act, evidencePath, TRUST_PATH, useSupervisor } from './supervisor.ts';
import type { DemoView, RunView } from './view.ts';
import { World } from './world.tsx';
import css from './demo.module.css';

export function DemoPage() {
  const link = useSupervisor();
  if (link.kind === 'in') return <Demo view={link.view} lost={link.lost} />;
  return (
    <Page title="Runtime Governance Demo" lead="Does it really stop things?">
      {link.kind === 'entering' && <Loading what="the demo’s world" />}
      {link.kind === 'none' && (
        <Empty title="The demo has a server of its own.">
          <p>It kills a plane for real, so it cannot be served by one. On the machine of this plane, run</p>
          <pre className={css['command']}>npm start</pre>
          <p>
            or <code>licet demo --ui</code>, and open the address that it prints. It makes its own data, keys
            and ports, on loopback only.
          </p>
        </Empty>
      )}
      {link.kind === 'out' && (
        <Empty title="The start token is missing.">
          <p>
            Open the address that <code>licet demo</code> printed: it holds the token, and the token is not
            kept in the address bar.
          </p>
        </Empty>
      )}
    </Page>
  );
}

function Demo({ view, lost }: { readonly view: DemoView; readonly lost: boolean }) {
  const { scenario, run: runId } = useParams({ strict: false });
  const navigate = useNavigate();
  const [problem, setProblem] = useState('');
  const [asked, setAsked] = useState('');
  const selected =
    view.runs.find(({ id }) => id === runId) ?? (runId === undefined ? view.runs[0] : undefined);
  const dead = view.plane.state !== 'up';

  const perform = async (what: string): Promise<void> => {
    setProblem('');
    setAsked(what);
    try {
      await act(what);
      if (what.startsWith('run/') && runId !== undefined) void navigate({ to: '/demo' });
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setAsked('');
    }
  };
  const press = useRef((_event: KeyboardEvent): void => undefined);
  useEffect(() => {
    press.current = (event) => {
      const { target } = event;
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return;
      const found = view.scenarios.find(({ key }) => key === event.key);
      if (found !== undefined && found.because === undefined) void perform(`run/${found.id}`);
      else if (event.key === '9') void perform(dead ? 'restart' : 'kill');
      else if (event.key === 'r') void perform('reset');
      else return;
      event.preventDefault();
    };
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => press.current(event);
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, []);

  const busy = view.scenarios.some(({ because }) => because === 'Another scenario is running.');
  const waiting = busy && asked === '' ? 'Another scenario is running.' : undefined;
  return (
    <Page
      wide
      title="Runtime Governance Demo"
      lead="Does it really stop things? Each button runs a real execution: real files, a real HTTP target, real processes. Beside it, the same agent without governance."
      actions={
        <>
          <a href={view.plane.consoleUrl} target="_blank" rel="noreferrer">
            Console of this plane
          </a>
          <Button onPress={() => void perform('reset')} busy={asked === 'reset'}>
            Reset <kbd>r</kbd>
          </Button>
        </>
      }
    >
      {lost && <Note tone="hold">The supervisor does not answer; what is shown is what it said last.</Note>}
      {problem !== '' && (
        <div role="alert">
          <Note tone="deny">{problem}</Note>
        </div>
      )}
      <div className={css['layout']}>
        <nav className={css['buttons']} aria-label="Scenarios">
          {view.scenarios.map((one) => (
            <button
              key={one.id}
              type="button"
              className={css['scenario']}
              aria-disabled={one.because !== undefined || undefined}
              aria-keyshortcuts={one.key}
              title={one.because}
              data-current={selected?.scenario === one.id || undefined}
              onClick={() => one.because === undefined && void perform(`run/${one.id}`)}
            >
              <kbd aria-hidden="true">{one.key}</kbd>
              <span>
                <strong>{one.title}</strong>
                <small>{one.what}</small>
              </span>
            </button>
          ))}
          <button
            type="button"
            className={`${css['scenario']} ${css['kill']}`}
            aria-keyshortcuts="9"
            aria-disabled={waiting !== undefined || asked !== '' || undefined}
            title={waiting}
            onClick={() => waiting === undefined && asked === '' && void perform(dead ? 'restart' : 'kill')}
          >
            <kbd aria-hidden="true">9</kbd>
            <span>
              <strong>
                {view.plane.state === 'starting' || asked === 'restart'
                  ? 'Starting …'
                  : dead
                    ? 'Restart the plane'
                    : 'Kill the plane'}
              </strong>
              <small>
                {dead ? 'On the same data; nothing else is told.' : 'SIGKILL, while an execution runs.'}
              </small>
            </span>
          </button>
        </nav>
        <div className={css['middle']}>
          <Outage view={view} />
          {selected === undefined ? (
            <Panel title="Nothing has run yet">
              <p className="muted">
                {scenario === undefined
                  ? 'Press a button, or its number.'
                  : 'This run is gone: a reset forgets the page’s runs, never the log.'}
              </p>
            </Panel>
          ) : (
            <Run
              key={selected.id}
              run={selected}
              dead={dead}
              approve={() => void perform(`approve/${selected.id}`)}
            />
          )}
        </div>
        <World
          now={selected?.after ?? view.world}
          before={selected?.before}
          live={dead || selected?.endedMs === undefined}
          current={view.world}
          folder={view.folder}
        />
        {view.runs.length > 1 && (
          <div className={css['runs']}>
            <History runs={view.runs} shown={selected?.id} />
          </div>
        )}
      </div>
    </Page>
  );
}

function Run({
  run,
  dead,
  approve,
}: {
  readonly run: RunView;
  readonly dead: boolean;
  readonly approve: () => void;
}) {
  const evidence =
    run.executionId === undefined
      ? 'Nothing reached the log.'
      : dead
        ? 'The plane is dead: its evidence is on disk until it is back.'
        : undefined;
  return (
    <Panel title={run.title} aside={<Time ms={run.startedMs} short />}>
      <Stages run={run} />
      {run.held !== undefined && (
        <div className={css['held']}>
          <VerdictMark verdict="hold" word="held: a person has to approve" />
          <Button kind="primary" onPress={approve}>
            Approve the move
          </Button>
        </div>
      )}
      <div className={css['came']} role="status">
        {run.verdict === undefined ? (
          run.held === undefined && <p className="muted">Running …</p>
        ) : (
          <dl>
            <div>
              <dt>With governance</dt>
              <dd>
                <VerdictMark verdict={run.verdict} /> <span>{run.sentence}</span>
              </dd>
            </div>
            <div>
              <dt>Without</dt>
              <dd>
                <span>{run.free}</span>
              </dd>
            </div>
          </dl>
        )}
      </div>
      {run.endedMs !== undefined && (
        <div className={css['take']}>
          {evidence === undefined ? (
            <>
              <a className={css['button']} href={evidencePath(run.id)} download>
                Take the evidence
              </a>
              <a href={TRUST_PATH} download>
                Trust file
              </a>
              <a href="/proof">Open the Proof Viewer</a>
            </>
          ) : (
            <Button because={evidence}>Take the evidence</Button>
          )}
        </div>
      )}
      <details className={css['raw']}>
        <summary>Raw events ({run.raw.length})</summary>
        <ol>
          {run.raw.map((line, at) => (
            <li key={at}>
              <Untrusted>{line}</Untrusted>
            </li>
          ))}
        </ol>
      </details>
    </Panel>
  );
}

function History({ runs, shown }: { readonly runs: readonly RunView[]; readonly shown: string | undefined }) {
  const navigate = useNavigate();
  return (
    <Panel title="Runs" flush>
      <ul className={css['history']}>
        {runs.map((run) => (
          <li key={run.id}>
            <button
              type="button"
              data-row=""
              aria-current={run.id === shown || undefined}
              onClick={() =>
                void navigate({ to: '/demo/$scenario/$run', params: { scenario: run.scenario, run: run.id } })
              }
            >
              <Time ms={run.startedMs} short />
              <span>{run.title}</span>
              {run.verdict === undefined ? (
                <span className="muted">running</span>
              ) : (
                <VerdictMark verdict={run.verdict} />
              )}
            </button>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
