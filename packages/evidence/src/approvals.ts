/**
 * Approvals (docs/formats/entries.md, "approval"; RULE 22): a person's signature over one hold. A passkey signs the
 * approval digest as its WebAuthn challenge, so that the screen, the log and the signature are about one thing.
 */
import { base64url, concat, fromUtf8, unbase64url, utf8 } from './bytes.ts';
import { canonicalBytes } from './canonical.ts';
import type { Crypto } from './crypto.ts';
import { digest, id, time, type EntryOf, type Passkey, type PublicJwk } from './entries.ts';
import { EvidenceError } from './errors.ts';
import { parseJson, type Json } from './json.ts';
import { domainTag } from './name.ts';
import { sha256 } from './sha256.ts';
import * as s from './shape.ts';

/** What a person approves or rejects. */
export interface ApprovalSubject {
  readonly origin: string;
  /** Index and leaf of the hold (a `refusal` entry with verdict `hold`). */
  readonly index: number;
  readonly leaf: string;
  /** The hold's commitment to the arguments. */
  readonly args: string;
  readonly group: string;
  readonly verdict: 'approve' | 'reject';
  readonly expires: number;
}

const bytes = (max: number): s.Shape<string> =>
  s.text(new RegExp(`^[A-Za-z0-9_-]{1,${Math.ceil((max * 4) / 3)}}$`), 'bytes in base64url');

/** Most approvals that one assertion may sign together. */
const MAX_BATCH = 64;

/**
 * A WebAuthn assertion (W3C WebAuthn §5.8.1), its parts in base64url; `batch`: the digests of the approvals that it signs
 * together, where it signs several.
 */
export const assertionShape = s.object(
  {
    credential: bytes(1_023),
    authenticatorData: bytes(1_024),
    clientDataJSON: bytes(2_048),
    signature: bytes(256),
  },
  { batch: s.list(digest, MAX_BATCH) },
);
export type Assertion = s.Of<typeof assertionShape>;

/** The relying party that a trust file names. */
export interface RelyingParty {
  readonly id: string;
  readonly origins: readonly string[];
}

const subjectShape = s.object({
  origin: s.text(/^[\x21-\x7e]{1,200}$/, 'an origin'),
  index: s.integer(),
  leaf: digest,
  args: digest,
  group: id,
  verdict: s.oneOf('approve', 'reject'),
  expires: time,
});

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const RP_HASH_LENGTH = 32;
const MIN_AUTHENTICATOR_DATA = 37;

/**
 * Returns what an approval signs, base64url: SHA-256("licet/approval/v1\n" ‖ JCS{origin, index, leaf, args, group,
 * verdict, expires}). Its 32 bytes are the WebAuthn challenge, so this text is also `clientData.challenge`.
 * @throws EvidenceError `ERR_APPROVAL_FORMAT`
 */
export function approvalDigest(subject: ApprovalSubject): string {
  const { origin, index, leaf, args, group, verdict, expires } = subject;
  const exact = subjectShape.check(
    { origin, index, leaf, args, group, verdict, expires },
    'approval',
    refuseFormat,
  );
  return base64url(sha256(utf8(domainTag('approval')), canonicalBytes(exact as unknown as Json)));
}

/**
 * Returns what one signature over several approvals signs, base64url: SHA-256("licet/approval-batch/v1\n" ‖ JCS[digests]),
 * each digest as {@link approvalDigest} makes it. The tag is another than that of a single one: neither passes for the other.
 * @throws EvidenceError `ERR_APPROVAL_FORMAT` for less than two, more than 64, or one twice
 */
export function approvalBatchDigest(digests: readonly string[]): string {
  const exact = s.list(digest, MAX_BATCH).check(digests as unknown as Json, 'batch', refuseFormat);
  if (exact.length < 2 || new Set(exact).size !== exact.length)
    throw new EvidenceError('ERR_APPROVAL_FORMAT', 'a batch is 2 to 64 different approvals');
  return base64url(sha256(utf8(domainTag('approval-batch')), canonicalBytes(exact as unknown as Json)));
}

/**
 * Returns the challenge by which this assertion signs an approval: the approval's own digest, or that of the batch in
 * which it stands.
 * @throws EvidenceError `ERR_APPROVAL_FORMAT`, `ERR_APPROVAL_CHALLENGE`
 */
