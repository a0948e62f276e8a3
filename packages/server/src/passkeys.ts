/**
 * Ceremonies of passkeys (W3C WebAuthn §7): challenges that count once and soon run out, the reading of what an
 * authenticator registered, and sign-in. What approves a hold is verified where holds are decided; see `control-plane`.
 */
import { isIP } from 'node:net';
import {
  base64url,
  credentialDigest,
  domainTag,
  EvidenceError,
  parseJson,
  publicKeyJwk,
  sha256,
  utf8,
  verifyAssertion,
  type Assertion,
  type Json,
  type Passkey,
  type RelyingParty,
} from '@licet/evidence';
import { nodeCrypto } from '@licet/evidence/node';
import type { Clock, Plane, Random, Store } from '@licet/control-plane';
import { PlaneError } from '@licet/api';
import { ServerError } from './errors.ts';

/** How long a person has to touch the authenticator, milliseconds. */
export const CEREMONY_MS = 120_000;
/** How long an invitation waits for its person. */
export const INVITATION_MS = 86_400_000;
/** COSE: ES256 and EdDSA, what evidence can verify. */
const ALGORITHMS = [-7, -8];
const P256 = 1;
const ED25519 = 6;

/** Who brings in a passkey, and for whom. */
export interface Enrolment {
  readonly subject: string;
  /** In whose name the passkey is added: the person's own, or that of the operator who invited them. */
  readonly by: { readonly subject: string; readonly jkt: string };
}

/** What a browser hands back when it made a passkey. */
export interface Registration {
  readonly credential: string;
  readonly clientDataJSON: string;
  readonly attestationObject: string;
}

export interface Passkeys {
  /** Throws PlaneError `conflict` when the trust file names none. */
  relyingParty(): RelyingParty;
  /** A fresh challenge, 32 bytes in base64url; whoever signs in has none of `about`. */
  challenge(
    purpose: 'login' | 'register',
    about?: Enrolment,
  ): Promise<{ readonly challenge: string; readonly exp: number }>;
  /** Whose passkey signed a challenge of this plane, once. @throws PlaneError `passkey_refused` */
  signIn(assertion: Assertion): Promise<{ readonly subject: string; readonly jkt: string }>;
  /** What was registered, for whom. @throws PlaneError `passkey_refused` */
  register(registration: Registration): Promise<Enrolment & { readonly passkey: Passkey }>;
  /** A code that brings in one passkey for a person; told once, kept as a hash. */
  invite(about: Enrolment): Promise<{ readonly invitation: string; readonly exp: number }>;
  /** Whom an invitation is for; `spend` ends it. @throws PlaneError `unidentified` */
  invited(invitation: string, spend?: boolean): Promise<Enrolment>;
}

