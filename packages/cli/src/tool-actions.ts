/** The tools of MCP servers as actions of a plane's policy: asked of the servers themselves, then declared. */
import type { Json } from '@licet/evidence';
import type { ActionSpec, Bundle, ToolActions } from '@licet/policy';
import { requirePlane, withAttached } from './attach.ts';
import { cedarEngine } from './cedar.ts';
import { CliError } from './errors.ts';
import { openOptions, publishFirst } from './make-plane.ts';
import { signAndPublish } from './publish.ts';
import { listTools, type ServerSetting } from './tool-list.ts';

type Actions = Readonly<Record<string, ActionSpec>>;

/** What declaring came to: a new plane, a new version of the policy, or nothing to do. */
export type Declared = 'made' | 'published' | 'known';

/** Starts a server, asks it for its tools, and returns their actions. @throws CliError `ERR_CLI_FILE` */
export async function askActions(
  server: string,
  command: readonly string[],
  setting: ServerSetting = {},
): Promise<ToolActions> {
  const { inspectTools } = await import('@licet/gateway');
  const { toolActions } = await import('@licet/policy');
  const inspected = inspectTools(server, await listTools(command, setting));
  const listed = inspected.flatMap((tool) => (tool.fault === undefined ? [tool] : []));
  const faulty = inspected.flatMap(({ name, fault }) =>
    fault === undefined ? [] : [{ name: name ?? '?', why: fault }],
  );
  const { actions, skipped } = toolActions(
    server,
    listed.map(({ name, definition }) => ({
      name,
      ...(definition['inputSchema'] === undefined ? {} : { inputSchema: definition['inputSchema'] }),
    })),
  );
  return { actions, skipped: [...skipped, ...faulty] };
}

/** Returns what of `actions` a bundle does not describe, or describes with other arguments. */
export function undescribed(bundle: Pick<Bundle, 'actions'>, actions: Actions): Actions {
  return Object.fromEntries(
    Object.entries(actions).filter(
      ([name, spec]) => argumentNames(bundle.actions[name]) !== argumentNames(spec),
    ),
  );
}

function argumentNames(spec: ActionSpec | undefined): string | undefined {
  return spec === undefined
    ? undefined
    : JSON.stringify(Object.keys((spec.schema['properties'] as object | undefined) ?? {}).toSorted());
}

/**
 * Makes the policy of a plane that only observes describe these actions; makes such a plane when the folder holds
 * none. A policy that stops things is its author's: it is left as it is.
 * @throws CliError `ERR_CLI_POLICY` when the active policy enforces and does not describe them all
 */
export async function declareActions(data: string, actions: Actions): Promise<Declared> {
  const { isPlaneFolder, openPlane, readPlaneFolder } = await import('@licet/server');
  if (!(await isPlaneFolder(data))) {
    const making = { observe: true, actions };
    const opened = await openPlane({ ...openOptions(data, making), socket: false });
    try {
      await publishFirst(opened, data, making);
    } finally {
      await opened.close();
    }
    return 'made';
  }
  const { loadBundle } = await import('@licet/policy');
  const { origin } = await readPlaneFolder(await requirePlane({ data }));
  return withAttached({ data }, async ({ client }) => {
    const known = (await client.bundles()).filter(({ layer }) => layer === 'team');
    const active = known.find((item) => item.active);
    const bundle = (active?.signed as { readonly bundle?: Bundle } | undefined)?.bundle;
    if (bundle === undefined)
      throw new CliError('ERR_CLI_POLICY', 'no policy is active', {
        next: 'Publish one with licet policy publish DIR.',
      });
    const missing = undescribed(bundle, actions);
    if (Object.keys(missing).length === 0) return 'known';
    if (!loadBundle(await cedarEngine(), { team: bundle }).observing)
      throw new CliError(
        'ERR_CLI_POLICY',
        `the active policy stops things and does not describe ${Object.keys(missing).join(', ')}`,
        {
          still: 'Nothing was changed.',
          next: 'Add them with licet policy tools DIR --server NAME -- COMMAND, publish it, and import again.',
        },
      );
    const version = Math.max(...known.map((item) => item.version)) + 1;
    const next = { ...bundle, version, actions: { ...bundle.actions, ...missing } };
    const answer = await signAndPublish(client, next, {
      origin,
      tests: CLOSED,
    });
    if (answer.verdict !== 'done')
      throw new CliError(
        'ERR_CLI_POLICY',
        `the actions were not published: ${answer.code}: ${answer.reason}`,
        {
          still: 'Nothing was changed.',
        },
      );
    return 'published';
  });
}

/** Publishing needs a test. What the tools do is not known here; that the bundle still denies something is. */
const CLOSED: Readonly<Record<string, Json>> = {
  'import.test.json': {
    tests: [
      {
        name: 'nothing permits the self-test',
        given: { user: 'nobody', action: 'licet/self-test', args: {} },
        expect: { verdict: 'deny' },
      },
    ],
  },
};
