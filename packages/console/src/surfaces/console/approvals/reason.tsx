/** Why something is rejected: a code for the log, and words that are kept beside it (RULE 42). */
import type { Rejection } from '@licet/api';

/** Longest words that the contract takes. */
const MAX_WORDS = 500;

const CODES = [
  ['declined', 'Declined'],
  ['too_much', 'Too much'],
  ['wrong_place', 'The wrong place'],
  ['not_now', 'Not now'],
  ['not_explained', 'Not explained well enough'],
  ['suspicious', 'Suspicious'],
] as const;

/** What was chosen and written so far. */
export interface ReasonDraft {
  /** Empty: none. */
  readonly code: string;
  readonly text: string;
}
export const NO_REASON: ReasonDraft = { code: '', text: '' };

/** Returns the reason as the plane takes it; words without a code are a decline. */
export function rejectionOf({ code, text }: ReasonDraft): Rejection | undefined {
  const words = text.trim();
  if (code === '' && words === '') return undefined;
  return { code: code === '' ? 'declined' : code, ...(words === '' ? {} : { text: words }) };
}

export function Reason({
  value,
  required,
  onChange,
}: {
  readonly value: ReasonDraft;
  readonly required: boolean;
  onChange(value: ReasonDraft): void;
}) {
  return (
    <>
      <label>
        <span>Reason to reject{required ? ', asked for here' : ', if you do'}</span>
        <select
          value={value.code}
          aria-required={required}
          onChange={({ target }) => onChange({ ...value, code: target.value })}
        >
          <option value="">none given</option>
          {CODES.map(([code, words]) => (
            <option key={code} value={code}>
              {words} ({code})
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>In words, kept beside the log; the caller reads them where policies explain themselves</span>
        <textarea
          rows={2}
          maxLength={MAX_WORDS}
          value={value.text}
          onChange={({ target }) => onChange({ ...value, text: target.value })}
        />
      </label>
    </>
  );
}
