/**
 * Disclosures: one salted field of a record, in the form of SD-JWT (RFC 9901 §4.2). The log holds only what
 * their digests add up to; whoever is shown a disclosure can check it, and nobody can guess it (RULE 40).
 */
import { base64url, utf8 } from './bytes.ts';
import { canonicalBytes } from './canonical.ts';
import { nonce } from './entries.ts';
import { EvidenceError } from './errors.ts';
import type { Json } from './json.ts';
import { sha256 } from './sha256.ts';
import type * as s from './shape.ts';

/** Salt (16 bytes, base64url), name, value. */
export type Disclosure = readonly [salt: string, name: string, value: Json];

/** Most disclosures of one set; a record with more names is committed to as one value. */
export const MAX_DISCLOSURES = 256;
/** Most UTF-16 units in a name. */
const MAX_NAME = 256;

/** `[salt, name, value]`. */
export const disclosureShape: s.Shape<Disclosure> = {
  describe: 'a disclosure [salt, name, value]',
  check(value, path, fail) {
    if (!Array.isArray(value) || value.length !== 3)
      return fail(path, 'a disclosure [salt, name, value]', value);
    nonce.check(value[0] as Json, `${path}[0]`, fail);
    if (typeof value[1] !== 'string' || value[1].length > MAX_NAME) {
      return fail(`${path}[1]`, `a name of at most ${MAX_NAME} characters`, value[1] as Json);
    }
    return value as unknown as Disclosure;
  },
};

/**
 * Returns the text whose digest is committed to: base64url of the JCS of the disclosure.
 *
 *     base64url( JCS( [ salt, name, value ] ) )
 */
export function encodeDisclosure(disclosure: Disclosure): string {
  return base64url(canonicalBytes(disclosure));
}

/**
 * Returns base64url(SHA-256(ascii(encoded disclosure))): RFC 9901 §4.2.3.
 * @throws EvidenceError `ERR_COMMITMENT_DISCLOSURE`
 */
export function disclosureDigest(disclosure: Disclosure): string {
  disclosureShape.check(disclosure, 'disclosure', (path, expected) => {
    throw new EvidenceError('ERR_COMMITMENT_DISCLOSURE', `${path}: expected ${expected}`);
  });
  return base64url(sha256(utf8(encodeDisclosure(disclosure))));
}
