/** The verdict axis: what was decided, as glyph, word and colour; never colour alone, never proof. */
import css from './verdict.module.css';

export type Verdict = 'allow' | 'deny' | 'hold' | 'contain';

const WORDS: Readonly<Record<Verdict, string>> = {
  allow: 'permitted',
  deny: 'denied',
  hold: 'held',
  contain: 'contained',
};

/** The glyph alone: 12 px, for marks in tables and legends. */
export function VerdictGlyph({ verdict }: { readonly verdict: Verdict }) {
  return (
    <svg className={css[verdict]} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
      {verdict === 'allow' && <rect x="1.5" y="1.5" width="9" height="9" fill="currentColor" />}
      {verdict === 'deny' && <path d="M6 1 11.5 11H.5Z" fill="currentColor" />}
      {verdict === 'hold' && (
        <path d="M2 2h8v8H2ZM4.2 6h3.6" fill="none" stroke="currentColor" strokeWidth="1.5" />
      )}
      {verdict === 'contain' && (
        <path
          d="M4 1.5H1.5v9H4M8 1.5h2.5v9H8M4.5 4.5h3v3h-3z"
          fill="none"
          stroke="currentColor"
          strokeWidth="1.5"
        />
      )}
    </svg>
  );
}

/** Glyph and word. */
export function VerdictMark({ verdict, word }: { readonly verdict: Verdict; readonly word?: string }) {
  return (
    <span className={`${css['mark']} ${css[verdict]}`}>
      <VerdictGlyph verdict={verdict} />
      <span>{word ?? WORDS[verdict]}</span>
    </span>
  );
}

/** Returns a verdict of the contract as one of this scale; what is unknown is shown as denied, never as permitted. */
export function verdictOf(value: string | undefined): Verdict {
  return value === 'allow' || value === 'hold' ? value : 'deny';
}
