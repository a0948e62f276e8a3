/** Signing bundles as their author (RULE 20): with a key that lies in the user's state folder, never with the plane's. */
import { createPrivateKey, sign } from 'node:crypto';
import { base64url, concat, parseVkey, unhex } from '@licet/evidence';
import { authorId } from '@licet/control-plane';
import { bundleHash, type Bundle, type SignedBundle } from '@licet/policy';

/** DER of PKCS #8 up to the seed of an Ed25519 key (RFC 8410). */
const PKCS8 = unhex('302e020100300506032b657004220420');

/** Returns the bundle, signed by the author whose seed and vkey these are. */
export function signBundle(bundle: Bundle, seed: Uint8Array, vkey: string): SignedBundle {
  const key = createPrivateKey({ key: Buffer.from(concat(PKCS8, seed)), format: 'der', type: 'pkcs8' });
  const sig = base64url(sign(null, bundleHash(bundle), key));
  return { bundle, sigs: [{ by: authorId(parseVkey(vkey).keyId), sig }] };
}
