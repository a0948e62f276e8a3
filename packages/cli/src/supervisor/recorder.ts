// One press of a button while it happens: the five stages filled from what the plane answered, not from what was hoped.
import { permitId, utf8 } from '@licet/evidence';
import type { Answer, PlaneClient, ProvenEntry, RedeemAnswer, ReportAnswer } from '@licet/api';
import { between } from './between.ts';
import {
  STAGES,
  type Place,
  type RunView,
  type StageName,
  type StageState,
  type StageView,
  type WorldView,
} from './view.ts';

const MAX_RAW = 60;
type Facts = readonly (readonly [name: string, value: string])[];

/** Follows one run; `changed` is told after every step. */
export class Recorder {
  #view: RunView;
  readonly #changed: () => void;

  constructor(
    start: {
      readonly id: string;
      readonly scenario: string;
      readonly title: string;
      readonly before: WorldView;
    },
    changed: () => void,
  ) {
    this.#changed = changed;
    this.#view = {
      ...start,
      startedMs: Date.now(),
      stages: STAGES.map((name): StageView => ({
        name,
        state: name === 'Decision' ? 'busy' : 'waiting',
        facts: [],
      })),
      raw: [],
    };
  }

  get view(): RunView {
    return this.#view;
  }

  set(more: Partial<RunView>): void {
    this.#view = { ...this.#view, ...more };
    this.#changed();
  }

  /** Takes an optional member away. */
  unset(name: 'held'): void {
    const { [name]: _, ...rest } = this.#view;
    this.#view = rest;
    this.#changed();
  }

  say(line: string): void {
    this.set({
      raw: [...this.#view.raw, `${new Date().toISOString().slice(11, 23)}Z  ${line}`].slice(-MAX_RAW),
    });
  }

  stage(name: StageName, state: StageState, facts: Facts = [], place?: Place): void {
    const at = STAGES.indexOf(name);
    const stages = this.#view.stages.map((stage, order): StageView => {
      if (order === at)
        return {
          name,
          state,
          facts: [...stage.facts, ...facts],
          ...(place === undefined ? (stage.place === undefined ? {} : { place: stage.place }) : { place }),
        };
      // What ends here never reaches the next stages; what is done makes the next one busy.
      if (order > at && state === 'stopped' && stage.state !== 'done') return { ...stage, state: 'skipped' };
      return order === at + 1 && state === 'done' && stage.state === 'waiting'
        ? { ...stage, state: 'busy' }
        : stage;
    });
    this.set({ stages });
  }

  /** Opens a stage again that a refusal had closed: what is denied is reported and logged all the same. */
  end(verdict: NonNullable<RunView['verdict']>, sentence: string, free: string, after: WorldView): void {
    const stages = this.#view.stages.map((stage) =>
      stage.state === 'busy' || stage.state === 'waiting' ? { ...stage, state: 'skipped' as const } : stage,
    );
    this.set({ verdict, sentence, free, after, stages, endedMs: Date.now() });
    this.unset('held');
  }

  /** Returns the client, with everything that it answers recorded here. */
  tap(client: PlaneClient): PlaneClient {
    return between(client, {
      request: heard(
        (...words) => client.request(...words),
        (answer) => this.#decided(answer),
      ),
      decide: heard(
        (...words) => client.decide(...words),
        (answer) => this.#decided(answer),
      ),
      redeem: heard(
        (...words) => client.redeem(...words),
        (answer) => this.#started(answer),
      ),
      renew: heard(
        (...words) => client.renew(...words),
        (answer) => this.say(`renew → ${answer.verdict}`),
      ),
      report: heard(
        (...words) => client.report(...words),
        (answer) => this.#reported(answer),
      ),
    });
  }

  #decided(answer: Answer): void {
    this.set({ executionId: answer.executionId });
    this.say(`decision → ${answer.verdict}${answer.verdict === 'allow' ? '' : ` (${answer.code})`}`);
    if (answer.verdict === 'allow') {
      const { entry, place } = read(answer.permit);
      this.unset('held');
      this.stage('Decision', 'done', [
        ['Verdict', 'permitted'],
        ['Policies', list(entry['reasons'])],
        ['Bundle', bundles(entry['bundles'])],
      ]);
      this.stage(
        'Authorize',
        'done',
        [
          ['Permit', `entry ${place.index}`],
          ['Arguments', short(entry['args'])],
          ['Spend', String(entry['spend'])],
          ['Start by', clock(entry['exp'])],
        ],
        place,
      );
      if (answer.start !== undefined) this.#running(answer.start);
      return;
    }
    if (answer.verdict === 'hold') {
      const until = Math.min(...answer.holds.map((hold) => hold.until));
      if (this.#view.held === undefined)
        this.stage(
          'Decision',
          'busy',
          [
            ['Verdict', 'held'],
            ['Waits for', answer.holds.map(({ group, need }) => `${need} of ${group}`).join(', ')],
            ['Until', clock(until)],
          ],
          answer.refusal === undefined ? undefined : read(answer.refusal).place,
        );
      this.set({ held: { executionId: answer.executionId, untilMs: until } });
      return;
    }
    const refusal = answer.refusal === undefined ? undefined : read(answer.refusal);
    this.unset('held');
    this.stage(
      'Decision',
      'stopped',
      [
        ['Verdict', 'denied'],
        ['Code', answer.code],
        ['Reason', answer.reason],
      ],
      refusal?.place,
    );
    if (refusal !== undefined)
      this.stage('Audit', 'done', [['Refusal', `entry ${refusal.place.index}`]], refusal.place);
  }

  #started(answer: RedeemAnswer): void {
    this.say(`redeem → ${answer.verdict}${answer.verdict === 'started' ? '' : ` (${answer.code})`}`);
    if (answer.verdict === 'started') this.#running(answer.start);
  }

  #running(start: ProvenEntry): void {
    const { entry, place } = read(start);
    this.stage(
      'Execute',
      'busy',
      [
        ['Start', `entry ${place.index}`],
        ['Door', String(entry['grade'])],
        ['Lease until', clock(entry['leaseUntil'])],
      ],
      place,
    );
  }

  #reported(answer: ReportAnswer): void {
    const { entry, place } = read(answer.outcome);
    this.say(`outcome → ${answer.status}`);
    this.stage('Execute', answer.status === 'halted' ? 'stopped' : 'done');
    this.stage(
      'Audit',
      'done',
      [
        ['Outcome', `entry ${place.index}`],
        ['Leaf', short(place.leaf)],
      ],
      place,
    );
    this.stage('Report', 'done', [
      ['Status', String(entry['status'])],
      ['Renewals', String(entry['renewals'])],
      ...(entry['reason'] === undefined ? [] : [['Reason', String(entry['reason'])] as const]),
    ]);
  }
}

