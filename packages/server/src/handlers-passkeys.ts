/** Handlers of people's passkeys: made, removed, invited to; and what one signs to approve (RULE 22). */
import { approvalDigest, NAME, type Json, type RelyingParty } from '@licet/evidence';
import type { ExecutionRow, IdentityRow } from '@licet/control-plane';
import { PlaneError } from '@licet/api';
import { known, notFound, readsArguments, type Context, type Handlers, type Parts } from './handlers.ts';
import { ServerError } from './errors.ts';
import { requireRelyingParty, type Enrolment, type Registration } from './passkeys.ts';
import { presentOperated } from './present.ts';

/** The group of the built-in rule that some operator actions need a second person (RULE 34). */
const SECOND_PERSON = 'second-person';
const asksSecondPerson = ({ hold }: ExecutionRow): boolean =>
  hold?.groups.some(({ group }) => group === SECOND_PERSON) === true;

/** Returns the handlers. */
export function passkeyHandlers({ plane, store, passkeys }: Parts): Handlers {
  const identity = async (subject: string): Promise<IdentityRow | undefined> =>
    (await store.read([{ kind: 'identity', id: subject }]))[0]?.value as IdentityRow | undefined;

  /** For whom, and in whose name: one's own, or by invitation. */
  async function enrolmentOf(context: Context, spend = false): Promise<Enrolment> {
    const { invitation } = context.body as { readonly invitation?: string };
    if (invitation !== undefined) return passkeys.invited(invitation, spend);
    const { subject, jkt } = known(context);
    return { subject, by: { subject, jkt } };
  }

  return {
    async loginChallenge() {
      const { id } = passkeys.relyingParty();
      return { ...(await passkeys.challenge('login')), rpId: id };
    },
    async passkeyOptions(context) {
      const about = await enrolmentOf(context);
      const row = await identity(about.subject);
      if (row === undefined || row.revoked) throw notFound();
      const { id } = passkeys.relyingParty();
      const { challenge, exp } = await passkeys.challenge('register', about);
      return {
        challenge,
        exp,
        rp: { id, name: `${NAME} ${plane.tenant}` },
        user: { id: about.subject, name: row.name ?? about.subject },
      };
    },
    async addPasskey(context) {
      const { invitation: _, ...registration } = context.body as Registration & {
        readonly invitation?: string;
      };
      const made = await passkeys.register(registration);
      const about = await enrolmentOf(context, true);
      // The challenge was given for one person: nobody else may finish what they began.
      if (about.subject !== made.subject || about.by.subject !== made.by.subject)
        throw new PlaneError('passkey_refused', 'passkey_refused: the challenge was for somebody else');
      const effect = { op: 'passkey', change: 'add', subject: made.subject, passkey: made.passkey } as const;
      return {
        ...presentOperated(await plane.operate(about.by, effect)),
        passkey: made.passkey.id,
        subject: made.subject,
      };
    },
    async removePasskey(context) {
      const { subject, jkt } = known(context);
      const owner = await plane.passkey(context.id);
      if (owner === undefined) throw notFound();
      const effect = { op: 'passkey', change: 'remove', subject: owner.subject, id: context.id } as const;
      return presentOperated(await plane.operate({ subject, jkt }, effect));
    },
    async changeRelyingParty(context) {
      const { subject, jkt } = known(context);
      const rp = context.body as RelyingParty;
      try {
        requireRelyingParty(rp);
      } catch (error) {
        if (!(error instanceof ServerError)) throw error;
        throw new PlaneError('schema', `schema: ${error.message}`, { cause: error });
      }
      // RULE 42: the digest is the plane's to make.
      const effect = { op: 'relying-party', ...rp, digest: '' } as const;
      return presentOperated(await plane.operate({ subject, jkt }, effect));
    },
    async invite(context) {
      const { subject, jkt } = known(context);
      const row = await identity(context.id);
      if (row === undefined || row.revoked || row.kind !== 'user') throw notFound();
      return passkeys.invite({ subject: row.subject, by: { subject, jkt } });
    },
    async approvalSubject(context) {
      const body = context.body as Parameters<typeof plane.approvalSubject>[1];
      const subject = await plane.approvalSubject(context.id, body);
      if (subject === undefined)
        throw new PlaneError('conflict', 'other_hold: it is not held, or not by this hold any more');
      const row = await plane.execution(context.id);
      // RULE 34: who is asked as a second person about an operation reads what it is, whatever they may read else.
      const readable = row !== undefined && (asksSecondPerson(row) || readsArguments(known(context), row));
      const record = readable ? await plane.disclosed(context.id) : undefined;
      return {
        subject,
        challenge: approvalDigest(subject),
        rpId: passkeys.relyingParty().id,
        // What opens `args`: the person's own machine can see that what it shows is what it signs.
        ...(record === undefined ? {} : { disclosures: record as unknown as Json }),
      };
    },
  };
}
