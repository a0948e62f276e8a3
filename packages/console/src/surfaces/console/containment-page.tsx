/** `/containment`: stop a run, an agent, a tool or everything; its reach is shown before, and it is deliberate to do. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import type { OperatorAnswer, PlaneClient } from '@licet/api';
import type { ScopeKind } from '@licet/evidence';
import { Button } from '../../components/button.tsx';
import { Hash } from '../../components/hash.tsx';
import { Page, Panel } from '../../components/panel.tsx';
import { Empty, Failed, Loading, Note } from '../../components/states.tsx';
import { Time } from '../../components/time.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { VerdictMark } from '../../components/verdict.tsx';
import { post, randomKey } from '../../data/call.ts';
import { containmentsQuery } from '../../data/queries.ts';
import { useMissing } from '../../data/session.ts';
import { PeopleOnly } from '../../frame/sign-in.tsx';
import { ConsoleNav } from './console-nav.tsx';
import { HoldButton } from './hold-button.tsx';
import { OperatorResult } from './operate.tsx';
import css from './console.module.css';

type Preview = Awaited<ReturnType<PlaneClient['previewContainment']>>;

/** What can be contained, with what its id is. */
const SCOPES: readonly (readonly [kind: ScopeKind, name: string, id: string])[] = [
  ['execution', 'One execution', 'execution id'],
  ['run', 'A run: everything under one root', 'run id'],
  ['subtree', 'A subtree: an execution and all below it', 'execution id'],
  ['agent', 'An agent, in every run', 'agent id, such as a-default'],
  ['tool', 'A tool', 'server/tool'],
  ['resource', 'A resource', 'resource id'],
  ['tenant', 'The whole tenant', 'tenant'],
  ['everything', 'Everything', '*'],
];

export function ContainmentPage() {
  return (
    <>
      <ConsoleNav />
      <PeopleOnly>
        <Page
          title="Containment"
          lead="One order stops what runs in a scope and bars it from starting again, until a person lifts it. It is itself an execution in the log."
        >
          <div className={css['columns']}>
            <NewContainment />
            <InForce />
          </div>
        </Page>
      </PeopleOnly>
    </>
  );
}

