/**
 * The user's trust store: whom this user believes, in the state folder and never under a data folder (DESIGN §5).
 * Pinned keys are only ever added here; nothing replaces them.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import {
  canonicalize,
  formatTrust,
  parseTrust,
  type Json,
  type RelyingParty,
  type Trust,
  type TrustedLog,
} from '@licet/evidence';
import { TRUST_FILE } from '@licet/api';
import { CliError } from './errors.ts';
import { readInput, reason, stateFolderOf } from './places.ts';

/** Returns the path of the trust store. */
export const trustStorePath = (): string => join(stateFolderOf(), TRUST_FILE);

/** Returns what a trust file says. @throws CliError `ERR_CLI_TRUST`, `ERR_CLI_FILE` */
export async function readTrustFile(path: string): Promise<Trust> {
  return parse(await readInput(path), path);
}

/** Returns the trust in these bytes. @throws CliError `ERR_CLI_TRUST` */
export function parse(bytes: Uint8Array, from: string): Trust {
  try {
    return parseTrust(bytes);
  } catch (cause) {
    throw new CliError(
      'ERR_CLI_TRUST',
      `${from} is no trust file: ${cause instanceof Error ? cause.message : ''}`,
      {
        still: 'Nothing was believed because of it.',
        cause,
      },
    );
  }
}

/** Returns the trust store; undefined when there is none. One that cannot be read is not none. */
export async function readTrustStore(): Promise<Trust | undefined> {
  const path = trustStorePath();
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await readFile(path));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CliError('ERR_CLI_TRUST', `${path} cannot be read: ${reason(cause)}`, { cause });
  }
  return parse(bytes, path);
}

/** Returns the log that the store pins under an origin, or the only one. @throws CliError `ERR_CLI_TRUST_UNKNOWN` */
export async function pinnedLog(origin: string | undefined): Promise<TrustedLog> {
  const logs = (await readTrustStore())?.logs ?? [];
  if (origin === undefined) {
    if (logs.length === 1) return logs[0]!;
    throw new CliError('ERR_CLI_TRUST_UNKNOWN', `the trust store names ${logs.length} logs`, {
      next: logs.length === 0 ? 'Pin one with `licet trust add FILE`.' : 'Say which with --origin.',
    });
  }
  const log = logs.find((candidate) => candidate.origin === origin);
  if (log === undefined)
    throw new CliError('ERR_CLI_TRUST_UNKNOWN', `the trust store does not name ${origin}`);
  return log;
}

/** How a log stands to the store. */
export type Standing = 'new' | 'pinned';

/** Returns how each log stands to the store. @throws CliError `ERR_CLI_TRUST_CONFLICT` when one says something else */
export function standings(store: Trust | undefined, logs: readonly TrustedLog[]): readonly Standing[] {
  return logs.map((log) => {
    const known = store?.logs.find(({ origin }) => origin === log.origin);
    if (known === undefined) return 'new';
    if (canonicalize(known as unknown as Json) === canonicalize(log as unknown as Json)) return 'pinned';
    throw new CliError('ERR_CLI_TRUST_CONFLICT', `the trust store names other keys for ${log.origin}`, {
      still: 'The keys that were pinned first are still the ones believed.',
    });
  });
}

/** Adds logs to the store, durably. @throws CliError `ERR_CLI_TRUST_CONFLICT`, `ERR_CLI_TRUST` */
export async function pinLogs(logs: readonly TrustedLog[]): Promise<readonly Standing[]> {
  const store = await readTrustStore();
  const found = standings(store, logs);
  const added = logs.filter((_, at) => found[at] === 'new');
  if (added.length > 0) await replaceStore({ v: 1, logs: [...(store?.logs ?? []), ...added] });
  return found;
}

/**
 * Replaces where passkeys of a pinned log are believed; its keys stay as they are. What was approved at an address that is
 * no longer named does not verify under this store. @throws CliError `ERR_CLI_TRUST`, `ERR_CLI_TRUST_UNKNOWN`
 */
export async function believeRelyingParty(origin: string, rp: RelyingParty): Promise<void> {
  const log = await pinnedLog(origin);
  const { logs } = (await readTrustStore())!;
  await replaceStore({ v: 1, logs: logs.map((one) => (one.origin === origin ? { ...log, rp } : one)) });
}

async function replaceStore(trust: Trust): Promise<void> {
  const path = trustStorePath();
  const draft = `${path}.${randomBytes(6).toString('hex')}.new`;
  let bytes: Uint8Array;
  try {
    // One key under two names would let one log speak for another: formatting refuses that.
    bytes = formatTrust(trust);
  } catch (cause) {
    throw new CliError(
      'ERR_CLI_TRUST',
      `it does not fit into the store: ${cause instanceof Error ? cause.message : ''}`,
      {
        still: 'The trust store is unchanged.',
        cause,
      },
    );
  }
  try {
    await mkdir(stateFolderOf(), { recursive: true, mode: 0o700 });
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await chmod(draft, 0o600);
    await rename(draft, path);
  } catch (cause) {
    throw new CliError('ERR_CLI_TRUST', `${path} cannot be written: ${reason(cause)}`, { cause });
  }
}
