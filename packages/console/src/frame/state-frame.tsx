/** The bands under the top bar: fail-closed with its countdown, observing, contained, stale. Only these may change the frame. */
import { Time, clockText, useNow } from '../components/time.tsx';
import { useRunningLeases, type System } from './system-state.ts';
import { base } from '../data/listener.ts';
import css from './state-frame.module.css';

export function StateFrame({ system }: { readonly system: System }) {
  const { state } = system;
  // Followed while the plane still answers: afterwards nobody could be asked.
  const leases = useRunningLeases();
  if (state === 'fail-closed' || state === 'unreachable')
    return <FailClosed system={system} leases={leases} />;
  return (
    <>
      {state === 'observing' && (
        <p className={css['band']} data-tone="hold" role="status">
          <strong>Observing:</strong> nothing is being stopped. {system.why}
        </p>
      )}
      {state === 'contained' && (
        <p className={css['band']} data-tone="contain" role="status">
          <strong>Contained.</strong> {system.why} <a href={`${base}/containment`}>What is contained</a>
        </p>
      )}
      {system.stale && (
        <p className={css['band']} data-tone="stale" role="status">
          <strong>Live feed lost.</strong> Last heard <Time ms={system.answeredMs} />. Values stay as they
          were and count as unverified until it is back.
        </p>
      )}
    </>
  );
}

function FailClosed({
  system,
  leases,
}: {
  readonly system: System;
  readonly leases: ReturnType<typeof useRunningLeases>;
}) {
  const now = useNow();
  const running = leases.filter(({ untilMs }) => untilMs > now);
  const last = Math.max(0, ...running.map(({ untilMs }) => untilMs));
  return (
    <div className={css['closed']} role="alert">
      <p>
        <strong>FAIL-CLOSED: no new permits are being issued.</strong>{' '}
        {running.length === 0
          ? 'No lease is known to run.'
          : `${running.length} ${running.length === 1 ? 'lease remains' : 'leases remain'}, the last known ends in `}
        {running.length > 0 && <span className="mono">{clockText(last - now)}</span>}
        {running.length > 0 && '.'}
      </p>
      <p className={css['why']}>
        {system.why}
        {system.answeredMs > 0 && system.state === 'unreachable' && (
          <>
            {' '}
            Last answer <Time ms={system.answeredMs} />.
          </>
        )}
      </p>
    </div>
  );
}
