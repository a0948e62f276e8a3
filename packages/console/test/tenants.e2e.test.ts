// Goal: the pages of each tenant work below its own path, and show nothing of another. Method: two real planes behind
// one server, one browser signed in to both.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPlane, openTenants, tenantFolder, type OpenedPlane, type Tenants } from '@licet/server';
import { aPage, ask, aStage, closeBrowser, showsSize, signIn, type Stage } from './browser.ts';

/** Makes the folder, the workspace and the build; the tenants' planes are made beside its own. */
let base: Stage;
let house: Tenants;
const stages = new Map<string, Stage>();

beforeAll(async () => {
  base = await aStage({ socket: false });
  const data = `${base.workspace}/../house`;
  const stateDir = `${base.workspace}/../state`;
  for (const tenant of ['amber', 'birch']) {
    const made = await openPlane({
      data: tenantFolder(data, tenant),
      stateDir,
      tenant,
      workspace: base.workspace,
      solo: true,
      socket: false,
    });
    stages.set(tenant, { ...base, token: made.operatorToken! });
    await made.close();
  }
  house = await openTenants({ data, stateDir, controlPort: 0, publicPort: 0, deadlineMs: 10_000 });
  for (const tenant of house.tenants) {
    if (!('plane' in tenant)) throw tenant.failure;
    const { plane, name, url, publicUrl } = tenant;
    stages.set(name, { ...stages.get(name)!, plane: plane as OpenedPlane, url: url!, publicUrl: publicUrl! });
  }
}, 60_000);
afterAll(async () => {
  await closeBrowser();
  await house?.close();
  await base?.close();
});

test('a person of two tenants sees each below its own path, live, and nothing of the other', async () => {
  const amber = stages.get('amber')!;
  const birch = stages.get('birch')!;
  const watched = await aPage(amber);
  const { page, context } = watched;
  await signIn(page, amber);
  const second = await context.newPage();
  await signIn(second, birch);
  // Each hears of its own execution by itself.
  await ask(amber, {
    action: 'files/write_file',
    arguments: { path: `${amber.workspace}/a.txt`, content: 'x' },
  });
  await page.getByText('files/write_file').first().waitFor();
  expect((await amber.plane.status()).size).toBeGreaterThan((await birch.plane.status()).size);
  await showsSize(page, amber.plane);
  await showsSize(second, birch.plane);
  expect(await second.getByText('files/write_file').count()).toBe(0);
  for (const surface of ['Health', 'Lineage', 'Proof'] as const) {
    await page.getByRole('navigation').getByRole('link', { name: surface }).first().click();
    await page.getByRole('heading', { level: 1 }).waitFor();
    expect(new URL(page.url()).pathname.startsWith('/t/amber/')).toBe(true);
  }
  await watched.settle();
  await watched.close();
});

test('the public pages of a tenant are below its path too', async () => {
  const amber = stages.get('amber')!;
  const watched = await aPage(amber);
  await watched.page.goto(`${amber.publicUrl}/console`);
  await showsSize(watched.page, amber.plane);
  await watched.settle();
  await watched.close();
});
