/**
 * The data folder of a plane (DESIGN §4): who it is (`plane.json`), its keys (`keys/`), beside the store's own files.
 * `plane.json` is written last: a folder without it was never finished.
 *
 *     plane.json   origin, tenant, audience, custody, people, public keys
 *     keys/        log, lease, status, session seeds and the tenant's HMAC key, 64 hex digits each
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  base64url,
  formatTlogPolicy,
  hex,
  isKeyName,
  NAME,
  ORIGIN_PREFIX,
  parseJson,
  parseVkey,
  type Custody,
  type PublicJwk,
  type RelyingParty,
  type Trust,
  type TrustedLog,
} from '@licet/evidence';
import { ed25519NoteSigner } from '@licet/evidence/node';
import { newPrivateJwk, publicHalf, stateFolder, tokenKey } from '@licet/api';
import { ServerError } from './errors.ts';
import { privateFolder, writePrivate } from './files.ts';
import { requireRelyingParty } from './passkeys.ts';
import { orgVkey, type Organisation } from './organisation.ts';
import { pinTrust, prepareState, readSeed, writeAgentKey, type StatePaths } from './state-folder.ts';

/** Purposes of the seeds kept in the data folder; the others are in the state folder. */
const OWN_KEYS = ['log', 'lease', 'status', 'session', 'tenant'] as const;
type OwnKey = (typeof OWN_KEYS)[number];

/** The identity that the in-process client is bound to. */
export const DEFAULT_AGENT = 'a-default';
export const OPERATOR = 'u-operator';
export const OWNER = 'u-owner';
/** The identity of gateways. */
export const DEFAULT_DOOR = 'd-gateway';

/** What `plane.json` says. */
export interface PlaneFile {
  readonly v: 1;
  readonly origin: string;
  readonly tenant: string;
  readonly audience: string;
  readonly custody: Custody;
  readonly people: 1 | 2;
  readonly public: boolean;
  /** Public keys in vkey form. */
  readonly vkeys: Readonly<Record<'log' | 'lease' | 'status' | 'session' | 'contain' | 'author', string>>;
  /** The organisation above, as genesis names it (RULE 20). */
  readonly org?: Organisation;
  /** The log that this one goes on from, as it ended (RULE 7). */
  readonly prev?: { readonly origin: string; readonly size: number; readonly root: string };
  /** The identities that genesis registers. */
  readonly identities: readonly GenesisIdentity[];
}

export interface GenesisIdentity {
  readonly subject: string;
  readonly kind: 'user' | 'agent' | 'door';
  readonly name: string;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly keys: readonly PublicJwk[];
  readonly for?: string;
  readonly root?: { readonly perDay: number; readonly concurrent: number };
}

/** A data folder, read. */
export interface PlaneFolder extends PlaneFile {
  readonly data: string;
  /** 32 bytes each. */
  readonly seeds: Readonly<Record<OwnKey, Uint8Array>>;
}

export interface InitOptions {
  readonly data: string;
  /** Default: `licet.local/` and 16 random hex digits. */
  readonly origin?: string;
  /** Default `local`. */
  readonly tenant?: string;
  /** Default: the tenant. */
  readonly audience?: string;
  /** Whether agents run under the plane's own OS account (RULE 28). Default `same-user`. */
  readonly custody?: Custody;
  /** How many people a lift needs (RULE 34). Default 2. */
  readonly people?: 1 | 2;
  /** Whether entry bundles are public (RULE 42). Default false. */
  readonly public?: boolean;
  /** The organisation above, if any; it cannot be named later. */
  readonly org?: Organisation;
  /** Where people's passkeys are used: pinned in the trust file (RULE 22). Default: `localhost`, at the usual port. */
  readonly rp?: RelyingParty;
  /** Default: the user's state folder. */
  readonly stateDir?: string;
}

/** Port of the control listener unless another is named: passkeys are bound to it. */
export const CONTROL_PORT = 4_840;

/** What `init` made, with the only copy of the token that will ever be shown. */
export interface InitResult {
  readonly folder: PlaneFolder;
  readonly paths: StatePaths;
  readonly operatorToken: string;
  readonly trust: Trust;
}

/**
 * Makes a plane's data folder and state. The caller holds the lock of the folder.
 * @throws ServerError `ERR_SERVER_EXISTS`, `ERR_SERVER_STATE`, `ERR_SERVER_DATA`
 */
