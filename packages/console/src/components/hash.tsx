/** Ids and hashes: the first 8 and the last 4 characters; copying gives all. */
import { useState } from 'react';
import css from './hash.module.css';

/** Returns the short form. */
export const shortId = (text: string): string =>
  text.length <= 14 ? text : `${text.slice(0, 8)}…${text.slice(-4)}`;

/** An id or hash with its copy button. `full` shows it whole, breaking where it must. */
export function Hash({
  value,
  full = false,
  label,
}: {
  readonly value: string;
  readonly full?: boolean;
  readonly label?: string;
}) {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(value).catch(() => undefined);
    setCopied(true);
    setTimeout(() => setCopied(false), 1_200);
  };
  return (
    <span className={css['hash']}>
      <code title={value} className={full ? css['full'] : undefined}>
        {full ? value : shortId(value)}
      </code>
      <button
        type="button"
        className={css['copy']}
        onClick={() => void copy()}
        aria-label={`Copy ${label ?? shortId(value)}`}
      >
        {copied ? (
          <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
            <path d="M2 6.5 5 9.5l5-7" fill="none" stroke="currentColor" strokeWidth="1.4" />
          </svg>
        ) : (
          <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
            <path d="M4 4h6v6H4zM2 8V2h6" fill="none" stroke="currentColor" />
          </svg>
        )}
      </button>
      <span className="sr" role="status">
        {copied ? 'Copied' : ''}
      </span>
    </span>
  );
}
