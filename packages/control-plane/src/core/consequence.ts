// Containment by consequence (RULE 33): what the bundle's rules contain without waiting for a person. A person lifts it.
import { activeDigest, containmentOf } from './containment.ts';
import type { Consequence } from './commands.ts';
import type { Draft } from './draft.ts';

/** What happened. */
export type Trigger = 'denied' | 'replay' | 'unstarted' | 'unpinned';

/** Contains the run, or its agent, when the rules say so and it is not contained already. */
export function consequence(
  draft: Draft,
  event: { readonly rule: Consequence | undefined; readonly trigger: Trigger; readonly exec: string; readonly leaf: string },
): void {
  const { rule } = event;
  const execution = draft.get('execution', event.exec);
  if (rule === undefined || execution === undefined) return;
  if (!applies(draft, rule, event.trigger, execution.run)) return;
  const agent = execution.chain.at(-1)?.id;
  const scope = rule.scope === 'agent' && agent !== undefined ? { kind: 'agent', id: agent } as const : { kind: 'run', id: execution.run } as const;
  const { active } = containmentOf(draft);
  if (active.some((one) => one.scope.kind === scope.kind && one.scope.id === scope.id)) return;
  contain(draft, { scope, cause: 'rule', by: [], trigger: event.leaf });
}

/** Appends a containment; returns its leaf. */
export function contain(
  draft: Draft,
  order: {
    readonly scope: { readonly kind: 'execution' | 'run' | 'subtree' | 'agent' | 'tool' | 'resource' | 'tenant' | 'everything'; readonly id: string };
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

function applies(draft: Draft, rule: Consequence, trigger: Trigger, run: string): boolean {
  switch (trigger) {
    case 'replay':
    case 'unstarted':
    case 'unpinned':
      return rule[trigger] === true;
    case 'denied': {
      if (rule.denials === undefined) return false;
      const since = draft.nowMs - rule.denials.withinMs;
      const recent = (draft.get('run', run)?.denials ?? []).filter((at) => at > since);
      return recent.length >= rule.denials.count;
    }
    default:
      return trigger satisfies never;
  }
}
