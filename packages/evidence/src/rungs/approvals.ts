/**
 * The rung about people's approvals (RULE 22): each that a permit names was given for its hold, to the same call, in
 * time, by somebody who could, and a passkey's signature says so. What the hold asks stands in its entry.
 */
import { assertionDigest, verifyApproval, verifyAssertion, type Assertion } from '../approvals.ts';
import { canonicalize } from '../canonical.ts';
import { verifyCommitment, type ResourceRef } from '../commitments.ts';
import type { HoldGroup } from '../entries.ts';
import { EvidenceError } from '../errors.ts';
import type { Json } from '../json.ts';
import { quorumOf } from '../quorum.ts';
import { covers, parseStandingScope, standingDigest, type CoveredCall } from '../standing.ts';
import {
  byLeaf,
  check,
  messageOf,
  ofType,
  recordOf,
  sum,
  type Case,
  type Finding,
  type Placed,
  type RungItem,
} from './case.ts';

/** The group of the built-in rule that some operator actions need a second person (RULE 34). */
const SECOND_PERSON = 'second-person';

/** Each approval that a permit names approved its hold, in time, and a passkey's signature says so. */
export async function approvalsRung(c: Case): Promise<Finding> {
  const items: RungItem[] = [];
  for (const permit of ofType(c, 'permit')) {
    for (const leaf of permit.entry.approvals ?? []) items.push(await checkApproval(c, permit, leaf));
    if ((permit.entry.approvals ?? []).length > 0) items.push(...unmetHolds(c, permit));
  }
  items.push(...strayAssertions(c));
  return sum(items, 'no permit in this file names an approval');
}

/** An assertion that no approval names was put in, or is one that was changed. */
function strayAssertions(c: Case): readonly RungItem[] {
  const named = new Set(ofType(c, 'approval').map(({ entry }) => entry.assertion));
  return Object.entries(c.file.executions).flatMap(([exec, { assertions = [] }]) =>
    assertions
      .map((assertion) => assertionDigest(assertion))
      .filter((name) => !named.has(name))
      .map((name): RungItem => ({
        status: 'fail',
        what: `${exec}: assertion ${name} is none that was recorded`,
      })),
  );
}

async function checkApproval(c: Case, permit: Placed<'permit'>, leaf: string): Promise<RungItem> {
  const name = `permit ${permit.index}: approval ${leaf}`;
  const approval = byLeaf(c, leaf, 'approval');
  if (approval === undefined) return { status: 'fail', what: `${name} is not in this file` };
  const { entry } = approval;
  const hold = byLeaf(c, entry.hold.leaf, 'refusal');
  if (hold === undefined) return { status: 'fail', what: `${name}: its hold is not in this file` };
  const terms = (hold.entry.holds ?? []).find(({ group }) => group === entry.group);
  const fits =
    entry.verdict === 'approve' &&
    approval.index < permit.index &&
    entry.expires > permit.entry.at &&
    hold.index === entry.hold.index &&
    hold.index < approval.index &&
    hold.entry.verdict === 'hold' &&
    entry.exec === hold.entry.exec &&
    terms !== undefined &&
    entry.expires <= entry.at + (terms.ttl ?? Number.POSITIVE_INFINITY) &&
    sameCall(c, hold, permit);
  if (!fits) return { status: 'fail', what: `${name} does not approve this call, or not in time` };
  // RULE 22: where a passkey was asked for, a token is no answer.
  if (entry.method === 'token' && terms.method === 'passkey')
    return { status: 'fail', what: `${name}: given with a token where a passkey was asked for` };
  const approver = approverOf(c, approval, terms);
  if (typeof approver === 'string') return { status: 'fail', what: `${name}: ${approver}` };
  const owns = permit.entry.chain.some(
    ({ id, identity }) => id === entry.by || byLeaf(c, identity, 'identity')?.entry.for === entry.by,
  );
  if (owns) return { status: 'fail', what: `${name}: ${entry.by} approved what is done in their own name` };
  if (entry.standing !== undefined) return underStanding(c, hold, approval, name);
  if (entry.method === 'token')
    return { status: 'asserted', what: `${name}: given with a token; only the operator says by whom` };
  const { log } = c;
  if (log?.rp === undefined)
    return { status: 'not checked', what: `${name}: no trust file names the relying party` };
  const assertion = Object.values(c.file.executions)
    .flatMap((record) => record.assertions ?? [])
    .find((candidate) => assertionDigest(candidate) === entry.assertion);
  if (assertion === undefined) return { status: 'not checked', what: `${name}: its assertion is withheld` };
  try {
    const status = await verifyApproval(entry, {
      args: hold.entry.args ?? '',
      passkeys: approver.entry.passkeys ?? [],
      crypto: c.crypto,
      rp: log.rp,
      assertion,
    });
    return { status, what: `${name} by ${entry.by}` };
  } catch (error) {
    return { status: 'fail', what: `${name}: ${messageOf(error)}` };
  }
}