export function approvalChallenge(subject: ApprovalSubject, { batch }: Pick<Assertion, 'batch'>): string {
  const own = approvalDigest(subject);
  if (batch === undefined) return own;
  if (!batch.includes(own))
    throw new EvidenceError(
      'ERR_APPROVAL_CHALLENGE',
      'the passkey signed several others together, not this one',
    );
  return approvalBatchDigest(batch);
}

/**
 * Returns the digest by which a `notice` of kind `relying_party` names where passkeys of a log are to be used from then
 * on: SHA-256("licet/relying-party/v1\n" ‖ JCS{origin, id, origins}), the origins sorted.
 */
export const relyingPartyDigest = (origin: string, { id: name, origins }: RelyingParty): string =>
  base64url(
    sha256(
      utf8(domainTag('relying-party')),
      canonicalBytes({ origin, id: name, origins: [...origins].sort() }),
    ),
  );

/** Returns the digest under which an `approval` entry names its assertion: SHA-256("licet/assertion/v1\n" ‖ JCS). */
export function assertionDigest(assertion: Assertion): string {
  return base64url(sha256(utf8(domainTag('assertion')), canonicalBytes(assertion as unknown as Json)));
}

/**
 * Returns the id under which a passkey is registered, base64url: SHA-256("licet/credential/v1\n" ‖ credential id).
 * @throws EvidenceError `ERR_APPROVAL_FORMAT` when the credential id is not base64url
 */
export const credentialDigest = (credential: string): string =>
  base64url(sha256(utf8(domainTag('credential')), decode(credential)));

/**
 * Returns the passkey that made a WebAuthn assertion over `challenge` (base64url). Checks type, challenge, origin,
 * relying party, user presence and verification, credential, signature (WebAuthn §7.2, steps 5 to 20).
 * @throws EvidenceError `ERR_APPROVAL_FORMAT`, `ERR_APPROVAL_CHALLENGE`, `ERR_APPROVAL_ORIGIN`, `ERR_APPROVAL_FLAGS`, `ERR_APPROVAL_CREDENTIAL`, `ERR_APPROVAL_SIGNATURE`
 */
export async function verifyAssertion(
  assertion: Assertion,
  context: {
    readonly challenge: string;
    readonly rp: RelyingParty;
    /** The approver's passkeys, from their `identity` entry; never their other keys, which need no authenticator. */
    readonly passkeys: readonly Passkey[];
    readonly crypto: Crypto;
  },
): Promise<Passkey> {
  const { rp, crypto } = context;
  assertionShape.check(assertion as unknown as Json, 'assertion', refuseFormat);
  const clientData = decode(assertion.clientDataJSON);
  const authenticatorData = decode(assertion.authenticatorData);
  const signature = decode(assertion.signature);

  const client = readClientData(clientData);
  if (client['type'] !== 'webauthn.get' || client['challenge'] !== context.challenge) {
    throw new EvidenceError('ERR_APPROVAL_CHALLENGE', 'the passkey signed something else');
  }
  const origin = client['origin'];
  // An assertion made inside a foreign frame shows the person another page than ours.
  if (
    typeof origin !== 'string' ||
    !rp.origins.includes(origin) ||
    (client['crossOrigin'] ?? false) !== false ||
    Object.hasOwn(client, 'topOrigin')
  ) {
    throw new EvidenceError('ERR_APPROVAL_ORIGIN', `signed at ${JSON.stringify(origin ?? null)}`);
  }
  if (authenticatorData.length < MIN_AUTHENTICATOR_DATA) {
    throw new EvidenceError('ERR_APPROVAL_FORMAT', `authenticator data of ${authenticatorData.length} bytes`);
  }
  if (base64url(authenticatorData.subarray(0, RP_HASH_LENGTH)) !== base64url(sha256(utf8(rp.id)))) {
    throw new EvidenceError('ERR_APPROVAL_ORIGIN', `signed for another relying party than ${rp.id}`);
  }
  const flags = authenticatorData[RP_HASH_LENGTH]!;
  // RULE 22: user verification is required; a touch alone may be anybody's.
  if ((flags & USER_PRESENT) === 0 || (flags & USER_VERIFIED) === 0) {
    throw new EvidenceError('ERR_APPROVAL_FLAGS', 'the authenticator did not verify the person');
  }
  const credential = credentialDigest(assertion.credential);
  const passkey = context.passkeys.find(({ id }) => id === credential);
  if (passkey === undefined)
    throw new EvidenceError('ERR_APPROVAL_CREDENTIAL', 'the passkey is none of theirs');
  const signed = concat(authenticatorData, sha256(clientData));
  if (!(await signedBy(passkey.key, signed, signature, crypto)))
    throw new EvidenceError('ERR_APPROVAL_SIGNATURE', 'their passkey did not make this signature');
  return passkey;
}

