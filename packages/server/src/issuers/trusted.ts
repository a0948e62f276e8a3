/**
 * Trusted issuers (DESIGN §2; RULE 47): from a token to who presents it. The issuer is found by what the token says,
 * which proves nothing yet; then its signature, its claims and the issuer's rules are checked, in this order, and what
 * is not proven is refused without saying more than its holder knows anyway.
 */
import { base64url, parseJson, sha256, utf8, type Json } from '@licet/evidence';
import type { Clock, IssuerRow, Plane, TokenPresented } from '@licet/control-plane';
import { PlaneError, type IssuerSettings } from '@licet/api';
import { checkClaims, type Claims, type Expected } from './claims.ts';
import { readJws, verifyJws, type Jws } from './jws.ts';
import { openKeySource, type KeySource, type KeySourceState } from './key-source.ts';
import { mapAgent, mapPerson } from './mapping.ts';
import { isMembers, type Members } from './members.ts';

/** An issuer, and the state of its keys. */
export interface TrustedIssuer {
  readonly row: IssuerRow;
  readonly settings: IssuerSettings;
  readonly keys: KeySource;
}

export interface TrustedIssuers {
  /** Who an agent is, by its token; on behalf of a person, by theirs. @throws PlaneError `token_refused`, `issuer_unavailable` */
  agent(
    token: string,
    jkt: string,
    subjectToken?: string,
  ): Promise<{
    readonly token: TokenPresented;
    readonly claims: Members;
    readonly behalf?: {
      readonly token: TokenPresented;
      readonly claims: Members;
      /** Its issuer, as its tokens name it. */
      readonly issuer: string;
    };
  }>;
  /** Who a person is, by a token that came from the issuer. Throws as above. */
  person(token: string, issuer: TrustedIssuer, expected: Omit<Expected, 'nowMs'>): Promise<TokenPresented>;
  list(): Promise<readonly TrustedIssuer[]>;
  /** @throws PlaneError `not_found`, `issuer_unavailable` */
  refresh(subject: string): Promise<KeySourceState>;
}

