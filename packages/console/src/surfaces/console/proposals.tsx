/**
 * Publications that wait for a second person: what changes, the tests that the plane ran, what recorded decisions would
 * become; and the word of whoever looks (RULE 34).
 */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { ProposalView } from '@licet/api';
import { bundleDigest, type Json } from '@licet/evidence';
import type { Bundle } from '@licet/policy';
import { Button } from '../../components/button.tsx';
import { Hash } from '../../components/hash.tsx';
import { Facts, Panel } from '../../components/panel.tsx';
import { Failed, Note } from '../../components/states.tsx';
import { Time } from '../../components/time.tsx';
import { post } from '../../data/call.ts';
import { bundlesQuery, proposalsQuery } from '../../data/queries.ts';
import { signChallenge, subjectOf } from '../../data/passkey.ts';
import { useMissing, useSession } from '../../data/session.ts';
import { DiffView } from './diff-view.tsx';
import { bundleOf, bundleText } from './policies-page.tsx';
import css from './console.module.css';
import { Flip } from './flip.tsx';

/** The panels, or nothing while nothing waits. What was said of one stays when its panel has gone. */
export function Proposals() {
  const { data, error, refetch } = useQuery(proposalsQuery);
  const [said, setSaid] = useState('');
  if (error !== null)
    return <Failed error={error} what="waiting publications" retry={() => void refetch()} />;
  return (
    <>
      {said !== '' && (
        <Note>
          <span role="status">{said}</span>
        </Note>
      )}
      {(data ?? []).map((one) => (
        <Proposal key={one.executionId} proposal={one} onSaid={setSaid} />
      ))}
    </>
  );
}

/** The word about a proposal: signed where there is a passkey, over the very bundle that is shown (RULE 22). */
async function say(
  proposal: ProposalView,
  verdict: 'approve' | 'reject',
  byPasskey: boolean,
): Promise<unknown> {
  const { executionId, hold, group, layer, version, signed } = proposal;
  const word = { hold, group, verdict };
  if (!byPasskey) return post(`/v1/approvals/${executionId}`, word);
  const { bundle } = signed as unknown as { readonly bundle: Json };
  const { subject, challenge, rpId } = await subjectOf(executionId, {
    ...word,
    hold: { leaf: hold },
    shows: (opened) =>
      opened['digest'] === bundleDigest(bundle) && opened['layer'] === layer && opened['version'] === version,
  });
  const assertion = await signChallenge(challenge, rpId);
  return post(`/v1/approvals/${executionId}`, { ...word, expires: subject.expires, assertion });
}

function Proposal({
  proposal,
  onSaid,
}: {
  readonly proposal: ProposalView;
  readonly onSaid: (words: string) => void;
}) {
  const client = useQueryClient();
  const { data: bundles } = useQuery(bundlesQuery);
  const session = useSession();
  const byPasskey = session.kind === 'person' && session.method === 'passkey';
  const word = useMutation({
    mutationFn: (verdict: 'approve' | 'reject') => say(proposal, verdict, byPasskey),
    onSuccess: (_, verdict) =>
      onSaid(
        verdict === 'approve'
          ? `Version ${proposal.version} is approved: its author publishes it by asking again.`
          : `Version ${proposal.version} is rejected: it is not published.`,
      ),
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
      <div className={css['stack']}>
        <Facts
          items={[
            [
              'Asked by',
              <Link key="by" to="/decisions/$id" params={{ id: executionId }}>
                {by}
              </Link>,
            ],
            ['Waits until', <Time key="until" ms={until} />],
            ['Bundle', <Hash key="bundle" value={digest} label="bundle digest" />],
            ['Tests', `The plane ran them: ${passed} ${passed === 1 ? 'holds' : 'hold'}, none fails.`],
            [
              'Replay',
              <span key="replay">
                Of {replay.decided} recorded decisions {replay.changed.length} would fall otherwise.{' '}
                <Hash value={replay.digest} label="digest of the replay report" />
              </span>,
            ],
          ]}
        />
        {replay.changed.length > 0 && (
          <ul className={css['list']} data-boxed aria-label="Decisions that would fall otherwise">
            {replay.changed.map(({ executionId: exec, from, to }) => (
              <li key={exec}>
                <Flip executionId={exec} from={from} to={to} />
              </li>
            ))}
          </ul>
        )}
        <DiffView
          before={active === undefined ? '' : bundleText(bundleOf(active))}
          after={bundleText(candidate)}
        />
        <div role="status">{word.error !== null && <Note tone="deny">{word.error.message}</Note>}</div>
      </div>
    </Panel>
  );
}
