/** The status of a rung: glyph and word, in ink. Green means permit and nothing else, so a pass is not green. */
import type { RungStatus } from '@licet/evidence';
import css from './proof.module.css';

const WORDS: Readonly<Record<RungStatus, string>> = {
  pass: 'pass',
  fail: 'FAIL',
  'not checked': 'not checked',
  asserted: 'operator’s word',
};

export function StatusMark({
  status,
  quiet = false,
}: {
  readonly status: RungStatus;
  readonly quiet?: boolean;
}) {
  return (
    <span className={css['status']} data-status={status}>
      <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">
        {status === 'pass' && (
          <path d="M2 7.5 5.5 11 12 3" fill="none" stroke="currentColor" strokeWidth="1.8" />
        )}
        {status === 'fail' && <path d="M2.5 2.5l9 9M11.5 2.5l-9 9" stroke="currentColor" strokeWidth="2.2" />}
        {status === 'not checked' && (
          <circle cx="7" cy="7" r="5" fill="none" stroke="currentColor" strokeDasharray="2 2" />
        )}
        {status === 'asserted' && (
          <path
            d="M2.5 11.5h9M7 2.5v6M4.5 5 7 2.5 9.5 5"
            fill="none"
            stroke="currentColor"
            strokeWidth="1.4"
          />
        )}
      </svg>
      <span className={quiet ? 'sr' : undefined}>{WORDS[status]}</span>
    </span>
  );
}
