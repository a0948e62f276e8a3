// The demo's policy: the starter, and one more action, so that there is an HTTP target to protect. Published the way a
// person would: a folder, its tests, `licet policy publish`.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { starterPolicy } from '@licet/policy';
import { see } from '../demo/claim.ts';
import type { World } from '../demo/world.ts';

/** Leases are short here, so that nobody has to watch one run out for half a minute. */
const WRITING = '@id("assistants-write-in-workspace") @lease("30s")';

/** Publishes it for this world and this port. */
export async function publishDemoPolicy(world: World, port: number): Promise<void> {
  const { origin, tenant } = world.trust.logs[0]!;
  const files = starterPolicy({
    workspace: world.workspace,
    programs: [join(world.folder, 'bin', 'busy-tree')],
    origin,
    tenant,
  });
  const head = JSON.parse(files['bundle.json']!) as { readonly actions: object };
  see(files['policy.cedar']!.includes(WRITING), 'the starter policy reads differently');
  const folder = join(world.folder, 'policy-with-http');
  await mkdir(folder, { recursive: true });
  const post = {
    schema: {
      type: 'object',
      properties: { url: { type: 'string' }, body: { type: 'string', maxLength: 1_000 } },
      required: ['url', 'body'],
      additionalProperties: false,
    },
    resources: { url: { kind: 'url', type: 'Url', schemes: ['http'] } },
    floor: { lease: '30s' },
  };
  await writeFile(
    join(folder, 'bundle.json'),
    JSON.stringify({ ...head, actions: { ...head.actions, 'http/post': post } }, undefined, 2),
  );
  await writeFile(
    join(folder, 'policy.cedar'),
    `${files['policy.cedar']!.replace(WRITING, WRITING.replace('30s', '10s'))}
// Orders go to one service, and nowhere else.
@id("assistants-may-order") @lease("30s")
permit (principal, action == Action::"http/post", resource in Host::"127.0.0.1:${port}")
when { principal is User || principal in AgentGroup::"assistants" };
`,
  );
  await writeFile(join(folder, 'policy.test.json'), files['policy.test.json']!);
  const published = await world.cli(['policy', 'publish', folder, '--yes', '--data', world.data, '--json']);
  see(
    published.code === 0,
    `publishing the demo's policy ended with ${published.code}: ${published.stderr}${published.stdout}`,
  );
}
