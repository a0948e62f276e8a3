// Operate: what people do to the plane is a governed, logged execution like every other, decided by a built-in policy
// that no bundle can change (RULE 34). What needs two people is held until a second one approves.
import {
  base64url,
  canonicalBytes,
  jwkThumbprint,
  sha256,
  utf8,
  type ChainLink,
  type Json,
} from '@licet/evidence';
import { approvedGroups, isOfOldSegment, SECOND_PERSON, standing } from './approvals.ts';
import type { Caller, Effect, MandateEffect, OperateCommand } from './commands.ts';
import { contain, lift } from './consequence.ts';
import { containmentOf } from './containment.ts';
import type { Draft } from './draft.ts';
import type { ExecutionRow, IdentityRow, RowReader } from './rows.ts';
import { SELF } from './rows.ts';
import { settlement } from './meters.ts';
import { isLastOperator } from './operators.ts';
import { appendStanding, impossibleStanding } from './standing-approvals.ts';
import type { Transition } from './transition.ts';
import { isPresent } from './vouching.ts';

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

const ENGINE = 'licet-operator/1';
const REASON = 'licet/operator';
/** Passkeys of one person: what an identity entry holds. */
const MAX_PASSKEYS = 8;
const HOLD_MS = 900_000;
const OPERATION_MS = 1_000;

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
    return refuse(draft, command, actor, 'role');
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
    return hold(draft, command, actor, before);
  }
  return carryOut(draft, command, actor, before);
}

/** RULE 34: how many people it takes. */
function peopleFor(draft: Draft, { effect, observing }: OperateCommand): 1 | 2 {
  if (effect.op !== 'publish') return OPERATOR_POLICY[effect.op].people;
  const { people, first, overObserving, organisation } = OPERATOR_POLICY.publish;
  if (effect.layer === 'org') return organisation;
  if (draft.get('policy', SELF)?.team === undefined) return first;
  return observing === true ? overObserving : people;
}

