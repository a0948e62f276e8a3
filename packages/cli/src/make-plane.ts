/** Making a plane: folder, keys, trust, and a published policy, so that the first call can be decided. */
import { mkdir, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ActionSpec, BundleFiles } from '@licet/policy';
import type { OpenedPlane, OpenPlaneOptions } from '@licet/server';
import { operatorToken } from './attach.ts';
import { CliError } from './errors.ts';
import { stateFolderOf } from './places.ts';
import { readBundleFolder } from './policy-folder.ts';
import { signAndPublish } from './publish.ts';

/** Options of `init`, and of `up` on a fresh folder. */
export interface MakeOptions {
  readonly solo?: boolean;
  readonly observe?: boolean;
  readonly workspace?: string;
  readonly program?: readonly string[];
  readonly policy?: string;
  readonly tenant?: string;
  /** Its id in the state folder, or a path of its `org.json`. */
  readonly org?: string;
  readonly origin?: string;
  readonly custody?: string;
  readonly public?: boolean;
  /** Database that keeps the plane. */
  readonly store?: string;
  readonly rpId?: string;
  readonly rpOrigin?: readonly string[];
  /** Actions that the first policy describes besides those of the starter. */
  readonly actions?: Readonly<Record<string, ActionSpec>>;
}

/** Returns what `openPlane` is told about a plane that is to be made. The policy is published here, not there. */
export function openOptions(data: string, options: MakeOptions): OpenPlaneOptions {
  const { custody } = options;
  if (custody !== undefined && custody !== 'same-user' && custody !== 'separate')
    throw new CliError('ERR_CLI_USAGE', `--custody ${custody} is neither same-user nor separate`);
  if (options.observe === true && options.policy !== undefined)
    throw new CliError(
      'ERR_CLI_USAGE',
      '--observe is a starter policy; with --policy the folder says what it does',
    );
  return {
    data,
    starter: false,
    // A person waits for this, no door: a busy machine is no reason to leave a plane half made.
    deadlineMs: 30_000,
    solo: options.solo === true,
    public: options.public === true,
    ...relyingParty(options),
    ...(custody === undefined ? {} : { custody }),
    ...storeOf(options),
    ...(options.tenant === undefined ? {} : { tenant: options.tenant }),
    ...(options.origin === undefined ? {} : { origin: options.origin }),
  };
}

/** The database that was named, on the command line or in the environment, where no password shows in a list of processes. */
export function storeOf({ store }: MakeOptions): { readonly store?: string } {
  const named = store ?? process.env['LICET_STORE'];
  return named === undefined || named === '' ? {} : { store: named };
}

/** Returns the organisation that is to stand above the plane, if any. @throws ServerError `ERR_SERVER_ORG` */
export async function organisationOf(named: string | undefined): Promise<Pick<OpenPlaneOptions, 'org'>> {
  if (named === undefined) return {};
  const { readOrganisation, readOrganisationFile } = await import('@licet/server');
  const { id, keys } = named.endsWith('.json')
    ? await readOrganisationFile(named)
    : await readOrganisation(stateFolderOf(), named);
  return { org: { id, keys } };
}

/** Where passkeys are used, when that is said. @throws CliError `ERR_CLI_USAGE` */
function relyingParty({ rpId, rpOrigin }: MakeOptions): Pick<OpenPlaneOptions, 'rp'> {
  if (rpOrigin === undefined) {
    if (rpId !== undefined) throw new CliError('ERR_CLI_USAGE', '--rp-id needs --rp-origin');
    return {};
  }
  const id = rpId ?? URL.parse(rpOrigin[0]!)?.hostname;
  if (id === undefined) throw new CliError('ERR_CLI_USAGE', `${rpOrigin[0]} is no origin`);
  return { rp: { id, origins: rpOrigin } };
}

/** What was published first. */
export interface FirstPolicy {
  readonly workspace: string;
  readonly observing: boolean;
}

/** Publishes the first policy of a plane that was just made. @throws CliError `ERR_CLI_POLICY` */
export async function publishFirst(
  opened: OpenedPlane,
  data: string,
  options: MakeOptions,
): Promise<FirstPolicy> {
  const { readPlaneFolder } = await import('@licet/server');
  const folder = await readPlaneFolder(data);
  const workspace = await workspaceOf(options.workspace ?? join(dirname(data), 'workspace'));
  const files = await firstFiles(options, workspace, folder);
  const { assembleBundle, testFiles } = await import('@licet/policy');
  const client = await opened.as({ token: opened.operatorToken ?? (await operatorToken(opened.origin)) });
  try {
    const answer = await signAndPublish(client, assembleBundle(files), {
      origin: folder.origin,
      tests: testFiles(files),
    });
    if (answer.verdict !== 'done')
      throw new CliError(
        'ERR_CLI_POLICY',
        `the first policy was not published: ${answer.code}: ${answer.reason}`,
        {
          still: 'The plane is made, and denies everything until a policy is published.',
          next: 'Correct the policy, then run licet policy publish DIR.',
        },
      );
  } finally {
    await client.close();
  }
  return { workspace, observing: options.observe === true };
}

async function firstFiles(
  options: MakeOptions,
  workspace: string,
  plane: { readonly origin: string; readonly tenant: string },
): Promise<BundleFiles> {
  const { starterPolicy } = await import('@licet/policy');
  if (options.policy !== undefined) return readBundleFolder(options.policy);
  return starterPolicy({
    workspace,
    observe: options.observe === true,
    origin: plane.origin,
    tenant: plane.tenant,
    ...(options.program === undefined ? {} : { programs: options.program }),
    ...(options.actions === undefined ? {} : { actions: options.actions }),
  });
}

/** The folder that agents may work in, made when it is not there, under its real name: policies speak of that one. */
async function workspaceOf(path: string): Promise<string> {
  await mkdir(path, { recursive: true });
  return realpath(path);
}
