// A denial of what the log knows already: a hold that lapsed, a permit that may not start, a start that may not go on. It
// names the entry that it is of. What is decided for the first time has more to say (`decide.ts`).
import type { Appended, Draft, Fields } from './draft.ts';
import type { ExecutionRow } from './rows.ts';

type Fixed = 'exec' | 'run' | 'chain' | 'action' | 'verdict' | 'of';

/** Appends a denial, of an entry of this execution. */
export const appendDenial = (
  draft: Draft,
  { exec, run, chain, action }: ExecutionRow,
  of: string,
  denial: Omit<Fields<'refusal'>, Fixed>,
): Appended => draft.append('refusal', { exec, run, chain, action, verdict: 'deny', of, ...denial });
