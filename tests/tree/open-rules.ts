// Rules that nothing in the tree cites yet, with the reason and the issue that closes each. A number may not be both
// open and cited: whoever closes a rule takes its row out.

interface OpenRule {
  readonly reason: string;
  readonly issue: 3 | 4 | 5;
}

/** No test names it yet. */
export const UNTESTED: Readonly<Record<number, OpenRule>> = {
  30: { reason: 'AuthZEN and forward-auth doors are not built yet.', issue: 4 },
};

/** No line of source cites it yet. */
export const UNOBEYED: Readonly<Record<number, OpenRule>> = {};
