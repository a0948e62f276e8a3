/**
 * The process that holds the data folder: opens store and plane, listens, and keeps time (DESIGN §4). Everything that
 * it opens it closes in the opposite order.
 */
import { join } from 'node:path';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { jwkThumbprint, trustedLog, type Trust } from '@licet/evidence';
import { ed25519NoteSigner, nodeCrypto } from '@licet/evidence/node';
import {
  createPlane,
  type Clock,
  type Effect,
  type Plane,
  type Random,
  type Resolver,
} from '@licet/control-plane';
import { createEngine } from '@licet/policy';
import type { DataFolderLock } from '@licet/store';
import { buildApp } from './app.ts';
import { openAttestation } from './attestation.ts';
import { openAuthentication } from './authentication.ts';
import type { PlaneFolder } from './data-folder.ts';
import { watchStopFile } from './emergency.ts';
import { workerEvaluator } from './evaluator.ts';
import { eventStreams } from './event-route.ts';
import { openFeedHub } from './feed-hub.ts';
import { openWebhooks } from './webhooks/dispatch.ts';
import { writePrivate } from './files.ts';
import { stateOf } from './handlers-evidence.ts';
import type { Parts } from './handlers.ts';
import { openListeners, requireTls, type BuildApp, type ListenOptions } from './listeners.ts';
import { openEntrance } from './entrance.ts';
import { openSignIns } from './issuers/sign-in.ts';
import { openIssuers } from './issuers/trusted.ts';
import { openMetrics } from './metrics.ts';
import { openStore, storeBegun } from './open-store.ts';
import { openPasskeys } from './passkeys.ts';
import { expectationsOf } from './provenance/of-folder.ts';
import { provenanceVerifier } from './provenance/verifier.ts';
import { openPrincipals, type Principals } from './principals.ts';
import { rateLimit } from './rate-limit.ts';
import { createService, type Service } from './service.ts';
import { openSessions } from './sessions.ts';
import { openVitals } from './vitals.ts';

/** The version that `boot` entries name. */
export const VERSION = '0.1.0';
const TICK_MS = 250;
const RECOVER_EVERY_MS = 1_000;

export interface OwnerOptions extends ListenOptions {
  readonly folder: PlaneFolder;
  readonly trust: Trust;
  readonly lock: DataFolderLock;
  readonly clock: Clock;
  readonly random: Random;
  readonly resolver: Resolver;
}

export interface Owner {
  readonly plane: Plane;
  readonly parts: Parts;
  readonly service: Service;
  readonly principals: Principals;
  /** Address of the control listener, `http://localhost:PORT`. */
  readonly url?: string;
  readonly publicUrl?: string;
  /** Drains: new work is refused, what is under way ends, then everything closes. */
  close(): Promise<void>;
}

