/**
 * Authentication of one call (DESIGN §10): a session's MAC, a proof of possession, a person's token, or a browser's
 * cookie with its CSRF header. Exactly one of them; what fails is counted and refused, never appended (RULE 38).
 */
import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '@licet/control-plane';
import { jwkThumbprint } from '@licet/evidence';
import {
  checkProof,
  PlaneError,
  PROOF_WINDOW_MS,
  publicHalf,
  SESSION_HEADERS,
  tokenKey,
  type CheckedProof,
} from '@licet/api';
import type { PlaneFolder } from './data-folder.ts';
import type { Principal, Principals } from './principals.ts';
import type { Login, Sessions } from './sessions.ts';

/** Name of the browser's cookie, and of the header that must come with it. */
export const LOGIN_COOKIE = 'licet-login';
export const CSRF_HEADER = 'licet-csrf';
const MAX_REMEMBERED_PROOFS = 65_536;

/** One call as it arrived. */
export interface Arrival {
  readonly method: string;
  /** Path and query, as sent. */
  readonly target: string;
  /** `http` or `https`, and the Host header, which has been checked. */
  readonly scheme: string;
  readonly host: string;
  readonly body: Uint8Array;
  header(name: string): string | undefined;
}

export interface Authentication {
  /** @throws PlaneError `unidentified`, `stale_proof`, `session_ended` */
  identify(call: Arrival): Promise<Principal>;
  /** Checks the proof that opens a session; its share is there. @throws PlaneError as above */
  proofOf(call: Arrival): Promise<CheckedProof & { readonly principal: Principal; readonly share: string }>;
  /**
   * Checks a proof that opens a session for a key which nobody knows yet: whoever vouches for it comes in the body, which
   * the proof covers. `use` counts it as used, once everything else was right. @throws PlaneError `stale_proof`
   */
  proofOfStranger(
    call: Arrival,
  ): Promise<Pick<CheckedProof, 'jkt'> & { readonly share: string; use(): void }>;
  /** The principal of a person's token. @throws PlaneError `unidentified` */
  token(token: string): Promise<Principal>;
  /** The principal of a key that signed in by other means. @throws PlaneError `unidentified` */
  cookieOf(jkt: string): Promise<Principal>;
  /** The login that the call's cookie names. */
  login(call: Pick<Arrival, 'header'>): Promise<({ readonly cookie: string } & Login) | undefined>;
}

export interface AuthenticationOptions {
  readonly folder: Pick<PlaneFolder, 'origin'>;
  readonly principals: Principals;
  readonly sessions: Sessions;
  readonly clock: Clock;
}

