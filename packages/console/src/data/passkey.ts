/**
 * Passkeys in this browser (W3C WebAuthn): made, and asked to sign. What is signed is computed here from what is shown,
 * never taken from an answer of the plane as it is (RULE 22).
 */
import type { PasskeyOptions, PasskeyRegistration, SigningSubject } from '@licet/api';
import {
  approvalBatchDigest,
  approvalDigest,
  base64url,
  canonicalize,
  commitStandingScope,
  standingDigest,
  unbase64url,
  utf8,
  verifyCommitment,
  type Assertion,
  type Json,
  type StandingScope,
  type StandingSubject,
} from '@licet/evidence';
import { post } from './call.ts';

/** ES256 and EdDSA: what evidence can verify. */
const ALGORITHMS = [-7, -8];

/** Why no passkey can be used here; undefined when one can. */
export function noPasskeys(): string | undefined {
  if (/^[0-9.]+$|^\[/.test(location.hostname))
    return 'Browsers use passkeys at names only: open the console at its localhost or DNS address.';
  return typeof PublicKeyCredential === 'undefined' ? 'This browser has no passkeys.' : undefined;
}

/** Makes a passkey for whoever is signed in, or whom the invitation is for, and registers it. @throws CallError, DOMException */
export async function makePasskey(
  invitation?: string,
): Promise<{ readonly verdict: string; readonly reason?: string }> {
  const by = invitation === undefined ? {} : { invitation };
  const { challenge, rp, user } = await post<PasskeyOptions>('/v1/passkeys/options', by);
  const made = (await navigator.credentials.create({
    publicKey: {
      challenge: bytesOf(challenge),
      rp,
      user: { id: new Uint8Array(utf8(user.id)), name: user.name, displayName: user.name },
      pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: 'public-key', alg })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      attestation: 'none',
    },
  })) as PublicKeyCredential | null;
  if (made === null) throw new Error('The browser made no passkey.');
  const { clientDataJSON, attestationObject } = made.response as AuthenticatorAttestationResponse;
  const registration: PasskeyRegistration = {
    credential: text(made.rawId),
    clientDataJSON: text(clientDataJSON),
    attestationObject: text(attestationObject),
  };
  return post('/v1/passkeys', { ...registration, ...by });
}

/** Signs a challenge (base64url) with a passkey that the person chooses. @throws DOMException when they do not */
export async function signChallenge(challenge: string, rpId: string): Promise<Assertion> {
  const got = (await navigator.credentials.get({
    publicKey: { challenge: bytesOf(challenge), rpId, userVerification: 'required' },
  })) as PublicKeyCredential | null;
  if (got === null) throw new Error('The browser gave no signature.');
  const { authenticatorData, clientDataJSON, signature } = got.response as AuthenticatorAssertionResponse;
  return {
    credential: text(got.rawId),
    authenticatorData: text(authenticatorData),
    clientDataJSON: text(clientDataJSON),
    signature: text(signature),
  };
}

/** What a person is about to sign. */
export interface Shown {
  readonly hold: { readonly leaf: string; readonly index?: number };
  readonly group: string;
  readonly verdict: 'approve' | 'reject';
  /** Whether the arguments that the commitment opens to are what is shown. */
  shows(opened: Readonly<Record<string, Json>>): boolean;
}

/** Returns a comparison with arguments that are shown as they are. */
export const showing =
  (shown: Json): Shown['shows'] =>
  (opened) =>
    canonicalize(opened) === canonicalize(shown);

/** Signs a word in advance: exactly this scope, so often, until then (RULE 22). @throws Error, DOMException */
export async function signAhead(
  { subject, rpId }: Pick<SigningSubject, 'rpId' | 'subject'>,
  { group, scope, count, exp }: Omit<StandingSubject, 'origin' | 'scope'> & { readonly scope: StandingScope },
): Promise<{ readonly key: string; readonly exp: number; readonly assertion: Assertion }> {
  const key = crypto.getRandomValues(new Uint8Array(32));
  const { commitment } = commitStandingScope(key, scope as unknown as Json);
  const { origin } = subject;
  const challenge = standingDigest({ origin, group, scope: commitment, count, exp });
  return { key: base64url(key), exp, assertion: await signChallenge(challenge, rpId) };
}

/** Signs several approvals with one touch, each by its own digest (RULE 22). @throws Error, DOMException */
export async function signTogether(signing: readonly SigningSubject[]): Promise<Assertion> {
  const batch = signing.map(({ subject }) => approvalDigest(subject));
  const assertion = await signChallenge(approvalBatchDigest(batch), signing[0]!.rpId);
  return { ...assertion, batch };
}

/** Asks for what an answer to this hold signs, and holds it against what is shown. @throws Error when they differ */
export async function subjectOf(
  executionId: string,
  { hold, group, verdict, shows }: Shown,
): Promise<SigningSubject> {
  const asked = { hold: hold.leaf, group, verdict };
  const signing = await post<SigningSubject>(`/v1/approvals/${executionId}/subject`, asked);
  const { subject, disclosures = [] } = signing;
  const opened = verifyCommitment('argument', subject.args, disclosures, []);
  const same =
    subject.leaf === hold.leaf &&
    (hold.index === undefined || subject.index === hold.index) &&
    subject.group === group &&
    subject.verdict === verdict &&
    shows(opened) &&
    approvalDigest(subject) === signing.challenge;
  if (!same) throw new Error('What would be signed is not what is shown here. Do not sign; reload the page.');
  return signing;
}

const text = (bytes: ArrayBuffer): string => base64url(new Uint8Array(bytes));
const bytesOf = (value: string): Uint8Array<ArrayBuffer> => new Uint8Array(unbase64url(value));
