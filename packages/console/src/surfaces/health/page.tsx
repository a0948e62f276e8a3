/** Health: can it still say no, and can I trust its record? */
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useEffect } from 'react';
import { Button } from '../../components/button.tsx';
import { Page, Panel } from '../../components/panel.tsx';
import { Empty, Failed, Loading } from '../../components/states.tsx';
import { clockText, spanText, Time, useNow } from '../../components/time.tsx';
import { LeafTicks } from '../../components/ticks.tsx';

import { stateWord, useSystem } from '../../frame/system-state.ts';
import { Chart } from './chart.tsx';
import { COMPONENT_IDS, PartCard, partsOf, Verdicts } from './components.tsx';
import { useGrowth, useHealth, useLastHead } from './health-data.ts';
import { RANGES, seriesOf, type RangeName, type Span } from './series.ts';
import css from './health.module.css';
import { count } from '../../components/count.ts';

const TITLE = 'Can it still say no, and can its record be trusted?';

export function HealthPage() {
  const { range: named } = useSearch({ strict: false }) as { readonly range?: string };
  const { id } = useParams({ strict: false }) as { readonly id?: string };
  const navigate = useNavigate();
  const [range, rangeMs] = RANGES.find(([name]) => name === named) ?? RANGES[0];
  const setRange = (name: RangeName): void =>
    void navigate({ to: '/health', search: { range: name }, replace: true });
  useRangeKeys(setRange);
  const system = useSystem();
  const data = useLastHead();
  const growth = useGrowth();
  const health = useHealth(rangeMs);
  const now = useNow(1_000);
  const { report, heard, answeredMs, error } = health;
  if (report === undefined)
    return (
      <Page title={TITLE}>
        {error === null ? (
          <Loading what="health" />
        ) : (
          <Failed
            error={error}
            what="health"
            stillTrue="A plane that does not answer permits nothing: doors deny within their deadline."
          />
        )}
      </Page>
    );
  const parts = partsOf({ report, system, head: data?.checked, growth, answeredMs });
  if (id !== undefined) return <OnePart parts={parts} id={id} />;

  const silent = system.state === 'unreachable' || error !== null;
  const until = silent ? answeredMs : now;
  const series = seriesOf(heard, report.latency.edgesMs, report.latency.slotMs, rangeMs, now);
  const gaps = gapsOf(heard.spans, now - rangeMs, now, series.stepMs);
  const shown: readonly [number, number] = [(now - rangeMs) / 1_000, now / 1_000];
  const closed = system.state === 'fail-closed' || silent;
  const leases = report.leases.untilMs.filter((end) => end > now);
  return (
    <Page title={TITLE} wide>
      <section
        className={css['state']}
        data-state={silent ? 'unreachable' : system.state}
        aria-label="State of the whole"
      >
        <p className={css['word']}>{silent ? 'Fail-closed' : stateWord(system.state)}</p>
        <p className={css['sentence']}>
          {silent ? 'The plane does not answer. Doors get no permit without it.' : system.why}
        </p>
        {closed && (
          <p className={css['leases']}>
            {leases.length === 0 ? (
              'No lease is known to run any more.'
            ) : (
              <>
                {leases.length} {leases.length === 1 ? 'lease runs' : 'leases run'} on to the signed end; the
                last ends in <span className="mono">{clockText(leases.at(-1)! - now)}</span>.
              </>
            )}
          </p>
        )}
        <p className={css['drill']}>
          {report.drill === undefined ? (
            <>
              No fail-closed drill is recorded. <code>licet drill</code> makes one.
            </>
          ) : (
            <>
              Last fail-closed drill <Time ms={report.drill.atMs} />:{' '}
              {report.drill.passed ? 'every attempt was stopped' : 'SOMETHING GOT THROUGH'}, entry{' '}
              {report.drill.index}{' '}
              <LeafTicks place={{ index: report.drill.index, leaf: report.drill.leaf }} />
            </>
          )}
        </p>
        {silent && (
          <p className="muted">
            Data stops at <Time ms={until} />; what is below is from then.
          </p>
        )}
      </section>
      <Panel
        title="Decisions"
        aside={report.decisions.complete ? 'all recorded' : `the newest ${report.decisions.counted}`}
      >
        <Verdicts report={report} />
      </Panel>
      <div className={css['cards']} data-stale={silent || undefined}>
        {parts.map((part) => (
          <PartCard key={part.id} part={part} />
        ))}
      </div>
      <Panel
        title="Over time"
        aside={
          <span className={css['ranges']} role="group" aria-label="Range">
            {RANGES.map(([name], at) => (
              <Button
                key={name}
                kind="quiet"
                pressed={name === range}
                label={`Last ${name}, key ${at + 1}`}
                onPress={() => setRange(name)}
              >
                {name}
              </Button>
            ))}
          </span>
        }
      >
        <div className={css['charts']}>
          <Chart
            title="Decision latency"
            unit="ms"
            at={series.at}
            lines={[
              { name: 'p50', token: 'ink-2', values: series.p50, points: true },
              { name: 'p95', token: 'link', dash: [6, 3], values: series.p95, points: true },
              { name: 'p99', token: 'ink', dash: [2, 2], values: series.p99, points: true },
            ]}
            limit={{ value: report.latency.sloP99Ms, name: `p99 objective ${report.latency.sloP99Ms} ms` }}
            gaps={gaps}
            range={shown}
            format={(value) => (value < 10 ? value.toFixed(1) : value.toFixed(0))}
          />
          <Chart
            title={`Decisions per ${spanText(series.stepMs)}`}
            unit="decisions"
            at={series.at}
            lines={[
              { name: 'permitted', token: 'permit', values: series.allow, stepped: true },
              { name: 'denied', token: 'deny', dash: [6, 3], values: series.deny, stepped: true },
              { name: 'held', token: 'hold', dash: [2, 2], values: series.hold, stepped: true },
            ]}
            gaps={gaps}
            range={shown}
            format={(value) => String(value)}
            whole
          />
          <Chart
            title="Log size, from checkpoints verified here"
            unit="entries"
            at={growth.map(({ atMs }) => atMs / 1_000)}
            lines={[
              {
                name: 'entries',
                token: 'ink',
                values: growth.map(({ size, consistent }) => (consistent === false ? null : size)),
                points: true,
                stepped: true,
              },
            ]}
            gaps={growth.length === 0 ? [] : [[shown[0], growth[0]!.atMs / 1_000]]}
            range={shown}
            format={(value) => value.toLocaleString('en')}
            whole
          />
        </div>
        <p className={css['note']}>
          Hatched: not known, because the plane had not started, did not answer, or this page was not open.
          Measured since <Time ms={report.startedMs} />; the log holds everything before. Checkpoint seen{' '}
          {data === undefined ? '…' : `${spanText(now - data.checked.atMs)} ago`},{' '}
          {count(growth.filter(({ consistent }) => consistent === true).length, 'consistency proof')} verified
          here.
        </p>
      </Panel>
    </Page>
  );
}

