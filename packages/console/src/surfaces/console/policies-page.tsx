/** `/policies`: bundles in force and before, their text, what changed, and a candidate tried on recorded decisions. */
import { useQuery } from '@tanstack/react-query';
import { Link, useParams, useSearch } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import type { PlaneClient } from '@licet/api';
import type { Bundle } from '@licet/policy';
import { Hash } from '../../components/hash.tsx';
import { Page, Panel } from '../../components/panel.tsx';
import { Empty, Failed, Loading } from '../../components/states.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { bundlesQuery } from '../../data/queries.ts';
import { PeopleOnly } from '../../frame/sign-in.tsx';
import { Authors } from './authors.tsx';
import { ConsoleNav } from './console-nav.tsx';
import { DiffView } from './diff-view.tsx';
import { Proposals } from './proposals.tsx';
import { ShadowFindings } from './shadow-findings.tsx';
import css from './console.module.css';

const Workbench = lazy(async () => ({ default: (await import('./workbench.tsx')).Workbench }));

/** A published bundle as the plane lists it. */
export type Published = Awaited<ReturnType<PlaneClient['bundles']>>[number];
export const bundleOf = (published: Published): Bundle =>
  (published.signed as unknown as { readonly bundle: Bundle }).bundle;

/** Returns all of a bundle but its policies, and each policy file, as one text: what a diff compares. */
export function bundleText(bundle: Bundle): string {
  const { policies, ...rest } = bundle;
  return [
    ...policies.map(({ name, text }) => `// ${name}\n${text.trimEnd()}`),
    `// bundle.json\n${JSON.stringify(rest, undefined, 2)}`,
  ].join('\n\n');
}

export function PoliciesPage() {
  return (
    <>
      <ConsoleNav />
      <PeopleOnly>
        <Bundles />
      </PeopleOnly>
    </>
  );
}

