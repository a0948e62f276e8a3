/**
 * The Node side of this package: importing it makes hashing use the runtime's SHA-256, and gives the `Crypto`
 * that verifies with OpenSSL.
 */
import { createHash, hash } from 'node:crypto';
import { useSha256 } from './sha256.ts';

useSha256((parts) => {
  // One call is about twice as fast as a hash object, so it is used where nothing has to be joined.
  const digest =
    parts.length === 1
      ? hash('sha256', parts[0]!, 'buffer')
      : parts.reduce((h, part) => h.update(part), createHash('sha256')).digest();
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.byteLength);
});
