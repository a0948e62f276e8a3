/** The verdict on a file in one line: never a bare "valid", always on whose word (RULE 43). */
import type { VerifyReport } from '@licet/evidence';
import { Untrusted } from '../../components/untrusted.tsx';
import { firstFailure } from './check.ts';
import { RUNGS } from './rungs.ts';
import css from './proof.module.css';

export interface BannerProps {
  readonly report: VerifyReport;
  /** Whose trust file it is, where it is not the visitor's own. */
  readonly sample: boolean;
}

export function Banner({ report, sample }: BannerProps) {
  const { rungs, exit, origin } = report;
  const count = (status: string): number => rungs.filter((rung) => rung.status === status).length;
  const failed = firstFailure(report);
  const rest = [
    count('asserted') > 0 && `${count('asserted')} on the operator’s word`,
    count('not checked') > 0 && `${count('not checked')} not checked`,
  ].filter((text) => text !== false);
  const counted = `${count('pass')} of ${rungs.length}${rest.length === 0 ? '' : ` (${rest.join(', ')})`}`;
  const keys = report.trusting.filter((line) => /^(log|witness|quorum) /.test(line));
  return (
    <section className={css['banner']} data-exit={exit} aria-label="Verdict on this file" role="status">
      {exit === 4 ? (
        <>
          <p className={css['verdict']}>
            {failed === undefined
              ? 'NOT VERIFIED: its foundation did not pass'
              : `FAILED at ${RUNGS[failed.name].title.toLowerCase()}`}
          </p>
          <p className={css['because']}>{failed?.why !== undefined && <Untrusted>{failed.why}</Untrusted>}</p>
          {failed?.detail?.computed !== undefined && (
            <p className="mono">
              computed {failed.detail.computed} expected {failed.detail.expected}
            </p>
          )}
          <p className="muted">
            {counted} hold; {count('fail')} fail. Do not rely on this file.
          </p>
        </>
      ) : exit === 5 ? (
        <>
          <p className={css['verdict']}>Consistent with itself; signer unknown</p>
          <p className={css['because']}>
            {counted}. Anybody can make a file like this one: you have named nobody whom you trust. Open a
            trust file that you got some other way than with this evidence.
          </p>
        </>
      ) : (
        <>
          <p className={css['verdict']}>
            {counted}, trusting {sample ? 'the sample keys of ' : ''}
            <code>{origin}</code>
          </p>
          <p className={css['because']}>
            {keys.map((line) => (
              <code key={line} className={css['key']}>
                {line}
              </code>
            ))}
          </p>
        </>
      )}
    </section>
  );
}
