/**
 * What this package throws: one class, a closed union of codes, and for a refused bundle every problem found
 * in it, each with its place and the next step (RULE 14).
 */

interface ErrorRow {
  readonly meaning: string;
  readonly next: string;
}

/** Every code, with what it means and what the reader does next. */
export const POLICY_ERRORS = {
  ERR_BUNDLE_FORMAT: {
    meaning: 'The value is not a bundle: a field is missing, unknown or of the wrong type.',
    next: 'Correct the named fields of bundle.json.',
  },
  ERR_BUNDLE_INVALID: {
    meaning: 'The bundle has problems in its policies or mapping and must not decide anything.',
    next: 'Correct every listed problem; each names its file, line and what to do.',
  },
  ERR_BUNDLE_SIGNATURE: {
    meaning: 'A signature of the bundle does not verify, or no trusted author signed it.',
    next: 'Sign this very version with an author key that counts: licet authors shows them.',
  },
  ERR_MANDATE_INVALID: {
    meaning: 'A mandate body has problems in its policies.',
    next: 'Correct every listed problem and sign the mandate again.',
  },
  ERR_TEST_FORMAT: {
    meaning: 'A *.test.json file is not a list of policy tests.',
    next: 'Correct the named field.',
  },
  ERR_SELF_TEST: {
    meaning: 'The loaded bundle did not deny what must always be denied.',
    next: 'Do not open the plane. Restore the last good bundle and engine.',
  },
  ERR_ENGINE: {
    meaning: 'The Cedar module is missing a function, or refused a text it had accepted before.',
    next: 'Install the pinned version of @cedar-policy/cedar-wasm.',
  },
} as const satisfies Readonly<Record<string, ErrorRow>>;

/** The closed union of codes. */
export type PolicyErrorCode = keyof typeof POLICY_ERRORS;

/** What can be wrong with a bundle, by kind; `next` is what its author does about it. */
export const PROBLEMS = {
  format: { next: 'Correct the field.' },
  cedar_syntax: { next: 'Correct the policy text.' },
  cedar_error: { next: 'Correct the policy so that it validates against the schema of its actions.' },
  cedar_warning: { next: 'Rewrite the policy so that the validator has nothing to warn of.' },
  id_missing: { next: 'Give the policy an @id("…") of lower-case letters, digits and dashes.' },
  id_duplicate: { next: 'Give each policy of the bundle its own @id.' },
  annotation: { next: 'Remove the annotation or correct its spelling.' },
  term: { next: 'Write the term as documented, for example @lease("30s").' },
  hold: {
    next: 'Write a forbid with @hold("X") whose only unless clause is { context.approvals.contains("X") }.',
  },
  approvals: {
    next: 'Read context.approvals only as unless { context.approvals.contains("X") } of a forbid with @hold("X").',
  },
  context: { next: 'Follow context with a field, as in context.depth.' },
  like_on_mapped: { next: 'Compare mapped arguments by hierarchy: resource in Folder::"/workspace".' },
  self_test: {
    next: 'Name the actions the permit is for; for all of them write action in Action::"licet/governed".',
  },
  org_permit: { next: 'Move the permit to the team bundle; the organisation only forbids and holds.' },
  template: { next: 'Write a policy without slots.' },
  action: { next: 'Correct the action in bundle.json.' },
  layer: { next: 'Remove from the team bundle what the organisation bundle has fixed.' },
  schema: { next: 'Correct the mapping so that Cedar accepts the generated schema.' },
} as const satisfies Readonly<Record<string, { readonly next: string }>>;

/** The closed union of kinds of problem. */
export type ProblemKind = keyof typeof PROBLEMS;

/** One thing that is wrong with a bundle. Line and column count from 1. */
export interface Problem {
  readonly kind: ProblemKind;
  readonly message: string;
  readonly next: string;
  readonly layer?: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly policy?: string;
}

/** Returns a problem with the next step of its kind, or the one given. */
export function problem(
  kind: ProblemKind,
  message: string,
  at: Partial<Omit<Problem, 'kind' | 'message'>> = {},
): Problem {
  return { kind, message, next: PROBLEMS[kind].next, ...at };
}

/** Thrown for what is not an expected answer; `problems` lists all that was found, never only the first. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  readonly code: PolicyErrorCode;
  readonly problems: readonly Problem[];

  constructor(
    code: PolicyErrorCode,
    message: string,
    options: { readonly problems?: readonly Problem[]; readonly cause?: unknown } = {},
  ) {
    const problems = options.problems ?? [];
    super([`${code}: ${message}`, ...problems.map(line)].join('\n  '), { cause: options.cause });
    this.code = code;
    this.problems = problems;
  }
}

function line(found: Problem): string {
  const place = [found.file, found.line, found.column].filter((part) => part !== undefined).join(':');
  return `${place === '' ? '' : `${place} `}${found.message}. ${found.next}`;
}
