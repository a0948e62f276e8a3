// Containment by consequence (RULE 33): what the bundle's rules contain without waiting for a person. A person lifts it.
import { activeDigest } from '@licet/evidence';
import { containmentOf } from './containment.ts';
import type { ConsequenceRule } from './commands.ts';
import type { Draft } from './draft.ts';

/** Contains the run, or its agent, when a rule says so and it is not contained already. */
export function consequence(
  draft: Draft,
  event: {
    readonly rules: readonly ConsequenceRule[];
    readonly on: ConsequenceRule['on'];
    readonly exec: string;
    /** The entry that triggers it. */
    readonly leaf: string;
    /** Who presented a foreign permit: its owner is the victim, and is not contained for it. */
    readonly culprit?: string;
  },
): void {
  const execution = draft.get('execution', event.exec);
  if (execution === undefined) return;
  for (const rule of event.rules) {
    if (!applies(draft, rule, event.on, execution.run)) continue;
    const agent = event.culprit ?? execution.chain.at(-1)?.id;
    const wide = rule.scope === 'agent' || event.culprit !== undefined;
    const scope =
      wide && agent !== undefined
        ? ({ kind: 'agent', id: agent } as const)
        : ({ kind: 'run', id: execution.run } as const);
    const { active } = containmentOf(draft);
    if (active.some((one) => one.scope.kind === scope.kind && one.scope.id === scope.id)) continue;
    contain(draft, { scope, cause: 'rule', by: [], trigger: event.leaf });
  }
}

/** Appends a containment; returns its leaf. */
export function contain(
  draft: Draft,
  order: {
    readonly scope: {
      readonly kind:
        'execution' | 'run' | 'subtree' | 'agent' | 'tool' | 'resource' | 'tenant' | 'everything';
      readonly id: string;
    };
    readonly cause: 'operator' | 'rule' | 'order';
    readonly by: readonly string[];
    readonly trigger?: string;
    readonly order?: { readonly digest: string; readonly serial: number };
  },
): string {
  const { epoch, head, active } = containmentOf(draft);
  return draft.append('containment', {
    op: 'contain',
    scope: order.scope,
    epoch: epoch + 1,
    cause: order.cause,
    by: order.by,
    // The leaf of this very entry cannot be in its own bytes: the digest names those in force before it.
    active: activeDigest(active.map((one) => one.leaf)),
    prev: head,
    ...(order.trigger === undefined ? {} : { trigger: order.trigger }),
    ...(order.order === undefined ? {} : { order: order.order }),
  }).leaf;
}

/** Appends the lifting of one containment. */
export function lift(draft: Draft, leaf: string, by: readonly string[]): string {
  const { epoch, head, active } = containmentOf(draft);
  const lifted = active.find((one) => one.leaf === leaf)!;
  return draft.append('containment', {
    op: 'lift',
    scope: lifted.scope,
    epoch: epoch + 1,
    cause: 'operator',
    by,
    active: activeDigest(active.filter((one) => one.leaf !== leaf).map((one) => one.leaf)),
    prev: head,
    lifts: leaf,
  }).leaf;
}

/** Every refusal is also a denial, whatever else it is. */
function applies(draft: Draft, rule: ConsequenceRule, on: ConsequenceRule['on'], run: string): boolean {
  if (rule.on !== 'denials') return rule.on === on;
  if (rule.count === undefined || rule.withinMs === undefined) return false;
  const since = draft.nowMs - rule.withinMs;
  const recent = (draft.get('run', run)?.denials ?? []).filter((at) => at > since);
  return recent.length >= rule.count;
}
