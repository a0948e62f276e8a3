// Approving: people's word on what others ask for (RULE 22). A passkey's signature is verified here, against the hold as
// the log has it; that the passkey is still its owner's is looked at again in the commit.
import {
  approvalChallenge,
  assertionDigest,
  base64url,
  commitNote,
  EvidenceError,
  jwkThumbprint,
  standingDigest,
  trustedLog,
  verifyAssertion,
  type ApprovalSubject,
  type Assertion,
  type Passkey,
} from '@licet/evidence';
import { answered, conflict } from './answers.ts';
import { commit } from './commits.ts';
import type { PlaneContext } from './context.ts';
import { APPROVAL_TTL_MS } from './core/approvals.ts';
import type { ApproveCommand, Caller, Effect } from './core/commands.ts';
import type { ExecutionRow, IdentityRow } from './core/rows.ts';
import { ControlPlaneError } from './errors.ts';
import type { Answered, Plane } from './face.ts';
import { executionOf } from './look-up.ts';
import type { PreparedRecord } from './ports.ts';
import type { Snapshot } from './snapshot.ts';

/** A person approves or rejects for a group of a hold. */
export async function approve(
  context: PlaneContext,
  caller: Caller,
  exec: string,
  body: Parameters<Plane['approve']>[2],
): Promise<Answered> {
  const { hold, group, verdict, assertion, reason } = body;
  const expiresMs = body.expiresMs ?? Number.MAX_SAFE_INTEGER;
  const command: ApproveCommand = {
    kind: 'approve',
    exec,
    hold,
    group,
    verdict,
    caller,
    expiresMs,
    ...(reason === undefined || verdict === 'approve' ? {} : { reason: reasonFor(context, reason) }),
  };
  if (assertion === undefined) return answered(await commit(context, command, { lane: 'safety' }));
  const row = await executionOf(context.store, exec);
  const subject = subjectOf(context, row, body, expiresMs);
  if (subject === undefined) return conflict('other_hold', exec);
  const jkt = await signerOf(context, caller, subject, assertion);
  const digest = assertionDigest(assertion);
  // RULE 41: what a person signed lies with the record of what they signed for.
  const record: PreparedRecord = {
    id: assertionRecord(exec, digest),
    key: context.random.bytes(32),
    body: { ...assertion },
  };
  const signed = { ...command, passkey: { jkt, assertion: digest } };
  return answered(await commit(context, signed, { lane: 'safety', record }));
}

/** RULE 42: a code goes to the log, what a person wrote only as a commitment. */
function reasonFor(
  { random }: PlaneContext,
  { code, text }: { readonly code: string; readonly text?: string },
): NonNullable<ApproveCommand['reason']> {
  if (text === undefined) return { code };
  const key = random.bytes(32);
  return { code, note: { commitment: commitNote(key, text).commitment, key: base64url(key), text } };
}

/** What an approval of this hold for this group signs, with the latest time it can name. */
export async function approvalSubject(
  context: PlaneContext,
  exec: string,
  body: Parameters<Plane['approvalSubject']>[1],
): Promise<ApprovalSubject | undefined> {
  const row = await executionOf(context.store, exec);
  const { ttl = APPROVAL_TTL_MS } = row?.hold?.groups.find(({ group }) => group === body.group) ?? {};
  return subjectOf(context, row, body, context.clock.nowMs() + ttl);
}

/** Id of the record that holds an assertion of an execution's approval. */
export const assertionRecord = (exec: string, digest: string): string => `${exec}/assertion/${digest}`;

function subjectOf(
  { origin }: PlaneContext,
  row: ExecutionRow | undefined,
  { hold, group, verdict }: Parameters<Plane['approvalSubject']>[1],
  expires: number,
): ApprovalSubject | undefined {
  // The hold of the latest decision: its leaf commits to these arguments.
  if (row?.hold?.leaf !== hold || row.args === undefined || row.decision.leaf !== hold) return undefined;
  return { origin, index: row.hold.index, leaf: hold, args: row.args, group, verdict, expires };
}

/**
 * Checks what a passkey signed in advance, against the identity that the snapshot holds fast until the commit.
 * @throws ControlPlaneError `ERR_PLANE_PASSKEY`
 */
export async function checkGrant(
  context: PlaneContext,
  caller: Caller,
  effect: Extract<Effect, { readonly op: 'standing'; readonly change: 'grant' }>,
  snapshot: Snapshot,
): Promise<void> {
  const { group, scope, count, expMs, opened } = effect;
  if (opened.assertion === undefined) return;
  await snapshot.load([{ kind: 'identity', id: caller.subject }]);
  const { passkeys = [] } = snapshot.get('identity', caller.subject) ?? {};
  const challenge = standingDigest({ origin: context.origin, group, scope, count, exp: expMs });
  await verified(context, opened.assertion, passkeys, () => challenge);
}

/** The thumbprint of the caller's passkey that signed. @throws ControlPlaneError `ERR_PLANE_PASSKEY` */
async function signerOf(
  context: PlaneContext,
  caller: Caller,
  subject: ApprovalSubject,
  assertion: Assertion,
): Promise<string> {
  const [row] = await context.store.read([{ kind: 'identity', id: caller.subject }]);
  const { passkeys = [] } = (row?.value ?? {}) as Partial<IdentityRow>;
  const { key } = await verified(context, assertion, passkeys, () => approvalChallenge(subject, assertion));
  return jwkThumbprint(key);
}

/** The passkey of these that made the assertion, at this plane's own place. @throws ControlPlaneError `ERR_PLANE_PASSKEY` */
async function verified(
  { crypto, trust, origin }: PlaneContext,
  assertion: Assertion,
  passkeys: readonly Passkey[],
  challengeOf: () => string,
): Promise<Passkey> {
  const { rp } = trustedLog(trust, origin);
  if (rp === undefined)
    throw new ControlPlaneError('ERR_PLANE_PASSKEY', 'the trust file names no relying party');
  try {
    return await verifyAssertion(assertion, { challenge: challengeOf(), rp, passkeys, crypto });
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    throw new ControlPlaneError('ERR_PLANE_PASSKEY', error.message, { cause: error });
  }
}
