/** Two texts, line by line: what went and what came. Marked by sign and rule, not by verdict colours. */
import { useMemo, useState } from 'react';
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

/** Lines that differ with their surroundings, or lines that are alike and were left out. */
type Hunk = { readonly from: number; readonly lines: readonly DiffLine[]; readonly alike: boolean };

/** Unchanged lines shown beside a change. */
const CONTEXT = 3;

/** Returns the lines in pieces: long stretches that are alike become pieces of their own. */
export function hunksOf(lines: readonly DiffLine[]): readonly Hunk[] {
  const near = lines.map((_, at) =>
    lines.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some(({ op }) => op !== ' '),
  );
  const hunks: { from: number; lines: DiffLine[]; alike: boolean }[] = [];
  for (const [at, line] of lines.entries()) {
    const last = hunks.at(-1);
    if (last !== undefined && last.alike === !near[at]) last.lines.push(line);
    else hunks.push({ from: at, lines: [line], alike: !near[at] });
  }
  return hunks;
}

export function DiffView({ before, after }: { readonly before: string; readonly after: string }) {
  const lines = useMemo(() => diffLines(before, after), [before, after]);
  if (lines.every(({ op }) => op === ' ')) return <p className="muted">Nothing differs.</p>;
  return (
    <div className={css['diff']}>
      {hunksOf(lines).map(({ from, lines: part, alike }) =>
        alike ? <Alike key={from} lines={part} /> : <Lines key={from} lines={part} />,
      )}
    </div>
  );
}

function Alike({ lines }: { readonly lines: readonly DiffLine[] }) {
  const [open, setOpen] = useState(false);
  if (open) return <Lines lines={lines} />;
  return (
    <button type="button" onClick={() => setOpen(true)}>
      {lines.length === 1 ? '1 line that is alike' : `${lines.length} lines that are alike`}
    </button>
  );
}

function Lines({ lines }: { readonly lines: readonly DiffLine[] }) {
  return lines.map(({ op, text }, at) => (
    <div key={at} data-op={op}>
      <span aria-label={op === '+' ? 'added' : op === '-' ? 'removed' : undefined}>{op}</span>
      <span>
        <Untrusted>{text === '' ? ' ' : text}</Untrusted>
      </span>
    </div>
  ));
}
