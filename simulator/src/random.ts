/** Seeded randomness: one stream per seed and name (xoshiro128**, seeded by SHA-256), so that a run is its seed. */
import { base64url, sha256, utf8 } from '@licet/evidence';

export interface Dice {
  /** Returns `length` bytes. */
  bytes(length: number): Uint8Array;
  /** A whole number from 0 to below `below`. */
  below(below: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  /** One of the items; undefined of none. */
  pick<T>(items: readonly T[]): T | undefined;
  /** 16 bytes as base64url: an idempotency key, a nonce. */
  key(): string;
}

/** Returns the stream of a seed and a name. */
export function dice(seed: string | number, name: string): Dice {
  const start = new DataView(sha256(utf8(`licet/simulator ${seed} ${name}`)).buffer);
  const s = [start.getUint32(0), start.getUint32(4), start.getUint32(8), start.getUint32(12) | 1];
  const next = (): number => {
    const result = Math.imul(rotate(Math.imul(s[1]!, 5), 7), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = rotate(s[3]!, 11);
    return result;
  };
  const bytes = (length: number): Uint8Array => {
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at += 4) {
      const word = next();
      for (let i = at; i < Math.min(at + 4, length); i += 1) out[i] = (word >>> (8 * (i - at))) & 0xff;
    }
    return out;
  };
  const below = (limit: number): number => Math.floor((next() / 2 ** 32) * limit);
  return {
    bytes,
    below,
    chance: (probability) => next() / 2 ** 32 < probability,
    pick: (items) => items[below(items.length)],
    key: () => base64url(bytes(16)),
  };
}

const rotate = (x: number, by: number): number => ((x << by) | (x >>> (32 - by))) >>> 0;
