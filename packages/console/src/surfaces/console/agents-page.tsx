/** `/agents`: identities with their authority, and what runs in their name. */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import type { IdentityView, OperatorAnswer } from '@licet/api';
import { Button } from '../../components/button.tsx';
import { Hash } from '../../components/hash.tsx';
import { Facts, Page, Panel } from '../../components/panel.tsx';
import { Empty, Failed, Loading } from '../../components/states.tsx';
import { Countdown, Time } from '../../components/time.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { VerdictMark, verdictOf } from '../../components/verdict.tsx';
import { post } from '../../data/call.ts';
import { executionsQuery, identitiesQuery } from '../../data/queries.ts';
import { useMissing } from '../../data/session.ts';
import { PeopleOnly } from '../../frame/sign-in.tsx';
import { NewestAttestations } from './attested.tsx';
import { ConsoleNav } from './console-nav.tsx';
import { Issuers } from './issuers.tsx';
import { Mandates } from './mandates.tsx';
import { OperatorResult } from './operate.tsx';
import { PersonPasskeys } from './passkeys.tsx';
import { Roles } from './roles.tsx';
import css from './console.module.css';

export function AgentsPage() {
  return (
    <>
      <ConsoleNav />
      <PeopleOnly>
        <Identities />
      </PeopleOnly>
    </>
  );
}

