// Operate: what people do to the plane is a governed, logged execution like every other, decided by a built-in policy
// that no bundle can change (RULE 34). What needs two people is held until a second one approves. Two tables follow: why
// an effect cannot be, and what it appends; each row leads to the noun that the effect is of.
import { approvedGroups, SECOND_PERSON } from './approvals.ts';
import { appendFloor, appendPublication, impossibleFloor, impossiblePublication } from './bundles.ts';
import type { Effect, OperateCommand } from './commands.ts';
import { contain, lift } from './consequence.ts';
import { containmentOf } from './containment.ts';
import type { Draft } from './draft.ts';
import { appendIdentity, impossibleIdentity } from './identities.ts';
import { appendResolution, impossibleResolution } from './in-doubt.ts';
import { appendMandate, impossibleMandate } from './mandate-grants.ts';
import {
  completeOperation,
  heldBefore,
  holdOperation,
  refuseOperation,
  startOperation,
  type Performed,
} from './operation.ts';
import { mayOperate, peopleFor } from './operator-policy.ts';
import { appendPasskey, impossiblePasskey } from './passkeys.ts';
import type { IdentityRow } from './rows.ts';
import { appendAuthorKeys, appendOrgKey } from './signing-keys.ts';
import { appendStanding, impossibleStanding } from './standing-approvals.ts';
import type { Transition } from './transition.ts';
import { isPresent } from './vouching.ts';

/** Applies an `operate` command. */
export function operate(draft: Draft, command: OperateCommand): Transition | 'stale' {
  const seen = draft.get('idem', command.idem);
  if (seen !== undefined)
    return draft.reply({ kind: 'decided', exec: seen.exec, sameRequest: seen.request === command.request });
  const { effect } = command;
  const actor = draft.get('identity', command.caller.subject);
  if (
    actor === undefined ||
    !isPresent(draft, actor, command.caller.jkt, draft.nowMs) ||
    !mayOperate(draft, actor, effect, command.caller)
  ) {
    return refuseOperation(draft, command, actor, 'role');
  }
  const problem = impossible(draft, effect, actor);
  if (problem !== undefined) return draft.reply({ kind: 'conflict', code: problem });

  const before = heldBefore(draft, command);
  // The record is named after the execution that is continued, and says the rest of what it says: no other will do.
  if (before?.exec !== command.continues) return 'stale';
  const twoPeople = draft.plane.people === 2 && peopleFor(draft, command) === 2;
  if (
    twoPeople &&
    (before === undefined || !approvedGroups(draft, before, draft.nowMs).includes(SECOND_PERSON))
  ) {
    return holdOperation(draft, command, actor, before);
  }
  const started = startOperation(draft, command, actor, before);
  return completeOperation(draft, command, started, perform(draft, effect, started.by));
}

/** Why the effect cannot be, whoever asks: nothing is appended for it. */
function impossible(draft: Draft, effect: Effect, actor: IdentityRow): string | undefined {
  // RULE 7: a log that has a successor is never taken up again.
  if (draft.plane.successor !== undefined && effect.op !== 'resolve' && effect.op !== 'contain')
    return 'succeeded';
  switch (effect.op) {
    case 'lift':
      return containmentOf(draft).active.some((one) => one.leaf === effect.leaf)
        ? undefined
        : 'not_contained';
    case 'publish':
      return impossiblePublication(draft, effect);
    case 'floor':
      return impossibleFloor(draft, effect);
    case 'identity':
      return impossibleIdentity(draft, effect);
    case 'passkey':
      return impossiblePasskey(draft, effect);
    case 'resolve':
      return impossibleResolution(draft, effect);
    case 'clock':
      return draft.context.nowMs < draft.nowMs ? undefined : 'clock_is_right';
    case 'fact':
      return effect.fault;
    case 'mandate':
      return impossibleMandate(draft, effect);
    case 'standing':
      return impossibleStanding(draft, effect, actor.subject);
    case 'succeed':
      return effect.origin === draft.plane.origin ? 'same_origin' : undefined;
    case 'notice':
      // What takes two people is not said by one under another name.
      return effect.notice === 'relying_party' ? 'reserved_notice' : undefined;
    case 'contain':
    case 'relying-party':
    // Prepare has looked at it under the same fence: signatures are not the core's to check.
    case 'org-key':
    case 'author-key':
      return undefined;
    default:
      return effect satisfies never;
  }
}

/** Appends what the effect is, in the name of these people, who asked first. */
function perform(draft: Draft, effect: Effect, by: readonly string[]): Performed {
  switch (effect.op) {
    case 'contain':
      return { leaf: contain(draft, { scope: effect.scope, cause: 'operator', by }) };
    case 'lift':
      return { leaf: lift(draft, effect.leaf, by) };
    case 'publish':
      return { leaf: appendPublication(draft, effect) };
    case 'floor':
      return { leaf: appendFloor(draft, effect) };
    case 'identity':
      return { leaf: appendIdentity(draft, effect, by[0]!) };
    case 'passkey':
      return { leaf: appendPasskey(draft, effect, by[0]!) };
    case 'fact': {
      const { name, value, expMs } = effect;
      return { leaf: draft.append('fact', { name, value, source: 'operator', exp: expMs, by: by[0]! }).leaf };
    }
    case 'mandate':
      return { leaf: appendMandate(draft, effect, by[0]!) };
    case 'org-key':
      return { leaf: appendOrgKey(draft, effect, by[0]!) };
    case 'author-key':
      return { leaf: appendAuthorKeys(draft, effect, by[0]!) };
    case 'standing':
      return { leaf: appendStanding(draft, effect, by[0]!) };
    case 'resolve':
      return { leaf: appendResolution(draft, effect) };
    case 'clock': {
      // RULE 39: entry time starts again at the operator's word; what was permitted before it is over.
      const to = draft.context.nowMs;
      return { leaf: draft.append('clock', { from: draft.nowMs, to, by }, { atMs: to }).leaf, atMs: to };
    }
    case 'succeed': {
      const { origin, logKey, keys } = effect;
      const { leaf } = draft.append('successor', { successor: origin, logKey, keys, by });
      // What runs under the old name ends, and nothing new begins: two logs never decide side by side.
      contain(draft, { scope: { kind: 'everything', id: '*' }, cause: 'operator', by });
      return { leaf };
    }
    case 'relying-party':
      return {
        leaf: draft.append('notice', { kind: 'relying_party', digest: effect.digest, by: by[0]! }).leaf,
      };
    case 'notice':
      return {
        leaf: draft.append('notice', { kind: effect.notice, digest: effect.digest, by: by[0]! }).leaf,
      };
    default:
      return effect satisfies never;
  }
}