/** An approval that was given in advance: the grant is this person's, in force, and covers this call. */
async function underStanding(
  c: Case,
  hold: Placed<'refusal'>,
  approval: Placed<'approval'>,
  name: string,
): Promise<RungItem> {
  const { entry } = approval;
  const grant = byLeaf(c, entry.standing!, 'standing');
  if (grant === undefined)
    return { status: 'fail', what: `${name}: its standing approval is not in this file` };
  const { op, by, group, exp, count, scope } = grant.entry;
  const revoked = ofType(c, 'standing').some(
    (other) => other.entry.op === 'revoke' && other.entry.of === grant.id && other.index < approval.index,
  );
  const uses = ofType(c, 'approval').filter(
    (one) => one.entry.standing === grant.id && one.index <= approval.index,
  );
  const good =
    op === 'grant' &&
    by === entry.by &&
    group === entry.group &&
    grant.index < approval.index &&
    entry.expires <= (exp ?? 0) &&
    uses.length <= (count ?? 0) &&
    !revoked;
  if (!good) return { status: 'fail', what: `${name}: entry ${grant.index} does not give it` };
  const call = callOf(c, hold);
  const { scope: opened, assertion } = c.file.standing?.find(({ leaf }) => leaf === grant.id) ?? {};
  if (opened === undefined || call === undefined)
    return { status: 'not checked', what: `${name}: what entry ${grant.index} covers is withheld` };
  try {
    const fields = verifyCommitment('standing', scope ?? '', opened.disclosed, opened.withheld);
    if (!covers(parseStandingScope(fields['scope'] ?? null), call))
      return { status: 'fail', what: `${name}: entry ${grant.index} does not cover this call` };
    if (grant.entry.assertion === undefined)
      return { status: 'asserted', what: `${name}: given in advance by entry ${grant.index}, with a token` };
    const why = await signedInAdvance(c, grant, assertion);
    return why === undefined
      ? { status: 'pass', what: `${name}: given in advance by entry ${grant.index}` }
      : { status: 'not checked', what: `${name}: ${why}` };
  } catch (error) {
    return { status: 'fail', what: `${name}: ${messageOf(error)}` };
  }
}

/** Why it cannot be said whether a passkey signed the grant; undefined when one did. @throws EvidenceError when none did */
async function signedInAdvance(
  c: Case,
  { entry }: Placed<'standing'>,
  assertion: Assertion | undefined,
): Promise<string | undefined> {
  const rp = c.log?.rp;
  if (rp === undefined) return 'no trust file names the relying party';
  if (assertion === undefined) return 'the assertion of its grant is withheld';
  const giver = entry.identity === undefined ? undefined : byLeaf(c, entry.identity, 'identity')?.entry;
  if (giver === undefined) return 'the identity of who gave it is not in this file';
  const { group = '', scope = '', count = 0, exp = 0 } = entry;
  if (assertionDigest(assertion) !== entry.assertion || giver.subject !== entry.by || giver.op === 'revoke')
    throw new EvidenceError('ERR_APPROVAL_SIGNATURE', 'the assertion is not the one that the grant names');
  const challenge = standingDigest({ origin: c.file.origin, group, scope, count, exp });
  await verifyAssertion(assertion, { challenge, rp, passkeys: giver.passkeys ?? [], crypto: c.crypto });
  return undefined;
}

/** The held call as it is disclosed; undefined when a part that matters is withheld. */
function callOf(c: Case, hold: Placed<'refusal'>): CoveredCall | undefined {
  const { exec, chain, action } = hold.entry;
  const record = recordOf(c, exec);
  const acting = chain?.at(-1);
  const identity = acting === undefined ? undefined : byLeaf(c, acting.identity, 'identity');
  if (record === undefined || acting === undefined || identity === undefined || action === undefined)
    return undefined;
  if (record.arguments.withheld.length + record.resources.withheld.length > 0) return undefined;
  return {
    action,
    agent: acting.id,
    agents: identity.entry.groups,
    resources: record.resources.disclosed.map(([, , value]) => value as unknown as ResourceRef),
    args: Object.fromEntries(record.arguments.disclosed.map(([, name, value]) => [name, value])),
  };
}

