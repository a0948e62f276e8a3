/**
 * Random bytes from the operating system, drawn in blocks: one call for a few bytes costs more than the bytes.
 * A byte is given out once and overwritten in the block.
 */
import { randomFillSync } from 'node:crypto';
import type { Random } from '@licet/control-plane';

const BLOCK = 8_192;

/** Returns a source of unpredictable bytes. */
export function systemRandom(): Random {
  const block = new Uint8Array(BLOCK);
  let used = BLOCK;
  return {
    bytes(length) {
      if (length > BLOCK) return randomFillSync(new Uint8Array(length));
      if (used + length > BLOCK) {
        randomFillSync(block);
        used = 0;
      }
      const drawn = block.slice(used, used + length);
      block.fill(0, used, used + length);
      used += length;
      return drawn;
    },
  };
}
