/** The ports of time and chance, made here and nowhere else in this package. */
import { randomBytes } from 'node:crypto';
import type { Clock, Random } from '@licet/control-plane';

/** The machine's wall clock. */
export const systemClock: Clock = { nowMs: () => Date.now() };

/** The runtime's generator. */
export const systemRandom: Random = {
  bytes(length) {
    const bytes = randomBytes(length);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, length);
  },
};