function Bundles() {
  const { data, error, isPending, refetch } = useQuery(bundlesQuery);
  const sorted = (data ?? []).toSorted((a, b) => a.layer.localeCompare(b.layer) || b.version - a.version);
  return (
    <Page
      title="Policies"
      lead="Two layers decide: the organisation’s, which no team can lift, and the team’s. Signed by their authors, never by the plane."
    >
      <Proposals />
      <Panel flush>
        {isPending ? (
          <Loading what="bundles" />
        ) : error !== null ? (
          <Failed error={error} what="bundles" retry={() => void refetch()} />
        ) : sorted.length === 0 ? (
          <Empty title="No bundle is published, so everything is denied.">
            Run <code>licet policy init</code> and publish it.
          </Empty>
        ) : (
          <div className={css['flush']} tabIndex={0} role="region" aria-label="Bundles">
            <table className={css['grid']}>
              <thead>
                <tr>
                  <th>Bundle</th>
                  <th>Layer</th>
                  <th>State</th>
                  <th>Policies</th>
                  <th>Actions</th>
                  <th>Digest</th>
                </tr>
              </thead>
              <tbody>
                {sorted.map((one) => {
                  const bundle = bundleOf(one);
                  return (
                    <tr key={one.digest}>
                      <td>
                        <Link to="/policies/$ref" params={{ ref: one.digest }} data-row>
                          version {one.version}
                        </Link>
                      </td>
                      <td>{one.layer}</td>
                      <td>
                        {one.active ? <strong>in force</strong> : <span className="muted">replaced</span>}
                      </td>
                      <td>{bundle.policies.map(({ name }) => name).join(', ')}</td>
                      <td className="mono">{Object.keys(bundle.actions).length}</td>
                      <td>
                        <Hash value={one.digest} label="bundle digest" />
                      </td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      <ShadowFindings />
      <Authors />
    </Page>
  );
}

export function PolicyPage() {
  const { ref } = useParams({ from: '/policies/$ref' });
  return (
    <>
      <ConsoleNav />
      <PeopleOnly>
        <One digest={ref} />
      </PeopleOnly>
    </>
  );
}

const TABS = [
  ['text', 'Text'],
  ['diff', 'What changed'],
  ['edit', 'Editor, tests and replay'],
] as const;

function One({ digest }: { readonly digest: string }) {
  const { tab = 'text', compare } = useSearch({ from: '/policies/$ref' });
  const { data, error, isPending, refetch } = useQuery(bundlesQuery);
  if (isPending)
    return (
      <Page title="Policy">
        <Loading what="the bundle" />
      </Page>
    );
  if (error !== null)
    return (
      <Page title="Policy">
        <Failed error={error} what="bundles" retry={() => void refetch()} />
      </Page>
    );
  const one = data.find((candidate) => candidate.digest === digest);
  if (one === undefined)
    return (
      <Page title="Policy">
        <Empty title="There is no such bundle." action={<Link to="/policies">All bundles</Link>} />
      </Page>
    );
  const earlier = data
    .filter(({ layer, version }) => layer === one.layer && version < one.version)
    .toSorted((a, b) => b.version - a.version);
  const other = earlier.find((candidate) => candidate.digest === compare) ?? earlier[0];
  return (
    <Page
      title={`${one.layer === 'org' ? 'Organisation' : 'Team'} bundle, version ${one.version}`}
      lead={
        <>
          {one.active ? 'In force. ' : 'Replaced. '}
          <Hash value={one.digest} label="bundle digest" full />
        </>
      }
    >
      <nav className={css['tabs']} aria-label="Parts of the bundle">
        <ul>
          {TABS.map(([id, name]) => (
            <li key={id}>
              <Link
                to="/policies/$ref"
                params={{ ref: digest }}
                search={{ tab: id }}
                aria-current={tab === id ? 'page' : undefined}
                activeProps={{ 'aria-current': tab === id ? 'page' : undefined }}
              >
                {name}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      {tab === 'diff' ? (
        <Panel title={other === undefined ? 'What changed' : `Since version ${other.version}`}>
          {other === undefined ? (
            <p className="muted">This is the first version of its layer.</p>
          ) : (
            <DiffView before={bundleText(bundleOf(other))} after={bundleText(bundleOf(one))} />
          )}
        </Panel>
      ) : tab === 'edit' ? (
        <Suspense fallback={<Loading what="the editor" />}>
          <Workbench base={bundleOf(one)} />
        </Suspense>
      ) : (
        <div className={css['stack']}>
          {bundleOf(one).policies.map(({ name, text }) => (
            <article key={name} className={css['policy']}>
              <header>
                <strong>{name}</strong>
              </header>
              <pre tabIndex={0}>
                <Untrusted>{text}</Untrusted>
              </pre>
            </article>
          ))}
          <Panel title="Actions" flush>
            <div className={css['flush']} tabIndex={0} role="region" aria-label="Actions, table">
              <table className={css['grid']}>
                <thead>
                  <tr>
                    <th>Action</th>
                    <th>Resources</th>
                    <th>Floor</th>
                    <th>Limits</th>
                    <th>Pinned</th>
                  </tr>
                </thead>
                <tbody>
                  {Object.entries(bundleOf(one).actions).map(([name, spec]) => (
                    <tr key={name}>
                      <td>
                        <Link to="/console" search={{ action: name }}>
                          <code>{name}</code>
                        </Link>
                      </td>
                      <td>
                        {Object.entries(spec.resources)
                          .map(([argument, { kind }]) => `${argument}: ${kind}`)
                          .join(', ')}
                      </td>
                      <td>
                        {Object.entries(spec.floor ?? {})
                          .map(([key, value]) => `${key} ${String(value)}`)
                          .join(', ')}
                      </td>
                      <td>{(spec.meters ?? []).map(({ limit }) => limit).join(', ')}</td>
                      <td>
                        {bundleOf(one).pins[name] !== undefined && (
                          <Hash value={bundleOf(one).pins[name]!} label={`pin of ${name}`} />
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </Panel>
        </div>
      )}
    </Page>
  );
}
