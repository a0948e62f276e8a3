/**
 * Token exchange (RFC 8693): the token of a person and that of an agent become a session of the agent on the person's
 * behalf. RULE 17: the chain is the one that identity and parent records make; the exchange proves who stands in it, and
 * what the tokens claim beyond that is refused.
 */
import { PlaneError, SESSION_TOKEN_TYPE } from '@licet/api';
import type { Json } from '@licet/evidence';

/** Links of a chain, the acting agent included: as many as an entry holds. */
const MAX_ACTS = 8;

/** Returns what a form says, as the JSON that its route takes. @throws PlaneError `malformed` */
export function readForm(bytes: Uint8Array): Json {
  const pairs = [...new URLSearchParams(Buffer.from(bytes).toString('utf8'))];
  // RFC 6749 §3.2: a parameter comes once.
  if (new Set(pairs.map(([name]) => name)).size !== pairs.length)
    throw new PlaneError('malformed', 'malformed: a parameter stands twice');
  return Object.fromEntries(pairs);
}

/** A chain in the words of RFC 8693 §4.1 and of the OAuth actor profile: whom it is for, and who acts, the last one outermost. */
export interface Act {
  readonly sub: string;
  readonly sub_profile?: 'ai_agent';
  readonly act?: Act;
}

/** Returns a chain, from the person down to the agent that acts, as the claim `act` would say it. */
export function actOf(chain: readonly string[]): Act {
  const [first, ...rest] = chain;
  const acts = rest.reduce<Act | undefined>(
    (above, id) => ({
      sub: id,
      sub_profile: 'ai_agent',
      ...(above === undefined ? {} : { act: above }),
    }),
    undefined,
  );
  return { sub: first ?? '', ...(acts === undefined ? {} : { act: acts }) };
}

/** Returns who acted before by a token's claim `act`, the first one first: each by its issuer and subject. @throws PlaneError */
export function actorsOf(claim: Json | undefined, issuer: string): readonly (readonly [string, string])[] {
  const actors: (readonly [string, string])[] = [];
  for (let act = claim; act !== undefined;) {
    const { sub, iss = issuer, sub_profile: profile = 'ai_agent', act: next } = membersOf(act);
    if (typeof sub !== 'string' || typeof iss !== 'string' || profile !== 'ai_agent') throw refused('act');
    if (actors.unshift([iss, sub]) >= MAX_ACTS) throw refused('act: the chain is too long');
    act = next;
  }
  return actors;
}

/** Whether the person's token lets this agent act, where it says who may (RFC 8693 §4.4). */
export function mayAct(
  claim: Json | undefined,
  issuer: string,
  actor: { readonly iss?: Json | undefined; readonly sub: Json | undefined },
): boolean {
  if (claim === undefined) return true;
  const { sub, iss = issuer } = membersOf(claim);
  return sub === actor.sub && iss === actor.iss;
}

function membersOf(value: Json): Readonly<Record<string, Json>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, Json>>;
  throw refused('act');
}

const refused = (why: string): PlaneError =>
  new PlaneError('token_refused', `token_refused: ${why}: this plane does not take it`);

/** Returns the answer to an exchange (RFC 8693 §2.2.1), with what the session needs beside it. */
export const exchanged = (
  session: { readonly session: string; readonly note: string; readonly exp: number },
  chain: readonly string[],
  nowMs: number,
) => ({
  access_token: session.session,
  issued_token_type: SESSION_TOKEN_TYPE,
  // It is the name of a session and no secret: calls are made with the session's MAC.
  token_type: 'N_A' as const,
  expires_in: Math.max(0, Math.floor((session.exp - nowMs) / 1_000)),
  ...session,
  ...actOf(chain),
});
