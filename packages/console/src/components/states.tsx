/** Loading, empty, error, stale and withheld: each says what is the matter and offers one next step (UI §3). */
import { useEffect, useState, type ReactNode } from 'react';
import { CallError } from '../data/call.ts';
import { Button } from './button.tsx';
import { Hash } from './hash.tsx';
import css from './states.module.css';

const SLOW_MS = 2_000;

/** Rows of the real height; after two seconds the step is named. */
export function Loading({ what, rows = 6 }: { readonly what: string; readonly rows?: number }) {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className={css['loading']} role="status" aria-label={`Loading ${what}`}>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className={css['skeleton']} aria-hidden="true">
          <i />
          <i />
          <i />
          <i />
        </div>
      ))}
      {slow && <p className={css['step']}>Loading {what} …</p>}
    </div>
  );
}

/** Why there is nothing, and one action. */
export function Empty({
  title,
  children,
  action,
}: {
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
}) {
  return (
    <div className={css['empty']}>
      <p className={css['title']}>{title}</p>
      {children !== undefined && <div className={css['why']}>{children}</div>}
      {action !== undefined && <div className={css['action']}>{action}</div>}
    </div>
  );
}

/** What failed, what is still true, the request's id, and trying again. */
export function Failed({
  error,
  what,
  stillTrue,
  retry,
}: {
  readonly error: unknown;
  readonly what: string;
  readonly stillTrue?: string;
  readonly retry?: () => void;
}) {
  const call = error instanceof CallError ? error : undefined;
  return (
    <div className={css['failed']} role="alert">
      <p className={css['title']}>Could not load {what}</p>
      <p>{error instanceof Error ? error.message : String(error)}</p>
      {call !== undefined && <p className="muted">{call.next}</p>}
      <p className="muted">
        {stillTrue ?? 'Nothing was changed. Doors decide by what the plane signs, never by this page.'}
      </p>
      {call?.requestId !== undefined && (
        <p className="muted">
          Request <Hash value={call.requestId} />
        </p>
      )}
      {retry !== undefined && <Button onPress={retry}>Try again</Button>}
    </div>
  );
}

/** A value that is not shown, but stays provable by its digest. */
export function Withheld({
  digest,
  why = 'withheld by policy',
}: {
  readonly digest?: string;
  readonly why?: string;
}) {
  return (
    <span className={css['withheld']}>
      {digest !== undefined && <Hash value={digest} />} <span>{why}</span>
    </span>
  );
}

/** A remark that is not an error: observing, read-only, a limit of what is shown. */
export function Note({
  children,
  tone = 'plain',
}: {
  readonly children: ReactNode;
  readonly tone?: 'plain' | 'hold' | 'deny' | 'contain';
}) {
  return (
    <div className={css['note']} data-tone={tone}>
      {children}
    </div>
  );
}
