/** Buttons. A disabled one keeps its place and says why: hidden controls teach nothing (UI §3 read-only). */
import { useId, type ReactNode } from 'react';
import css from './button.module.css';

export interface ButtonProps {
  readonly children: ReactNode;
  readonly onPress?: (() => void) | undefined;
  /** Default `plain`. `danger` is for what stops things. */
  readonly kind?: 'plain' | 'primary' | 'danger' | 'quiet';
  /** Why it cannot be used now; undefined when it can. */
  readonly because?: string | undefined;
  readonly busy?: boolean;
  readonly submit?: boolean;
  readonly label?: string;
  readonly pressed?: boolean;
}

export function Button({
  children,
  onPress,
  kind = 'plain',
  because,
  busy = false,
  submit = false,
  label,
  pressed,
}: ButtonProps) {
  const id = useId();
  const off = because !== undefined || busy;
  return (
    <span className={css['wrap']}>
      <button
        type={submit ? 'submit' : 'button'}
        className={`${css['button']} ${css[kind]}`}
        aria-disabled={off || undefined}
        aria-describedby={because === undefined ? undefined : id}
        aria-label={label}
        aria-pressed={pressed}
        aria-busy={busy || undefined}
        title={because}
        onClick={(event) => {
          if (!off) return onPress?.();
          event.preventDefault();
        }}
      >
        {children}
      </button>
      {because !== undefined && (
        <span id={id} className={css['because']}>
          {because}
        </span>
      )}
    </span>
  );
}