function NewContainment() {
  const search = useSearch({ from: '/containment' });
  const navigate = useNavigate({ from: '/containment' });
  const client = useQueryClient();
  const missing = useMissing('operator');
  const kind = (SCOPES.find(([one]) => one === search.kind)?.[0] ?? 'run') as ScopeKind;
  const wide = kind === 'everything';
  const [text, setText] = useState(search.id ?? '');
  useEffect(() => setText(search.id ?? ''), [search.id]);
  const [typed, setTyped] = useState('');
  const id = wide ? '*' : (search.id ?? '');
  const name = wide ? 'everything' : id;
  const preview = useQuery({
    queryKey: ['containments', 'preview', kind, id],
    queryFn: ({ signal }) => post<Preview>('/v1/containments/preview', { scope: { kind, id } }, signal),
    enabled: id !== '' && missing === undefined,
    refetchInterval: 2_000,
    retry: false,
  });
  const contain = useMutation({
    mutationFn: () =>
      post<OperatorAnswer>('/v1/containments', { scope: { kind, id }, idempotencyKey: randomKey() }),
    onSettled: () => {
      setTyped('');
      return client.invalidateQueries();
    },
  });
  const set = (next: { readonly kind?: string; readonly id?: string }): void => {
    contain.reset();
    setTyped('');
    void navigate({ search: (old) => ({ ...old, ...next }), replace: true });
  };
  const because =
    missing ??
    (id === ''
      ? 'Name the scope first.'
      : preview.data === undefined
        ? 'Its reach is not known yet.'
        : typed !== name
          ? `Type ${name} to confirm.`
          : undefined);
  const running = preview.data?.executions.filter(({ state }) => state === 'running').length ?? 0;
  return (
    <Panel title="Contain">
      <div className={css['stack']}>
        <form
          className={css['form']}
          onSubmit={(event) => {
            event.preventDefault();
            set({ id: text.trim() });
          }}
        >
          <label>
            <span>Scope</span>
            <select value={kind} onChange={({ target }) => set({ kind: target.value })}>
              {SCOPES.map(([value, words]) => (
                <option key={value} value={value}>
                  {words}
                </option>
              ))}
            </select>
          </label>
          {!wide && (
            <label>
              <span>Which: {SCOPES.find(([one]) => one === kind)?.[2]}</span>
              <input
                className={css['code']}
                value={text}
                spellCheck={false}
                autoComplete="off"
                onChange={({ target }) => setText(target.value)}
                onBlur={() => {
                  if (text.trim() !== id) set({ id: text.trim() });
                }}
              />
            </label>
          )}
          {!wide && (
            <div>
              <Button submit>Preview</Button>
            </div>
          )}
        </form>
        {preview.error !== null && <Note tone="deny">{preview.error.message}</Note>}
        {preview.data !== undefined && id !== '' && (
          <div className={css['stack']}>
            <p role="status">
              Stops <strong>{running}</strong> running {running === 1 ? 'execution' : 'executions'}, ends{' '}
              <strong>{preview.data.executions.length - running}</strong> that wait, of{' '}
              <strong>{preview.data.agents.length}</strong>{' '}
              {preview.data.agents.length === 1 ? 'agent' : 'agents'}; and bars new ones in this scope.
            </p>
            {preview.data.executions.length > 0 && (
              <ul className={css['list']} data-boxed>
                {preview.data.executions.slice(0, 20).map((one) => (
                  <li key={one.executionId}>
                    <div className={css['spread']}>
                      <Link to="/decisions/$id" params={{ id: one.executionId }} data-row>
                        <Untrusted>{one.action}</Untrusted>
                      </Link>
                      <span className={css['small']}>{one.state.replace('_', ' ')}</span>
                    </div>
                    <span className={css['small']}>
                      <Untrusted>{one.chain.at(-1)?.name ?? one.chain.at(-1)?.id ?? ''}</Untrusted>
                    </span>
                  </li>
                ))}
                {preview.data.executions.length > 20 && (
                  <li className={css['small']}>and {preview.data.executions.length - 20} more</li>
                )}
              </ul>
            )}
            <div className={css['form']}>
              <label>
                <span>Type {name} to confirm</span>
                <input
                  className={css['code']}
                  value={typed}
                  autoComplete="off"
                  spellCheck={false}
                  onChange={({ target }) => setTyped(target.value)}
                />
              </label>
            </div>
          </div>
        )}
        <div className={css['buttons']}>
          <HoldButton
            because={because}
            onHeld={() => contain.mutate()}
          >{`Contain ${kind === 'everything' ? 'everything' : `this ${kind}`}`}</HoldButton>
        </div>
        <OperatorResult
          answer={contain.data}
          error={contain.error}
          done="Contained; recorded and in force."
        />
      </div>
    </Panel>
  );
}

function InForce() {
  const { data, error, isPending, refetch } = useQuery(containmentsQuery);
  const client = useQueryClient();
  const missing = useMissing('operator');
  const [lifting, setLifting] = useState('');
  const lift = useMutation({
    mutationFn: (leaf: string) =>
      post<OperatorAnswer>(`/v1/containments/${leaf}/lift`, { idempotencyKey: randomKey() }),
    onSettled: () => {
      setLifting('');
      return client.invalidateQueries();
    },
  });
  return (
    <Panel title="In force" aside={data === undefined ? undefined : <>epoch {data.epoch}</>} flush>
      {isPending ? (
        <Loading what="containments" rows={3} />
      ) : error !== null ? (
        <Failed error={error} what="containments" retry={() => void refetch()} />
      ) : data.active.length === 0 ? (
        <Empty title="Nothing is contained." />
      ) : (
        <ul className={css['list']}>
          {data.active.map(({ leaf, scope, atMs, cause }) => (
            <li key={leaf}>
              <div className={css['spread']}>
                <span>
                  <VerdictMark verdict="contain" word={scope.kind} />{' '}
                  <code>
                    <Untrusted>{scope.id}</Untrusted>
                  </code>
                </span>
                {lifting === leaf ? (
                  <span className={css['buttons']}>
                    <Button kind="danger" busy={lift.isPending} onPress={() => lift.mutate(leaf)}>
                      Lift now
                    </Button>
                    <Button kind="quiet" onPress={() => setLifting('')}>
                      Keep
                    </Button>
                  </span>
                ) : (
                  <Button kind="quiet" because={missing} onPress={() => setLifting(leaf)}>
                    Lift …
                  </Button>
                )}
              </div>
              <div className={css['small']}>
                <Time ms={atMs} /> by {cause} · <Hash value={leaf} label="containment leaf" />
              </div>
            </li>
          ))}
        </ul>
      )}
      <OperatorResult answer={lift.data} error={lift.error} done="Lifted." />
    </Panel>
  );
}
