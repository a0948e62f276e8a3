// The demo's policy: what is in force, pins included, and one more action, so that there is an HTTP target to protect.
// Published the way a person would: a folder, its tests, `licet policy publish`.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { starterPolicy, type SignedBundle } from '@licet/policy';
import { see } from '../demo/claim.ts';
import type { World } from '../demo/world.ts';

/** Leases are short here, so that nobody has to watch one run out for half a minute. */
const WRITING = '@id("assistants-write-in-workspace") @lease("30s")';

/** Publishes it for this world and this port. */
export async function publishDemoPolicy(world: World, port: number): Promise<void> {
  const operator = await world.operator();
  const active = (await operator.bundles()).find((one) => one.active && one.layer === 'team');
  await operator.close();
  see(active !== undefined, 'no policy is in force');
  const { policies, ...head } = (active.signed as unknown as SignedBundle).bundle;
  see(
    policies.some(({ text }) => text.includes(WRITING)),
    'the policy in force reads differently',
  );
  // Its tests are those of the starter: what they say has to hold with the new action too.
  const { 'policy.test.json': tests } = starterPolicy({
    workspace: world.workspace,
    programs: [join(world.folder, 'bin', 'busy-tree')],
  });
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
  for (const { name, text } of policies)
    await writeFile(join(folder, name), text.replace(WRITING, WRITING.replace('30s', '10s')));
  await writeFile(
    join(folder, 'orders.cedar'),
    `// Orders go to one service, and nowhere else.
@id("assistants-may-order") @lease("30s")
permit (principal, action == Action::"http/post", resource in Host::"127.0.0.1:${port}")
when { principal is User || principal in AgentGroup::"assistants" };
`,
  );
  await writeFile(join(folder, 'policy.test.json'), tests!);
  const published = await world.cli(['policy', 'publish', folder, '--yes', '--data', world.data, '--json']);
  see(
    published.code === 0,
    `publishing the demo's policy ended with ${published.code}: ${published.stderr}${published.stdout}`,
  );
}
