/**
 * Authority along the chain, as a band that narrows: each link may do at most what the one before it may, and the
 * permit is one action on named resources. Widths show the order of narrowing, not a measure; the words carry the facts.
 */
import { Link } from '@tanstack/react-router';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Hash } from '../../components/hash.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { identitiesQuery } from '../../data/queries.ts';
import { useSession } from '../../data/session.ts';
import { causesOf, type RunTree } from './run-tree.ts';
import css from './lineage.module.css';

interface Step {
  readonly id: string;
  readonly what: string;
  readonly who: ReactNode;
  readonly limits: ReactNode;
}

export function Authority({
  tree,
  item,
  nameOf,
}: {
  readonly tree: RunTree;
  readonly item: number;
  readonly nameOf: (id: string) => string;
}) {
  const session = useSession();
  const { data } = useQuery({ ...identitiesQuery, enabled: session.kind === 'person', retry: false });
  const { node } = tree.items[item]!;
  if (node.chain.length === 0)
    return (
      <p className="muted">
        No chain is shown here: the public view holds no principals, or no decision is in the log.
      </p>
    );
  const identity = (id: string) => data?.find(({ subject }) => subject === id);
  const steps: Step[] = node.chain.map((link, at) => {
    const known = identity(link.id);
    return {
      id: `${at} ${link.id}`,
      what:
        at === 0 && node.chain.length > 1
          ? 'on behalf of'
          : at === node.chain.length - 1
            ? 'acts'
            : 'delegates',
      who:
        known?.kind === 'agent' ? (
          <Link to="/agents/$id" params={{ id: link.id }}>
            <Untrusted>{nameOf(link.id)}</Untrusted>
          </Link>
        ) : (
          <Untrusted>{nameOf(link.id)}</Untrusted>
        ),
      limits:
        link.mandate !== undefined ? (
          <>
            mandate <Hash value={link.mandate} />
          </>
        ) : known === undefined ? (
          'identity in the log'
        ) : (
          [
            known.groups.length > 0 ? `groups ${known.groups.join(', ')}` : 'no group',
            known.root === undefined ? undefined : `${known.root.perDay.toLocaleString('en')} a day`,
            known.revoked ? 'revoked since' : undefined,
          ]
            .filter(Boolean)
            .join(' · ')
        ),
    };
  });
  const causes = causesOf(tree, item);
  const nearest = causes.at(-1);
  if (nearest !== undefined) {
    const { node: cause } = tree.items[nearest]!;
    const above = causes.length - 1;
    steps.push({
      id: cause.exec,
      what: above === 0 ? 'within' : `within, ${above} more above it`,
      who: <Untrusted>{cause.action ?? cause.exec}</Untrusted>,
      limits: 'ends when it ends',
    });
  }
  const resources = Object.values(node.resources ?? {});
  steps.push({
    id: node.exec,
    what: node.permit === undefined ? 'asked for' : 'permit',
    who: <Untrusted>{node.action ?? 'one action'}</Untrusted>,
    limits:
      resources.length === 0
        ? 'these arguments, once'
        : `${resources.length} ${resources.length === 1 ? 'resource' : 'resources'}, once`,
  });
  return (
    <ol className={css['band']} aria-label="Authority, narrowing from the first link to the permit">
      {steps.map((step, at) => {
        const inset = (at / Math.max(1, steps.length)) * 24;
        const next = at === steps.length - 1 ? inset : ((at + 1) / steps.length) * 24;
        return (
          <li key={step.id}>
            <svg viewBox="0 0 100 40" preserveAspectRatio="none" aria-hidden="true">
              <path d={`M${inset} 0H${100 - inset}L${100 - next} 40H${next}Z`} />
            </svg>
            <div>
              <span className={css['bandWhat']}>{step.what}</span>
              <strong>{step.who}</strong>
              <span className={css['bandLimits']}>{step.limits}</span>
            </div>
          </li>
        );
      })}
    </ol>
  );
}
