/**
 * Sigstore bundles, verified offline under one trusted root: certificate chain, certificate transparency, the log's
 * inclusion and time, and the signature over an in-toto statement. Who signed is reported, not judged.
 */
import { bundleFromJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toSignedEntity, toTrustMaterial, Verifier, type TrustMaterial } from '@sigstore/verify';
import { fromUtf8, parseJson, type Json } from '@licet/evidence';
import { ServerError } from '../errors.ts';

/** Longest bundle, characters of JSON. Those of npm have about 15,000. */
const MAX_BUNDLE = 131_072;
/** Most log entries, and most timestamps: each costs a signature, and verifying cannot be interrupted. */
const MAX_PROOFS = 4;
const STATEMENT_PAYLOAD = 'application/vnd.in-toto+json';

/** Object identifier of Fulcio's Source Repository URI, a UTF8String, in the builder's certificate. */
const REPOSITORY_OID = '1.3.6.1.4.1.57264.1.12';
const DER_UTF8_STRING = 0x0c;

/** What a verified bundle shows. All of it was signed: `statement` by the builder, the rest by the certificate authority. */
export interface Provenance {
  /** The in-toto statement. */
  readonly statement: Json;
  readonly issuer: string | undefined;
  /** The workflow that signed, with its ref. */
  readonly workflow: string | undefined;
  readonly repository: string | undefined;
}

/** Returns the trust material of a `TrustedRoot`. @throws ServerError `ERR_SERVER_PROVENANCE` when it could verify nothing */
export function trustedRootOf(root: { readonly [name: string]: Json }): TrustMaterial {
  let material: TrustMaterial;
  try {
    material = toTrustMaterial(TrustedRoot.fromJSON(root));
  } catch (cause) {
    throw new ServerError('ERR_SERVER_PROVENANCE', 'trustedRoot is no TrustedRoot of sigstore', { cause });
  }
  const { certificateAuthorities, tlogs, ctlogs } = material;
  if ([certificateAuthorities, tlogs, ctlogs].some(({ length }) => length === 0))
    throw new ServerError('ERR_SERVER_PROVENANCE', 'trustedRoot has no authority, log, or certificate log');
  return material;
}

/** Returns what a bundle shows. It is synchronous, and bounded by the size of the bundle. @throws Error, says why */
export function openProvenance(serialized: Json | undefined, trust: TrustMaterial): Provenance {
  if (serialized === undefined || JSON.stringify(serialized).length > MAX_BUNDLE)
    throw new Error('the evidence holds no provenance, or one that is too long');
  const bundle = refusing(() => bundleFromJSON(serialized));
  const { content, verificationMaterial } = bundle;
  if (content.$case !== 'dsseEnvelope' || content.dsseEnvelope.payloadType !== STATEMENT_PAYLOAD)
    throw new Error('the provenance holds no in-toto statement');
  const { tlogEntries, timestampVerificationData } = verificationMaterial;
  const times = timestampVerificationData?.rfc3161Timestamps ?? [];
  if (tlogEntries.length > MAX_PROOFS || times.length > MAX_PROOFS)
    throw new Error('the provenance has too many log entries or timestamps');
  // One of each is asked for: a certificate in its log, the signature in its log, and a time that somebody signed.
  const verifier = new Verifier(trust, { tlogThreshold: 1, ctlogThreshold: 1, timestampThreshold: 1 });
  const { identity } = refusing(() => verifier.verify(toSignedEntity(bundle)));
  return {
    statement: parseJson(fromUtf8(content.dsseEnvelope.payload), { maxBytes: MAX_BUNDLE }),
    issuer: identity?.extensions?.issuer,
    workflow: identity?.subjectAlternativeName,
    repository: derText(identity?.oids?.find(({ oid }) => oid?.id.join('.') === REPOSITORY_OID)?.value),
  };
}

/** The library's messages quote the bundle; its code says enough, and nothing of the sender's. */
function refusing<T>(run: () => T): T {
  try {
    return run();
  } catch (cause) {
    const code = (cause as { readonly code?: unknown }).code;
    const why = typeof code === 'string' ? code : 'its form';
    throw new Error(`the provenance does not verify: ${why}`, { cause });
  }
}

/** The text of a DER UTF8String; undefined when it is none, or longer than any address that is compared. */
function derText(der: Uint8Array | undefined): string | undefined {
  if (der === undefined || der[0] !== DER_UTF8_STRING) return undefined;
  const long = der[1] === 0x81;
  const [start, length] = long ? [3, der[2]] : [2, der[1]];
  return length === der.length - start && (long || length < 0x80) ? fromUtf8(der.subarray(start)) : undefined;
}
