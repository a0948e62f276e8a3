/**
 * What a hold asks of its groups, and who may answer: the same words as the plane's, for display (RULE 22). The plane
 * decides again in the commit.
 */
import type { ExecutionView, GivenApproval, IdentityView } from '@licet/api';
import { quorumOf } from '@licet/evidence';
import { utc } from '../../../components/time.tsx';

export type Hold = NonNullable<ExecutionView['hold']>;
export type Ask = Hold['groups'][number];
/** Identities by subject. */
export type People = ReadonlyMap<string, IdentityView>;

/** The built-in group of operator actions that take a second person (RULE 34). */
export const SECOND_PERSON = 'second-person';

/** True when it counts no more. */
export const isLapsed = ({ expires }: GivenApproval, nowMs: number): boolean =>
  expires !== undefined && nowMs >= expires;

/** Returns how many people's approvals count towards what a group is asked. */
export function countedOf(ask: Ask, { approvals }: Hold, people: People, nowMs: number): number {
  const given = approvals.filter(
    (one) => one.group === ask.group && one.verdict === 'approve' && !isLapsed(one, nowMs),
  );
  return quorumOf(
    given.map(({ by }) => ({ subject: by, groups: people.get(by)?.groups ?? [] })),
    ask.apart,
  );
}

/** Returns who may not answer, since it is done in their name: those on the chain, and the owners of agents on it. */
export function ownersOf({ chain }: ExecutionView, people: People): readonly string[] {
  const owners = chain.flatMap(({ id, kind }) => {
    const whom = people.get(id)?.for;
    return [...(kind === 'user' ? [id] : []), ...(whom === undefined ? [] : [whom])];
  });
  return [...new Set(owners)];
}

/** Returns why `me` may not answer for a group now, or undefined when nothing speaks against it here. */
export function whyNot(
  execution: ExecutionView,
  ask: Ask,
  { me, people, nowMs }: { readonly me: string; readonly people: People; readonly nowMs: number },
): string | undefined {
  if (ownersOf(execution, people).includes(me))
    return 'It is done in your name. Nobody approves what is their own.';
  if (ask.group === SECOND_PERSON) return undefined;
  const groups = people.get(me)?.groups;
  if (groups === undefined || groups.includes(ask.group)) return undefined;
  const [step] = (ask.also ?? [])
    .filter(({ group }) => groups.includes(group))
    .toSorted((a, b) => a.at - b.at);
  if (step === undefined) return `You are not a member of ${ask.group}.`;
  return step.at <= nowMs
    ? undefined
    : `Members of ${step.group}, such as you, may answer for ${ask.group} from ${utc(step.at)}.`;
}

/** Returns why nothing can be approved in advance for a group, or undefined. */
export function whyNotAhead(
  { chain }: ExecutionView,
  ask: Ask,
  { me, people }: { readonly me: string; readonly people: People },
): string | undefined {
  if (ask.method === 'passkey') return `${ask.group} signs each call with a passkey: nothing in advance.`;
  if (ask.group === SECOND_PERSON) return 'What takes a second person takes one each time.';
  if (chain.at(-1)?.kind !== 'agent') return 'Only calls of agents are approved in advance.';
  return people.get(me)?.groups.includes(ask.group) === true
    ? undefined
    : `Only members of ${ask.group} approve in advance for it.`;
}
