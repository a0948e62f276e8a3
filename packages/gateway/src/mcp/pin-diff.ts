// Showing a changed tool definition to a person: what cannot be seen is written out, or a review would approve a
// sentence that only the model can read.

/** Control, format (bidirectional, zero-width, tags), private, unassigned, surrogate; odd spaces and line separators. */
const HIDDEN =
  /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}|\u034f|\u115f|\u1160|\u17b4|\u17b5|\u3164|\uffa0|[\u{e0100}-\u{e01ef}]|[\ufe00-\ufe0f]/gu;

/** Returns the text with every character that cannot be seen written as `\u{…}`. */
export function visible(text: string): string {
  return text.replaceAll(HIDDEN, (char) => `\\u{${char.codePointAt(0)!.toString(16).toUpperCase()}}`);
}

/** Returns a line diff, each line with `-`, `+` or a space before it. */
export function diffLines(before: readonly string[], after: readonly string[]): readonly string[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let endBefore = before.length;
  let endAfter = after.length;
  while (endBefore > start && endAfter > start && before[endBefore - 1] === after[endAfter - 1]) {
    endBefore--;
    endAfter--;
  }
  return [
    ...before.slice(0, start).map((line) => ` ${line}`),
    ...middle(before.slice(start, endBefore), after.slice(start, endAfter)),
    ...before.slice(endBefore).map((line) => ` ${line}`),
  ];
}

/** Larger blocks are shown as removed and added whole. */
const MAX_CELLS = 1_000_000;

/** Longest common subsequence of what lies between the equal ends. */
function middle(a: readonly string[], b: readonly string[]): readonly string[] {
  if (a.length * b.length > MAX_CELLS)
    return [...a.map((line) => `-${line}`), ...b.map((line) => `+${line}`)];
  const common = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i]![j] =
        a[i] === b[j] ? common[i + 1]![j + 1]! + 1 : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
    }
  }
  const result: string[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      result.push(` ${a[i]}`);
      i++;
      j++;
    } else if (common[i + 1]![j]! >= common[i]![j + 1]!) result.push(`-${a[i++]}`);
    else result.push(`+${b[j++]}`);
  }
  return [...result, ...a.slice(i).map((line) => `-${line}`), ...b.slice(j).map((line) => `+${line}`)];
}
