// Containment: which orders are in force, and what they cover (DESIGN §7, RULE 18, 33–35). A scope covers an execution
// by what it is, by what it descends from, or by who runs it.
import { base64url, hmacSha256, utf8, type ScopeKind } from '@licet/evidence';
import type { ActiveContainment, ContainmentRow, ExecutionRow, RowReader } from './rows.ts';
import { SELF } from './rows.ts';

/** Deepest chain of parents; a request below it is refused `too_deep`. */
export const MAX_DEPTH = 16;

export const NO_CONTAINMENT: ContainmentRow = { epoch: 0, head: null, active: [] };

/** The row, or the state before the first containment. */
export const containmentOf = (rows: RowReader): ContainmentRow =>
  rows.get('containment', SELF) ?? NO_CONTAINMENT;

/** What a containment is checked against. */
export interface Subject {
  readonly exec: string;
  readonly run: string;
  readonly parent?: { readonly exec: string };
  readonly action: string;
  readonly agents: readonly string[];
  readonly tenant: string;
  /** HMAC ids of the resources it touches. */
  readonly resources: readonly string[];
}

export const subjectOf = (
  tenant: string,
  execution: Pick<ExecutionRow, 'exec' | 'run' | 'action' | 'chain'> & {
    readonly parent?: { readonly exec: string } | undefined;
    readonly resources?: readonly string[];
  },
): Subject => ({
  exec: execution.exec,
  run: execution.run,
  ...(execution.parent === undefined ? {} : { parent: execution.parent }),
  action: execution.action,
  agents: execution.chain.map((link) => link.id),
  tenant,
  resources: execution.resources ?? [],
});

/** The scope id of a resource: an HMAC, so that the log names none (RULE 42). */
export const resourceScope = (
  tenantKey: Uint8Array,
  uid: { readonly type: string; readonly id: string },
): string => `r:${base64url(hmacSha256(tenantKey, utf8(`licet/resource/v1\n${uid.type}::${uid.id}`)))}`;

/** The containment that covers the subject, if any. */
export function covering(rows: RowReader, subject: Subject): ActiveContainment | undefined {
  const { active } = containmentOf(rows);
  if (active.length === 0) return undefined;
  const ancestors = lineage(rows, subject);
  return active.find(({ scope }) => covers(scope, subject, ancestors));
}

/** True when the scope covers a subject with these ancestors (its own id included). */
export function covers(
  scope: { readonly kind: ScopeKind; readonly id: string },
  subject: Subject,
  ancestors: ReadonlySet<string>,
): boolean {
  switch (scope.kind) {
    case 'everything':
      return true;
    case 'tenant':
      return scope.id === subject.tenant;
    case 'run':
      return scope.id === subject.run;
    case 'execution':
    case 'subtree':
      // A contained execution takes what it caused with it: nothing runs on behalf of what was stopped.
      return ancestors.has(scope.id);
    case 'agent':
      return subject.agents.includes(scope.id);
    case 'tool':
      return subject.action === scope.id || subject.action.startsWith(`${scope.id.replace(/\/\*$/, '')}/`);
    case 'resource':
      return subject.resources.includes(scope.id);
    default:
      return scope.kind satisfies never;
  }
}

/** True when a contained run bars this key from opening a new root (RULE 18). */
export const barred = (rows: RowReader, jkt: string): boolean =>
  containmentOf(rows).active.some(
    ({ scope }) => scope.kind === 'run' && rows.get('run', scope.id)?.keys.includes(jkt) === true,
  );

function lineage(rows: RowReader, subject: Subject): ReadonlySet<string> {
  const ids = new Set([subject.exec]);
  let next = subject.parent?.exec;
  for (let depth = 0; next !== undefined && depth <= MAX_DEPTH; depth += 1) {
    ids.add(next);
    next = rows.get('execution', next)?.parent?.exec;
  }
  return ids;
}
