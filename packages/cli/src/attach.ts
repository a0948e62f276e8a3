/**
 * Reaching a plane as a person: over `DATA/plane.sock` when one runs, by opening the folder when none does, or at an
 * address. The token is the person's own: LICET_TOKEN, else the file that `init` left in the state folder.
 */
import { readFile } from 'node:fs/promises';
import type { PinnedPlane, PlaneClient } from '@licet/api';
import type { CommonOptions } from './command.ts';
import { CliError } from './errors.ts';
import { dataFolderOf, stateFolderOf } from './places.ts';
import { readTrustStore } from './trust-store.ts';

/** A plane as the operator reaches it. Close it. */
export interface Attached {
  readonly client: PlaneClient;
  readonly origin: string;
  /** For people: where it is. */
  readonly where: string;
}

/** Milliseconds a person waits for an answer. */
const DEADLINE_MS = 10_000;

/** Attaches as the operator. @throws CliError `ERR_CLI_NO_DATA`, `ERR_CLI_TOKEN` */
export async function attach(options: CommonOptions): Promise<Attached> {
  if (options.url !== undefined) return attachUrl(options.url);
  const data = await requirePlane(options);
  const { openPlane, readPlaneFolder } = await import('@licet/server');
  const { origin } = await readPlaneFolder(data);
  const token = await operatorToken(origin);
  const opened = await openPlane({ data, init: false, deadlineMs: DEADLINE_MS });
  const client = await opened.as({ token });
  return {
    origin,
    where: opened.role === 'owner' ? `${data} (opened here)` : `${data} (running)`,
    client: closingBoth(client, opened),
  };
}

async function attachUrl(url: string): Promise<Attached> {
  const { connect } = await import('@licet/api');
  const logs = (await readTrustStore())?.logs ?? [];
  const token = await operatorToken(logs.length === 1 ? logs[0]!.origin : undefined);
  const client = await connect({ url, token, deadlineMs: DEADLINE_MS });
  const { origin } = await client.status();
  return { client, origin, where: url };
}

/** Returns the data folder, when it holds a plane. @throws CliError `ERR_CLI_NO_DATA` */
export async function requirePlane(options: CommonOptions): Promise<string> {
  const data = dataFolderOf(options);
  const { isPlaneFolder } = await import('@licet/server');
  if (!(await isPlaneFolder(data))) throw new CliError('ERR_CLI_NO_DATA', `${data} holds no plane`);
  return data;
}

/** Returns the operator's token of a plane. @throws CliError `ERR_CLI_TOKEN` */
export async function operatorToken(origin: string | undefined): Promise<string> {
  const given = process.env['LICET_TOKEN'];
  if (given !== undefined && given !== '') return given;
  if (origin !== undefined) {
    const { statePaths } = await import('@licet/server');
    const path = statePaths(stateFolderOf(), origin).operatorToken;
    try {
      const token = (await readFile(path, 'utf8')).trim();
      if (token !== '') return token;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT')
        throw new CliError('ERR_CLI_TOKEN', `${path} cannot be read`, { cause });
    }
  }
  throw new CliError('ERR_CLI_TOKEN', 'no operator token was found', {
    still: 'Nothing was asked or changed.',
  });
}

/** Runs with an attached plane and closes it in any case. */
export async function withAttached<T>(
  options: CommonOptions,
  run: (attached: Attached) => Promise<T>,
): Promise<T> {
  const attached = await attach(options);
  try {
    return await run(attached);
  } finally {
    await attached.client.close();
  }
}

/** Opens the plane for a door, bound to the key of an agent (or of the gateway). */
export async function openForDoor(
  options: CommonOptions & { readonly agent?: string },
): Promise<PinnedPlane> {
  const data = await requirePlane(options);
  const { openPlane } = await import('@licet/server');
  return openPlane({ data, init: false, ...(options.agent === undefined ? {} : { agent: options.agent }) });
}

function closingBoth(client: PlaneClient, opened: { close(): Promise<void> }): PlaneClient {
  return {
    ...client,
    async close() {
      await client.close();
      await opened.close();
    },
  };
}
