// Operators: how many people can still govern the plane. The last of them cannot be taken away, or nobody could ever name
// another.
import type { IdentityRow, RowReader } from './rows.ts';

/** Row id of the counter. */
export const OPERATORS = 'operators';

/** Returns how many operators there are once `before` has become `after`. */
export const operatorsAfter = (
  rows: RowReader,
  before: IdentityRow | undefined,
  after: IdentityRow,
): number => (rows.get('tally', OPERATORS)?.count ?? 0) - one(before) + one(after);

/** True when this change would leave nobody who can govern. */
export const isLastOperator = (rows: RowReader, before: IdentityRow, after: IdentityRow): boolean =>
  one(before) === 1 && operatorsAfter(rows, before, after) < 1;

/** A person with the role, in force, and with something to prove themselves by. */
const one = (row: IdentityRow | undefined): 0 | 1 =>
  row?.kind === 'user' &&
  !row.revoked &&
  row.roles.includes('operator') &&
  row.keys.length + (row.passkeys?.length ?? 0) > 0
    ? 1
    : 0;