/**
 * Returns how far an `approval` entry is proven: `pass` when a passkey of the approver signed it, `asserted` when
 * only the operator says so (a token). The hold's origin, index, leaf and arguments come from the hold itself.
 * @throws EvidenceError `ERR_APPROVAL_…`
 */
export async function verifyApproval(
  approval: EntryOf<'approval'>,
  context: {
    readonly args: string;
    readonly passkeys: readonly Passkey[];
    readonly crypto: Crypto;
    readonly rp: RelyingParty;
    readonly assertion: Assertion;
  },
): Promise<'pass' | 'asserted'> {
  // RULE 22: a token approval carries no signature of a person; it is only ever asserted by the operator.
  if (approval.method === 'token') return 'asserted';
  if (approval.assertion !== assertionDigest(context.assertion)) {
    throw new EvidenceError('ERR_APPROVAL_SIGNATURE', 'the assertion is not the one the entry names');
  }
  const subject = {
    origin: approval.origin,
    ...approval.hold,
    args: context.args,
    group: approval.group,
    verdict: approval.verdict,
    expires: approval.expires,
  };
  const challenge = approvalChallenge(subject, context.assertion);
  await verifyAssertion(context.assertion, { ...context, challenge });
  return 'pass';
}

async function signedBy(
  key: PublicJwk,
  message: Uint8Array,
  signature: Uint8Array,
  crypto: Crypto,
): Promise<boolean> {
  if (key.kty === 'OKP') return crypto.verifyEd25519(decode(key.x), message, signature);
  const fixed = derToFixed(signature);
  if (fixed === undefined) return false;
  return crypto.verifyEs256(concat(Uint8Array.of(4), decode(key.x), decode(key.y)), message, fixed);
}

/**
 * Returns r ‖ s, 64 bytes, of a DER ECDSA signature as WebAuthn sends it, or undefined when it is not strict DER:
 *
 *     30 len  02 len r  02 len s
 */
function derToFixed(der: Uint8Array): Uint8Array | undefined {
  const fixed = new Uint8Array(64);
  if (der[0] !== 0x30 || der[1] !== der.length - 2 || der.length > 72) return undefined;
  let at = 2;
  for (const end of [32, 64]) {
    const length = der[at + 1] ?? 0;
    const value = der.subarray(at + 2, at + 2 + length);
    if (der[at] !== 0x02 || length === 0 || value.length !== length || value[0]! >= 0x80) return undefined;
    const padded = value[0] === 0 && length > 1;
    if (padded && value[1]! < 0x80) return undefined;
    const magnitude = padded ? value.subarray(1) : value;
    if (magnitude.length > 32) return undefined;
    fixed.set(magnitude, end - magnitude.length);
    at += 2 + length;
  }
  return at === der.length ? fixed : undefined;
}

function readClientData(clientData: Uint8Array): { readonly [name: string]: Json } {
  let value: Json;
  try {
    value = parseJson(fromUtf8(clientData), { maxBytes: 4_096, maxDepth: 4 });
  } catch (cause) {
    throw new EvidenceError('ERR_APPROVAL_FORMAT', 'client data is not JSON', { cause });
  }
  if (!s.isObject(value)) throw new EvidenceError('ERR_APPROVAL_FORMAT', 'client data is not an object');
  return value;
}

function decode(text: string): Uint8Array {
  try {
    return unbase64url(text);
  } catch (cause) {
    throw new EvidenceError('ERR_APPROVAL_FORMAT', 'not base64url', { cause });
  }
}

const refuseFormat: s.Fail = (path, expected) => {
  throw new EvidenceError('ERR_APPROVAL_FORMAT', `${path}: expected ${expected}`);
};
