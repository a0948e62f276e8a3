/**
 * What a token says, checked against the settings of its issuer (RFC 7519 §4.1, RFC 8725; SPIFFE JWT-SVID §3–4): who
 * issued it, for whom, when, and that it has the form of its profile. Written so that what is missing is refused.
 */
import { isMembers, type Members } from './members.ts';
import type { IssuerSettings } from '@licet/api';
import type { Jws } from './jws.ts';

/** Seconds by which clocks may differ. */
export const SKEW_S = 5;
const MAX_SUBJECT = 512;

export interface Claims extends Members {
  readonly sub: string;
  readonly exp: number;
}
/** Why a token that its issuer signed does not count here: told to whoever presents it. */
export type ClaimProblem =
  'type' | 'issuer' | 'audience' | 'expired' | 'not_yet' | 'subject' | 'key' | 'profile' | 'nonce';

export interface Expected {
  readonly audience: string;
  /** Thumbprint of the key that proved itself; absent where the token came from its issuer to us directly. */
  readonly jkt?: string;
  readonly nonce?: string;
  readonly nowMs: number;
}

/** Returns what a verified token says, or the first thing that is wrong with it. */
export function checkClaims(
  { header }: Pick<Jws, 'header'>,
  claims: Members,
  { issuer, profile }: Pick<IssuerSettings, 'issuer' | 'profile'>,
  { audience, jkt, nonce, nowMs }: Expected,
): Claims | ClaimProblem {
  const { iss, aud, exp, nbf, iat, sub, cnf } = claims;
  const nowS = nowMs / 1_000;
  if (!typeFits(header['typ'], profile)) return 'type';
  const named = iss === issuer || (iss === undefined && profile === 'spiffe');
  if (!named) return 'issuer';
  // Exactly one: what is good for others too, they can bring here.
  if (!(aud === audience || (Array.isArray(aud) && aud.length === 1 && aud[0] === audience)))
    return 'audience';
  if (typeof exp !== 'number' || !(nowS < exp + SKEW_S)) return 'expired';
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf <= nowS + SKEW_S)) return 'not_yet';
  if (iat !== undefined && !(typeof iat === 'number' && iat <= nowS + SKEW_S)) return 'not_yet';
  if (typeof sub !== 'string' || sub === '' || sub.length > MAX_SUBJECT) return 'subject';
  // Bound to a key (RFC 7800): to this one, and by its thumbprint; another kind of binding is none that we can check.
  if (cnf !== undefined && !(isMembers(cnf) && typeof cnf['jkt'] === 'string' && cnf['jkt'] === jkt))
    return 'key';
  if (nonce !== undefined && claims['nonce'] !== nonce) return 'nonce';
  return profileFits(claims, sub, { issuer, profile }) ? { ...claims, sub, exp } : 'profile';
}

/** RFC 8725 §3.11: a token made for another use (a proof, a logout, an event) is none for this one. */
function typeFits(typ: unknown, profile: IssuerSettings['profile']): boolean {
  if (typ === undefined) return true;
  if (typeof typ !== 'string') return false;
  const name = typ.toLowerCase().replace(/^application\//, '');
  return (
    name === 'jwt' ||
    (profile === 'spiffe' && name === 'jose') ||
    (profile === 'generic' && name === 'at+jwt')
  );
}

function profileFits(
  claims: Members,
  sub: string,
  { issuer, profile }: Pick<IssuerSettings, 'issuer' | 'profile'>,
): boolean {
  switch (profile) {
    case 'spiffe': {
      // Without `iss` the trust domain says whose it is; with one, both do.
      const domain = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[A-Za-z0-9._-]+)+)$/.exec(sub);
      const own = /^spiffe:\/\/([a-z0-9._-]{1,255})$/.exec(issuer);
      const dots = domain?.[2]!.split('/').some((part) => part === '.' || part === '..');
      return domain !== null && dots === false && (own === null || own[1] === domain[1]);
    }
    case 'github': {
      const { repository, repository_owner: owner } = claims;
      return (
        typeof repository === 'string' &&
        typeof owner === 'string' &&
        repository.startsWith(`${owner}/`) &&
        sub.startsWith(`repo:${repository}:`)
      );
    }
    case 'kubernetes': {
      const about = claims['kubernetes.io'];
      if (!isMembers(about) || !isMembers(about['serviceaccount'])) return false;
      const { namespace, serviceaccount } = about;
      return sub === `system:serviceaccount:${String(namespace)}:${String(serviceaccount['name'])}`;
    }
    case 'oidc':
    case 'generic':
      return true;
    default:
      return profile satisfies never;
  }
}
