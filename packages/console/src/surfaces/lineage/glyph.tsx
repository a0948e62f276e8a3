/** The mark of an execution: the verdict's glyph, or a dashed outline where something is missing. */
import { VerdictGlyph } from '../../components/verdict.tsx';
import type { MarkKind } from './run-tree.ts';
import css from './lineage.module.css';

/** Words of the marks; `halted` and `gap` are no verdicts and say so. */
export const KIND_WORDS: Readonly<Record<MarkKind, string>> = {
  allow: 'permitted',
  deny: 'denied',
  hold: 'held',
  halted: 'halted',
  gap: 'gap in the record',
};

export function KindGlyph({ kind }: { readonly kind: MarkKind }) {
  if (kind === 'gap')
    return (
      <svg className={css['gap']} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        <rect
          x="1.5"
          y="1.5"
          width="9"
          height="9"
          fill="none"
          stroke="currentColor"
          strokeWidth="1.5"
          strokeDasharray="2.2 2"
        />
      </svg>
    );
  return <VerdictGlyph verdict={kind === 'halted' ? 'contain' : kind} />;
}

export function KindMark({ kind }: { readonly kind: MarkKind }) {
  return (
    <span className={`${css['mark']} ${css[`ink-${kind}`]}`}>
      <KindGlyph kind={kind} />
      <span>{KIND_WORDS[kind]}</span>
    </span>
  );
}
