/**
 * The entrance: those who come with a token of a trusted issuer instead of a registered key. What the token was checked
 * to say is recorded before anybody is let in.
 */
import type { ClaimedChain, TokenPresented } from '@licet/control-plane';
import { PlaneError, type ProblemCode } from '@licet/api';
import { actorsOf, mayAct } from './exchange.ts';
import type { Parts } from './handlers.ts';

/** Who came in, and until when what vouched for them counts, milliseconds. */
export interface Entered {
  readonly subject: string;
  readonly untilMs: number;
  /** Ids from the person down to who came in. */
  readonly chain: readonly string[];
}

/** What an agent comes with: its token, and where it comes for a person, theirs. */
export interface Presented {
  readonly jkt: string;
  readonly token: string;
  readonly subjectToken?: string;
  /** The execution below which it acts. */
  readonly parent?: string | undefined;
}

export interface Entrance {
  /** @throws PlaneError `token_refused`, `token_used`, `issuer_unavailable` */
  agent(presented: Presented): Promise<Entered>;
  /** Lets a person in whose token was checked. Throws as above. */
  person(jkt: string, token: TokenPresented): Promise<Entered>;
}

/** Replies of the core that are the token's fault; others are not. */
const PROBLEMS: Readonly<Record<string, ProblemCode>> = {
  token_used: 'token_used',
  clock: 'unavailable',
  enrolment_full: 'unavailable',
};

/** Returns the entrance of a plane. */
export function openEntrance({ plane, issuers }: Pick<Parts, 'plane' | 'issuers'>): Entrance {
  const admit = async (jkt: string, token: TokenPresented, claimed?: ClaimedChain): Promise<Entered> => {
    const { reply, chain } = await plane.enter(jkt, token, claimed);
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
    return { subject: reply.subject, untilMs: reply.untilMs, chain };
  };
  return {
    person: (jkt, token) => admit(jkt, token),
    async agent({ jkt, token, subjectToken, parent }) {
      const { token: agent, claims, behalf } = await issuers.agent(token, jkt, subjectToken);
      if (behalf === undefined) return admit(jkt, agent);
      const { issuer, claims: said } = behalf;
      if (!mayAct(said['may_act'], issuer, { iss: claims['iss'], sub: claims['sub'] }))
        throw new PlaneError(
          'token_refused',
          'token_refused: the person lets another agent act, not this one',
        );
      return admit(jkt, agent, {
        behalf: behalf.token,
        actors: actorsOf(said['act'], issuer),
        ...(parent === undefined ? {} : { parent }),
      });
    },
  };
}
