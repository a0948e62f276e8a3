/**
 * Where an issuer's keys come from: its settings, or an address that is asked again when they grow old or a token names
 * one that is not known. While the issuer cannot be reached, keys count for a time, and then no more.
 */
import type { Json } from '@licet/evidence';
import { isMembers } from './members.ts';
import type { Clock } from '@licet/control-plane';
import { PlaneError, type IssuerSettings } from '@licet/api';
import { readKeySet, type KeySet } from './key-set.ts';
import { readJsonFrom } from './outbound.ts';

/** Milliseconds until keys are asked for again, and between two attempts. */
export const FRESH_MS = 300_000;
export const COOL_DOWN_MS = 10_000;
const DEFAULT_MAX_AGE_MS = 3_600_000;

export interface KeySourceState {
  /** Usable keys. */
  readonly keys: number;
  readonly fetchedMs?: number;
  /** True when the last attempt failed. */
  readonly failing: boolean;
}

export interface KeySource {
  /** Returns the keys, asked for again when `kid` is none of them. @throws PlaneError `issuer_unavailable` */
  keys(kid?: string): Promise<KeySet>;
  /** Asks for them now. @throws PlaneError `issuer_unavailable` */
  refresh(): Promise<KeySet>;
  state(): KeySourceState;
}

/** Returns the keys of an issuer. Nothing is fetched before a token needs it. */
export function openKeySource(
  {
    jwks,
    algorithms,
    maxAgeMs = DEFAULT_MAX_AGE_MS,
  }: Pick<IssuerSettings, 'jwks' | 'algorithms' | 'maxAgeMs'>,
  clock: Clock,
): KeySource {
  if ('keys' in jwks) {
    let read: Promise<KeySet> | undefined;
    let count = 0;
    const keys = async (): Promise<KeySet> => {
      const set = await (read ??= readKeySet(jwks.keys, algorithms));
      count = set.length;
      return set;
    };
    return { keys, refresh: keys, state: () => ({ keys: count, failing: false }) };
  }

  let cached: { readonly set: KeySet; readonly atMs: number } | undefined;
  let triedMs: number | undefined;
  let failing = false;
  let under: Promise<void> | undefined;

  const fetchKeys = (): Promise<void> =>
    (under ??= (async () => {
      triedMs = clock.nowMs();
      try {
        const answer = await readJsonFrom(jwks.uri);
        const found = isMembers(answer) ? answer['keys'] : undefined;
        if (!Array.isArray(found)) throw new Error('the answer is no key set');
        cached = { set: await readKeySet(found as readonly Json[], algorithms), atMs: clock.nowMs() };
        failing = false;
      } catch {
        // What was cached still counts for a while; a key that cannot be had is no key.
        failing = true;
      }
    })().finally(() => (under = undefined)));

  /** Age of what is cached; a clock that was set back makes it too old, not young again. */
  const ageMs = (): number => {
    const age = cached === undefined ? Infinity : clock.nowMs() - cached.atMs;
    return age < 0 ? Infinity : age;
  };
  const usable = (): KeySet => {
    if (cached === undefined || !(ageMs() < maxAgeMs))
      throw new PlaneError(
        'issuer_unavailable',
        'issuer_unavailable: its keys are too old and it cannot be reached',
      );
    return cached.set;
  };
  return {
    async keys(kid) {
      const known = cached?.set.some((key) => kid === undefined || key.kid === kid) === true;
      const old = !(ageMs() < Math.min(FRESH_MS, maxAgeMs));
      // A token that names a made-up key must not make the plane call its issuer as often as somebody likes.
      const sinceMs = triedMs === undefined ? Infinity : Math.abs(clock.nowMs() - triedMs);
      if (under !== undefined || ((!known || old) && sinceMs >= COOL_DOWN_MS)) await fetchKeys();
      return usable();
    },
    async refresh() {
      await fetchKeys();
      if (failing) throw new PlaneError('issuer_unavailable', 'issuer_unavailable: it cannot be reached');
      return usable();
    },
    state: () => ({
      keys: cached?.set.length ?? 0,
      failing,
      ...(cached === undefined ? {} : { fetchedMs: cached.atMs }),
    }),
  };
}
