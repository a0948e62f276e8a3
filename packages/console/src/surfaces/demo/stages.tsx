/** The five stages of one execution, filling with what this run came to. */
import { Fragment } from 'react';
import { Hash } from '../../components/hash.tsx';
import { LeafTicks } from '../../components/ticks.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { formatPlace } from '../../frame/proof-link.ts';
import type { RunView, StageState } from './view.ts';
import css from './demo.module.css';

const WORDS: Readonly<Record<StageState, string>> = {
  waiting: 'not yet',
  busy: 'now',
  done: 'done',
  stopped: 'ended here',
  skipped: 'never reached',
};

export function Stages({ run }: { readonly run: RunView }) {
  return (
    <ol className={css['stages']} aria-label="Five stages">
      {run.stages.map((stage, at) => (
        <li
          key={stage.name}
          data-state={stage.state}
          data-verdict={run.verdict}
          data-proof={stage.place === undefined ? undefined : formatPlace(stage.place)}
        >
          <h3>
            <i aria-hidden="true">{at + 1}</i>
            {stage.name}
            <span className={css['stageState']}>{WORDS[stage.state]}</span>
          </h3>
          <dl>
            {stage.facts.map(([name, value], order) => (
              <Fragment key={order}>
                <dt>{name}</dt>
                <dd>
                  <Untrusted>{value}</Untrusted>
                </dd>
              </Fragment>
            ))}
          </dl>
          {stage.place !== undefined && (
            <p className={css['place']}>
              <Hash value={stage.place.leaf} label={`leaf of entry ${stage.place.index}`} />{' '}
              <LeafTicks place={stage.place} />
            </p>
          )}
        </li>
      ))}
    </ol>
  );
}
