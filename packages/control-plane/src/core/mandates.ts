// Mandates on a chain: which one binds each link, and whether it is in force. A mandate from somebody above a link binds
// that link for good: when it has ended, the link may do nothing below its giver until a new one is granted (RULE 17).
import type { MandateRow, RowKey, RowReader } from './rows.ts';

/** Row id of the newest mandate from one to another. Ids of identities hold no space. */
export const pairOf = (from: string, to: string): string => `${to} ${from}`;

/** The rows that may hold a mandate for somebody on this chain. */
export const mandateKeys = (ids: readonly string[]): readonly RowKey[] =>
  ids.flatMap((to, at) =>
    ids.slice(0, at).map((from): RowKey => ({ kind: 'mandate', id: pairOf(from, to) })),
  );

/** What binds each link: a mandate in force, none, or one that is broken and lets nothing pass. */
export function bindings(
  rows: Pick<RowReader, 'get'>,
  ids: readonly string[],
  nowMs: number,
): readonly (MandateRow | 'broken' | undefined)[] {
  const found: (MandateRow | 'broken' | undefined)[] = [];
  for (const [at, to] of ids.entries()) {
    const given = ids
      .slice(0, at)
      .map((from, above) => ({ row: rows.get('mandate', pairOf(from, to)), above }))
      .filter(({ row }) => row !== undefined) as { readonly row: MandateRow; readonly above: number }[];
    const only = given[0];
    // Two givers on one chain: which of them was meant is not for the plane to guess.
    if (given.length > 1) found.push('broken');
    else if (only === undefined) found.push(undefined);
    else found.push(holds(rows, only.row, found[only.above], nowMs) ? only.row : 'broken');
  }
  return found;
}

function holds(
  rows: Pick<RowReader, 'get'>,
  row: MandateRow,
  ofGiver: MandateRow | 'broken' | undefined,
  nowMs: number,
): boolean {
  const giver = rows.get('identity', row.from);
  // A key that its owner gave up signs for nothing any more.
  const signed =
    giver !== undefined && !giver.revoked && row.jkt !== undefined && giver.jkts.includes(row.jkt);
  const inTime = row.nbfMs <= nowMs && nowMs < row.expMs;
  // What was handed down under a mandate ends with it.
  const linked = ofGiver !== 'broken' && (row.parent === undefined || row.parent === ofGiver?.leaf);
  return signed && inTime && linked && !row.revoked;
}
