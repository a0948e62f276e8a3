/** The parts of a plane, each with its state, when it was last looked at, and exact values. */
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { HealthReport } from '@licet/api';
import { Countdown, Time } from '../../components/time.tsx';
import { LeafTicks, Ticks } from '../../components/ticks.tsx';
import { VerdictMark } from '../../components/verdict.tsx';
import type { CheckedHead } from '../../data/proof-state.ts';
import type { System } from '../../frame/system-state.ts';
import { EVERY_MS, type GrowthPoint } from './health-data.ts';
import { percentile, shareWithin } from './series.ts';
import css from './health.module.css';
import { count } from '../../components/count.ts';

export const COMPONENT_IDS = [
  'decision',
  'signer',
  'log',
  'store',
  'doors',
  'approvals',
  'queue',
  'limits',
  'attestation',
  'drill',
] as const;
export type ComponentId = (typeof COMPONENT_IDS)[number];

/** `off`: it does not do its work; `look`: it works, and somebody should look. */
export interface Part {
  readonly id: ComponentId;
  readonly name: string;
  readonly state: 'works' | 'look' | 'off' | 'unknown';
  readonly says: string;
  readonly what: string;
  readonly checkedMs: number | undefined;
  readonly values: readonly (readonly [name: string, value: ReactNode])[];
}

const WORDS: Readonly<Record<Part['state'], string>> = {
  works: 'works',
  look: 'look at it',
  off: 'does not work',
  unknown: 'not known',
};
const GRADES: Readonly<Record<string, string>> = {
  'in-process': 'in-process: the agent could go round it',
  gateway: 'gateway: another process holds the credential',
  verified: 'verified: the target checks the permit',
};
const ms = (value: number | undefined): string => (value === undefined ? '–' : `${value.toFixed(1)} ms`);
const percent = (value: number | undefined): string =>
  value === undefined ? '–' : `${(100 * value).toFixed(2)} %`;

export interface PartsInput {
  readonly report: HealthReport;
  readonly system: System;
  readonly head: CheckedHead | undefined;
  readonly growth: readonly GrowthPoint[];
  /** When the last answer came; older when the plane is silent. */
  readonly answeredMs: number;
}

