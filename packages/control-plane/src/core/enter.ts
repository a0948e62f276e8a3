// Enter: a token of a trusted issuer was checked, and the key that proved itself speaks for its subject from now on. Who
// that is follows from records and from the issuer's rules, which people put there (RULE 17).
import type { CheckedToken, EnterCommand, Enrolment } from './commands.ts';
import type { Draft } from './draft.ts';
import { appendIdentity } from './identities.ts';
import { enrolledBy } from './project-plane.ts';
import type { IdentityRow } from './rows.ts';
import type { Transition } from './transition.ts';
import { issuerStands, stands, vouchedFor } from './vouching.ts';

/** No word of an issuer counts longer, whatever its token says. */
export const MAX_VOUCHED_MS = 43_200_000;
/** Identities that one issuer may enrol (RULE 38). */
export const MAX_ENROLLED = 10_000;

/** Applies an `enter` command. */
export function enter(draft: Draft, command: EnterCommand): Transition {
  const { jkt, token, behalf } = command;
  // The person first: an agent that is enrolled acts for somebody who is there.
  const tokens = behalf === undefined ? [token] : [behalf, token];
  const untilMs = Math.min(...tokens.map((one) => one.untilMs), draft.nowMs + MAX_VOUCHED_MS);
  // Everything is looked at before anything is written.
  const problem =
    tokens.map((one) => tokenProblem(draft, one, jkt)).find((code) => code !== undefined) ??
    chainProblem(draft, command) ??
    keyProblem(draft, token, jkt) ??
    (untilMs > draft.nowMs ? undefined : 'token_expired');
  if (problem !== undefined) return draft.reply({ kind: 'conflict', code: problem });

  for (const one of tokens) enrol(draft, one);
  const granted = tokens.every(({ enrol: asked }) => asked?.granted !== false);
  if (granted && !isVouched(draft, command, untilMs)) {
    append(draft, 'token', token, { jkt, untilMs });
    if (behalf !== undefined) append(draft, 'on_behalf', behalf, { jkt, untilMs });
  }
  return draft.reply({ kind: 'entered', subject: token.subject, granted, untilMs });
}

function tokenProblem(draft: Draft, one: CheckedToken, jkt: string): string | undefined {
  const issuer = draft.get('identity', one.issuer);
  // RULE 4: it was checked under settings that have changed since.
  if (issuer?.settings?.digest !== one.settings || !issuerStands(draft, one.issuer)) return 'issuer_changed';
  const used = draft.get('token', one.mark);
  // The same key may come with it again, as after a lost reply; for any other it is somebody else's.
  if (used !== undefined && used.jkt !== jkt) return 'token_used';
  const row = draft.get('identity', one.subject);
  if (row === undefined) {
    if (one.enrol?.granted !== true) return 'not_granted';
    return (draft.get('tally', enrolledBy(one.issuer))?.count ?? 0) < MAX_ENROLLED
      ? undefined
      : 'enrolment_full';
  }
  if (!stands(draft, row) || row.kind !== one.kind) return 'revoked';
  // Who was registered by hand, or by another issuer, is not this one's to change.
  return one.enrol === undefined || row.issuer === one.issuer ? undefined : 'not_granted';
}

/** RULE 17: an agent acts for whom its record names, and that is a person in force. */
function chainProblem(draft: Draft, { token, behalf }: EnterCommand): string | undefined {
  if (token.kind === 'user') return behalf === undefined ? undefined : 'chain';
  // One token says who acts, or for whom; never both.
  if (behalf?.mark === token.mark) return 'chain';
  const whom = token.enrol === undefined ? draft.get('identity', token.subject)?.for : token.enrol.for;
  if (behalf !== undefined) return behalf.kind === 'user' && whom === behalf.subject ? undefined : 'chain';
  if (whom === undefined) return undefined;
  const person = draft.get('identity', whom);
  return person?.kind === 'user' && stands(draft, person) ? undefined : 'chain';
}

/** One key, one identity; and a key that people registered needs nobody's word. */
function keyProblem(draft: Draft, { subject }: CheckedToken, jkt: string): string | undefined {
  const key = draft.get('key', jkt);
  return key === undefined || (key.vouched !== undefined && key.subject === subject)
    ? undefined
    : 'key_taken';
}

/** Records what the issuer's rules make of its subject now, when that is something new. */
function enrol(draft: Draft, { issuer, kind, subject, enrol: asked }: CheckedToken): void {
  if (asked === undefined) return;
  const row = draft.get('identity', subject);
  const {
    for: whom,
    root,
    name,
    roles,
    groups,
  } = asked.granted ? asked : { ...asked, roles: [], groups: [], for: row?.for, root: row?.root };
  if (row !== undefined && isSame(row, { roles, groups, for: whom, root })) return;
  appendIdentity(
    draft,
    {
      op: 'identity',
      change: row === undefined ? 'register' : 'update',
      subject,
      kind,
      roles,
      groups,
      keys: row?.keys ?? [],
      jkts: row?.jkts ?? [],
      ...(whom === undefined ? {} : { for: whom }),
      ...(root === undefined ? {} : { root }),
      ...(name === undefined ? {} : { name }),
    },
    issuer,
  );
}

type Given = Pick<Enrolment, 'roles' | 'groups'> & {
  readonly for: string | undefined;
  readonly root: Enrolment['root'];
};
const isSame = (row: IdentityRow, given: Given): boolean =>
  sameSet(row.roles, given.roles) &&
  sameSet(row.groups, given.groups) &&
  row.for === given.for &&
  row.root?.perDay === given.root?.perDay &&
  row.root?.concurrent === given.root?.concurrent;
const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((one) => b.includes(one));

/** The same tokens with the same key, and what was written then still stands: nothing more to say. */
function isVouched(draft: Draft, { jkt, token, behalf }: EnterCommand, untilMs: number): boolean {
  const row = draft.get('identity', token.subject);
  const key = draft.get('key', jkt);
  const again = [token, ...(behalf === undefined ? [] : [behalf])].every(
    ({ mark }) => draft.get('token', mark) !== undefined,
  );
  return (
    again &&
    row !== undefined &&
    vouchedFor(draft, row, jkt, draft.nowMs) !== undefined &&
    (key?.behalf !== undefined) === (behalf !== undefined) &&
    (key?.vouched?.untilMs ?? 0) >= untilMs
  );
}

function append(
  draft: Draft,
  kind: 'token' | 'on_behalf',
  { subject, evidence, mark, issuer }: CheckedToken,
  { jkt, untilMs }: { readonly jkt: string; readonly untilMs: number },
): void {
  draft.append('attestation', {
    subject,
    kind,
    status: 'affirming',
    measured: jkt,
    evidence,
    challenge: mark,
    exp: untilMs,
    by: issuer,
  });
}
