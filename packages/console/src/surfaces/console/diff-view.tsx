/** Two texts, line by line: what went and what came. Marked by sign and rule, not by verdict colours. */
import { useMemo } from 'react';
import { Untrusted } from '../../components/untrusted.tsx';
import css from './console.module.css';

export interface DiffLine {
  readonly op: ' ' | '+' | '-';
  readonly text: string;
}

/** Most lines compared exactly; longer texts are shown as replaced. */
const MAX_LINES = 2_000;

/** Returns the shortest edit from one text to the other, by longest common subsequence of lines. */
export function diffLines(before: string, after: string): readonly DiffLine[] {
  const [a, b] = [before.split('\n'), after.split('\n')];
  if (a.length > MAX_LINES || b.length > MAX_LINES)
    return [
      ...a.map((text): DiffLine => ({ op: '-', text })),
      ...b.map((text): DiffLine => ({ op: '+', text })),
    ];
  const width = b.length + 1;
  const common = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      common[i * width + j] =
        a[i] === b[j]
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ op: ' ', text: a[i]! });
      i++;
      j++;
    } else if (
      i < a.length &&
      (j === b.length || common[(i + 1) * width + j]! >= common[i * width + j + 1]!)
    ) {
      lines.push({ op: '-', text: a[i++]! });
    } else lines.push({ op: '+', text: b[j++]! });
  }
  return lines;
}

export function DiffView({ before, after }: { readonly before: string; readonly after: string }) {
  const lines = useMemo(() => diffLines(before, after), [before, after]);
  if (lines.every(({ op }) => op === ' ')) return <p className="muted">Nothing differs.</p>;
  return (
    <div className={css['diff']}>
      {lines.map(({ op, text }, at) => (
        <div key={at} data-op={op}>
          <span aria-label={op === '+' ? 'added' : op === '-' ? 'removed' : undefined}>{op}</span>
          <span>
            <Untrusted>{text === '' ? ' ' : text}</Untrusted>
          </span>
        </div>
      ))}
    </div>
  );
}
