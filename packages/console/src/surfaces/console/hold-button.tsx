/**
 * A button that has to be held for two seconds, by pointer or by space or enter; letting go earlier does nothing. The
 * progress is said, not only drawn.
 */
import { useEffect, useId, useRef, useState, type KeyboardEvent } from 'react';
import css from './hold-button.module.css';

const HOLD_MS = 2_000;

export function HoldButton({
  children,
  because,
  onHeld,
}: {
  readonly children: string;
  readonly because: string | undefined;
  onHeld(): void;
}) {
  const [holding, setHolding] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const id = useId();
  const stop = (): void => {
    clearTimeout(timer.current);
    timer.current = undefined;
    setHolding(false);
  };
  useEffect(() => stop, []);
  const start = (): void => {
    if (because !== undefined || timer.current !== undefined) return;
    setHolding(true);
    timer.current = setTimeout(() => {
      stop();
      onHeld();
    }, HOLD_MS);
  };
  const isHold = ({ key }: KeyboardEvent): boolean => key === ' ' || key === 'Enter';
  return (
    <span className={css['wrap']}>
      <button
        type="button"
        className={css['button']}
        aria-disabled={because !== undefined || undefined}
        aria-describedby={id}
        data-holding={holding || undefined}
        onPointerDown={(event) => {
          if (event.button === 0) start();
        }}
        onPointerUp={stop}
        onPointerLeave={stop}
        onPointerCancel={stop}
        onBlur={stop}
        onContextMenu={(event) => event.preventDefault()}
        onKeyDown={(event) => {
          if (!isHold(event)) return;
          event.preventDefault();
          start();
        }}
        onKeyUp={(event) => {
          if (isHold(event)) stop();
        }}
      >
        <span>{children}</span>
      </button>
      <span id={id} className={css['because']}>
        {because ?? (holding ? 'Keep holding …' : 'Hold for 2 seconds.')}
      </span>
    </span>
  );
}
