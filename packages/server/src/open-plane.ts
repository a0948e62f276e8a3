/**
 * `openPlane`: the plane of a data folder, as its owner or attached to the one that is (DESIGN §4). When the owner
 * dies, an attached process takes the lock and serves; calls wait for that at most the deadline, then fail.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  jwkThumbprint,
  trustedLog,
  type Custody,
  type Json,
  type RelyingParty,
  type Trust,
} from '@licet/evidence';
import type { Clock, Random, Resolver } from '@licet/control-plane';
import { assembleBundle, starterPolicy, testFiles } from '@licet/policy';
import { holdDataFolder, type DataFolderLock } from '@licet/store';
import {
  clientOver,
  signEvidence,
  PlaneError,
  publicHalf,
  readTrustStore,
  stateFolder,
  tokenKey,
  type Call,
  type CallInput,
  type FeedEvent,
  type PinnedPlane,
  type PlaneClient,
  type PrivateJwk,
  type SignedStatement,
  type StatementClaims,
  type RouteName,
} from '@licet/api';
import { attachedCalls } from './attached.ts';
import { signBundle } from './author.ts';
import { systemClock, systemRandom } from './clock.ts';
import {
  DEFAULT_AGENT,
  initDataFolder,
  isPlaneFolder,
  readPlaneFolder,
  type PlaneFolder,
} from './data-folder.ts';
import { ServerError } from './errors.ts';
import { localCalls, type Local } from './in-process.ts';
import { requireTls, type ListenOptions } from './listeners.ts';
import type { Organisation } from './organisation.ts';
import { chooseStore } from './open-store.ts';
import { openOwner, type Owner } from './owner.ts';
import { hostResolver } from './resolver.ts';
import { overTheWire } from './service.ts';
import { readAgentKey, readSeed, statePaths } from './state-folder.ts';

/** How to open a plane. */
export interface OpenPlaneOptions extends ListenOptions {
  /** The data folder. */
  readonly data: string;
  /** `postgres://…`: the database that keeps the plane (remembered in the folder). Default: SQLite in the folder. */
  readonly store?: string;
  /** Whether to make the plane when the folder holds none. Default true. */
  readonly init?: boolean;
  /** For `init`: one person suffices where otherwise two must act (RULE 34). Default false. */
  readonly solo?: boolean;
  /** For `init`: the starter policy that stops nothing. Default false. */
  readonly observe?: boolean;
  /** For `init`: whether to publish the starter policy. Default true; without a bundle everything is denied. */
  readonly starter?: boolean;
  /** For `init`: the folder that the starter policy lets agents work in. Default: `workspace` beside the data folder. */
  readonly workspace?: string;
  /** For `init`: see `InitOptions`. */
  readonly origin?: string;
  readonly tenant?: string;
  readonly audience?: string;
  readonly custody?: Custody;
  readonly public?: boolean;
  /** For `init`: where passkeys are used. Default: `localhost`, at `controlPort`. */
  readonly rp?: RelyingParty;
  readonly org?: Organisation;
  /** The agent whose key the client is bound to. Default `a-default`. */
  readonly agent?: string;
  /** Default: the user's state folder. */
  readonly stateDir?: string;
  /** Milliseconds until a call is given up. Default 2,000. */
  readonly deadlineMs?: number;
  readonly ports?: { readonly clock?: Clock; readonly random?: Random; readonly resolver?: Resolver };
}

/** An agent's key, or a person's token. */
export type Credential = { readonly key: PrivateJwk } | { readonly token: string };

/** A plane, open in this process or reached over its socket. */
export interface OpenedPlane extends PlaneClient {
  /** What the client is to be believed by: for guards. */
  readonly pinned: PinnedPlane['pinned'];
  /** Whether this process holds the data folder now. */
  readonly role: 'owner' | 'attached';
  /** Address of the control listener of whoever owns the folder, where it has one. */
  readonly url?: string;
  readonly publicUrl?: string;
  readonly origin: string;
  /** The trust store that is believed. */
  readonly trustPath: string;
  /** Only from the call that made the plane. */
  readonly operatorToken?: string;
  /** Returns a client for another caller. Closing it closes nothing else. */
  as(credential: Credential): Promise<PinnedPlane>;
}

/**
 * Opens the plane of `options.data`. RULE 47: it listens where it is told and calls nobody; a test watches its sockets.
 * @throws ServerError, StoreError, PlaneError
 */
