/** The counters of the limits in force: what is reserved, spent and left, whom each counts, and when it is there again. */
import { useQuery } from '@tanstack/react-query';
import { Panel } from '../../components/panel.tsx';
import { Empty, Failed, Loading } from '../../components/states.tsx';
import { Time } from '../../components/time.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { limitsQuery } from '../../data/queries.ts';
import css from './console.module.css';

export function Limits() {
  const { data, error, isPending, refetch } = useQuery(limitsQuery);
  return (
    <Panel title="Limits" flush>
      {isPending ? (
        <Loading what="limits" />
      ) : error !== null ? (
        <Failed error={error} what="limits" retry={() => void refetch()} />
      ) : data.length === 0 ? (
        <Empty title="Nothing has been counted yet.">
          <code>"limits"</code> in <code>bundle.json</code> declares them; actions name what they use.
        </Empty>
      ) : (
        <div className={css['flush']} tabIndex={0} role="region" aria-label="Limits, table">
          <table className={css['grid']}>
            <thead>
              <tr>
                <th>Limit</th>
                <th>Counts</th>
                <th>Left</th>
                <th>Reserved</th>
                <th>Spent</th>
                <th>There again</th>
              </tr>
            </thead>
            <tbody>
              {data.map(({ name, per, whom, max, currency, reserved, spent, left, resetsAtMs }) => (
                <tr key={`${name} ${per} ${whom}`}>
                  <td>
                    <strong>{name}</strong>
                  </td>
                  <td>
                    {per} <Untrusted>{whom}</Untrusted>
                  </td>
                  <td>
                    {left === '0' ? <strong>used up</strong> : left} of {max} {currency}
                  </td>
                  <td className="mono">{reserved}</td>
                  <td className="mono">{spent}</td>
                  <td>{resetsAtMs === undefined ? 'when it is given back' : <Time ms={resetsAtMs} />}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
