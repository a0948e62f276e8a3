// Goal: an organisation above two tenants, from the command line. Method: real processes; what is published by effect, on
// what a command may run afterwards.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { aPlace } from './process.ts';

const FORBID = `@id("no-programs") @explain("full")
forbid (principal, action in Action::"licet/governed", resource);
`;

test('an organisation forbids in every tenant at once; its key is rotated', async () => {
  const place = await aPlace();
  const ok = async (...args: readonly string[]) => {
    const ran = await place.run(...args, '--json');
    expect(ran.code, `${args.join(' ')}: ${ran.stderr}`).toBe(0);
    return ran;
  };
  const of = (name: string): readonly string[] => ['--data', join(place.data, 'tenants', name)];
  const { keys } = (await ok('org', 'init', 'acme')).json<{ keys: readonly string[] }>();
  for (const name of ['amber', 'birch']) await ok('tenants', 'add', name, '--solo', '--org', 'acme');

  const dir = join(place.folder, 'org-policy');
  await mkdir(dir);
  const head = { v: 1, layer: 'org', org: 'acme', version: 1, actions: {}, limits: {}, pins: {} };
  await writeFile(join(dir, 'bundle.json'), JSON.stringify(head));
  await writeFile(join(dir, 'org.cedar'), FORBID);
  const run = (name: string) =>
    place.run(
      ...['exec', ...of(name), '--cwd', join(place.folder, 'workspaces', name), '--', '/usr/bin/echo', 'hi'],
    );
  const { tenants } = (await ok('org', 'publish', dir, '--yes')).json<{
    tenants: readonly { tenant: string; verdict: string }[];
  }>();
  expect(tenants.map(({ tenant, verdict }) => [tenant, verdict])).toEqual([
    ['amber', 'done'],
    ['birch', 'done'],
  ]);
  expect((await run('amber')).code).toBe(3);

  await ok('org', 'rotate', 'acme');
  await ok('org', 'publish', dir, '--yes');
  await ok('org', 'retire', 'acme', keys[0]!, '--yes');
  const shown = (await ok('org', 'show', ...of('birch'))).json<{
    id: string;
    keys: readonly { id: string; counts: boolean }[];
    bundle: { version: number };
  }>();
  expect(shown).toMatchObject({ id: 'acme', bundle: { version: 2 } });
  expect(shown.keys.map(({ id, counts }) => [id === keys[0], counts])).toEqual([
    [true, false],
    [false, true],
  ]);
  expect(JSON.parse(await readFile(join(dir, 'bundle.json'), 'utf8'))).toMatchObject({ version: 2 });
  await rm(place.folder, { recursive: true, force: true });
}, 180_000);
