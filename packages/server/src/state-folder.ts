/**
 * What a plane leaves in the user's state folder (DESIGN §4, §5): the trust store, and per plane the operator's
 * token, the contain and author keys and the agents' keys. Never under the data folder: whoever can write or restore
 * that must not choose whom we believe, nor contain and approve.
 */
import { mkdir, readFile, realpath } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import {
  formatTrust,
  parseJson,
  parseTrust,
  unhex,
  utf8,
  type Trust,
  type TrustedLog,
} from '@licet/evidence';
import { TRUST_FILE, type PrivateJwk } from '@licet/api';
import { ServerError } from './errors.ts';
import { privateFolder, writePrivate } from './files.ts';

/** Paths of one plane's files in the state folder. */
export interface StatePaths {
  readonly folder: string;
  readonly trust: string;
  readonly operatorToken: string;
  readonly containSeed: string;
  readonly authorSeed: string;
  agentKey(id: string): string;
}

/** Returns the paths for the plane of this origin. */
export function statePaths(stateDir: string, origin: string): StatePaths {
  const folder = join(stateDir, 'planes', origin.replaceAll('/', '_').replaceAll(':', '_'));
  return {
    folder,
    trust: join(stateDir, TRUST_FILE),
    operatorToken: join(folder, 'operator.token'),
    containSeed: join(folder, 'contain.seed'),
    authorSeed: join(folder, 'author.seed'),
    agentKey: (id) => join(folder, 'agents', `${id}.jwk`),
  };
}

/** Makes the folders. @throws ServerError `ERR_SERVER_STATE` when they would lie under the data folder */
export async function prepareState(stateDir: string, data: string, origin: string): Promise<StatePaths> {
  await privateFolder(stateDir);
  await mkdir(data, { recursive: true, mode: 0o700 });
  // RULE 8 and DESIGN §5: seen through symlinks, or a link would put the trust store where the plane can write.
  const [state, inside] = await Promise.all([realpath(resolve(stateDir)), realpath(resolve(data))]);
  if (state === inside || state.startsWith(inside + sep)) {
    throw new ServerError(
      'ERR_SERVER_STATE',
      `the state folder ${state} lies under the data folder ${inside}`,
    );
  }
  const paths = statePaths(stateDir, origin);
  await privateFolder(join(stateDir, 'planes'));
  await privateFolder(paths.folder);
  await privateFolder(join(paths.folder, 'agents'));
  return paths;
}

/**
 * Adds a log to the trust store. A log of this origin that is there already must say the same: nothing that is
 * pinned is ever replaced here.
 */
export async function pinTrust(path: string, log: TrustedLog): Promise<Trust> {
  const known = await readTrustFile(path);
  const same = known?.logs.find((other) => other.origin === log.origin);
  if (same !== undefined) {
    if (JSON.stringify(formatted(same)) !== JSON.stringify(formatted(log))) {
      throw new ServerError('ERR_SERVER_STATE', `${path} names other keys for ${log.origin}`);
    }
    return known!;
  }
  const trust: Trust = { v: 1, logs: [...(known?.logs ?? []), log] };
  await writePrivate(path, formatTrust(trust));
  return trust;
}

const formatted = (log: TrustedLog): string =>
  Buffer.from(formatTrust({ v: 1, logs: [log] })).toString('utf8');

async function readTrustFile(path: string): Promise<Trust | undefined> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    // Only "there is none" is none: a store that cannot be read must not be written anew.
    if (cause.code === 'ENOENT') return undefined;
    throw new ServerError('ERR_SERVER_STATE', `${path} cannot be read`, { cause });
  });
  return bytes === undefined ? undefined : parseTrust(bytes);
}

/** Returns the private key of an agent. @throws ServerError `ERR_SERVER_STATE` */
export async function readAgentKey(path: string): Promise<PrivateJwk> {
  try {
    const { kty, crv, x, d } = parseJson(await readFile(path)) as Record<string, unknown>;
    if (kty !== 'OKP' || crv !== 'Ed25519' || typeof x !== 'string' || typeof d !== 'string')
      throw new Error('not a private JWK');
    return { kty, crv, x, d };
  } catch (cause) {
    throw new ServerError('ERR_SERVER_STATE', `${path} holds no agent key`, { cause });
  }
}

/** Writes the private key of an agent, mode 0600. */
export const writeAgentKey = (path: string, key: PrivateJwk): Promise<void> =>
  writePrivate(path, utf8(`${JSON.stringify(key)}\n`));

/** Returns the 32 bytes of a key file: 64 hex digits and a newline. @throws ServerError `ERR_SERVER_DATA` */
export async function readSeed(path: string): Promise<Uint8Array> {
  try {
    const seed = unhex((await readFile(path, 'utf8')).trimEnd());
    if (seed.length !== 32) throw new Error(`${seed.length} bytes`);
    return seed;
  } catch (cause) {
    throw new ServerError('ERR_SERVER_DATA', `${path} holds no key`, { cause });
  }
}