/** Returns every part from what was heard and what was checked here. */
export function partsOf({ report, system, head, growth, answeredMs }: PartsInput): readonly Part[] {
  const silent = system.state === 'unreachable';
  const closed = system.state === 'fail-closed' || silent;
  const { latency, decisions, starts, approvals, evaluator, store, limits, attestation, drill } = report;
  const { total, edgesMs, sloP99Ms } = latency;
  const p99 = percentile(total.latency, edgesMs, 0.99);
  const last = growth.at(-1);
  const proven = growth.filter(({ consistent }) => consistent === true).length;
  const broken = growth.some(({ consistent }) => consistent === false);
  const started = starts.reduce((sum, { count }) => sum + count, 0);
  // What the plane said last is no longer known once it is silent.
  const told = (state: Part['state']): Part['state'] => (silent ? 'unknown' : state);
  return [
    {
      id: 'decision',
      name: 'Decision point',
      state: silent ? 'off' : closed ? 'off' : p99 !== undefined && p99 > sloP99Ms ? 'look' : 'works',
      says: closed
        ? 'No new permit is being issued.'
        : system.state === 'observing'
          ? 'It decides and stops nothing.'
          : 'It decides every request.',
      what: 'Asks Cedar once per chain link and resource. Latency is from the call to the durable answer, read off a histogram of this process.',
      checkedMs: answeredMs,
      values: [
        ['Engine', <code key="engine">{evaluator.engine}</code>],
        [
          'p50 · p95 · p99',
          p99 === undefined
            ? 'nothing decided since start'
            : [0.5, 0.95, 0.99].map((share) => ms(percentile(total.latency, edgesMs, share))).join(' · '),
        ],
        [`Within ${sloP99Ms} ms`, percent(shareWithin(total.latency, edgesMs, sloP99Ms))],
        ['Answered since start', total.allow + total.deny + total.hold],
      ],
    },
    {
      id: 'signer',
      name: 'Log signer',
      state:
        head === undefined
          ? 'unknown'
          : head.state === 'failed'
            ? 'off'
            : head.state === 'claimed'
              ? 'unknown'
              : 'works',
      says:
        head?.state === 'failed'
          ? 'The checkpoint does not verify.'
          : head?.state === 'claimed' || head === undefined
            ? 'You named nobody to trust, so no signature was checked.'
            : 'The newest checkpoint verifies under your trust file.',
      what: 'Signs each checkpoint after it is committed. The signature is checked in this page, under the trust file that you brought.',
      checkedMs: head?.atMs,
      values: [
        ['Proof', <Ticks key="ticks" state={head?.state ?? 'claimed'} />],
        ['Found', head?.why ?? 'not checked yet'],
      ],
    },
    {
      id: 'log',
      name: 'Log',
      state: broken
        ? 'off'
        : head?.state === 'failed'
          ? 'off'
          : proven > 0 || last !== undefined
            ? 'works'
            : 'unknown',
      says: broken
        ? 'A checkpoint does not continue the one before.'
        : proven === 0
          ? 'One tree seen so far; the next is compared with it.'
          : `${count(proven, 'step')} proven consistent here.`,
      what: 'An append-only Merkle tree. The size is read from a signed checkpoint, and each new tree is proven here to continue the last.',
      checkedMs: last?.atMs,
      values: [
        ['Entries', last?.size ?? report.size],
        [
          'Newest entry',
          report.lastEntryMs === undefined ? 'none' : <Time key="at" ms={report.lastEntryMs} />,
        ],
        [
          'Witnesses',
          head?.state === 'witnessed' || head?.state === 'anchored'
            ? 'quorum met'
            : 'none configured, or no quorum',
        ],
      ],
    },
    {
      id: 'store',
      name: 'Store',
      state: told(store.ok ? 'works' : 'off'),
      says: store.why,
      what: 'Entries, tiles and rows in one transaction; a permit leaves only after it is durable.',
      checkedMs: answeredMs,
      values: [
        ['Waiting commands', store.queue],
        ['Rows counted', `${decisions.counted}${decisions.complete ? '' : ' newest'}`],
      ],
    },
    {
      id: 'doors',
      name: 'Doors by grade',
      state: told(started === 0 ? 'unknown' : 'works'),
      says:
        started === 0
          ? 'No execution has started, so no coverage is known.'
          : `${count(started, 'start')}, by how far the door can be gone round.`,
      what: 'What is counted is what started through a door. What goes round every door is in no log: coverage is shown, never assumed.',
      checkedMs: report.countedMs,
      values: starts.map(({ grade, count, lastMs }) => [
        GRADES[grade] ?? grade,
        lastMs === undefined ? (
          'no start'
        ) : (
          <span key={grade}>
            {count}, last <Time ms={lastMs} short />
          </span>
        ),
      ]),
    },
    {
      id: 'approvals',
      name: 'Approvals',
      state: told(approvals.waiting === 0 ? 'works' : 'look'),
      says:
        approvals.waiting === 0 ? 'Nothing waits for a person.' : `${approvals.waiting} wait for a person.`,
      what: 'Held executions are denied when nobody answers in time.',
      checkedMs: report.countedMs,
      values: [
        ['Waiting', approvals.waiting],
        [
          'Next lapses',
          approvals.nextEndsMs === undefined ? (
            'none'
          ) : (
            <span key="next">
              in <Countdown untilMs={approvals.nextEndsMs} />
            </span>
          ),
        ],
      ],
    },
    {
      id: 'queue',
      name: 'Queue',
      state: told(report.inDoubt > 0 ? 'look' : 'works'),
      says:
        report.inDoubt > 0
          ? `${report.inDoubt} in doubt: a person has to say what happened.`
          : 'Nothing is in doubt.',
      what: 'Running executions hold a lease; what ends without a report is in doubt, with its budget spent.',
      checkedMs: answeredMs,
      values: [
        ['Evaluations under way', evaluator.inFlight],
        ['Running', report.running],
        ['In doubt', report.inDoubt],
      ],
    },
    {
      id: 'limits',
      name: 'Limits',
      state: told(limits.spent > 0 ? 'look' : 'works'),
      says:
        limits.spent > 0
          ? `${count(limits.spent, 'counter')} with nothing left: what would need more is denied.`
          : limits.counting === 0
            ? 'Nothing is being counted.'
            : `Something is left of ${limits.counting === 1 ? 'the one counter' : `all ${limits.counting} counters`} in use.`,
      what: 'Reserved with the permit, settled by the outcome, kept over crashes. Whose they are stands under Limits in the console.',
      checkedMs: report.countedMs,
      values: [
        ['In use', limits.counting],
        ['Nothing left', limits.spent],
        [
          'Next counts anew',
          limits.nextResetMs === undefined ? (
            'none'
          ) : (
            <span key="next">
              in <Countdown untilMs={limits.nextResetMs} />
            </span>
          ),
        ],
      ],
    },
    {
      id: 'attestation',
      name: 'Attestation',
      state: told(attestation.refused > 0 ? 'look' : 'works'),
      says:
        attestation.refused > 0
          ? `${count(attestation.refused, 'measurement')} refused: what rests on it does not start, or is halted.`
          : attestation.holds + attestation.ended === 0
            ? 'Nothing has been attested.'
            : attestation.ended === 0
              ? 'Everything attested holds.'
              : `${attestation.ended} ended and not attested again: what asks for it is denied until it is.`,
      what: 'What programs and tools were measured to be, of identities and of what runs. Each holds for its time; missed, stale or changed, it halts within a beat.',
      checkedMs: report.countedMs,
      values: [
        ['Holds', attestation.holds],
        ['Ended', attestation.ended],
        ['Refused', attestation.refused],
        [
          'Next ends',
          attestation.nextEndsMs === undefined ? (
            'none'
          ) : (
            <span key="next">
              in <Countdown untilMs={attestation.nextEndsMs} />
            </span>
          ),
        ],
      ],
    },
    {
      id: 'drill',
      name: 'Fail-closed drill',
      state: drill === undefined ? 'unknown' : drill.passed ? 'works' : 'off',
      says:
        drill === undefined
          ? 'Never made. Run licet drill.'
          : drill.passed
            ? 'The last one stopped every attempt.'
            : 'In the last one something got through.',
      what: 'licet drill: forged permits, silence, garbled answers and a broken connection through a real door; recorded in the log.',
      checkedMs: drill?.atMs,
      values:
        drill === undefined
          ? []
          : [
              ['Made', <Time key="at" ms={drill.atMs} />],
              [
                'Entry',
                <span key="entry" className={css['place']}>
                  {drill.index} <LeafTicks place={{ index: drill.index, leaf: drill.leaf }} />
                </span>,
              ],
            ],
    },
  ];
}