/** Returns the issuers that a plane trusts, as its log has them at each moment. */
export function openIssuers(plane: Pick<Plane, 'issuers'>, clock: Clock): TrustedIssuers {
  /** By the digest of the settings: changed ones start anew. */
  const sources = new Map<string, KeySource>();

  async function list(): Promise<readonly TrustedIssuer[]> {
    const rows = await plane.issuers();
    const known = new Set(rows.map(({ digest }) => digest));
    for (const digest of sources.keys()) if (!known.has(digest)) sources.delete(digest);
    return rows.map((row) => {
      const settings = row.settings as unknown as IssuerSettings;
      const keys = sources.get(row.digest) ?? openKeySource(settings, clock);
      sources.set(row.digest, keys);
      return { row, settings, keys };
    });
  }

  async function checked(
    token: string,
    { settings, keys }: TrustedIssuer,
    expected: Omit<Expected, 'nowMs'>,
  ): Promise<{ readonly jws: Jws; readonly claims: Claims }> {
    const unproven = readJws(token);
    const kid = unproven?.header['kid'];
    const jws =
      unproven === undefined
        ? undefined
        : await verifyJws(
            token,
            await keys.keys(typeof kid === 'string' ? kid : undefined),
            settings.algorithms,
          );
    const said = jws === undefined ? undefined : membersOf(jws);
    if (jws === undefined || said === undefined)
      throw refused('it is not signed by an issuer that this plane trusts');
    const claims = checkClaims(jws, said, settings, { ...expected, nowMs: clock.nowMs() });
    if (typeof claims === 'string') throw refused(`${claims}: this plane does not take it`);
    return { jws, claims };
  }

  async function issuerOf(token: string, of: 'agents' | 'people'): Promise<TrustedIssuer> {
    const jws = readJws(token);
    const said = jws === undefined ? undefined : membersOf(jws);
    if (said === undefined) throw refused('it is no signed token');
    const { iss, sub, aud } = said;
    const domain = typeof sub === 'string' ? /^spiffe:\/\/[^/]+/.exec(sub)?.[0] : undefined;
    const named = iss ?? domain;
    const audience = Array.isArray(aud) ? aud[0] : aud;
    const fitting = (await list()).filter(
      ({ settings }) =>
        settings.issuer === named && settings.audience === audience && settings[of] !== undefined,
    );
    // Two that would take it: which rules count is not for us to guess.
    if (fitting.length !== 1) throw refused('it is not signed by an issuer that this plane trusts');
    return fitting[0]!;
  }

  return {
    list,
    async agent(token, jkt, subjectToken) {
      const person = subjectToken === undefined ? undefined : await personBy(subjectToken, jkt);
      const issuer = await issuerOf(token, 'agents');
      const { jws, claims } = await checked(token, issuer, { audience: issuer.settings.audience, jkt });
      const mapped = mapAgent(issuer.settings, claims, person?.token.subject);
      if (mapped === undefined) throw refused('no rule of its issuer names its subject');
      if (mapped === 'behalf')
        throw refused(
          person === undefined
            ? 'this agent acts only on behalf of a person, whose token must come with it'
            : 'this agent does not act on behalf of others',
        );
      return {
        token: presented('agent', token, issuer, { jws, claims, mapped }),
        ...(person === undefined ? {} : { behalf: person }),
        claims,
      };
    },
    async person(token, issuer, expected) {
      const { jws, claims } = await checked(token, issuer, expected);
      // OpenID Connect Core §3.1.3.7: made for another client, of which this one is only told.
      const party = claims['azp'];
      if (party !== undefined && party !== expected.audience)
        throw refused('audience: it is another client’s');
      const shown = presented('user', token, issuer, {
        jws,
        claims,
        mapped: mapPerson(issuer.settings, claims),
      });
      // The token says who signed in; how long that counts is the issuer's settings' to say.
      const sessionMs = issuer.settings.signIn?.sessionMs ?? DEFAULT_SESSION_MS;
      return { ...shown, untilMs: clock.nowMs() + sessionMs };
    },
    async refresh(subject) {
      const issuer = (await list()).find(({ row }) => row.subject === subject);
      if (issuer === undefined) throw new PlaneError('not_found', 'not_found: there is no such issuer');
      await issuer.keys.refresh();
      return issuer.keys.state();
    },
  };

  async function personBy(token: string, jkt: string) {
    const issuer = await issuerOf(token, 'people');
    const { jws, claims } = await checked(token, issuer, { audience: issuer.settings.audience, jkt });
    const mapped = mapPerson(issuer.settings, claims);
    const shown = presented('user', token, issuer, { jws, claims, mapped });
    return { token: shown, claims, issuer: issuer.settings.issuer };
  }
}

const DEFAULT_SESSION_MS = 8 * 3_600_000;

function presented(
  kind: 'user' | 'agent',
  token: string,
  { row }: TrustedIssuer,
  found: {
    readonly jws: Jws;
    readonly claims: Claims;
    readonly mapped: Pick<TokenPresented, 'subject' | 'enrol'>;
  },
): TokenPresented {
  const { claims, jws, mapped } = found;
  const { iss = null, sub, aud = null, exp, iat = null, jti = null } = claims;
  const { alg = null, kid = null } = jws.header;
  const digest = base64url(sha256(utf8(token)));
  return {
    issuer: row.subject,
    settings: row.digest,
    kind,
    ...mapped,
    token,
    said: { iss, sub, aud, exp, iat, jti, alg, kid, digest },
    untilMs: Math.floor(exp * 1_000),
  };
}

function membersOf({ payload }: Jws): Members | undefined {
  try {
    const value: Json = parseJson(payload, { maxBytes: 16_384, maxDepth: 16 });
    return isMembers(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const refused = (why: string): PlaneError => new PlaneError('token_refused', `token_refused: ${why}`);
