/**
 * The rung about containment (RULE 35): a permit and its start name the newest containment entry before them, and
 * nothing that was in force then covers them.
 */
import type { ContainmentEntry, PermitEntry } from '../entries.ts';
import { activeDigest } from '../signing.ts';
import {
  byLeaf,
  check,
  holdsRange,
  isOperation,
  ofType,
  sum,
  type Case,
  type Finding,
  type Placed,
  type RungItem,
} from './case.ts';

/** More parents than this are not followed; a plane allows fewer. */
const MAX_DEPTH = 64;

type Scope = ContainmentEntry['scope'];
interface Subject {
  readonly permit: PermitEntry;
  readonly ancestors: ReadonlySet<string>;
  /** False when a parent's entries are not in the file. */
  readonly complete: boolean;
}

/** What a permit and its start name as the state of containment is that state, and it leaves them free. */
export function containmentRung(c: Case): Finding {
  const items: RungItem[] = [];
  for (const { index, entry } of ofType(c, 'permit')) {
    items.push(...checkPoint(c, `permit ${index}`, index, entry.heads.containment, entry));
  }
  for (const { index, entry } of ofType(c, 'start')) {
    const permit = byLeaf(c, entry.permit, 'permit');
    if (permit === undefined)
      items.push({ status: 'not checked', what: `start ${index}: its permit is not in this file` });
    else items.push(...checkPoint(c, `start ${index}`, index, entry.heads.containment, permit.entry));
  }
  return sum(items, 'no permit in this file');
}

/**
 * Returns whether a scope covers an execution; undefined when the entries cannot tell (resources are HMACs under a
 * key of the tenant's).
 */
export function covers(
  scope: Scope,
  permit: PermitEntry,
  ancestors: ReadonlySet<string>,
): boolean | undefined {
  switch (scope.kind) {
    case 'everything':
      return true;
    case 'tenant':
      return scope.id === permit.tenant;
    case 'run':
      return scope.id === permit.run;
    case 'execution':
    case 'subtree':
      // What was stopped takes with it what it caused.
      return ancestors.has(scope.id);
    case 'agent':
      return permit.chain.some(({ id }) => id === scope.id);
    case 'tool':
      return permit.action === scope.id || permit.action.startsWith(`${scope.id.replace(/\/\*$/, '')}/`);
    case 'resource':
      return undefined;
    default:
      return scope.kind satisfies never;
  }
}

function checkPoint(
  c: Case,
  name: string,
  index: number,
  head: string | null,
  permit: PermitEntry,
): readonly RungItem[] {
  const before = ofType(c, 'containment').filter((entry) => entry.index < index);
  const newest = before.at(-1);
  if (newest !== undefined && newest.id !== head) {
    return [
      {
        status: 'fail',
        what: `${name} does not name containment entry ${newest.index}, the newest before it`,
      },
    ];
  }
  if (newest === undefined && head !== null) {
    return [{ status: 'not checked', what: `${name}: the containment entry it names is not in this file` }];
  }
  // RULE 44: that nothing was contained in between is the operator's word unless the whole range is here.
  const whole = holdsRange(c, newest === undefined ? 0 : newest.index, index);
  const named: RungItem = whole
    ? { status: 'pass', what: `${name} names the newest containment` }
    : {
        status: 'asserted',
        what: `${name}: that nothing else was contained before it is asserted by the operator`,
      };
  if (newest === undefined) return [named];
  return [named, ...checkActive(name, before, newest, subjectOf(c, permit))];
}

/** Folds the containment entries into what is in force, proves the set by its digest, and looks for a cover. */
function checkActive(
  name: string,
  before: readonly Placed<'containment'>[],
  newest: Placed<'containment'>,
  subject: Subject,
): readonly RungItem[] {
  const active = new Map<string, Placed<'containment'>>();
  for (const entry of before) {
    if (entry.entry.op === 'contain') active.set(entry.id, entry);
    else if (entry.entry.lifts !== undefined) active.delete(entry.entry.lifts);
  }
  const covered = isOperation(subject.permit)
    ? []
    : [...active.values()].filter(
        ({ entry }) => covers(entry.scope, subject.permit, subject.ancestors) === true,
      );
  if (covered.length > 0) {
    const { index, entry } = covered[0]!;
    return [
      {
        status: 'fail',
        what: `${name} was contained by entry ${index} (${entry.scope.kind} ${entry.scope.id})`,
      },
    ];
  }
  // An entry cannot hold its own leaf: the digest names the others that are in force.
  if (activeDigest([...active.keys()].filter((leaf) => leaf !== newest.id)) !== newest.entry.active) {
    const linked = before.every(({ entry }, i) => entry.prev === (before[i - 1]?.id ?? null));
    return linked
      ? [
          {
            status: 'fail',
            what: `${name}: entry ${newest.index} does not carry the digest of what was in force`,
          },
        ]
      : [
          {
            status: 'not checked',
            what: `${name}: containment entries that were in force are not in this file`,
          },
        ];
  }
  const scopes = [...active.values()].map(({ entry }) => entry.scope);
  const items: RungItem[] = [check(true, `${name}: ${scopes.length} containments in force, none covers it`)];
  if (scopes.some(({ kind }) => kind === 'resource')) {
    items.push({
      status: 'asserted',
      what: `${name}: whether a contained resource is touched is asserted by the operator`,
    });
  }
  if (!subject.complete && scopes.some(({ kind }) => kind === 'subtree' || kind === 'execution')) {
    items.push({
      status: 'not checked',
      what: `${name}: a subtree is contained, and its parents are not all in this file`,
    });
  }
  return items;
}

function subjectOf(c: Case, permit: PermitEntry): Subject {
  const ancestors = new Set([permit.exec]);
  let next = permit.parent;
  for (let depth = 0; next !== undefined; depth += 1) {
    const start = byLeaf(c, next.start, 'start');
    const parent = start === undefined ? undefined : byLeaf(c, start.entry.permit, 'permit');
    ancestors.add(next.exec);
    if (parent === undefined || depth >= MAX_DEPTH) return { permit, ancestors, complete: false };
    next = parent.entry.parent;
  }
  return { permit, ancestors, complete: true };
}
