// The operator policy: who may do what to the plane, and how many people it takes (RULE 34). It is built in: no bundle can
// change it, and its digest is in every `boot` entry.
import { base64url, canonicalBytes, sha256, utf8, type Json } from '@licet/evidence';
import type { Caller, Effect, OperateCommand } from './commands.ts';
import type { Draft } from './draft.ts';
import type { IdentityRow } from './rows.ts';
import { SELF } from './rows.ts';

/** Who may do what, and what takes two. Its digest is in every `boot` entry. */
export const OPERATOR_POLICY = {
  contain: { role: 'operator', people: 1 },
  lift: { role: 'operator', people: 2 },
  // The first bundle takes the place of none, and whatever replaces one that stops nothing stops no less; the
  // organisation's is by its own signature already (RULE 20).
  publish: { role: 'author', people: 2, first: 1, overObserving: 1, organisation: 1 },
  floor: { role: 'author', people: 2 },
  identity: { role: 'operator', people: 1 },
  fact: { role: 'operator', people: 1 },
  resolve: { role: 'operator', people: 1 },
  clock: { role: 'operator', people: 2 },
  notice: { role: 'operator', people: 1 },
  // Nothing follows it in this log but what ends.
  succeed: { role: 'operator', people: 2 },
  // The giver itself may as well: a mandate only narrows.
  mandate: { role: 'operator', people: 1 },
  // The organisation's own signature is what counts; whoever hands it in only carries it.
  'org-key': { role: 'operator', people: 1 },
  // Beside an author's signature: whoever may sign decides what decides.
  'author-key': { role: 'author', people: 2 },
  // At whose address people sign is as much as whose keys count.
  'relying-party': { role: 'operator', people: 2 },
  // People see to their own; see `mayOperate`.
  passkey: { role: 'operator', people: 1 },
  // In the name of one's own group only; an operator may end any.
  standing: { role: 'approver', people: 1 },
} as const satisfies Record<
  Effect['op'],
  {
    readonly role: string;
    readonly people: 1 | 2;
    readonly first?: 1;
    readonly overObserving?: 1;
    readonly organisation?: 1;
  }
>;

/** Digest of the operator policy, for `boot`. */
export const operatorPolicyDigest = (): string =>
  base64url(sha256(utf8('licet/operator-policy/v1\n'), canonicalBytes(OPERATOR_POLICY as unknown as Json)));

/** RULE 34: how many people it takes. */
export function peopleFor(draft: Draft, { effect, observing }: OperateCommand): 1 | 2 {
  if (effect.op !== 'publish') return OPERATOR_POLICY[effect.op].people;
  const { people, first, overObserving, organisation } = OPERATOR_POLICY.publish;
  if (effect.layer === 'org') return organisation;
  if (draft.get('policy', SELF)?.team === undefined) return first;
  return observing === true ? overObserving : people;
}

/** RULE 34: by role; a mandate is also its giver's to grant and to end, and a passkey its owner's to add and to remove. */
export function mayOperate(draft: Draft, actor: IdentityRow, effect: Effect, { jkt }: Caller): boolean {
  const has = (role: string): boolean => actor.roles.includes(role);
  // A word given in advance is its giver's to take back, or an operator's, not every approver's.
  if (effect.op === 'standing' && effect.change === 'revoke')
    return has('operator') || draft.get('standing', effect.leaf)?.by === actor.subject;
  if (has(OPERATOR_POLICY[effect.op].role)) return true;
  if (effect.op === 'mandate') return effect.from === actor.subject;
  if (effect.op !== 'passkey' || effect.subject !== actor.subject) return false;
  // From the first passkey on a lesser credential cannot bring in another, or whoever stole it would sign as they like.
  const passkeys = actor.passkeys ?? [];
  return passkeys.length === 0 || passkeys.some((one) => one.jkt === jkt);
}