/** Returns the call, whose answers are told before they are given. */
const heard =
  <Words extends readonly unknown[], Told>(
    call: (...words: Words) => Promise<Told>,
    tell: (answer: Told) => void,
  ): ((...words: Words) => Promise<Told>) =>
  async (...words) => {
    const answer = await call(...words);
    tell(answer);
    return answer;
  };

/** Returns an entry's fields and its place, from its own bytes and its proof. */
export function read({ entry, proof }: ProvenEntry): {
  readonly entry: Readonly<Record<string, unknown>>;
  readonly place: Place;
} {
  const index = Number(/^index (\d+)$/m.exec(proof)?.[1] ?? NaN);
  return {
    entry: JSON.parse(entry) as Record<string, unknown>,
    place: { index, leaf: permitId(utf8(entry)) },
  };
}

const clock = (ms: unknown): string =>
  typeof ms === 'number' && Number.isFinite(ms) ? `${new Date(ms).toISOString().slice(11, 23)}Z` : 'not said';
const short = (text: unknown): string =>
  typeof text === 'string' ? (text.length > 14 ? `${text.slice(0, 8)}…${text.slice(-4)}` : text) : 'none';
const list = (value: unknown): string =>
  Array.isArray(value) && value.length > 0 ? value.join(', ') : 'none';
const bundles = (value: unknown): string =>
  Array.isArray(value)
    ? (value as readonly { readonly layer?: unknown; readonly version?: unknown }[])
        .map(({ layer, version }) => `${String(layer)} version ${String(version)}`)
        .join(', ')
    : 'none';