function OnePart({ parts, id }: { readonly parts: ReturnType<typeof partsOf>; readonly id: string }) {
  const part = parts.find((one) => one.id === id);
  return (
    <Page title={part?.name ?? 'Health'}>
      {part === undefined ? (
        <Empty title="There is no such part.">It has {COMPONENT_IDS.join(', ')}.</Empty>
      ) : (
        <div className={css['one']}>
          <PartCard part={part} full />
        </div>
      )}
      <a href="/health">All of health</a>
    </Page>
  );
}

/** What lies between the stretches that were heard of, seconds. */
function gapsOf(
  spans: readonly Span[],
  from: number,
  until: number,
  stepMs: number,
): readonly (readonly [number, number])[] {
  const gaps: (readonly [number, number])[] = [];
  let at = from;
  for (const span of spans) {
    if (span.fromMs - at > stepMs) gaps.push([at / 1_000, span.fromMs / 1_000]);
    at = Math.max(at, span.untilMs);
  }
  if (until - at > stepMs) gaps.push([at / 1_000, until / 1_000]);
  return gaps;
}

/** `1` to `5` choose the range; not while typing. */
function useRangeKeys(setRange: (name: RangeName) => void): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const at = event.target;
      const typing = at instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName);
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing) return;
      const range = RANGES[Number(event.key) - 1];
      if (range !== undefined && /^[1-5]$/.test(event.key)) setRange(range[0]);
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  });
}