export async function initDataFolder(options: InitOptions): Promise<InitResult> {
  const data = resolve(options.data);
  const origin = options.origin ?? `${ORIGIN_PREFIX}${randomBytes(8).toString('hex')}`;
  const tenant = options.tenant ?? 'local';
  const audience = options.audience ?? tenant;
  if (!isKeyName(`${origin}/session`) || !/^[A-Za-z0-9][A-Za-z0-9.:/_-]{0,199}$/.test(origin)) {
    throw new ServerError('ERR_SERVER_DATA', `${JSON.stringify(origin)} cannot be an origin`);
  }
  if (options.rp !== undefined) requireRelyingParty(options.rp);
  if (await isPlaneFolder(data)) throw new ServerError('ERR_SERVER_EXISTS', `${data} holds a plane`);
  const paths = await prepareState(options.stateDir ?? stateFolder(), data, origin);
  await privateFolder(data);
  await privateFolder(join(data, 'keys'));

  for (const name of OWN_KEYS) await writeSeed(join(data, 'keys', `${name}.seed`));
  // RULE 34 and RULE 20: the plane holds neither the key that orders it to stop nor the one that signs its policy.
  await writeSeed(paths.containSeed);
  await writeSeed(paths.authorSeed);
  const vkey = async (name: string, path: string): Promise<string> =>
    ed25519NoteSigner(name, await readSeed(path)).vkey;
  const own = (name: OwnKey): string => join(data, 'keys', `${name}.seed`);
  const vkeys = {
    log: await vkey(origin, own('log')),
    lease: await vkey(`${origin}/lease`, own('lease')),
    status: await vkey(`${origin}/status`, own('status')),
    session: await vkey(`${origin}/session`, own('session')),
    contain: await vkey(`${origin}/contain`, paths.containSeed),
    author: await vkey(`${origin}/author`, paths.authorSeed),
  };

  const operatorToken = base64url(randomBytes(32));
  const operatorKey = publicHalf(await tokenKey(operatorToken));
  const [ownerKey, agentKey, doorKey] = [await newPrivateJwk(), await newPrivateJwk(), await newPrivateJwk()];
  const identities: readonly GenesisIdentity[] = [
    {
      subject: OPERATOR,
      kind: 'user',
      name: 'Operator',
      roles: ['viewer', 'approver', 'operator', 'author', 'auditor'],
      groups: ['operators'],
      keys: [operatorKey],
    },
    { subject: OWNER, kind: 'user', name: 'Owner', roles: [], groups: [], keys: [publicHalf(ownerKey)] },
    {
      subject: DEFAULT_AGENT,
      kind: 'agent',
      name: 'Default agent',
      roles: [],
      groups: ['assistants'],
      keys: [publicHalf(agentKey)],
      for: OWNER,
      root: { perDay: 10_000, concurrent: 256 },
    },
    {
      subject: DEFAULT_DOOR,
      kind: 'door',
      name: 'Gateway',
      roles: [],
      groups: [],
      keys: [publicHalf(doorKey)],
    },
  ];
  const file: PlaneFile = {
    v: 1,
    origin,
    tenant,
    audience,
    custody: options.custody ?? 'same-user',
    people: options.people ?? 2,
    public: options.public ?? false,
    vkeys,
    ...(options.org === undefined ? {} : { org: options.org }),
    identities,
  };
  // The person whom agents act for signs mandates with it.
  await writeAgentKey(paths.agentKey(OWNER), ownerKey);
  await writeAgentKey(paths.agentKey(DEFAULT_AGENT), agentKey);
  await writeAgentKey(paths.agentKey(DEFAULT_DOOR), doorKey);
  await writePrivate(paths.operatorToken, `${operatorToken}\n`);
  const trust = await pinTrust(paths.trust, trustOf(file, options.rp));
  await writePrivate(join(data, 'plane.json'), `${JSON.stringify(file, null, 2)}\n`);
  return { folder: await readPlaneFolder(data), paths, operatorToken, trust };
}

/**
 * Says what a plane that was made and never opened goes on from: the log before it, and whom that one knew.
 */
export async function continueFrom(
  folder: PlaneFolder,
  before: Required<Pick<PlaneFile, 'prev' | 'identities'>>,
): Promise<void> {
  const { data, seeds: _, ...file } = folder;
  const { prev, identities } = before;
  await writePrivate(join(data, 'plane.json'), `${JSON.stringify({ ...file, prev, identities }, null, 2)}\n`);
}

/** Returns whether `init` finished here. */
export async function isPlaneFolder(data: string): Promise<boolean> {
  return readFile(join(data, 'plane.json')).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return false;
      throw new ServerError('ERR_SERVER_DATA', `${data} cannot be read`, { cause: error });
    },
  );
}

/** Returns a data folder. @throws ServerError `ERR_SERVER_DATA` when anything in it is missing or contradicts itself */
export async function readPlaneFolder(path: string): Promise<PlaneFolder> {
  const data = resolve(path);
  const file = (await readJsonFile(join(data, 'plane.json'))) as unknown as PlaneFile;
  if (file.v !== 1) throw new ServerError('ERR_SERVER_DATA', `${data} was made by another version`);
  const seeds = {} as Record<OwnKey, Uint8Array>;
  for (const name of OWN_KEYS) seeds[name] = await readSeed(join(data, 'keys', `${name}.seed`));
  for (const name of ['log', 'lease', 'status', 'session'] as const) {
    const expected = ed25519NoteSigner(
      name === 'log' ? file.origin : `${file.origin}/${name}`,
      seeds[name],
    ).vkey;
    if (file.vkeys[name] !== expected)
      throw new ServerError('ERR_SERVER_DATA', `the ${name} key is not the one of plane.json`);
  }
  return { ...file, data, seeds };
}

/** Returns what the trust store says about this plane. */
export function trustOf(
  file: PlaneFile,
  rp: RelyingParty = { id: 'localhost', origins: [`http://localhost:${CONTROL_PORT}`] },
): TrustedLog {
  const policy = formatTlogPolicy({
    logs: [{ key: parseVkey(file.vkeys.log) }],
    witnesses: [],
    groups: [],
    quorum: 'none',
  });
  const { lease, status, session, contain, author } = file.vkeys;
  return {
    origin: file.origin,
    tenant: file.tenant,
    // Operations on the plane itself are spent at the plane, under its own name.
    audiences: [file.audience, NAME],
    policy,
    keys: {
      lease: [lease],
      status: [status],
      session: [session],
      contain: [contain],
      author: [author],
      org: (file.org?.keys ?? []).map((key) => orgVkey(file.origin, key)),
      jwt: [],
    },
    rp,
  };
}

const writeSeed = (path: string): Promise<void> => writePrivate(path, `${hex(randomBytes(32))}\n`);

async function readJsonFile(path: string): Promise<Record<string, unknown>> {
  try {
    return parseJson(await readFile(path)) as Record<string, unknown>;
  } catch (cause) {
    throw new ServerError('ERR_SERVER_DATA', `${path} cannot be read`, { cause });
  }
}