export function PartCard({ part, full = false }: { readonly part: Part; readonly full?: boolean }) {
  return (
    <section className={css['card']} data-state={part.state} aria-label={part.name}>
      <header>
        <h2>
          {full ? (
            part.name
          ) : (
            <Link to="/health/component/$id" params={{ id: part.id }}>
              {part.name}
            </Link>
          )}
        </h2>
        <span className={css['mark']} data-state={part.state}>
          <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
            {part.state === 'works' && (
              <path d="M1.5 6.5 4.5 9.5l6-7" fill="none" stroke="currentColor" strokeWidth="1.6" />
            )}
            {part.state === 'look' && <path d="M6 1.5v6M6 9.5v1.4" stroke="currentColor" strokeWidth="1.8" />}
            {part.state === 'off' && <path d="M2 2l8 8M10 2 2 10" stroke="currentColor" strokeWidth="2" />}
            {part.state === 'unknown' && (
              <circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" strokeDasharray="2 2" />
            )}
          </svg>
          {WORDS[part.state]}
        </span>
      </header>
      <p>{part.says}</p>
      {full && <p className="muted">{part.what}</p>}
      <dl>
        {part.values.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p className={css['checked']}>
        {part.checkedMs === undefined || part.checkedMs === 0 ? (
          'not looked at yet'
        ) : (
          <>
            looked at <Time ms={part.checkedMs} short />
          </>
        )}
        {part.id !== 'drill' && <>, every {EVERY_MS / 1_000} s</>}
      </p>
    </section>
  );
}

/** Decisions by verdict, from the rows. */
export function Verdicts({ report }: { readonly report: HealthReport }) {
  const { decisions } = report;
  return (
    <ul className={css['verdicts']} aria-label="Decisions by verdict">
      {(['allow', 'deny', 'hold'] as const).map((verdict) => (
        <li key={verdict}>
          <span className={css['count']}>{decisions[verdict]}</span> <VerdictMark verdict={verdict} />
        </li>
      ))}
      <li>
        <span className={css['count']}>{decisions.operations}</span>{' '}
        <span className="muted">by people, on the plane itself</span>
      </li>
    </ul>
  );
}
