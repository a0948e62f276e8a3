/**
 * The entrance: those who come with a token of a trusted issuer instead of a registered key. What the token was checked
 * to say is recorded before anybody is let in.
 */
import type { TokenPresented } from '@licet/control-plane';
import { PlaneError, type ProblemCode } from '@licet/api';
import type { Parts } from './handlers.ts';

/** Who came in, and until when what vouched for them counts, milliseconds. */
export interface Entered {
  readonly subject: string;
  readonly untilMs: number;
}

export interface Entrance {
  /** @throws PlaneError `token_refused`, `token_used`, `issuer_unavailable` */
  agent(jkt: string, token: string, subjectToken?: string): Promise<Entered>;
  /** Lets a person in whose token was checked. Throws as above. */
  admit(jkt: string, token: TokenPresented, behalf?: TokenPresented): Promise<Entered>;
}

/** Replies of the core that are the token's fault; others are not. */
const PROBLEMS: Readonly<Record<string, ProblemCode>> = {
  token_used: 'token_used',
  clock: 'unavailable',
  enrolment_full: 'unavailable',
};

/** Returns the entrance of a plane. */
export function openEntrance({ plane, issuers }: Pick<Parts, 'plane' | 'issuers'>): Entrance {
  const admit: Entrance['admit'] = async (jkt, token, behalf) => {
    const { reply } = await plane.enter(jkt, token, behalf);
    if (reply.kind === 'conflict') {
      const code = PROBLEMS[reply.code] ?? 'token_refused';
      throw new PlaneError(code, `${code}: ${reply.code}`);
    }
    if (reply.kind !== 'entered')
      throw new PlaneError('internal', `internal: unexpected reply ${reply.kind}`);
    if (!reply.granted)
      throw new PlaneError(
        'token_refused',
        'token_refused: no rule of its issuer gives its subject anything',
      );
    return { subject: reply.subject, untilMs: reply.untilMs };
  };
  return {
    admit,
    async agent(jkt, token, subjectToken) {
      const found = await issuers.agent(token, jkt, subjectToken);
      return admit(jkt, found.token, found.behalf);
    },
  };
}
