/**
 * The workbench: edit a policy, see what Cedar itself says of it, replay it over recorded decisions, take the bundle to
 * be signed, publish it signed. Signing happens with the author's key, which is never in a browser (RULE 20).
 */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import type { OperatorAnswer, PlaneClient } from '@licet/api';
import type { Bundle } from '@licet/policy';
import { Button } from '../../components/button.tsx';
import { Hash } from '../../components/hash.tsx';
import { Panel } from '../../components/panel.tsx';
import { Note } from '../../components/states.tsx';
import { post } from '../../data/call.ts';
import { useMissing } from '../../data/session.ts';
import { CedarEditor } from './cedar-editor.tsx';
import { DiffView } from './diff-view.tsx';
import { OperatorResult } from './operate.tsx';
import { WorkbenchTests } from './workbench-tests.tsx';
import css from './console.module.css';
import { Flip } from './flip.tsx';

type Checked = Awaited<ReturnType<PlaneClient['checkBundle']>>;
type Replayed = Awaited<ReturnType<PlaneClient['replay']>>;

export function Workbench({ base }: { readonly base: Bundle }) {
  const client = useQueryClient();
  const missing = useMissing('author');
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>(() =>
    Object.fromEntries(base.policies.map(({ name, text }) => [name, text])),
  );
  const [file, setFile] = useState(base.policies[0]?.name ?? '');
  const settled = useDeferredValue(texts);
  const candidate: Bundle = {
    ...base,
    version: base.version + 1,
    policies: base.policies.map(({ name, text }) => ({ name, text: settled[name] ?? text })),
  };
  const changed = base.policies.some(({ name, text }) => texts[name] !== text);
  const check = useQuery({
    queryKey: ['bundles', 'check', candidate],
    queryFn: async ({ signal }) => {
      await new Promise((done) => setTimeout(done, 350));
      if (signal.aborted) throw signal.reason;
      return post<Checked>('/v1/bundles/check', { bundle: candidate }, signal);
    },
    enabled: missing === undefined,
    placeholderData: (before) => before,
    retry: false,
  });
  const replay = useMutation({
    mutationFn: () => post<Replayed>('/v1/bundles/replay', { bundle: candidate }),
  });
  const [tests, setTests] = useState<Readonly<Record<string, string>>>({});
  const [signed, setSigned] = useState('');
  const publish = useMutation({
    mutationFn: () =>
      post<OperatorAnswer>('/v1/bundles', {
        signed: JSON.parse(signed) as unknown,
        tests: Object.fromEntries(
          Object.entries(tests).map(([name, text]) => [name, JSON.parse(text) as unknown]),
        ),
      }),
    onSettled: () => client.invalidateQueries(),
  });
  const problems = check.data?.problems ?? [];
  const here = problems.filter(({ where }) => where?.startsWith(file) ?? false);
  const save = (): void => {
    const url = URL.createObjectURL(
      new Blob([JSON.stringify(candidate, undefined, 2)], { type: 'application/json' }),
    );
    const link = document.createElement('a');
    link.href = url;
    link.download = `bundle-${candidate.layer}-${candidate.version}.json`;
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <div className={css['columns']}>
      <div className={css['stack']}>
        <Panel
          title="Editor"
          flush
          aside={
            base.policies.length > 1 ? (
              <label>
                <span className="sr">File</span>
                <select value={file} onChange={({ target }) => setFile(target.value)}>
                  {base.policies.map(({ name }) => (
                    <option key={name}>{name}</option>
                  ))}
                </select>
              </label>
            ) : (
              file
            )
          }
        >
          <CedarEditor
            key={file}
            label={`Policy ${file}`}
            text={texts[file] ?? ''}
            problems={here}
            onChange={(text) => setTexts((old) => ({ ...old, [file]: text }))}
          />
        </Panel>
        <Panel title="What the edit changes">
          {changed ? (
            base.policies.map(({ name, text }) =>
              texts[name] === text ? null : <DiffView key={name} before={text} after={texts[name] ?? ''} />,
            )
          ) : (
            <p className="muted">Nothing yet.</p>
          )}
        </Panel>
      </div>
      <div className={css['stack']}>
        <Panel title="What Cedar says" aside={check.isFetching ? 'checking …' : undefined}>
          <div role="status">
            {missing !== undefined ? (
              <Note>{missing}</Note>
            ) : check.error !== null ? (
              <Note tone="deny">{check.error.message}</Note>
            ) : check.data?.ok === true ? (
              <p>
                It loads: every policy parses and fits the schema, and the known denial is denied.{' '}
                {check.data.digest !== undefined && (
                  <Hash value={check.data.digest} label="candidate digest" />
                )}
              </p>
            ) : (
              <ul className={css['stack']}>
                {problems.map(({ code, message, where, next }, at) => (
                  <li key={at}>
                    <Note tone="deny">
                      <strong>{code.replaceAll('_', ' ')}</strong>{' '}
                      {where !== undefined && <code>{where}</code>}
                      <p>{message}</p>
                      <p className="muted">{next}</p>
                    </Note>
                  </li>
                ))}
              </ul>
            )}
          </div>
        </Panel>
        <WorkbenchTests candidate={candidate} tests={tests} onTests={setTests} />
        <Panel
          title="Replay over recorded decisions"
          aside={
            <Button
              because={missing ?? (check.data?.ok === true ? undefined : 'It does not load.')}
              busy={replay.isPending}
              onPress={() => replay.mutate()}
            >
              Replay
            </Button>
          }
        >
          <div role="status">
            {replay.error !== null && <Note tone="deny">{replay.error.message}</Note>}
            {replay.data === undefined ? (
              <p className="muted">
                Decides up to 1,000 recorded decisions again with this candidate; nothing is recorded and
                nothing is let through.
              </p>
            ) : (
              <>
                <p>
                  Would flip <strong>{replay.data.changed.length}</strong> of {replay.data.decided} decisions.
                </p>
                <ul className={css['list']}>
                  {replay.data.changed.map(({ executionId, from, to, reasons }) => (
                    <li key={executionId}>
                      <Flip executionId={executionId} from={from} to={to} />
                      <span className={css['small']}>{reasons.join(', ')}</span>
                    </li>
                  ))}
                </ul>
              </>
            )}
          </div>
        </Panel>
        <Panel
          title="Publish"
          aside={
            <Button because={check.data?.ok === true ? undefined : 'It does not load.'} onPress={save}>
              Take the bundle to sign
            </Button>
          }
        >
          <form
            className={css['form']}
            onSubmit={(event) => {
              event.preventDefault();
              publish.mutate();
            }}
          >
            <p className={css['small']}>
              A bundle counts when an author’s key signed it; that key stays on the author’s machine. There,{' '}
              <code>
                licet policy sign bundle-{candidate.layer}-{candidate.version}.json
              </code>{' '}
              prints it signed; paste that here. The tests above go with it: the plane runs them, and decides
              recorded decisions again, before a second person is asked.
            </p>
            <label>
              <span>Signed bundle, JSON</span>
              <textarea
                rows={4}
                value={signed}
                spellCheck={false}
                onChange={({ target }) => setSigned(target.value)}
              />
            </label>
            <div>
              <Button
                submit
                kind="primary"
                busy={publish.isPending}
                because={
                  missing ??
                  (Object.keys(tests).length === 0
                    ? 'Open or paste tests: they go with it.'
                    : signed.trim() === ''
                      ? 'Paste a signed bundle.'
                      : undefined)
                }
              >
                Publish
              </Button>
            </div>
            <OperatorResult answer={publish.data} error={publish.error} done="Published and in force." />
          </form>
        </Panel>
      </div>
    </div>
  );
}
