/** Token buckets by remote address, for callers without an identity (RULE 38). */
import type { Clock } from '@licet/control-plane';

export interface RateLimit {
  /** Takes one token; false when there is none. */
  take(address: string): boolean;
  /** Whether there is one, without taking it. */
  has(address: string): boolean;
}

const MAX_ADDRESSES = 16_384;

/** Returns buckets that hold `burst` and refill at `perSecond`. */
export function rateLimit(
  clock: Clock,
  { perSecond, burst }: { readonly perSecond: number; readonly burst: number },
): RateLimit {
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  const bucket = (address: string): { tokens: number; atMs: number } => {
    const now = clock.nowMs();
    let found = buckets.get(address);
    if (found === undefined) {
      // Forgetting all at once is a refill for everyone; it takes 16,384 addresses to get it.
      if (buckets.size >= MAX_ADDRESSES) buckets.clear();
      found = { tokens: burst, atMs: now };
      buckets.set(address, found);
    }
    const passedMs = Math.max(0, now - found.atMs);
    found.tokens = Math.min(burst, found.tokens + (passedMs / 1_000) * perSecond);
    found.atMs = now;
    return found;
  };
  return {
    has: (address) => bucket(address).tokens >= 1,
    take(address) {
      const found = bucket(address);
      if (found.tokens < 1) return false;
      found.tokens -= 1;
      return true;
    },
  };
}
