/** The ladder: every rung with its status; one tab stop, arrows or `[` and `]` step. */
import type { RungName, VerifyReport } from '@licet/evidence';
import { RUNGS } from './rungs.ts';
import { StatusMark } from './status-mark.tsx';
import css from './proof.module.css';

export interface LadderProps {
  readonly report: VerifyReport;
  readonly selected: RungName;
  onSelect(name: RungName): void;
  /** Rungs whose status a flipped byte changed. */
  readonly broken?: ReadonlySet<string>;
}

export function Ladder({ report, selected, onSelect, broken }: LadderProps) {
  return (
    <ol className={css['ladder']} aria-label="Check ladder">
      {report.rungs.map(({ name, status, why }, at) => (
        <li key={name}>
          <button
            type="button"
            data-row
            className={css['rung']}
            aria-current={name === selected ? 'step' : undefined}
            data-broken={broken?.has(name) || undefined}
            title={why}
            onClick={() => onSelect(name)}
          >
            <span className={css['number']} aria-hidden="true">
              {at + 1}
            </span>
            <span className={css['title']}>{RUNGS[name].title}</span>
            <StatusMark status={status} quiet={status === 'pass'} />
            {broken?.has(name) === true && <span className="sr">, broken by the flip</span>}
          </button>
        </li>
      ))}
    </ol>
  );
}