/** Returns the authentication of a plane. */
export function openAuthentication({
  folder,
  principals,
  sessions,
  clock,
}: AuthenticationOptions): Authentication {
  /** Proofs seen, by `jkt` and `jti`, until they would be too old anyway. */
  const seen = new Map<string, number>();

  function useOnce({ jkt, jti }: CheckedProof): boolean {
    const now = clock.nowMs();
    if (seen.size >= MAX_REMEMBERED_PROOFS) {
      for (const [id, untilMs] of seen) if (untilMs <= now) seen.delete(id);
      // Full of proofs that still count: taking more would mean forgetting one that could be replayed.
      if (seen.size >= MAX_REMEMBERED_PROOFS) throw new PlaneError('overloaded', 'too many proofs at once');
    }
    const id = `${jkt}.${jti}`;
    if ((seen.get(id) ?? 0) > now) return false;
    // A proof may be dated up to one window ahead, and lives one window from then.
    seen.set(id, now + 2 * PROOF_WINDOW_MS);
    return true;
  }

  async function principalOf(jkt: string, by: Principal['by']): Promise<Principal> {
    const principal = await principals.find(jkt, by);
    if (principal === undefined)
      throw new PlaneError('unidentified', 'this key belongs to no identity in force');
    // RULE 28: a passkey proves a person at sign-in, with their hand on the authenticator; never a call by itself.
    if (principal.passkey === true && by !== 'cookie')
      throw new PlaneError('unidentified', 'a passkey opens no session and signs no call');
    return principal;
  }

  async function checkedProof(call: Arrival, jwt: string): Promise<CheckedProof> {
    const url = `${call.scheme}://${call.host}${call.target}`;
    const checked = await checkProof(
      jwt,
      { method: call.method, url, origin: folder.origin, body: call.body },
      clock.nowMs(),
    );
    if (checked === undefined) throw new PlaneError('stale_proof', 'the proof is not one for this call');
    return checked;
  }

  async function proof(
    call: Arrival,
    jwt: string,
  ): Promise<CheckedProof & { readonly principal: Principal }> {
    const checked = await checkedProof(call, jwt);
    const principal = await principalOf(checked.jkt, 'proof');
    if (!useOnce(checked)) throw new PlaneError('stale_proof', 'the proof was used before');
    return { ...checked, principal };
  }

  async function token(text: string): Promise<Principal> {
    // It stands for a key: whose, the log says, of everybody who was registered and is not revoked.
    const jkt = jwkThumbprint({ ...publicHalf(await tokenKey(text)) });
    const principal = await principals.find(jkt, 'token');
    // RULE 28: a bearer's word is a person's, never an agent's or a door's.
    if (principal?.kind !== 'user' || principal.passkey === true)
      throw new PlaneError('unidentified', 'this token is not known');
    return principal;
  }

  async function session(call: Arrival, id: string): Promise<Principal> {
    const counter = call.header(SESSION_HEADERS.counter) ?? '';
    const mac = call.header(SESSION_HEADERS.mac) ?? '';
    if (!/^[1-9][0-9]{0,15}$/.test(counter) || !/^[A-Za-z0-9_-]{24}$/.test(id)) {
      throw new PlaneError('unidentified', 'the session headers are malformed');
    }
    const { method, target, body } = call;
    const checked = await sessions.check(id, { method, target, body, counter: Number(counter) }, mac);
    if (checked === 'wrong') throw new PlaneError('unidentified', 'the MAC is not that of this call');
    if (checked === 'ended')
      throw new PlaneError('session_ended', 'the session has ended, or the counter was used');
    return principalOf(checked.jkt, 'session');
  }

  async function cookie(
    call: Arrival,
    found: { readonly jkt: string; readonly csrf: string },
  ): Promise<Principal> {
    if (call.method !== 'GET') {
      const sent = Buffer.from(call.header(CSRF_HEADER) ?? '');
      const expected = Buffer.from(found.csrf);
      if (sent.length !== expected.length || !timingSafeEqual(sent, expected)) {
        throw new PlaneError('unidentified', `a changing call needs the ${CSRF_HEADER} header`);
      }
    }
    return principalOf(found.jkt, 'cookie');
  }

  async function findLogin(
    call: Pick<Arrival, 'header'>,
  ): Promise<({ readonly cookie: string } & Login) | undefined> {
    const text = readCookie(call.header('cookie'));
    const found = text === undefined ? undefined : await sessions.findLogin(text);
    return found === undefined || text === undefined ? undefined : { ...found, cookie: text };
  }

  return {
    token,
    cookieOf: (jkt) => principalOf(jkt, 'cookie'),
    login: findLogin,
    async identify(call) {
      const id = call.header(SESSION_HEADERS.session);
      const jwt = call.header('dpop');
      const authorization = call.header('authorization');
      // Two credentials could name two callers; which one counts would then be a matter of order.
      if ([id, jwt, authorization].filter((one) => one !== undefined).length > 1) {
        throw new PlaneError('unidentified', 'more than one credential came with this call');
      }
      if (id !== undefined) return session(call, id);
      if (jwt !== undefined) return (await proof(call, jwt)).principal;
      if (authorization !== undefined) {
        const bearer = /^Bearer ([A-Za-z0-9_-]{16,256})$/.exec(authorization)?.[1];
        if (bearer === undefined)
          throw new PlaneError('unidentified', 'the Authorization header is no bearer token');
        return token(bearer);
      }
      const login = await findLogin(call);
      if (login === undefined) throw new PlaneError('unidentified', 'no credential came with this call');
      return cookie(call, login);
    },
    async proofOf(call) {
      const jwt = call.header('dpop');
      if (jwt === undefined)
        throw new PlaneError('unidentified', 'opening a session needs a proof in the DPoP header');
      const { share, ...checked } = await proof(call, jwt);
      if (share === undefined) throw new PlaneError('stale_proof', 'the proof carries no share');
      return { ...checked, share };
    },
    async proofOfStranger(call) {
      const jwt = call.header('dpop');
      if (jwt === undefined)
        throw new PlaneError('unidentified', 'opening a session needs a proof in the DPoP header');
      const checked = await checkedProof(call, jwt);
      const { jkt, share, covers } = checked;
      // Without the body in the proof, somebody on the way could put another token beside it.
      if (share === undefined || !covers)
        throw new PlaneError('stale_proof', 'the proof carries no share, or does not cover the token');
      return {
        jkt,
        share,
        use() {
          if (!useOnce(checked)) throw new PlaneError('stale_proof', 'the proof was used before');
        },
      };
    },
  };
}

/** Returns the value of a cookie that this plane set: 32 bytes in base64url. */
export function readCookie(header: string | undefined, cookie: string = LOGIN_COOKIE): string | undefined {
  const values = (header ?? '').split(';').flatMap((pair) => {
    const [name, value] = pair.split('=', 2);
    return name?.trim() === cookie && value !== undefined ? [value.trim()] : [];
  });
  // Two cookies of one name: somebody planted one.
  return values.length === 1 && /^[A-Za-z0-9_-]{43}$/.test(values[0]!) ? values[0] : undefined;
}
