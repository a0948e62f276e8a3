/**
 * Who is looking. The token arrives in the fragment of the address that the plane prints, which no server sees; it is
 * exchanged for an HttpOnly cookie and a CSRF token, and taken out of the address bar at once (UI §5).
 */
import { CallError, get, post, setCsrf } from './call.ts';
import { base, isPublic } from './listener.ts';
import { cell, useCell } from './store.ts';

/** Roles that see the console; as the contract names them. */
export type Role = 'viewer' | 'approver' | 'operator' | 'author' | 'auditor';

/** How somebody signed in; `key` where a key signs each call, which no browser does. */
export type SignInMethod = 'token' | 'passkey' | 'provider' | 'key';

export type Session =
  | { readonly kind: 'starting' }
  | { readonly kind: 'public' }
  | { readonly kind: 'none'; readonly why?: string }
  | {
      readonly kind: 'person';
      readonly subject: string;
      readonly roles: readonly string[];
      readonly method: SignInMethod;
    };

interface Me {
  readonly subject: string;
  readonly roles: readonly string[];
  readonly method: SignInMethod;
  readonly csrf?: string;
}

/** Says only that there may be a cookie, so that a visitor without one causes no refused call. */
const HINT = `licet.signed-in${base}`;
const session = cell<Session>({ kind: isPublic ? 'public' : 'starting' });

/** Signs in with the token of the address, or with the cookie of an earlier visit. */
export async function startSession(): Promise<void> {
  if (isPublic) return;
  const token = /[#&]token=([A-Za-z0-9_-]{16,256})/.exec(location.hash)?.[1];
  if (token !== undefined) {
    history.replaceState(history.state, '', location.pathname + location.search);
    await signIn(token);
    return;
  }
  const came = /^#(signed-in|refused=[a-z_]{1,48})$/.exec(location.hash)?.[1];
  if (came !== undefined) history.replaceState(history.state, '', location.pathname + location.search);
  if (came === 'signed-in') localStorage.setItem(HINT, '1');
  else if (came !== undefined)
    return session.write({
      kind: 'none',
      why: `The plane did not take what your provider said (${came.slice('refused='.length)}).`,
    });
  if (localStorage.getItem(HINT) === null) return session.write({ kind: 'none' });
  try {
    accept(await get<Me>('/v1/me'));
  } catch (error) {
    refuse(error);
  }
}

/** Exchanges an operator's token for the cookie. */
export async function signIn(token: string): Promise<void> {
  try {
    accept(await post<Me>('/v1/login', { token }));
  } catch (error) {
    refuse(error);
  }
}

/** Signs in with a passkey that the person chooses. */
export async function signInByPasskey(): Promise<void> {
  try {
    const { challenge, rpId } = await post<{ readonly challenge: string; readonly rpId: string }>(
      '/v1/login/challenge',
      {},
    );
    const { signChallenge } = await import('./passkey.ts');
    accept(await post<Me>('/v1/login/passkey', { assertion: await signChallenge(challenge, rpId) }));
  } catch (error) {
    // What the person or their browser called off was never asked of the plane.
    if (error instanceof CallError) refuse(error);
    else session.write({ kind: 'none', why: 'No passkey was used.' });
  }
}

/** Sends this browser to a provider; it comes back signed in, or told why not. */
export async function goToProvider(issuer: string): Promise<void> {
  try {
    location.assign((await post<{ readonly url: string }>('/v1/login/start', { issuer })).url);
  } catch (error) {
    refuse(error);
  }
}

export async function signOut(): Promise<void> {
  await post('/v1/logout', {}).catch(() => undefined);
  localStorage.removeItem(HINT);
  setCsrf(undefined);
  session.write({ kind: 'none', why: 'You signed out.' });
}

function accept(me: Me): void {
  // A cookie without its CSRF token could read but not act; the plane always gives both.
  setCsrf(me.csrf);
  localStorage.setItem(HINT, '1');
  session.write({ kind: 'person', subject: me.subject, roles: me.roles, method: me.method });
}

function refuse(error: unknown): void {
  const code = error instanceof CallError ? error.code : 'garbled';
  if (code !== 'unreachable') localStorage.removeItem(HINT);
  setCsrf(undefined);
  const why =
    code === 'unreachable' ? 'The plane does not answer.' : `The plane refused to sign you in (${code}).`;
  session.write({ kind: 'none', why });
}

/** Returns who is looking. */
export const useSession = (): Session => useCell(session);

/** Roles that are told what waits for a person, as the plane's table of routes has it. */
export const SEE_APPROVALS = ['approver', 'operator', 'auditor'] as const;

/** Returns why the visitor may not do what needs one of `roles`, or undefined when they may. The plane decides again. */
export function useMissing(...roles: readonly [Role, ...Role[]]): string | undefined {
  const who = useSession();
  if (who.kind === 'public')
    return 'This is the public, redacted view. It can read and verify; it cannot act.';
  if (who.kind !== 'person') return 'Sign in first.';
  return roles.some((role) => who.roles.includes(role))
    ? undefined
    : `You do not have the role ${roles.join(' or ')}.`;
}
