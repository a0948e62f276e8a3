// An authenticator in software (WebAuthn §6): it makes a passkey's key, registers it without attestation, and signs as a
// platform authenticator does. The demo's persons use it where no browser is at hand; the key lives in this process only.
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  type KeyObject,
} from 'node:crypto';
import type { Assertion } from '@licet/evidence';

/** User present, user verified; with attested credential data (WebAuthn §6.1). */
const VERIFIED = 0x05;
const ATTESTED = 0x40;

/** What a page would tell a browser, and what an attacker would bend. */
export interface Site {
  readonly rpId: string;
  /** The page's origin, as the browser writes it down. */
  readonly origin: string;
}

/** Departures from what an honest browser and authenticator sign. */
export interface Bent extends Partial<Site> {
  readonly flags?: number;
  readonly clientData?: Readonly<Record<string, unknown>>;
}

export interface SoftAuthenticator {
  /** The credential id, base64url. */
  readonly credential: string;
  /** Registers: WebAuthn's `create`, attestation `none`. `challenge` is base64url. */
  create(
    challenge: string,
    bent?: Bent,
  ): { readonly credential: string; readonly clientDataJSON: string; readonly attestationObject: string };
  /** Signs: WebAuthn's `get`. */
  get(challenge: string, bent?: Bent): Assertion;
}

/** Returns an authenticator with one passkey for a site: of a fresh P-256 key, unless another (Ed25519 too) is given. */
export function softAuthenticator(
  site: Site,
  privateKey: KeyObject = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
): SoftAuthenticator {
  const publicKey = createPublicKey(privateKey);
  const hash = privateKey.asymmetricKeyType === 'ec' ? 'sha256' : null;
  const id = randomBytes(32);
  const credential = id.toString('base64url');
  return {
    credential,
    create(challenge, bent = {}) {
      const at = { ...site, ...bent };
      const attested = Buffer.concat([Buffer.alloc(16), Buffer.from([0, id.length]), id, coseKey(publicKey)]);
      const data = authenticatorData(at.rpId, (bent.flags ?? VERIFIED) | ATTESTED, attested);
      return {
        credential,
        clientDataJSON: clientData('webauthn.create', challenge, at).toString('base64url'),
        attestationObject: attestationObject(data).toString('base64url'),
      };
    },
    get(challenge, bent = {}) {
      const at = { ...site, ...bent };
      const data = authenticatorData(at.rpId, bent.flags ?? VERIFIED);
      const client = clientData('webauthn.get', challenge, at);
      const signed = Buffer.concat([data, createHash('sha256').update(client).digest()]);
      return {
        credential,
        authenticatorData: data.toString('base64url'),
        clientDataJSON: client.toString('base64url'),
        signature: sign(hash, signed, privateKey).toString('base64url'),
      };
    },
  };
}

/** SHA-256(rp id) ‖ flags ‖ counter ‖ attested credential data. */
function authenticatorData(rpId: string, flags: number, attested = Buffer.alloc(0)): Buffer {
  const rpHash = createHash('sha256').update(rpId).digest();
  return Buffer.concat([rpHash, Buffer.from([flags, 0, 0, 0, 0]), attested]);
}

function clientData(type: string, challenge: string, at: Site & Bent): Buffer {
  return Buffer.from(
    JSON.stringify({ type, challenge, origin: at.origin, crossOrigin: false, ...at.clientData }),
  );
}

/** CBOR: {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}, or {1: 1 (OKP), 3: -8 (EdDSA), -1: 6, -2: x} (RFC 9053 §7). */
function coseKey(publicKey: KeyObject): Buffer {
  const { x = '', y } = publicKey.export({ format: 'jwk' });
  const bytes = (head: string, value: string): Buffer =>
    Buffer.concat([Buffer.from(head, 'hex'), Buffer.from(value, 'base64url')]);
  return y === undefined
    ? bytes('a4010103272006215820', x)
    : Buffer.concat([bytes('a5010203262001215820', x), bytes('225820', y)]);
}

/** CBOR: {"fmt": "none", "attStmt": {}, "authData": bytes}. */
function attestationObject(data: Buffer): Buffer {
  const head = Buffer.from('a363666d74646e6f6e656761747453746d74a068617574684461746158', 'hex');
  return Buffer.concat([head, Buffer.from([data.length]), data]);
}