function Identities() {
  const { data, error, isPending, refetch } = useQuery(identitiesQuery);
  const running = useInfiniteQuery(executionsQuery({ state: 'running' }, 200)).data?.pages[0]?.items ?? [];
  const runs = (subject: string): number =>
    running.filter(({ chain }) => chain.at(-1)?.id === subject).length;
  return (
    <Page
      title="Agents and identities"
      lead="Who may ask, on whose behalf, and how many things run in their name now."
    >
      <Panel flush>
        {isPending ? (
          <Loading what="identities" />
        ) : error !== null ? (
          <Failed error={error} what="identities" retry={() => void refetch()} />
        ) : (
          <div className={css['flush']} tabIndex={0} role="region" aria-label="Identities">
            <table className={css['grid']}>
              <thead>
                <tr>
                  <th>Name</th>
                  <th>Kind</th>
                  <th>Acts for</th>
                  <th>Groups</th>
                  <th>Roles</th>
                  <th>Root grant</th>
                  <th>Running</th>
                  <th>State</th>
                </tr>
              </thead>
              <tbody>
                {data.map((one) => (
                  <tr key={one.subject}>
                    <td>
                      <Link to="/agents/$id" params={{ id: one.subject }} data-row>
                        <Untrusted>{one.name ?? one.subject}</Untrusted>
                      </Link>
                      <div className={css['small']}>
                        <code>{one.subject}</code>
                      </div>
                    </td>
                    <td>{one.kind}</td>
                    <td>
                      {one.for === undefined ? (
                        ''
                      ) : (
                        <Link to="/agents/$id" params={{ id: one.for }}>
                          {one.for}
                        </Link>
                      )}
                    </td>
                    <td>{one.groups.join(', ')}</td>
                    <td>{one.roles.join(', ')}</td>
                    <td>{rootText(one)}</td>
                    <td className="mono">{runs(one.subject)}</td>
                    <td>{one.revoked ? 'revoked' : 'in force'}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      <Issuers />
    </Page>
  );
}

const rootText = ({ root }: IdentityView): string =>
  root === undefined ? '' : `${root.perDay} a day, ${root.concurrent} at once`;

export function AgentPage() {
  const { id } = useParams({ from: '/agents/$id' });
  return (
    <>
      <ConsoleNav />
      <PeopleOnly>
        <Identity id={id} />
      </PeopleOnly>
    </>
  );
}

function Identity({ id }: { readonly id: string }) {
  const { data, error, isPending, refetch } = useQuery(identitiesQuery);
  const recent = useInfiniteQuery(executionsQuery({ agent: id })).data?.pages[0]?.items ?? [];
  const client = useQueryClient();
  const missing = useMissing('operator');
  const [sure, setSure] = useState('');
  const revoke = useMutation({
    mutationFn: () => post<OperatorAnswer>(`/v1/identities/${encodeURIComponent(id)}/revoke`, {}),
    onSettled: () => client.invalidateQueries(),
  });
  if (isPending)
    return (
      <Page title="Identity">
        <Loading what="the identity" />
      </Page>
    );
  if (error !== null)
    return (
      <Page title="Identity">
        <Failed error={error} what="identities" retry={() => void refetch()} />
      </Page>
    );
  const one = data.find(({ subject }) => subject === id);
  if (one === undefined)
    return (
      <Page title="Identity">
        <Empty title="There is no such identity." action={<Link to="/agents">All identities</Link>} />
      </Page>
    );
  const running = recent.filter(({ state }) => state === 'running');
  const below = data.filter((other) => other.for === id);
  return (
    <Page
      title={<Untrusted>{one.name ?? one.subject}</Untrusted>}
      lead={<code>{one.subject}</code>}
      actions={
        <Link to="/containment" search={{ kind: 'agent', id }}>
          Contain
        </Link>
      }
    >
      <div className={css['columns']}>
        <div className={css['stack']}>
          <Panel title="Running now" flush>
            {running.length === 0 ? (
              <p className={css['date']}>Nothing runs in this name.</p>
            ) : (
              <ul className={css['list']}>
                {running.map((execution) => (
                  <li key={execution.executionId}>
                    <div className={css['spread']}>
                      <Link to="/decisions/$id" params={{ id: execution.executionId }} data-row>
                        <Untrusted>{execution.action}</Untrusted>
                      </Link>
                      {execution.lease !== undefined && (
                        <span>
                          lease ends in <Countdown untilMs={execution.lease.untilMs} />
                        </span>
                      )}
                    </div>
                  </li>
                ))}
              </ul>
            )}
          </Panel>
          <Mandates of={id} />
          <Panel
            title="Newest decisions"
            aside={
              <Link to="/console" search={{ agent: id }}>
                All in the feed
              </Link>
            }
            flush
          >
            {recent.length === 0 ? (
              <p className={css['date']}>None.</p>
            ) : (
              <ul className={css['list']}>
                {recent.slice(0, 12).map((execution) => (
                  <li key={execution.executionId}>
                    <div className={css['spread']}>
                      <span>
                        <VerdictMark verdict={verdictOf(execution.verdict)} />{' '}
                        <Link to="/decisions/$id" params={{ id: execution.executionId }}>
                          <Untrusted>{execution.action}</Untrusted>
                        </Link>
                      </span>
                      <Time ms={execution.atMs} />
                    </div>
                  </li>
                ))}
              </ul>
            )}
          </Panel>
        </div>
        <div className={css['stack']}>
          <Panel title="Authority">
            <Facts
              items={[
                ['Kind', one.kind],
                ['State', one.revoked ? 'revoked' : 'in force'],
                one.for !== undefined && [
                  'Acts for',
                  <Link key="f" to="/agents/$id" params={{ id: one.for }}>
                    {one.for}
                  </Link>,
                ],
                ['Groups', one.groups.join(', ') || 'none'],
                ['Roles', one.roles.join(', ') || 'none'],
                ['Root grant', rootText(one) || 'none: it can only run below another execution'],
                ...one.keys.map(
                  (key, at) =>
                    [
                      `Key ${at + 1}`,
                      <span key={key.x}>
                        {key.crv} <Hash value={key.x} label="key" />
                      </span>,
                    ] as const,
                ),
              ]}
            />
          </Panel>
          {one.kind === 'user' && <Roles of={one} />}
          {one.kind === 'user' && <PersonPasskeys of={one} />}
          {one.kind === 'agent' && <NewestAttestations of={id} />}
          {below.length > 0 && (
            <Panel title="Acts in this name">
              <Facts
                items={below.map(({ subject, name, kind }) => [
                  kind,
                  <Link key={subject} to="/agents/$id" params={{ id: subject }}>
                    <Untrusted>{name ?? subject}</Untrusted>
                  </Link>,
                ])}
              />
            </Panel>
          )}
          <Panel title="Revoke">
            <div className={css['form']}>
              <p className={css['small']}>
                Ends its sessions; its running executions halt at their next renewal. It cannot be undone: a
                new identity is needed.
              </p>
              <label>
                <span>Type {id} to confirm</span>
                <input
                  className={css['code']}
                  value={sure}
                  autoComplete="off"
                  spellCheck={false}
                  onChange={({ target }) => setSure(target.value)}
                />
              </label>
              <div>
                <Button
                  kind="danger"
                  busy={revoke.isPending}
                  because={
                    missing ??
                    (one.revoked ? 'It is revoked already.' : sure === id ? undefined : `Type ${id} first.`)
                  }
                  onPress={() => revoke.mutate()}
                >
                  Revoke
                </Button>
              </div>
              <OperatorResult answer={revoke.data} error={revoke.error} done="Revoked." />
            </div>
          </Panel>
        </div>
      </div>
    </Page>
  );
}