/** Opens the plane of a folder whose lock is held. @throws ServerError, StoreError, ControlPlaneError */
export async function openOwner(options: OwnerOptions): Promise<Owner> {
  const closers: (() => unknown)[] = [() => options.lock.release()];
  let ending: Promise<void> | undefined;
  const closeAll = (): Promise<void> =>
    (ending ??= (async () => {
      // One that fails must not keep the others open, nor the folder locked.
      for (const close of closers.reverse()) {
        try {
          await close();
        } catch (error) {
          process.emitWarning(error instanceof Error ? error : String(error));
        }
      }
    })());
  try {
    return await open(options, closers, closeAll);
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function open(
  options: OwnerOptions,
  closers: (() => unknown)[],
  closeAll: () => Promise<void>,
): Promise<Owner> {
  const { folder, trust, clock, random, resolver } = options;
  const { origin, seeds } = folder;
  requireTls(options);
  const store = await openStore(folder, clock);
  let storeOpen = true;
  closers.push(() => (storeOpen ? store.close() : undefined));
  const engine = createEngine(cedar);
  const evaluator = workerEvaluator({ engine, clock });
  closers.push(() => evaluator.close());
  const plane = await createPlane({
    store,
    evaluator,
    engine,
    resolver,
    attestation: openAttestation(nodeCrypto, {
      npm_provenance: provenanceVerifier(nodeCrypto, expectationsOf(folder.data)),
    }),
    clock,
    random,
    crypto: nodeCrypto,
    tenantKey: seeds.tenant,
    trust,
    origin,
    audience: folder.audience,
    pause: () => new Promise((resolve) => setImmediate(resolve)),
    boot: bootOf(folder),
  });
  storeBegun(folder.data);
  closers.push(async () => {
    storeOpen = false;
    await plane.close();
  });

  const { size } = await store.log.checkpoint();
  const hub = openFeedHub(store, size - 1);
  closers.push(() => hub.close());
  const principals = openPrincipals(plane, hub, clock);
  const sessionSigner = ed25519NoteSigner(`${origin}/session`, seeds.session);
  const sessions = openSessions({ store, signer: sessionSigner, seed: seeds.session, origin, clock });
  hub.listen(({ entry }) => {
    // Revoking an identity, or taking its keys away, ends its sessions.
    if (entry.type === 'identity' && (entry.op === 'revoke' || entry.op === 'rotate'))
      void sessions.endOf(entry.subject);
  });
  const stop = watchStopFile(folder.data, plane);
  await stop.look();
  // Known once the listeners are there.
  const page: { url: string | undefined } = { url: undefined };
  const webhooks = await openWebhooks({
    data: folder.data,
    origin,
    plane,
    store,
    hub,
    clock,
    url: () => page.url,
  });
  closers.push(() => webhooks.close());
  const parts: Parts = {
    webhooks,
    plane,
    store,
    hub,
    clock,
    random,
    statusSigner: ed25519NoteSigner(`${origin}/status`, seeds.status),
    isPublic: folder.public,
    barred: () => stop.barred(),
    issuers: openIssuers(plane, clock),
    vitals: openVitals(clock),
    passkeys: openPasskeys({ plane, store, rp: trustedLog(trust, origin).rp, clock, random }),
    evaluator: () => ({ engine: engine.version, inFlight: evaluator.inFlight, workers: evaluator.ready }),
  };
  const metrics = openMetrics(hub);
  const service = createService(parts, (verdict, tookMs) => {
    parts.vitals.decided(verdict, tookMs);
    metrics.decided(verdict, tookMs / 1_000);
  });
  const streams = eventStreams(plane, store, principals);
  let draining = false;

  const build: BuildApp = (listener, where) =>
    buildApp({
      ...where,
      listener,
      service,
      authentication: openAuthentication({ folder, principals, sessions, clock }),
      clock,
      entrance: openEntrance(parts),
      signIns: openSignIns(parts),
      passkeys: parts.passkeys,
      sessions,
      streams,
      metrics,
      limit: rateLimit(
        clock,
        listener === 'public' ? { perSecond: 200, burst: 1_000 } : { perSecond: 50, burst: 200 },
      ),
      draining: () => draining,
      readiness: () => readiness(),
      version: VERSION,
    });
  const readiness = async () => {
    const [state, health] = await Promise.all([stateOf(parts), store.health()]);
    const ok = health.ok && state.state !== 'fail-closed';
    return {
      ok,
      why: state.why,
      size: health.size,
      queue: health.queue,
      running: state.running,
      inDoubt: state.inDoubt,
    };
  };

  const addresses = await openListeners(folder.data, options, build, closers);
  page.url = addresses.url;
  await writePrivate(join(folder.data, 'address.json'), `${JSON.stringify({ v: 1, ...addresses })}\n`);

  const ticking = keepTime(plane, store, stop, clock);
  closers.push(() => ticking.stop());
  closers.push(() => {
    draining = true;
    streams.close();
    // Whoever waits for a change is answered with what is; closing does not wait for them.
    hub.close();
    metrics.close();
    principals.close();
  });
  return { plane, parts, service, principals, ...addresses, close: closeAll };
}

/**
 * Due executions, the stop file and a store that has to recover: looked at every quarter second, here only. The stop
 * file has a round of its own: it is read while a full disk or a locked database keeps the other one waiting (RULE 34).
 */
function keepTime(
  plane: Plane,
  store: { health(): Promise<{ readonly ok: boolean }>; recover(): Promise<void> },
  stop: { look(): Promise<void> },
  clock: Clock,
): { stop(): Promise<void> } {
  let recoveredAtMs = 0;
  const once = async (): Promise<void> => {
    try {
      await plane.tick();
    } catch {
      // Nothing is let through by this: leases end by themselves at the doors.
    }
    if (!(await store.health()).ok && Math.abs(clock.nowMs() - recoveredAtMs) > RECOVER_EVERY_MS) {
      recoveredAtMs = clock.nowMs();
      await store
        .recover()
        .then(() => plane.boot())
        .catch(() => undefined);
    }
  };
  const rounds = [repeat(once), repeat(() => stop.look())];
  return {
    async stop() {
      await Promise.all(rounds.map((round) => round.stop()));
    },
  };
}

/** Calls `once` over and over, a tick after it last ended. */
function repeat(once: () => Promise<void>): { stop(): Promise<void> } {
  let stopped = false;
  let round: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const next = (): void => {
    if (stopped) return;
    timer = setTimeout(() => {
      round = once()
        .catch(() => undefined)
        .finally(next);
    }, TICK_MS);
    timer.unref();
  };
  next();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await round;
    },
  };
}

function bootOf(folder: PlaneFolder) {
  const { origin, tenant, vkeys, custody, people, org, identities } = folder;
  return {
    version: VERSION,
    custody,
    genesis: {
      origin,
      tenant,
      logKey: vkeys.log,
      public: folder.public,
      people,
      ...(org === undefined ? {} : { org }),
      ...(folder.prev === undefined ? {} : { prev: folder.prev }),
      keys: (['lease', 'status', 'session', 'contain', 'author'] as const).map((purpose) => ({
        purpose,
        key: vkeys[purpose],
      })),
      identities: identities.map((identity): Effect & { readonly op: 'identity' } => ({
        op: 'identity',
        change: 'register',
        ...identity,
        jkts: identity.keys.map((key) => jwkThumbprint({ ...key })),
      })),
    },
  };
}