export async function openPlane(options: OpenPlaneOptions): Promise<OpenedPlane> {
  // Before anything is made: a plane that was made and could not be opened would be left without its first policy.
  requireTls(options);
  const data = resolve(options.data);
  const stateDir = options.stateDir ?? stateFolder();
  const deadlineMs = options.deadlineMs ?? 2_000;
  const first = await holdDataFolder(data);
  let operatorToken: string | undefined;
  let folder: PlaneFolder;
  try {
    if (first !== 'held' && !(await isPlaneFolder(data))) {
      if (options.init === false) throw new ServerError('ERR_SERVER_DATA', `${data} holds no plane`);
      const people = options.solo === true ? 1 : 2;
      operatorToken = (await initDataFolder({ ...initOptions(options), data, stateDir, people }))
        .operatorToken;
    }
    if (options.store !== undefined && first !== 'held')
      chooseStore(data, options.store, operatorToken !== undefined);
    if (first === 'held') await untilMade(data, deadlineMs);
    folder = await readPlaneFolder(data);
  } catch (error) {
    if (first !== 'held') first.release();
    throw error;
  }
  const paths = statePaths(stateDir, folder.origin);
  const context = { options, data, folder, paths, deadlineMs };
  return assemble(context, stateDir, first, operatorToken);
}

interface OpeningContext {
  readonly options: OpenPlaneOptions;
  readonly data: string;
  readonly folder: PlaneFolder;
  readonly paths: ReturnType<typeof statePaths>;
  readonly deadlineMs: number;
}

async function assemble(
  { options, data, folder, paths, deadlineMs }: OpeningContext,
  stateDir: string,
  first: DataFolderLock | 'held',
  operatorToken: string | undefined,
): Promise<OpenedPlane> {
  const { origin, audience } = folder;
  let trust: Trust;
  let agentKey: PrivateJwk;
  try {
    // Read, never written here: a plane that vouches for itself proves nothing (DESIGN §5).
    trust = await readTrustStore(stateDir);
    trustedLog(trust, origin);
    agentKey = await readAgentKey(paths.agentKey(options.agent ?? DEFAULT_AGENT));
  } catch (error) {
    if (first !== 'held') first.release();
    throw error;
  }
  const own = async (lock: DataFolderLock): Promise<Owner> =>
    openOwner({
      ...options,
      folder: await readPlaneFolder(data),
      trust,
      lock,
      clock: options.ports?.clock ?? systemClock,
      random: options.ports?.random ?? systemRandom,
      resolver: options.ports?.resolver ?? hostResolver,
    });

  let owner: Owner | undefined;
  let closed = false;
  if (first !== 'held') {
    owner = await own(first);
    try {
      if (operatorToken !== undefined && options.starter !== false)
        await publishStarter(owner, folder, paths.authorSeed, options, data);
    } catch (error) {
      await owner.close();
      throw error;
    }
  }
  let taking: Promise<void> | undefined;
  const takeOver = (): Promise<void> =>
    (taking ??= (async () => {
      if (owner !== undefined || closed) return;
      const lock = await holdDataFolder(data);
      if (lock === 'held') return;
      const opened = await own(lock);
      // Closed while opening: what was opened goes too.
      if (closed) await opened.close();
      else owner = opened;
    })().finally(() => (taking = undefined)));
  const watch = setInterval(() => void takeOver().catch(() => undefined), 250);
  watch.unref();

  const clientOf = async (credential: Credential, close: () => Promise<void>): Promise<PinnedPlane> => {
    const key = 'key' in credential ? credential.key : await tokenKey(credential.token);
    const jkt = jwkThumbprint({ ...publicHalf(key) });
    const remote = attachedCalls(data, { ...credential, trust, origin, deadlineMs });
    const locals = new WeakMap<Owner, Local>();
    const localOf = (of: Owner): Local => {
      const known =
        locals.get(of) ??
        localCalls({ parts: of.parts, service: of.service, principals: of.principals, jkt, deadlineMs });
      locals.set(of, known);
      return known;
    };
    const call: Call = async <N extends RouteName>(name: N, given: CallInput) => {
      // A call that is repeated says the same, whatever the caller did to its object meanwhile.
      const input =
        owner !== undefined || given.body === undefined ? given : { ...given, body: overTheWire(given.body) };
      const untilMs = performance.now() + deadlineMs;
      for (;;) {
        if (closed) throw new PlaneError('unreachable', 'unreachable: this client is closed');
        try {
          return owner === undefined
            ? await remote.call(name, input)
            : await localOf(owner).call(name, input);
        } catch (error) {
          // Safe to repeat: every changing call carries its key, and the plane acts once.
          const gone = error instanceof PlaneError && error.code === 'unreachable' && owner === undefined;
          if (!gone || input.signal?.aborted === true || performance.now() > untilMs) throw error;
        }
        await takeOver().catch(() => undefined);
        if (owner === undefined) await new Promise((done) => setTimeout(done, 50));
      }
    };
    const events = (given: {
      readonly after: number;
      readonly signal: AbortSignal;
    }): AsyncIterable<FeedEvent> =>
      owner === undefined ? remote.events(given) : localOf(owner).events(given);
    const client = clientOver({
      call,
      events,
      audience,
      async close() {
        await remote.close();
        await close();
      },
    });
    const sign = (claims: StatementClaims): Promise<SignedStatement> =>
      signEvidence(key, claims, (options.ports?.clock ?? systemClock).nowMs());
    return { ...client, pinned: { trust, origin, jkt, audience, stateDir, sign } };
  };

  const main = await clientOf({ key: agentKey }, async () => {
    closed = true;
    clearInterval(watch);
    await taking?.catch(() => undefined);
    await owner?.close();
  });
  const address = owner ?? (await readAddress(data));
  return {
    ...main,
    get role() {
      return owner === undefined ? ('attached' as const) : ('owner' as const);
    },
    ...(address.url === undefined ? {} : { url: address.url }),
    ...(address.publicUrl === undefined ? {} : { publicUrl: address.publicUrl }),
    origin,
    trustPath: paths.trust,
    ...(operatorToken === undefined ? {} : { operatorToken }),
    as: (credential) => clientOf(credential, async () => undefined),
  };
}

