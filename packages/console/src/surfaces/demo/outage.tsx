/** The plane's death as it is seen: the door's refusal, the lease that ends at its signed time, and the recovery. */
import { Panel } from '../../components/panel.tsx';
import { clockText, Time, useNow } from '../../components/time.tsx';
import { VerdictMark } from '../../components/verdict.tsx';
import type { DemoView } from './view.ts';
import css from './demo.module.css';

export function Outage({ view: { plane, probe, lease } }: { readonly view: DemoView }) {
  const now = useNow(250);
  if (plane.state === 'up' && plane.sizes === undefined) return null;
  const dead = plane.state !== 'up';
  const { sizes } = plane;
  return (
    <Panel
      title={dead ? 'The plane is dead' : 'The plane is back'}
      aside={
        <span>
          since <Time ms={plane.sinceMs} short />
        </span>
      }
    >
      <dl className={css['outage']} data-dead={dead || undefined}>
        <div>
          <dt>The door</dt>
          <dd>
            {probe === undefined ? (
              <span className="muted">asking …</span>
            ) : (
              <>
                <VerdictMark
                  verdict={probe.code === 'PERMITTED' ? 'allow' : 'deny'}
                  word={dead ? 'refuses' : 'refused'}
                />{' '}
                <code>{probe.code}</code> after {probe.tookMs} ms
                <small>
                  {probe.count} {probe.count === 1 ? 'request' : 'requests'} asked, the last at{' '}
                  <Time ms={probe.atMs} short />
                </small>
              </>
            )}
          </dd>
        </div>
        {lease !== undefined && (
          <div>
            <dt>The running lease</dt>
            <dd>
              {lease.endedMs === undefined ? (
                <>
                  <span className={css['count']}>{clockText(lease.untilMs - now)}</span> left, signed until{' '}
                  <Time ms={lease.untilMs} short />
                </>
              ) : (
                <>
                  ended <Time ms={lease.endedMs} short />, signed until <Time ms={lease.untilMs} short />
                </>
              )}
              <small>
                {lease.beats} beats
                {lease.reason !== undefined && (
                  <>
                    , <code>{lease.reason}</code>
                  </>
                )}
                ; nobody was there to tell it
              </small>
            </dd>
          </div>
        )}
        {sizes !== undefined && (
          <div>
            <dt>The log</dt>
            <dd>
              {sizes.after === undefined ? (
                <>{sizes.before.toLocaleString('en')} entries when it was killed</>
              ) : (
                <>
                  {sizes.before.toLocaleString('en')} entries before, {sizes.after.toLocaleString('en')}{' '}
                  after; permitted again {sizes.recoveredMs?.toLocaleString('en')} ms after the start
                </>
              )}
              <small>
                {dead
                  ? 'No new permit can exist: nobody is there to record one.'
                  : 'Nothing was lost; the door was told nothing and recovered by itself.'}
              </small>
            </dd>
          </div>
        )}
      </dl>
    </Panel>
  );
}
