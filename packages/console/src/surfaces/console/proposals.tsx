/**
 * Publications that wait for a second person: what changes, the tests that the plane ran, what recorded decisions would
 * become; and the word of whoever looks (RULE 34).
 */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ProposalView } from '@licet/api';
import type { Bundle } from '@licet/policy';
import { Button } from '../../components/button.tsx';
import { Hash } from '../../components/hash.tsx';
import { Panel } from '../../components/panel.tsx';
import { Failed, Note } from '../../components/states.tsx';
import { Time } from '../../components/time.tsx';
import { VerdictMark, verdictOf } from '../../components/verdict.tsx';
import { post } from '../../data/call.ts';
import { bundlesQuery, proposalsQuery } from '../../data/queries.ts';
import { useMissing } from '../../data/session.ts';
import { DiffView } from './diff-view.tsx';
import { bundleOf, bundleText } from './policies-page.tsx';
import css from './console.module.css';

/** The panels, or nothing while nothing waits. */
export function Proposals() {
  const { data, error, refetch } = useQuery(proposalsQuery);
  if (error !== null)
    return <Failed error={error} what="waiting publications" retry={() => void refetch()} />;
  return (data ?? []).map((one) => <Proposal key={one.executionId} proposal={one} />);
}

function Proposal({ proposal }: { readonly proposal: ProposalView }) {
  const client = useQueryClient();
  const { data: bundles } = useQuery(bundlesQuery);
  const word = useMutation({
    mutationFn: (verdict: 'approve' | 'reject') =>
      post(`/v1/approvals/${proposal.executionId}`, {
        hold: proposal.hold,
        group: proposal.group,
        verdict,
      }),
    onSettled: () => client.invalidateQueries(),
  });
  const missing = [useMissing('author'), useMissing('operator'), useMissing('approver')];
  const because = missing.includes(undefined) ? undefined : missing[0];
  const { layer, version, by, until, digest, passed, replay, executionId } = proposal;
  const candidate = (proposal.signed as unknown as { readonly bundle: Bundle }).bundle;
  const active = bundles?.find((one) => one.layer === layer && one.active);
  return (
    <Panel
      title={`Version ${version} waits for a second person`}
      aside={
        <>
          <Button busy={word.isPending} because={because} onPress={() => word.mutate('reject')}>
            Reject
          </Button>
          <Button
            kind="primary"
            busy={word.isPending}
            because={because}
            onPress={() => word.mutate('approve')}
          >
            Approve
          </Button>
        </>
      }
    >
      <p>
        <Link to="/decisions/$id" params={{ id: executionId }}>
          {by} asks to publish it
        </Link>
        , until <Time ms={until} />. <Hash value={digest} label="bundle digest" />
      </p>
      <p>
        The plane ran its tests: <strong>{passed}</strong> {passed === 1 ? 'holds' : 'hold'}, none fails. Of{' '}
        {replay.decided} recorded decisions <strong>{replay.changed.length}</strong> would fall otherwise.{' '}
        <Hash value={replay.digest} label="digest of the replay report" />
      </p>
      {replay.changed.length > 0 && (
        <ul className={css['list']} aria-label="Decisions that would fall otherwise">
          {replay.changed.map(({ executionId: exec, from, to }) => (
            <li key={exec} className={css['spread']}>
              <Link to="/decisions/$id" params={{ id: exec }}>
                <code>
                  {exec.slice(0, 8)}…{exec.slice(-4)}
                </code>
              </Link>
              <span>
                <VerdictMark verdict={verdictOf(from)} /> → <VerdictMark verdict={verdictOf(to)} />
              </span>
            </li>
          ))}
        </ul>
      )}
      <DiffView
        before={active === undefined ? '' : bundleText(bundleOf(active))}
        after={bundleText(candidate)}
      />
      <div role="status">
        {word.error !== null && <Note tone="deny">{word.error.message}</Note>}
        {word.data !== undefined && (
          <Note>
            {word.variables === 'approve'
              ? 'Approved: its author publishes it by asking again.'
              : 'Rejected: it is not published.'}
          </Note>
        )}
      </div>
    </Panel>
  );
}