/** RULE 34: by role; a mandate is also its giver's to grant and to end, and a passkey its owner's to add and to remove. */
function mayOperate(draft: Draft, actor: IdentityRow, effect: Effect, { jkt }: Caller): boolean {
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

function carryOut(
  draft: Draft,
  command: OperateCommand,
  actor: IdentityRow,
  before: ExecutionRow | undefined,
): Transition {
  const exec = before?.exec ?? command.exec;
  const approvals = before === undefined ? [] : standing(draft, before, draft.nowMs).map((one) => one.leaf);
  const permit = draft.append(
    'permit',
    {
      ...subject(draft, command, actor, exec),
      ...(before?.hold === undefined ? {} : { prior: before.hold.leaf }),
      ...(approvals.length === 0 ? {} : { approvals }),
      spend: 'started',
      nbf: draft.nowMs,
      exp: draft.nowMs + OPERATION_MS,
      lease: { ttlMs: OPERATION_MS, maxMs: OPERATION_MS },
      assurance: 'logged',
    },
    { detail: { request: command.request } },
  );
  const start = draft.append('start', {
    exec,
    permit: permit.leaf,
    via: 'direct',
    instance: command.instance,
    jkt: command.caller.jkt,
    ...door(draft),
    leaseUntil: draft.nowMs + OPERATION_MS,
    epoch: containmentOf(draft).epoch,
    heads: draft.heads,
  });
  const by = [
    ...new Set([
      command.caller.subject,
      ...(before === undefined ? [] : standing(draft, before, draft.nowMs).map((one) => one.by)),
    ]),
  ].slice(0, 4);
  const { leaf, atMs } = perform(draft, command.effect, by);
  draft.append(
    'outcome',
    {
      exec,
      permit: permit.leaf,
      start: start.leaf,
      status: 'completed',
      renewals: 0,
      longestGapMs: 0,
      by: 'plane',
      settled: [],
    },
    atMs === undefined ? {} : { atMs },
  );
  return draft.reply({
    kind: 'operated',
    exec,
    effect: command.effect.op,
    ...(leaf === undefined ? {} : { leaf }),
    epoch: containmentOf(draft).epoch,
  });
}

/** Appends what the effect is; returns its leaf, and the time that what follows must bear when the clock was moved. */
function perform(
  draft: Draft,
  effect: Effect,
  by: readonly string[],
): { readonly leaf?: string; readonly atMs?: number } {
  switch (effect.op) {
    case 'contain':
      return { leaf: contain(draft, { scope: effect.scope, cause: 'operator', by }) };
    case 'lift':
      return { leaf: lift(draft, effect.leaf, by) };
    case 'publish': {
      const floor = draft.get('policy', SELF)?.floors[effect.layer] ?? 1;
      const { layer, digest, version, sigs, signed } = effect;
      const prev = draft.get('policy', SELF)?.head ?? null;
      return {
        leaf: draft.append(
          'policy',
          { op: 'publish', layer, digest, version, floor, sigs, prev },
          { detail: { signed } },
        ).leaf,
      };
    }
    case 'floor': {
      const policy = draft.get('policy', SELF)!;
      const current = policy[effect.layer]!;
      const { digest, version } = current;
      return {
        leaf: draft.append('policy', {
          op: 'floor',
          layer: effect.layer,
          digest,
          version,
          floor: effect.floor,
          sigs: [],
          prev: policy.head,
        }).leaf,
      };
    }
    case 'identity':
      return { leaf: appendIdentity(draft, effect, by[0]!) };
    case 'passkey': {
      const { passkeys = [], ...row } = withPasskeys(draft.get('identity', effect.subject)!, effect);
      return { leaf: appendIdentity(draft, { op: 'identity', change: 'update', ...row }, by[0]!, passkeys) };
    }
    case 'fact': {
      const { name, value, expMs } = effect;
      return { leaf: draft.append('fact', { name, value, source: 'operator', exp: expMs, by: by[0]! }).leaf };
    }
    case 'mandate': {
      const { change, id, from, to, parent, body, nbfMs, expMs, sig, opened } = effect;
      return {
        leaf: draft.append(
          'mandate',
          {
            op: change,
            id,
            from,
            to,
            ...(parent === undefined ? {} : { parent }),
            body,
            nbf: nbfMs,
            exp: expMs,
            sig,
            by: by[0]!,
          },
          opened === undefined ? {} : { detail: { mandate: opened } },
        ).leaf,
      };
    }
    case 'org-key': {
      const { change, key, sig } = effect;
      return { leaf: draft.append('key', { op: change, purpose: 'org', key, by: by[0]!, sig }).leaf };
    }
    case 'author-key': {
      const leaves = effect.changes.map(
        ({ op, key, subject: whose, sig }) =>
          draft.append('key', {
            op,
            purpose: 'author',
            key,
            by: by[0]!,
            ...(whose === undefined ? {} : { subject: whose }),
            sig,
          }).leaf,
      );
      return { leaf: leaves.at(-1)! };
    }
    case 'standing':
      return { leaf: appendStanding(draft, effect, by[0]!) };
    case 'resolve': {
      const row = draft.get('execution', effect.exec)!;
      return {
        leaf: draft.append('outcome', {
          exec: effect.exec,
          permit: row.permit!.leaf,
          start: row.start!.leaf,
          status: effect.status,
          renewals: row.lease?.counter ?? 0,
          longestGapMs: row.lease?.longestGapMs ?? 0,
          by: 'operator',
          reason: effect.reason,
          resolves: row.outcome!.leaf,
          settled: settlement(row.reserved, []),
        }).leaf,
      };
    }
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

type PasskeyEffect = Effect & { readonly op: 'passkey' };

function withPasskeys(row: IdentityRow, effect: PasskeyEffect): IdentityRow {
  const { passkeys = [], ...rest } = row;
  const kept =
    effect.change === 'add'
      ? [...passkeys, { ...effect.passkey, jkt: jwkThumbprint(effect.passkey.key) }]
      : passkeys.filter(({ id }) => id !== effect.id);
  return kept.length === 0 ? rest : { ...rest, passkeys: kept };
}

/** Appends an identity entry; shared with genesis and with issuers that enrol. Passkeys stay as they are unless others are given. */
export function appendIdentity(
  draft: Draft,
  effect: Effect & { readonly op: 'identity' },
  by: string,
  passkeys: NonNullable<IdentityRow['passkeys']> = draft.get('identity', effect.subject)?.passkeys ?? [],
): string {
  const { change, subject: who, kind, roles, groups, keys, root, name, settings } = effect;
  return draft.append(
    'identity',
    {
      op: change,
      subject: who,
      kind,
      roles,
      groups,
      keys,
      by,
      ...(effect.for === undefined ? {} : { for: effect.for }),
      ...(root === undefined ? {} : { root }),
      ...(passkeys.length === 0 ? {} : { passkeys: passkeys.map(({ id, key }) => ({ id, key })) }),
      ...(settings === undefined ? {} : { settings: settings.digest }),
    },
    {
      detail: {
        ...(name === undefined ? {} : { name }),
        ...(settings?.value === undefined ? {} : { settings: settings.value }),
      },
    },
  ).leaf;
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
    case 'publish': {
      // RULE 20: a plane that no organisation stands above takes no bundle of one.
      if (effect.layer === 'org' && draft.plane.org === undefined) return 'no_organisation';
      const policy = draft.get('policy', SELF);
      const current = policy?.[effect.layer];
      if (current !== undefined && effect.version <= current.version) return 'version_not_rising';
      return effect.version < (policy?.floors[effect.layer] ?? 1) ? 'below_floor' : undefined;
    }
    case 'floor': {
      const current = draft.get('policy', SELF)?.[effect.layer];
      return current === undefined || effect.floor > current.version ? 'floor_above_version' : undefined;
    }
    case 'identity': {
      const row = draft.get('identity', effect.subject);
      if (effect.change === 'register') {
        if (row !== undefined) return 'already_registered';
      } else if (row === undefined || row.revoked) return 'unknown_identity';
      // What cannot be settled cannot be trusted: an issuer says how its tokens are checked, and nobody else does.
      if ((effect.kind === 'issuer') !== (effect.settings !== undefined)) return 'issuer_settings';
      // One key, one identity: a key that another identity holds or held proves nothing. One key, one use: a passkey's
      // key never becomes an ordinary one.
      const taken = effect.keys.some((key) => {
        const owner = draft.get('key', jwkThumbprint(key));
        return owner !== undefined && (owner.subject !== effect.subject || owner.passkey === true);
      });
      if (taken) return 'key_taken';
      const { roles, keys } = effect;
      const after = row && { ...row, roles, keys, revoked: effect.change === 'revoke' };
      return row !== undefined && isLastOperator(draft, row, after!) ? 'last_operator' : undefined;
    }
    case 'passkey': {
      const row = draft.get('identity', effect.subject);
      if (row === undefined || row.revoked) return 'unknown_identity';
      if (effect.change === 'remove') {
        if (!(row.passkeys ?? []).some(({ id }) => id === effect.id)) return 'unknown_passkey';
        return isLastOperator(draft, row, withPasskeys(row, effect)) ? 'last_operator' : undefined;
      }
      if (row.kind !== 'user') return 'not_a_person';
      if ((row.passkeys ?? []).length >= MAX_PASSKEYS) return 'too_many_passkeys';
      const names = [effect.passkey.id, jwkThumbprint(effect.passkey.key)];
      return names.some((one) => draft.get('key', one) !== undefined) ? 'key_taken' : undefined;
    }
    case 'resolve':
      return draft.get('execution', effect.exec)?.state === 'in_doubt' ? undefined : 'not_in_doubt';
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

function impossibleMandate(draft: Draft, effect: MandateEffect): string | undefined {
  const before = draft.get('mandate', effect.id);
  if (effect.change === 'revoke')
    return before === undefined || before.revoked ? 'unknown_mandate' : undefined;
  // A grant counts once: after it was revoked, the same signed words are a replay.
  if (before !== undefined) return 'mandate_known';
  const [from, to] = [draft.get('identity', effect.from), draft.get('identity', effect.to)];
  if (from === undefined || from.revoked || to === undefined || to.revoked) return 'unknown_identity';
  if (to.kind !== 'agent' || from.subject === to.subject) return 'mandate_receiver';
  if (effect.expMs <= draft.nowMs || effect.expMs <= effect.nbfMs) return 'mandate_expired';
  return effect.fault;
}

/** The held operation that this caller has come back for. Prepare and Apply ask the same question (RULE 23). */
export function heldBefore(
  rows: RowReader,
  command: Pick<OperateCommand, 'recognition' | 'caller'>,
): ExecutionRow | undefined {
  const hold = rows.get('hold', command.recognition);
  const row = hold === undefined ? undefined : rows.get('execution', hold.exec);
  const open = (row?.state === 'held' || row?.state === 'approved') && !isOfOldSegment(rows, row);
  return open && row.chain.at(-1)?.id === command.caller.subject ? row : undefined;
}

function hold(
  draft: Draft,
  command: OperateCommand,
  actor: IdentityRow,
  before: ExecutionRow | undefined,
): Transition {
  const exec = before?.exec ?? command.exec;
  const untilMs = before?.hold?.untilMs ?? draft.nowMs + HOLD_MS;
  const holds = [{ group: SECOND_PERSON, need: 1, untilMs }];
  const asked = draft.reply({
    kind: 'refused',
    exec,
    code: 'held',
    verdict: 'hold',
    reasons: [REASON],
    holds,
  });
  if (before !== undefined) return asked;
  draft.append(
    'refusal',
    {
      ...subject(draft, command, actor, exec),
      verdict: 'hold',
      code: 'held',
      holds: [{ group: SECOND_PERSON, need: 1, until: untilMs }],
    },
    { detail: { request: command.request, recognition: command.recognition } },
  );
  return draft.reply(asked.reply);
}

function refuse(
  draft: Draft,
  command: OperateCommand,
  actor: IdentityRow | undefined,
  code: string,
): Transition {
  draft.append(
    'refusal',
    {
      exec: command.exec,
      run: command.exec,
      action: `licet/${command.effect.op}`,
      jkt: command.caller.jkt,
      idem: command.idem,
      verdict: 'deny',
      code,
      ...(actor === undefined ? {} : { chain: [linkOf(actor)] }),
    },
    { detail: { request: command.request } },
  );
  return draft.reply({
    kind: 'refused',
    exec: command.exec,
    code,
    verdict: 'deny',
    reasons: [REASON],
    holds: [],
  });
}

const linkOf = (actor: IdentityRow): ChainLink => ({
  kind: actor.kind === 'agent' ? 'agent' : 'user',
  id: actor.subject,
  identity: actor.leaf,
});

/** The plane is both door and target of its own operations. */
const door = (draft: Draft) => ({
  grade: 'verified' as const,
  custody: draft.plane.custody,
  confine: 'none' as const,
});

function subject(draft: Draft, command: OperateCommand, actor: IdentityRow, exec: string) {
  return {
    exec,
    run: exec,
    chain: [linkOf(actor)],
    action: `licet/${command.effect.op}`,
    resource: command.commitments.resource,
    aud: 'licet',
    args: command.commitments.args,
    inputs: command.commitments.inputs,
    bound: [],
    reasons: [REASON],
    bundles: [],
    meters: [],
    epoch: containmentOf(draft).epoch,
    heads: draft.heads,
    incarnation: draft.plane.incarnation,
    idem: command.idem,
    ...door(draft),
    jkt: command.caller.jkt,
    engine: ENGINE,
  };
}
