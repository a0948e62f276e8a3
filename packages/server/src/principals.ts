/**
 * Who is calling: from a key's thumbprint to the identity that holds it now. Looked up anew at every call but for one
 * second, and at once forgotten when any identity changes; the decision checks it again under the fence (RULE 4).
 */
import type { Clock, Plane } from '@licet/control-plane';
import type { FeedHub } from './feed-hub.ts';

/** An authenticated caller. */
export interface Principal {
  readonly subject: string;
  /** Thumbprint of the key that proved itself. */
  readonly jkt: string;
  readonly kind: string;
  readonly roles: readonly string[];
  /** The key is a passkey's: it signed somebody in, and proves nothing else. */
  readonly passkey?: true;
  /** How it proved itself. */
  readonly by: 'session' | 'proof' | 'token' | 'cookie' | 'in-process';
}

export interface Principals {
  /** The identity of a key; undefined when unknown, revoked or rotated away. */
  find(jkt: string, by: Principal['by']): Promise<Principal | undefined>;
  close(): void;
}

const CACHE_MS = 1_000;
const CACHE_SIZE = 4_096;

/** Returns the look-up over a plane. */
export function openPrincipals(plane: Pick<Plane, 'identify'>, hub: FeedHub, clock: Clock): Principals {
  const known = new Map<
    string,
    { readonly untilMs: number; readonly found: Omit<Principal, 'by'> | undefined }
  >();
  /** Rises with each change of an identity: an answer that was asked for before it is not kept. */
  let era = 0;
  const close = hub.listen(({ entry }) => {
    if (entry.type !== 'identity') return;
    era += 1;
    known.clear();
  });
  return {
    async find(jkt, by) {
      const cached = known.get(jkt);
      if (
        cached !== undefined &&
        clock.nowMs() < cached.untilMs &&
        clock.nowMs() > cached.untilMs - 2 * CACHE_MS
      ) {
        return cached.found === undefined ? undefined : { ...cached.found, by };
      }
      const asked = era;
      const identity = await plane.identify(jkt);
      const found = identity === undefined ? undefined : { ...identity, jkt };
      if (known.size >= CACHE_SIZE) known.clear();
      // Strangers are not kept: their number is theirs to choose.
      // Nor people by passkey: they call rarely, and what is taken away is gone with the answer that says so.
      if (era === asked && found !== undefined && found.passkey !== true)
        known.set(jkt, { untilMs: clock.nowMs() + CACHE_MS, found });
      return found === undefined ? undefined : { ...found, by };
    },
    close,
  };
}
