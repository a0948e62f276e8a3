/**
 * How people sign in by their provider (OpenID Connect Core §3.1, RFC 7636, RFC 9700): one way at a time, from the browser
 * that began it, with a code that only this flow's verifier redeems. What comes of it is an ID token, which is then checked
 * as every other token is.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { base64url, domainTag, sha256, utf8, type Json } from '@licet/evidence';
import type { Clock, Store, TokenPresented } from '@licet/control-plane';
import { PlaneError } from '@licet/api';
import * as oidc from 'openid-client';
import { isMembers } from './members.ts';
import { callOut } from './outbound.ts';
import type { TrustedIssuer, TrustedIssuers } from './trusted.ts';

/** Milliseconds that somebody may take at the provider. */
export const SIGN_IN_MS = 600_000;

export interface SignIns {
  /** Providers that people can sign in by. */
  list(): Promise<readonly { readonly subject: string; readonly name: string }[]>;
  /** Begins: where to send the browser, and the cookie by which it is known when it is back. @throws PlaneError `not_found` */
  start(subject: string, redirectUri: string): Promise<{ readonly url: string; readonly cookie: string }>;
  /** Ends what `cookie` began. @throws PlaneError `not_found`, `token_refused`, `issuer_unavailable` */
  finish(subject: string, cookie: string | undefined, arrived: URL): Promise<TokenPresented>;
}

/** What is remembered of a browser that was sent away. */
interface Flow {
  readonly issuer: string;
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly redirectUri: string;
}

export interface SignInOptions {
  readonly issuers: TrustedIssuers;
  readonly store: Pick<Store, 'sessions'>;
  readonly clock: Clock;
}

/** Returns the ways to sign in. */
export function openSignIns({ issuers, store, clock }: SignInOptions): SignIns {
  const offering = async (): Promise<readonly TrustedIssuer[]> =>
    (await issuers.list()).filter(
      ({ settings }) => settings.signIn !== undefined && settings.people !== undefined,
    );
  const find = async (subject: string): Promise<TrustedIssuer> => {
    const issuer = (await offering()).find(({ row }) => row.subject === subject);
    if (issuer === undefined) throw new PlaneError('not_found', 'not_found: nobody signs in by this');
    return issuer;
  };
  return {
    async list() {
      return (await offering()).map(({ row: { subject, name } }) => ({ subject, name }));
    },
    async start(subject, redirectUri) {
      const issuer = await find(subject);
      const flow: Flow = {
        issuer: subject,
        state: oidc.randomState(),
        nonce: oidc.randomNonce(),
        verifier: oidc.randomPKCECodeVerifier(),
        redirectUri,
      };
      const cookie = base64url(randomBytes(32));
      const expMs = clock.nowMs() + SIGN_IN_MS;
      await store.sessions.put(flowId(cookie), { kind: 'sign-in', ...flow, expMs } as unknown as Json, expMs);
      const url = oidc.buildAuthorizationUrl(await clientOf(issuer), {
        redirect_uri: redirectUri,
        scope: issuer.settings.signIn?.scope ?? 'openid',
        state: flow.state,
        nonce: flow.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(flow.verifier),
        code_challenge_method: 'S256',
      });
      return { url: url.href, cookie };
    },
    async finish(subject, cookie, arrived) {
      const flow = cookie === undefined ? undefined : await flowOf(cookie);
      // One way to each provider: an answer of another cannot be passed off as this one's (RFC 9700 §4.4).
      if (flow === undefined || flow.issuer !== subject)
        throw new PlaneError('not_found', 'not_found: this browser began no sign-in that ends here');
      const issuer = await find(subject);
      const back = new URL(flow.redirectUri);
      back.search = arrived.search;
      let idToken: string | undefined;
      try {
        const answer = await oidc.authorizationCodeGrant(await clientOf(issuer), back, {
          pkceCodeVerifier: flow.verifier,
          expectedState: flow.state,
          expectedNonce: flow.nonce,
          idTokenExpected: true,
        });
        idToken = answer.id_token;
      } catch (cause) {
        throw problemOf(cause);
      }
      if (idToken === undefined)
        throw new PlaneError('token_refused', 'token_refused: no ID token came back');
      const { clientId } = issuer.settings.signIn!;
      return issuers.person(idToken, issuer, { audience: clientId, nonce: flow.nonce });
    },
  };

  /** What a cookie began; it is used up by this. */
  async function flowOf(cookie: string): Promise<Flow | undefined> {
    const id = flowId(cookie);
    const row = await store.sessions.get(id);
    await store.sessions.delete({ id });
    if (!isMembers(row) || row['kind'] !== 'sign-in') return undefined;
    return clock.nowMs() < Number(row['expMs']) ? (row as unknown as Flow) : undefined;
  }
}

/** Rows are named by the cookie's hash: a copy of the rows ends nobody's sign-in. */
const flowId = (cookie: string): string =>
  base64url(sha256(utf8(domainTag('sign-in')), utf8(cookie)).subarray(0, 24));

/** RULE 47: its endpoints stand in the settings; nothing is discovered, and nothing else is called. */
async function clientOf({ settings }: TrustedIssuer): Promise<oidc.Configuration> {
  const { clientId, clientSecretFile, authorizationEndpoint, tokenEndpoint } = settings.signIn!;
  const secret = clientSecretFile === undefined ? undefined : await secretIn(clientSecretFile);
  const config = new oidc.Configuration(
    {
      issuer: settings.issuer,
      authorization_endpoint: authorizationEndpoint,
      token_endpoint: tokenEndpoint,
      id_token_signing_alg_values_supported: settings.algorithms,
    },
    clientId,
    {},
    secret === undefined ? oidc.None() : oidc.ClientSecretBasic(secret),
  );
  // `http` only to this machine: the settings allow no other.
  if (tokenEndpoint.startsWith('http:')) oidc.allowInsecureRequests(config);
  config[oidc.customFetch] = async (address, { method, headers, body }) => {
    if (address !== tokenEndpoint) throw new Error('only the token endpoint is called');
    return callOut(address, { method, headers, body: body ?? null } as RequestInit);
  };
  return config;
}

async function secretIn(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw new PlaneError('issuer_unavailable', "issuer_unavailable: the client's secret cannot be read", {
      cause,
    });
  }
}

/** A provider that does not answer is one thing; an answer that is not right is another. */
function problemOf(cause: unknown): PlaneError {
  const code = (cause as { readonly code?: unknown }).code;
  const unreachable = code === undefined || code === 'OAUTH_TIMEOUT' || code === 'OAUTH_PARSE_ERROR';
  return unreachable
    ? new PlaneError('issuer_unavailable', 'issuer_unavailable: it cannot be reached', { cause })
    : new PlaneError(
        'token_refused',
        'token_refused: the answer of the provider is not one to this sign-in',
        {
          cause,
        },
      );
}
