// Goal: several tenants from the command line. Method: real processes; two tenants made, served, asked.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { aPlace } from './process.ts';

interface Up {
  readonly url: string;
  readonly publicUrl: string;
  readonly tenants: readonly {
    readonly tenant: string;
    readonly ok: boolean;
    readonly url: string;
    readonly publicUrl: string;
    readonly origin: string;
  }[];
}

test('tenants are made one by one, and up serves them all', async () => {
  const place = await aPlace();
  const origins = new Map<string, string>();
  for (const name of ['amber', 'birch']) {
    const made = await place.run('tenants', 'add', name, '--json');
    expect(made.code, made.stderr).toBe(0);
    origins.set(name, made.json<{ origin: string }>().origin);
  }
  expect((await place.run('tenants', 'add', 'amber', '--json')).error()).toMatchObject({
    code: 'ERR_CLI_EXISTS',
  });
  expect((await place.run('tenants', 'add', '../out', '--json')).error()).toMatchObject({
    code: 'ERR_SERVER_TENANT',
  });
  const listed = (await place.run('tenants', '--json')).json<{
    tenants: { tenant: string; origin: string }[];
  }>();
  expect(listed.tenants.map(({ tenant, origin }) => [tenant, origin])).toEqual([...origins]);

  const up = place.start('up', '--json', '--port', '0', '--public-port', '0');
  try {
    const [line] = (await once(createInterface({ input: up.stdout! }), 'line')) as [string];
    const { tenants } = JSON.parse(line) as Up;
    for (const { tenant, ok, url, publicUrl, origin } of tenants) {
      expect([ok, origin]).toEqual([true, origins.get(tenant)]);
      for (const address of [url, publicUrl]) {
        const status = (await (await fetch(`${address}/status`)).json()) as { readonly origin: string };
        expect(status.origin).toBe(origin);
      }
    }
    // A tenant's own folder is what every other command takes, while the server runs.
    const data = join(place.data, 'tenants', 'birch');
    const agents = await place.run('agents', 'list', '--json', '--data', data);
    expect(agents.code, agents.stderr).toBe(0);
  } finally {
    up.kill('SIGTERM');
    await once(up, 'close');
    await rm(place.folder, { recursive: true, force: true });
  }
});

test('a folder that holds one plane takes no tenants beside it', async () => {
  const place = await aPlace();
  expect((await place.run('init', '--json')).code).toBe(0);
  expect((await place.run('tenants', 'add', 'amber', '--json')).error()).toMatchObject({
    code: 'ERR_CLI_EXISTS',
  });
  await rm(place.folder, { recursive: true, force: true });
});