/** RULE 20: signed with the author's key, published through the operator's own road. */
async function publishStarter(
  owner: Owner,
  folder: PlaneFolder,
  authorSeed: string,
  options: OpenPlaneOptions,
  data: string,
): Promise<void> {
  const workspace = options.workspace ?? join(resolve(data, '..'), 'workspace');
  const { origin, tenant, vkeys } = folder;
  const files = starterPolicy({
    workspace,
    origin,
    tenant,
    ...(options.observe === undefined ? {} : { observe: options.observe }),
  });
  const signed = signBundle(assembleBundle(files), await readSeed(authorSeed), vkeys.author);
  const author = folder.identities.find(({ roles, keys }) => roles.includes('author') && keys.length > 0);
  if (author === undefined) throw new ServerError('ERR_SERVER_DATA', 'nobody is known who may publish');
  const { parts, service, principals } = owner;
  const calls = localCalls({
    parts,
    service,
    principals,
    jkt: jwkThumbprint({ ...author.keys[0]! }),
    deadlineMs: 30_000,
  });
  const answer = await calls.call('publish', {
    body: { signed: signed as unknown as Json, tests: testFiles(files) },
  });
  if (answer.verdict !== 'done')
    throw new ServerError('ERR_SERVER_DATA', `the starter policy was not published: ${answer.code}`);
}

/** Another process may be making the plane right now. */
async function untilMade(data: string, deadlineMs: number): Promise<void> {
  const untilMs = performance.now() + Math.max(deadlineMs, 5_000);
  while (!(await isPlaneFolder(data))) {
    if (performance.now() > untilMs)
      throw new ServerError('ERR_SERVER_DATA', `${data} is held and holds no plane`);
    await new Promise((done) => setTimeout(done, 25));
  }
}

async function readAddress(data: string): Promise<{ readonly url?: string; readonly publicUrl?: string }> {
  try {
    return JSON.parse(await readFile(join(data, 'address.json'), 'utf8')) as { readonly url?: string };
  } catch {
    // Only a hint for people; the socket is how this process calls.
    return {};
  }
}

function initOptions(options: OpenPlaneOptions) {
  const { origin, tenant, audience, custody, public: isPublic, org, controlPort, tls } = options;
  // Browsers refuse passkeys at an address that is a number, so this is the name that the plane prints.
  const rp =
    options.rp ??
    (controlPort === undefined || controlPort === 0
      ? undefined
      : {
          id: 'localhost',
          origins: [`${tls === undefined ? 'http' : 'https'}://localhost:${controlPort}`],
        });
  return {
    ...(rp === undefined ? {} : { rp }),
    ...(origin === undefined ? {} : { origin }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(audience === undefined ? {} : { audience }),
    ...(custody === undefined ? {} : { custody }),
    ...(isPublic === undefined ? {} : { public: isPublic }),
    ...(org === undefined ? {} : { org }),
  };
}