/** The approver's identity as it stood when they approved, or why there is none that could. */
function approverOf(
  c: Case,
  { index, entry }: Placed<'approval'>,
  ask: HoldGroup,
): Placed<'identity'> | string {
  const identities = ofType(c, 'identity').filter((one) => one.entry.subject === entry.by);
  const identity =
    entry.identity === undefined
      ? identities.findLast((one) => one.index < index)
      : identities.find((one) => one.id === entry.identity);
  if (identity === undefined) return `the identity of ${entry.by} is not in this file`;
  const { op, kind, roles, groups } = identity.entry;
  const later = identities.find((one) => one.index > identity.index && one.index < index);
  if (identity.index > index || op === 'revoke' || kind !== 'user')
    return `entry ${identity.index} does not register ${entry.by} as a person`;
  if (later !== undefined) return `${entry.by} was changed by entry ${later.index} before they approved`;
  const second = entry.group === SECOND_PERSON;
  const publishing = ofType(c, 'refusal').some(
    (one) => one.id === entry.hold.leaf && one.entry.action === 'licet/publish',
  );
  const may = second ? ['operator', 'author', ...(publishing ? ['approver'] : [])] : ['approver'];
  if (!may.some((role) => roles.includes(role))) return `${entry.by} had no role to approve with`;
  // The group that was asked, or one that it had escalated to by then.
  const asked = [ask.group, ...(ask.also ?? []).filter(({ at }) => at <= entry.at).map(({ group }) => group)];
  return second || asked.some((group) => groups.includes(group))
    ? identity
    : `${entry.by} was not of ${ask.group}, or not yet asked`;
}

/** RULE 22: chain, action, audience, arguments and bundles are those of the hold. */
function sameCall(c: Case, hold: Placed<'refusal'>, permit: Placed<'permit'>): boolean {
  const held = hold.entry;
  const granted = permit.entry;
  const same = (a: unknown, b: unknown): boolean =>
    a !== undefined && canonicalize(a as Json) === canonicalize(b as Json);
  return (
    same(
      held.chain?.map(({ id }) => id),
      granted.chain.map(({ id }) => id),
    ) &&
    held.action === granted.action &&
    held.aud === granted.aud &&
    same(held.bundles, granted.bundles) &&
    (held.args === granted.args || sameArguments(c, held.exec, granted.exec))
  );
}

/** Two executions have salts of their own, so equal arguments show only once both are disclosed. */
function sameArguments(c: Case, one: string | undefined, other: string): boolean {
  const values = [recordOf(c, one), recordOf(c, other)].map((record) =>
    record === undefined || record.arguments.withheld.length > 0
      ? undefined
      : canonicalize(Object.fromEntries(record.arguments.disclosed.map(([, name, value]) => [name, value]))),
  );
  return values[0] !== undefined && values[0] === values[1];
}

/** Each group of the hold has as many different approvers as it asked for, each for another group where it says so. */
function unmetHolds(c: Case, permit: Placed<'permit'>): readonly RungItem[] {
  const approvals = (permit.entry.approvals ?? []).flatMap((leaf) => byLeaf(c, leaf, 'approval') ?? []);
  const hold = permit.entry.prior === undefined ? undefined : byLeaf(c, permit.entry.prior, 'refusal');
  if (hold === undefined)
    return [
      { status: 'fail', what: `permit ${permit.index}: the hold that was approved is not in this file` },
    ];
  return (hold.entry.holds ?? []).map((ask) => {
    const people = approvals
      .filter(({ entry }) => entry.group === ask.group && entry.hold.leaf === hold.id)
      .map((approval) => {
        const approver = approverOf(c, approval, ask);
        return {
          subject: approval.entry.by,
          groups: typeof approver === 'string' ? [] : approver.entry.groups,
        };
      });
    const count = quorumOf(people, ask.apart);
    return check(
      count >= ask.need,
      `permit ${permit.index}: ${ask.group} approved`,
      `permit ${permit.index}: ${count} of ${ask.need} approvals of ${ask.group}`,
    );
  });
}
