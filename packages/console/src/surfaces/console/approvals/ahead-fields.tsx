/** "And the next ten like it, for an hour": the fields of a word in advance. */
import type { ExecutionView } from '@licet/api';
import { Untrusted } from '../../../components/untrusted.tsx';
import { amountsOf, placesOf, type AheadDraft } from './ahead.ts';
import shared from '../console.module.css';
import css from './approvals.module.css';

const TIMES = [
  [900_000, '15 minutes'],
  [3_600_000, 'an hour'],
  [14_400_000, '4 hours'],
  [28_800_000, '8 hours'],
  [86_400_000, 'a day'],
] as const;

export function AheadFields({
  of,
  value,
  because,
  onChange,
}: {
  readonly of: ExecutionView;
  readonly value: AheadDraft;
  /** Why nothing can be approved in advance here. */
  readonly because: string | undefined;
  onChange(value: AheadDraft): void;
}) {
  const amounts = amountsOf(of);
  const set = (change: Partial<AheadDraft>): void => onChange({ ...value, ...change });
  return (
    <fieldset className={css['ahead']}>
      <legend className={shared['small']}>In advance</legend>
      <label className={css['tick']}>
        <input
          type="checkbox"
          checked={value.on && because === undefined}
          disabled={because !== undefined}
          onChange={({ target }) => set({ on: target.checked })}
        />{' '}
        Approve the next ones like it as well
      </label>
      {because !== undefined && <p className={shared['small']}>{because}</p>}
      {value.on && because === undefined && (
        <>
          <div className={css['fields']}>
            <label>
              <span>How many</span>
              <input
                inputMode="numeric"
                value={value.count}
                onChange={({ target }) => set({ count: target.value })}
              />
            </label>
            <label>
              <span>For</span>
              <select value={value.forMs} onChange={({ target }) => set({ forMs: Number(target.value) })}>
                {TIMES.map(([ms, words]) => (
                  <option key={ms} value={ms}>
                    {words}
                  </option>
                ))}
              </select>
            </label>
            <label className={css['wide']}>
              <span>Touching</span>
              <select value={value.where} onChange={({ target }) => set({ where: Number(target.value) })}>
                {placesOf(of).map(({ words }, at) => (
                  <option key={at} value={at}>
                    {words}
                  </option>
                ))}
              </select>
            </label>
            {Object.entries(amounts).map(([name, now]) => (
              <label key={name}>
                <span>
                  <Untrusted>{name}</Untrusted> at most
                </span>
                <input
                  inputMode="decimal"
                  placeholder="any"
                  value={value.max[name] ?? now}
                  onChange={({ target }) => set({ max: { ...value.max, [name]: target.value } })}
                />
              </label>
            ))}
          </div>
          <p className={shared['small']}>
            Only {of.action} by <Untrusted>{of.chain.at(-1)?.name ?? of.chain.at(-1)?.id ?? ''}</Untrusted>.{' '}
            {unbounded(of, amounts)}
            Each use is an approval in the log that cites this one; you can end it at any time.
          </p>
        </>
      )}
    </fieldset>
  );
}

/** Names what may be anything, so that nobody thinks it was bounded. */
function unbounded({ arguments: args }: ExecutionView, amounts: Readonly<Record<string, string>>) {
  const names =
    args === undefined || args === 'erased' ? [] : Object.keys(args).filter((name) => !(name in amounts));
  return names.length === 0 ? null : (
    <>
      Not bounded by themselves: <Untrusted>{names.join(', ')}</Untrusted>.{' '}
    </>
  );
}
