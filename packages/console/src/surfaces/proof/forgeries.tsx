/** Prove us wrong: forged files, each with the rung it must fail; judged here, now, by the same verifier. */
import { useEffect, useState } from 'react';
import type { VerifyReport } from '@licet/evidence';
import { Button } from '../../components/button.tsx';
import { Panel } from '../../components/panel.tsx';
import { checkEvidence, textBytes } from './check.ts';
import { RUNGS } from './rungs.ts';
import type { Sample } from './vectors.ts';
import css from './proof.module.css';

const titleOf = (rung: string): string =>
  Object.hasOwn(RUNGS, rung) ? RUNGS[rung as keyof typeof RUNGS].title : rung;
const failuresOf = (report: VerifyReport): readonly string[] =>
  report.rungs.filter(({ status }) => status === 'fail').map(({ name }) => name);

export function Forgeries({
  samples,
  onOpen,
}: {
  readonly samples: readonly Sample[];
  onOpen(sample: Sample): void;
}) {
  const [reports, setReports] = useState<ReadonlyMap<string, VerifyReport>>(new Map());
  useEffect(() => {
    let gone = false;
    void (async () => {
      for (const { name, file, trust } of samples) {
        const { report } = await checkEvidence(textBytes(file), trust, undefined);
        if (gone) return;
        setReports((known) => new Map(known).set(name, report));
      }
    })();
    return () => void (gone = true);
  }, [samples]);
  const refused = samples.filter(({ name }) => reports.get(name)?.exit === 4).length;
  return (
    <Panel
      title="Prove us wrong"
      aside={
        <span role="status">
          {refused} of {samples.length} refused
        </span>
      }
      flush
    >
      <p className={css['lead']}>
        Each of these files was made to deceive. The third column is what this browser found just now. If one
        of them verifies, or if you can make one that does, that is a flaw worth reporting.
      </p>
      <div className={css['scroll']} tabIndex={0} role="group" aria-label="Forged files">
        <table className={css['forgeries']}>
          <thead>
            <tr>
              <th scope="col">What was forged</th>
              <th scope="col">Must fail at</th>
              <th scope="col">Failed here at</th>
              <th scope="col">
                <span className="sr">Open</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {samples.map((sample) => {
              const report = reports.get(sample.name);
              const found = report === undefined ? undefined : failuresOf(report);
              const asExpected = found?.join() === sample.failing.join();
              return (
                <tr key={sample.name} data-refused={report?.exit === 4 || undefined}>
                  <td>{sample.title}</td>
                  <td>{sample.failing.map(titleOf).join(', ')}</td>
                  <td data-surprise={(found !== undefined && !asExpected) || undefined}>
                    {found === undefined
                      ? '…'
                      : found.length === 0
                        ? 'NOTHING: this is a flaw'
                        : found.map(titleOf).join(', ')}
                  </td>
                  <td>
                    <Button kind="quiet" label={`Open ${sample.name}`} onPress={() => onOpen(sample)}>
                      Open
                    </Button>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
