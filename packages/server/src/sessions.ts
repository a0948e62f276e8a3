/**
 * Sessions of agents and of people's browsers (DESIGN §10): rows that all replicas read, each with this replica's own
 * replay window. Secrets lie sealed in the rows, under a key derived from the session signing key, so that a copy of
 * the rows calls nothing.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import {
  base64url,
  domainTag,
  formatNote,
  formatSessionShare,
  unbase64url,
  type Json,
} from '@licet/evidence';
import type { SyncNoteSigner } from '@licet/log';
import type { Clock, Store } from '@licet/control-plane';
import { checkMac, newShare, replayWindow, SESSION_MS, sessionSecret, type MacInput } from '@licet/api';

/** How long a browser stays signed in, milliseconds. */
export const LOGIN_MS = 8 * 3_600_000;
const MAX_CACHED = 4_096;

export interface SessionsOptions {
  readonly store: Pick<Store, 'sessions'>;
  readonly signer: SyncNoteSigner;
  /** 32 bytes from which the sealing key is derived. */
  readonly seed: Uint8Array;
  readonly origin: string;
  readonly clock: Clock;
}

/** How a person signed in to the console. */
export type LoginMethod = 'token' | 'passkey' | 'provider';

/** A browser that somebody signed in. */
export interface Login {
  readonly jkt: string;
  readonly method: LoginMethod;
  /** To be repeated in the `licet-csrf` header of every changing call. */
  readonly csrf: string;
}

export interface Sessions {
  /** Opens a session for a key that proved itself; undefined when the share is unusable. */
  open(
    jkt: string,
    subject: string,
    share: string,
    /** Milliseconds: it ends no later. */
    untilMs?: number,
  ): Promise<{ readonly session: string; readonly note: string; readonly exp: number } | undefined>;
  /** Returns the key whose call this is; `ended` when the session is over or the counter was used. */
  check(session: string, input: MacInput, mac: string): Promise<{ readonly jkt: string } | 'ended' | 'wrong'>;
  /** `untilMs`: it ends no later. */
  login(
    jkt: string,
    subject: string,
    method: LoginMethod,
    untilMs?: number,
  ): Promise<{ readonly cookie: string } & Login>;
  findLogin(cookie: string): Promise<Login | undefined>;
  end(id: string): Promise<void>;
  /** Ends everything that a subject has open. */
  endOf(subject: string): Promise<void>;
}

interface Live {
  readonly jkt: string;
  readonly subject: string;
  readonly secret: Uint8Array;
  readonly exp: number;
  readonly window: ReturnType<typeof replayWindow>;
}

/** Returns the sessions of a plane. */
export function openSessions({ store, signer, seed, origin, clock }: SessionsOptions): Sessions {
  const key = Buffer.from(hkdfSync('sha256', seed, new Uint8Array(0), domainTag('session-seal'), 32));
  const live = new Map<string, Live>();

  const seal = (id: string, secret: Uint8Array): string => {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(id));
    return base64url(Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]));
  };
  const unseal = (id: string, sealed: string): Uint8Array => {
    const bytes = unbase64url(sealed);
    const opener = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12)).setAAD(Buffer.from(id));
    opener.setAuthTag(bytes.subarray(-16));
    return new Uint8Array(Buffer.concat([opener.update(bytes.subarray(12, -16)), opener.final()]));
  };

  async function load(id: string): Promise<Live | undefined> {
    const known = live.get(id);
    if (known !== undefined) return known;
    const row = fields(await store.sessions.get(id));
    if (row === undefined || row['kind'] !== 'agent') return undefined;
    const { jkt, subject, secret, exp } = row;
    if (
      typeof jkt !== 'string' ||
      typeof subject !== 'string' ||
      typeof secret !== 'string' ||
      typeof exp !== 'number'
    )
      return undefined;
    // Another call may have loaded it meanwhile: one window for each session, or a counter would count twice.
    const again = live.get(id);
    if (again !== undefined) return again;
    const opened: Live = { jkt, subject, secret: unseal(id, secret), exp, window: replayWindow() };
    keep(id, opened);
    return opened;
  }
  function keep(id: string, session: Live): void {
    if (live.size >= MAX_CACHED) {
      const now = clock.nowMs();
      for (const [old, { exp }] of live) if (exp <= now) live.delete(old);
      // A window that is forgotten would accept its counters again, so the oldest session ends with it.
      const oldest = live.keys().next().value;
      if (live.size >= MAX_CACHED && oldest !== undefined) {
        live.delete(oldest);
        void store.sessions.delete({ id: oldest });
      }
    }
    live.set(id, session);
  }

  return {
    async open(jkt, subject, share, untilMs = Infinity) {
      const mine = await newShare();
      let shared: Uint8Array;
      try {
        shared = await mine.agree(share);
      } catch {
        return undefined;
      }
      const session = base64url(randomBytes(18));
      const exp = Math.min(clock.nowMs() + SESSION_MS, untilMs);
      const secret = sessionSecret(shared, {
        origin,
        session,
        jkt,
        agentShare: share,
        planeShare: mine.share,
      });
      await store.sessions.put(
        session,
        { kind: 'agent', jkt, subject, secret: seal(session, secret), exp },
        exp,
      );
      keep(session, { jkt, subject, secret, exp, window: replayWindow() });
      const text = formatSessionShare({ origin, session, share: mine.share, jkt, exp });
      return { session, note: formatNote(text, [signer.signSync(text)]), exp };
    },
    async check(id, input, mac) {
      const session = await load(id);
      if (session === undefined) return 'ended';
      // The MAC first: who cannot make it learns nothing about counters and moves no window.
      if (!checkMac(session.secret, input, mac)) return 'wrong';
      if (!(clock.nowMs() < session.exp)) return 'ended';
      return session.window.accept(input.counter) ? { jkt: session.jkt } : 'ended';
    },
    async login(jkt, subject, method, untilMs = Infinity) {
      const cookie = base64url(randomBytes(32));
      const csrf = base64url(randomBytes(24));
      const exp = Math.min(clock.nowMs() + LOGIN_MS, untilMs);
      await store.sessions.put(loginId(cookie), { kind: 'login', jkt, subject, method, csrf, exp }, exp);
      return { cookie, jkt, method, csrf };
    },
    async findLogin(cookie) {
      const row = fields(await store.sessions.get(loginId(cookie)));
      if (row === undefined || row['kind'] !== 'login') return undefined;
      const { jkt, method, csrf, exp } = row;
      if (
        typeof jkt !== 'string' ||
        !isMethod(method) ||
        typeof csrf !== 'string' ||
        typeof exp !== 'number' ||
        !(clock.nowMs() < exp)
      )
        return undefined;
      return { jkt, method, csrf };
    },
    // GAP: another replica that has the session in memory lets it go on until it runs out (10 min); a revoked identity
    // is refused everywhere all the same, because it is looked up at each call.
    async end(id) {
      live.delete(id);
      await store.sessions.delete({ id });
    },
    async endOf(subject) {
      for (const [id, session] of live) if (session.subject === subject) live.delete(id);
      await store.sessions.delete({ subject });
    },
  };
}

/** Rows are named by the cookie's hash: a copy of the rows signs nobody in. */
export const loginId = (cookie: string): string => base64url(hkdfBytes(cookie));
const hkdfBytes = (cookie: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', cookie, new Uint8Array(0), domainTag('login'), 24));

const isMethod = (value: Json | undefined): value is LoginMethod =>
  value === 'token' || value === 'passkey' || value === 'provider';
const fields = (value: Json | undefined): Readonly<Record<string, Json>> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, Json>>)
    : undefined;
