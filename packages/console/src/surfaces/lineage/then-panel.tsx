/** What was permitted then: the policy that decided at the moment of the scrubber, read from the permit itself. */
import { Link } from '@tanstack/react-router';
import { useQuery } from '@tanstack/react-query';
import { Hash } from '../../components/hash.tsx';
import { Facts, Panel } from '../../components/panel.tsx';
import { LeafTicks } from '../../components/ticks.tsx';
import { Time } from '../../components/time.tsx';
import { isPublic } from '../../data/listener.ts';
import { bundlesQuery, containmentsQuery } from '../../data/queries.ts';
import { useSession } from '../../data/session.ts';
import type { RunTree } from './run-tree.ts';
import { momentAt } from './then.ts';
import css from './lineage.module.css';

interface BundleRef {
  readonly layer: string;
  readonly digest: string;
  readonly version: number;
}

export function ThenPanel({ tree, ms }: { readonly tree: RunTree; readonly ms: number }) {
  const session = useSession();
  const person = !isPublic && session.kind === 'person';
  const auditor = session.kind === 'person' && session.roles.includes('auditor');
  const moment = momentAt(tree, ms);
  const decider = moment.lastPermitted ?? moment.last;
  const node = decider === undefined ? undefined : tree.items[decider]!.node;
  const ref = node?.permit ?? node?.refusals.at(-1);
  // The bundle that decided stands in the entry; its leaf is checked, so the answer is the log's and not a guess.
  const decided = useQuery({
    queryKey: ['entry-bundles', ref?.index, ref?.leaf],
    queryFn: async () => {
      const { text, matches } = await (await import('../../data/entry.ts')).readEntryAt(ref!);
      return {
        matches,
        bundles: (JSON.parse(text) as { readonly bundles?: readonly BundleRef[] }).bundles ?? [],
      };
    },
    enabled: auditor && ref !== undefined,
    staleTime: Infinity,
    placeholderData: (previous) => previous,
    retry: false,
  });
  const { data: bundles } = useQuery({ ...bundlesQuery, enabled: person, retry: false });
  const { data: containments } = useQuery({ ...containmentsQuery, enabled: person, retry: false });
  const inForce = (containments?.active ?? []).filter(({ atMs }) => atMs <= ms);
  return (
    <Panel title="What was permitted then" aside={<Time ms={ms} short />}>
      <Facts
        items={[
          [
            'Running',
            <span key="r" className="mono">
              {moment.running.toLocaleString('en')}
            </span>,
          ],
          [
            'Decided by then',
            `${moment.permitted.toLocaleString('en')} permitted, ${moment.refused.toLocaleString('en')} not`,
          ],
          [
            'Policy',
            ref === undefined ? (
              'nothing had been decided'
            ) : !auditor ? (
              'the entry that names it needs the auditor role'
            ) : decided.data === undefined ? (
              decided.error === null ? (
                'reading the entry …'
              ) : (
                `not read: ${decided.error.message}`
              )
            ) : !decided.data.matches ? (
              'the entry does not have the leaf hash that was named'
            ) : (
              <span className={css['bundles']}>
                {decided.data.bundles.map(({ layer, digest, version }) => {
                  const now = bundles?.find((one) => one.digest === digest);
                  return (
                    <span key={digest}>
                      {layer}{' '}
                      <Link to="/policies/$ref" params={{ ref: digest }}>
                        version {version}
                      </Link>{' '}
                      <Hash value={digest} />
                      {now !== undefined && (
                        <span className="muted"> {now.active ? 'in force now too' : 'replaced since'}</span>
                      )}
                    </span>
                  );
                })}
              </span>
            ),
          ],
          ref !== undefined && [
            'Decided in',
            <span key="e" className={css['inline']}>
              <span className="mono">entry {ref.index.toLocaleString('en')}</span> <LeafTicks place={ref} />
            </span>,
          ],
          person && [
            'Contained',
            inForce.length === 0
              ? 'nothing that is still in force'
              : `${inForce.length} of those still in force`,
          ],
        ]}
      />
    </Panel>
  );
}
