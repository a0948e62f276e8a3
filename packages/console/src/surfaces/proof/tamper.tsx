/** Tamper mode: choose a byte, flip it, and see which rungs break and which still hold. The file that was opened stays as it was. */
import { useMemo, useState, type KeyboardEvent } from 'react';
import type { VerifyReport } from '@licet/evidence';
import { Button } from '../../components/button.tsx';
import { Panel } from '../../components/panel.tsx';
import { placesOf, ROW, visible } from './tampering.ts';
import { RUNGS } from './rungs.ts';
import css from './proof.module.css';

export interface TamperProps {
  readonly bytes: Uint8Array;
  readonly flipped: number | undefined;
  /** Whether the digest at the end is made right again, as a forger would. */
  readonly repair: boolean;
  readonly before: VerifyReport;
  readonly after: VerifyReport | undefined;
  onFlip(at: number | undefined): void;
  onRepair(repair: boolean): void;
}

const ROWS = 12;

export function Tamper({ bytes, flipped, repair, before, after, onFlip, onRepair }: TamperProps) {
  const places = useMemo(() => placesOf(bytes), [bytes]);
  const [at, setAt] = useState(() => places[0]?.at ?? 0);
  const last = bytes.length - 1;
  const first =
    Math.min(Math.max(0, Math.floor(at / ROW) - 3), Math.max(0, Math.ceil(bytes.length / ROW) - ROWS)) * ROW;
  const move = (to: number): void => setAt(Math.min(last, Math.max(0, to)));
  const press = (event: KeyboardEvent): void => {
    const step = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: ROW,
      ArrowUp: -ROW,
      PageDown: ROW * ROWS,
      PageUp: -ROW * ROWS,
    }[event.key];
    if (step !== undefined) move(at + step);
    else if (event.key === 'Home') move(0);
    else if (event.key === 'End') move(last);
    else if (event.key === 'Enter' || event.key === ' ') onFlip(flipped === at ? undefined : at);
    else return;
    event.preventDefault();
  };
  const changed =
    after === undefined ? [] : after.rungs.filter(({ status }, i) => before.rungs[i]!.status !== status);
  const hold =
    after === undefined
      ? []
      : after.rungs.filter(({ status }, i) => status === 'pass' && before.rungs[i]!.status === 'pass');
  return (
    <Panel title="Tamper" aside="arrows move, enter flips">
      <div className={css['row']}>
        <label className={css['choose']}>
          <span>Go to</span>
          <select value="" onChange={({ target }) => target.value !== '' && move(Number(target.value))}>
            <option value="">…</option>
            {places.map(({ name, at: place }) => (
              <option key={place} value={place}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label className={css['choose']}>
          <span>Byte</span>
          <input
            type="number"
            min={0}
            max={last}
            value={at}
            onChange={({ target }) => move(Math.trunc(Number(target.value)))}
          />
        </label>
        <Button kind="primary" onPress={() => onFlip(flipped === at ? undefined : at)}>
          {flipped === at ? 'Put it back' : `Flip byte ${at}`}
        </Button>
        <label className={css['check']}>
          <input type="checkbox" checked={repair} onChange={({ target }) => onRepair(target.checked)} />
          <span>repair the file’s own digest, as a forger would</span>
        </label>
      </div>
      <div
        className={css['grid']}
        role="grid"
        tabIndex={0}
        aria-label={`Bytes ${first} to ${Math.min(last, first + ROW * ROWS - 1)} of the file`}
        aria-activedescendant={`byte-${at}`}
        onKeyDown={press}
      >
        {Array.from({ length: Math.min(ROWS, Math.ceil((bytes.length - first) / ROW)) }, (_, row) => (
          <div role="row" key={row} className={css['line']}>
            <span role="rowheader" className={css['offset']}>
              {first + row * ROW}
            </span>
            {Array.from(bytes.subarray(first + row * ROW, first + (row + 1) * ROW), (byte, column) => {
              const here = first + row * ROW + column;
              return (
                <span
                  role="gridcell"
                  key={here}
                  id={`byte-${here}`}
                  data-here={here === at || undefined}
                  data-flipped={here === flipped || undefined}
                  aria-selected={here === at}
                  onClick={() => setAt(here)}
                >
                  {visible(here === flipped ? byte ^ 1 : byte)}
                </span>
              );
            })}
          </div>
        ))}
      </div>
      <p className={css['told']} role="status">
        {after === undefined
          ? 'Nothing is flipped.'
          : changed.length === 0
            ? `Byte ${flipped} flipped: no rung changed.`
            : `Byte ${flipped} flipped. Broke: ${changed.map(({ name }) => RUNGS[name].title).join(', ')}. ${hold.length === 0 ? 'Nothing holds any more.' : `Still hold: ${hold.map(({ name }) => RUNGS[name].title).join(', ')}.`}`}
      </p>
    </Panel>
  );
}
