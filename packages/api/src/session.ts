/**
 * Sessions (DESIGN §10), shared by both sides. The secret comes out of an X25519 exchange: the agent's share stands
 * in its proof of possession, the plane's in a note signed by `<origin>/session`, so that nothing between the two
 * learns it. Each call then carries a MAC over method, target, body digest and a counter.
 *
 *     salt   = SHA-256("licet/session-secret/v1\n" ‖ JCS([origin, session, jkt, agent share, plane share]))
 *     secret = HKDF-SHA256(ikm = X25519, salt, info = "licet/session-secret/v1\n", 32 bytes)
 *     mac    = base64url(HMAC-SHA256(secret, JCS([method, path and query, base64url(SHA-256(body)), counter])))
 */
import {
  base64url,
  canonicalBytes,
  concat,
  domainTag,
  equalBytes,
  hmacSha256,
  sha256,
  unbase64url,
  utf8,
} from '@licet/evidence';

/** How long a session lives, milliseconds. */
export const SESSION_MS = 600_000;
/** Counters that one replica remembers behind the highest it has seen. */
export const REPLAY_WINDOW = 1_024;
/** Headers of a call in a session. */
export const SESSION_HEADERS = {
  session: 'licet-session',
  counter: 'licet-counter',
  mac: 'licet-mac',
} as const;

const SECRET_TAG = utf8(domainTag('session-secret'));

/** One half of the exchange; the private part stays inside. */
export interface Share {
  /** X25519 public key, 32 bytes, base64url. */
  readonly share: string;
  /** Returns the shared secret, 32 bytes. Rejects on a malformed share or one of small order. */
  agree(theirs: string): Promise<Uint8Array>;
}

/** Returns a fresh half. */
export async function newShare(): Promise<Share> {
  const pair = await crypto.subtle.generateKey('X25519', false, ['deriveBits']);
  if (!('privateKey' in pair)) throw new Error('X25519 made no pair of keys');
  const share = base64url(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)));
  return {
    share,
    async agree(theirs) {
      const raw = unbase64url(theirs) as Uint8Array<ArrayBuffer>;
      const peer = await crypto.subtle.importKey('raw', raw, { name: 'X25519' }, false, []);
      const bits = await crypto.subtle.deriveBits({ name: 'X25519', public: peer }, pair.privateKey, 256);
      const shared = new Uint8Array(bits);
      // RFC 7748 §6.1: a share of small order would make the secret known to everyone.
      if (shared.every((byte) => byte === 0)) throw new Error('the share is of small order');
      return shared;
    },
  };
}

/** What both sides bind the secret to. */
export interface Transcript {
  readonly origin: string;
  readonly session: string;
  readonly jkt: string;
  readonly agentShare: string;
  readonly planeShare: string;
}

/** Returns the session's secret, 32 bytes (RFC 5869 with one block of output). */
export function sessionSecret(shared: Uint8Array, t: Transcript): Uint8Array {
  const transcript = canonicalBytes([t.origin, t.session, t.jkt, t.agentShare, t.planeShare]);
  const extracted = hmacSha256(sha256(SECRET_TAG, transcript), shared);
  return hmacSha256(extracted, concat(SECRET_TAG, Uint8Array.of(1)));
}

/** What a MAC covers. */
export interface MacInput {
  readonly method: string;
  /** Path and query, as sent. */
  readonly target: string;
  readonly body: Uint8Array;
  /** From 1; each is used once. */
  readonly counter: number;
}

/** Returns the MAC of a call, base64url. */
export function callMac(secret: Uint8Array, { method, target, body, counter }: MacInput): string {
  return base64url(hmacSha256(secret, canonicalBytes([method, target, base64url(sha256(body)), counter])));
}

/** Returns whether a MAC is that of the call, in time that does not depend on where it differs. */
export function checkMac(secret: Uint8Array, input: MacInput, mac: string): boolean {
  return equalBytes(utf8(callMac(secret, input)), utf8(mac));
}

/** Returns a window that accepts each counter once, in any order within {@link REPLAY_WINDOW} of the highest. */
export function replayWindow(): { accept(counter: number): boolean } {
  const used = new Set<number>();
  let highest = 0;
  return {
    accept(counter) {
      if (!Number.isSafeInteger(counter) || counter < 1) return false;
      // What has left the window counts as used: an old call is never let through because it was forgotten.
      if (counter <= highest - REPLAY_WINDOW || used.has(counter)) return false;
      used.add(counter);
      if (counter > highest) {
        const forgottenUpTo = counter - REPLAY_WINDOW;
        if (forgottenUpTo - (highest - REPLAY_WINDOW) > REPLAY_WINDOW) {
          for (const old of used) if (old <= forgottenUpTo) used.delete(old);
        } else {
          for (let old = highest - REPLAY_WINDOW + 1; old <= forgottenUpTo; old++) used.delete(old);
        }
        highest = counter;
      }
      return true;
    },
  };
}
