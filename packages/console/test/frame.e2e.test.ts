// Goal: the frame holds on every surface: signs in, shows the state of the whole, opens proofs, keys work.
// Method: a real plane, a real browser; figures come from this run.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { aPage, ask, aStage, closeBrowser, showsSize, signIn, trustIn, type Stage } from './browser.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await aStage();
  await ask(stage, {
    action: 'files/write_file',
    arguments: { path: `${stage.workspace}/a.txt`, content: 'hi' },
  });
});
afterAll(async () => {
  await closeBrowser();
  await stage?.close();
});

test.each(['/console', '/'])('%s with the token signs in, and the token leaves the address', async (path) => {
  const watched = await aPage(stage);
  const { page } = watched;
  await signIn(page, stage, path);
  expect(page.url()).not.toContain(stage.token);
  await showsSize(page, stage.plane);
  await watched.settle();
  await watched.close();
});

test('without a sign-in the console asks for one, and no call is refused', async () => {
  const watched = await aPage(stage);
  await watched.page.goto(`${stage.url}/console`);
  await watched.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await watched.settle();
  await watched.close();
});

test('rule 43: the checkpoint counts as logged only under a trust file that the visitor brought', async () => {
  const without = await aPage(stage);
  await without.page.goto(`${stage.url}/health`);
  await without.page.getByRole('banner').getByRole('img', { name: 'proof: claimed' }).waitFor();
  await without.close();
  const withTrust = await aPage(stage);
  await trustIn(withTrust.context, stage);
  await withTrust.page.goto(`${stage.url}/health`);
  await withTrust.page.getByRole('banner').getByRole('img', { name: 'proof: logged' }).waitFor();
  expect(withTrust.faults).toEqual([]);
  await withTrust.close();
});

test.each(['/console', '/proof', '/health', '/lineage', '/demo'])(
  '%s has no violation on either listener',
  async (path) => {
    for (const base of [stage.url, stage.publicUrl]) {
      const watched = await aPage(stage);
      await watched.page.goto(`${base}${path}`);
      await watched.page.getByRole('heading', { level: 1 }).waitFor();
      await watched.settle();
      await watched.close();
    }
  },
);

test('keys lead to every surface', async () => {
  const watched = await aPage(stage);
  await watched.page.goto(`${stage.url}/health`);
  await watched.page.getByRole('heading', { level: 1 }).waitFor();
  for (const [key, path] of [
    ['p', '/proof'],
    ['l', '/lineage'],
    ['d', '/demo'],
    ['c', '/console'],
  ] as const) {
    await watched.page.keyboard.press('g');
    await watched.page.keyboard.press(key);
    await watched.page.waitForURL(`${stage.url}${path}`);
  }
  await watched.page.keyboard.press('?');
  await watched.page.getByRole('dialog', { name: 'Keys' }).waitFor();
  await watched.close();
});
