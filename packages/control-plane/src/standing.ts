// Standing approvals in Prepare: which of them cover a call that is about to be held. Apply spends them (RULE 4).
import { coversCall } from '@licet/evidence';
import type { PlaneContext } from './context.ts';
import type { HoldAsk } from './core/commands.ts';
import type { StandingRow } from './core/rows.ts';
import type { Question } from './prepare.ts';

/** Grants that are looked at; older ones than these are not used. */
const MAX_GRANTS = 1_000;

/** Leaves of the grants that cover the question, for the groups that it is held for; the one that ends first comes first. */
export async function coveringGrants(
  { store }: PlaneContext,
  { action, args, resources, chain }: Question,
  holds: readonly HoldAsk[],
  nowMs: number,
): Promise<readonly string[]> {
  const groups = holds.filter(({ method }) => method === undefined).map(({ group }) => group);
  if (groups.length === 0) return [];
  const rows = await store.list({ kind: 'standing', limit: MAX_GRANTS });
  const actor = chain.identities.at(-1)!;
  const call = {
    action,
    agent: actor.subject,
    agents: actor.groups,
    resources: resources.map(({ uid }) => uid),
    args,
  };
  return rows
    .map(({ value }) => value as StandingRow)
    .filter(
      ({ group, revoked, used, count, expMs, opened }) =>
        groups.includes(group) &&
        !revoked &&
        used < count &&
        nowMs < expMs &&
        // What it covers was erased: it covers nothing.
        opened !== undefined &&
        coversCall(opened.scope, call),
    )
    .toSorted((a, b) => a.expMs - b.expMs)
    .map(({ leaf }) => leaf);
}