export interface PasskeysOptions {
  readonly plane: Pick<Plane, 'passkey'>;
  readonly store: Pick<Store, 'sessions'>;
  readonly rp: RelyingParty | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

/** Returns the ceremonies of a plane. */
export function openPasskeys({ plane, store, rp, clock, random }: PasskeysOptions): Passkeys {
  const refused = (why: string, cause?: unknown): PlaneError =>
    new PlaneError('passkey_refused', `passkey_refused: ${why}`, { cause });
  const relyingParty = (): RelyingParty => {
    if (rp === undefined)
      throw new PlaneError('conflict', 'no_relying_party: the trust file names no place for passkeys');
    return rp;
  };

  /** The challenge that was signed, spent by being asked for: whatever comes of it, it never counts again. */
  async function spend(
    purpose: 'login' | 'register',
    clientDataJSON: string,
  ): Promise<{ readonly challenge: string; readonly about?: Enrolment }> {
    const challenge = challengeOf(clientDataJSON);
    const row =
      challenge === undefined ? undefined : await store.sessions.take(rowOf('challenge', challenge));
    const kept = row as
      { readonly purpose: string; readonly exp: number; readonly about?: Enrolment } | undefined;
    if (challenge === undefined || kept?.purpose !== purpose || clock.nowMs() >= kept.exp)
      throw refused('the challenge is none of this plane, was used, or ran out');
    return { challenge, ...(kept.about === undefined ? {} : { about: kept.about }) };
  }

  return {
    relyingParty,
    async challenge(purpose, about) {
      relyingParty();
      const challenge = base64url(random.bytes(32));
      const exp = clock.nowMs() + CEREMONY_MS;
      const value = { kind: 'challenge', purpose, exp, ...(about === undefined ? {} : { about }) };
      await store.sessions.put(rowOf('challenge', challenge), value as unknown as Json, exp);
      return { challenge, exp };
    },
    async signIn(assertion) {
      const { challenge } = await spend('login', assertion.clientDataJSON);
      try {
        const owner = await plane.passkey(credentialDigest(assertion.credential));
        const passkeys = owner === undefined ? [] : [owner.passkey];
        await verifyAssertion(assertion, { challenge, rp: relyingParty(), passkeys, crypto: nodeCrypto });
        return { subject: owner!.subject, jkt: owner!.jkt };
      } catch (error) {
        if (error instanceof EvidenceError) throw refused(error.message, error);
        throw error;
      }
    },
    async register({ credential, clientDataJSON, attestationObject }) {
      const { challenge, about } = await spend('register', clientDataJSON);
      if (about === undefined) throw refused('the challenge is for nobody');
      const { id, origins } = relyingParty();
      // Loaded when somebody registers: reading attestations brings a family of parsers.
      const { verifyRegistrationResponse } = await import('@simplewebauthn/server');
      const { decodeCredentialPublicKey } = await import('@simplewebauthn/server/helpers');
      try {
        const { verified, registrationInfo } = await verifyRegistrationResponse({
          response: {
            id: credential,
            rawId: credential,
            type: 'public-key',
            clientExtensionResults: {},
            response: { clientDataJSON, attestationObject },
          },
          expectedChallenge: challenge,
          expectedOrigin: [...origins],
          expectedRPID: id,
          requireUserVerification: true,
          supportedAlgorithmIDs: ALGORITHMS,
        });
        if (!verified || isForeignFrame(clientDataJSON)) throw new Error('it was not made for this page');
        const cose = decodeCredentialPublicKey(registrationInfo.credential.publicKey);
        const passkey = { id: credentialDigest(registrationInfo.credential.id), key: jwkOf(cose) };
        return { ...about, passkey };
      } catch (error) {
        throw refused(error instanceof Error ? error.message : 'it cannot be read', error);
      }
    },
    async invite(about) {
      relyingParty();
      const invitation = base64url(random.bytes(24));
      const exp = clock.nowMs() + INVITATION_MS;
      // Without a `subject` of its own: sessions that end with the person's keys are none of its business.
      const value = { kind: 'invitation', about, exp };
      await store.sessions.put(rowOf('invitation', invitation), value as unknown as Json, exp);
      return { invitation, exp };
    },
    async invited(invitation, spend = false) {
      const id = rowOf('invitation', invitation);
      const row = (await (spend ? store.sessions.take(id) : store.sessions.get(id))) as
        { readonly about?: Enrolment; readonly exp?: Json } | undefined;
      if (row?.about === undefined || typeof row.exp !== 'number' || !(clock.nowMs() < row.exp))
        throw new PlaneError(
          'unidentified',
          'unidentified: this invitation is not known, was used, or ran out',
        );
      return row.about;
    },
  };
}

/**
 * Refuses what browsers would: a number in place of a name, a name that does not cover its origins, plain HTTP beyond
 * this host. @throws ServerError `ERR_SERVER_RP`
 */
export function requireRelyingParty({ id, origins }: RelyingParty): void {
  const wrong = (what: string): ServerError => new ServerError('ERR_SERVER_RP', what);
  if (isIP(id) !== 0) throw wrong(`${id} is an address; passkeys need a name`);
  if (origins.length === 0) throw wrong(`${id} has no origin`);
  for (const origin of origins) {
    const url = URL.parse(origin);
    if (url === null || url.origin !== origin) throw wrong(`${origin} is no origin`);
    if (url.hostname !== id && !url.hostname.endsWith(`.${id}`))
      throw wrong(`${id} does not cover ${origin}`);
    if (url.protocol !== 'https:' && url.hostname !== 'localhost') throw wrong(`${origin} needs TLS`);
  }
}

/** Rows are named by a hash: a copy of the rows signs nobody in. */
const rowOf = (kind: string, secret: string): string =>
  `${kind}/${base64url(sha256(utf8(domainTag(kind)), utf8(secret)))}`;

function clientDataOf(clientDataJSON: string): { readonly [name: string]: Json } | undefined {
  try {
    const value = parseJson(Buffer.from(clientDataJSON, 'base64url'), { maxBytes: 4_096, maxDepth: 4 });
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as { readonly [name: string]: Json })
      : undefined;
  } catch {
    // Refused by whoever looks for its challenge: there is none.
    return undefined;
  }
}

function challengeOf(clientDataJSON: string): string | undefined {
  const challenge = clientDataOf(clientDataJSON)?.['challenge'];
  return typeof challenge === 'string' ? challenge : undefined;
}

/** The library does not look at it: a page inside a foreign frame shows the person another one around it. */
function isForeignFrame(clientDataJSON: string): boolean {
  const data = clientDataOf(clientDataJSON);
  return data === undefined || (data['crossOrigin'] ?? false) !== false || Object.hasOwn(data, 'topOrigin');
}

/** The public key of a COSE key (RFC 9053 §7). */
function jwkOf(cose: { get(label: number): unknown }): Passkey['key'] {
  const [curve, x, y] = [cose.get(-1), cose.get(-2), cose.get(-3)];
  if (curve === ED25519 && x instanceof Uint8Array) return publicKeyJwk({ alg: 'EdDSA', bytes: x });
  if (
    curve === P256 &&
    x instanceof Uint8Array &&
    y instanceof Uint8Array &&
    x.length === 32 &&
    y.length === 32
  )
    return publicKeyJwk({ alg: 'ES256', bytes: Uint8Array.from([4, ...x, ...y]) });
  throw new Error('its key is neither ES256 nor EdDSA');
}
