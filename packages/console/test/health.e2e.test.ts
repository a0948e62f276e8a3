// Goal: health shows the figures of this very run, says fail-closed aloud, and draws what it does not know as a gap.
// Method: a real plane, decisions of each verdict, a drill notice, and then a plane that is gone.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { base64url } from '@licet/evidence';
import { aPage, ask, aStage, closeBrowser, signIn, trustIn, type Stage } from './browser.ts';

let stage: Stage;

/** A write that starts and is reported, so that no lease of it ends in the middle of a later test. */
async function write(name: string, grade: 'in-process' | 'gateway' = 'in-process'): Promise<void> {
  const instance = base64url(crypto.getRandomValues(new Uint8Array(16)));
  const answer = await ask(stage, {
    action: 'files/write_file',
    arguments: { path: `${stage.workspace}/${name}.txt`, content: 'hi' },
    door: { grade, confine: 'none' },
    instance,
  });
  if (answer.verdict !== 'allow') throw new Error(answer.code);
  await stage.plane.report(answer.executionId, { instance, status: 'completed' });
}

beforeAll(async () => {
  stage = await aStage();
  for (const name of ['a', 'b', 'c']) await write(name);
  await write('g', 'gateway');
  await ask(stage, { action: 'files/write_file', arguments: { path: '/etc/passwd', content: '' } });
}, 120_000);
afterAll(async () => {
  await closeBrowser();
  await stage?.close().catch(() => undefined);
});

const card = (page: Page, name: string) => page.getByRole('region', { name, exact: true });

test('figures are those of this run', async () => {
  const digest = base64url(crypto.getRandomValues(new Uint8Array(32)));
  await stage.operator.notice('drill', digest);
  const watched = await aPage(stage);
  const { page, context } = watched;
  await trustIn(context, stage);
  await signIn(page, stage, '/health');
  const { size, why } = await stage.plane.status();
  const report = await stage.plane.health();
  expect(report.decisions).toMatchObject({ allow: 4, deny: 1, hold: 0 });
  await page.getByRole('region', { name: 'State of the whole' }).getByText(why).waitFor();
  const verdicts = page.getByRole('list', { name: 'Decisions by verdict' });
  await verdicts
    .getByRole('listitem')
    .filter({ hasText: 'permitted' })
    .getByText('4', { exact: true })
    .waitFor();
  await verdicts
    .getByRole('listitem')
    .filter({ hasText: 'denied' })
    .getByText('1', { exact: true })
    .waitFor();
  await card(page, 'Log').getByText(String(size), { exact: true }).waitFor();
  await card(page, 'Log signer').getByText('verifies under your trust file').waitFor();
  expect(await card(page, 'Doors by grade').textContent()).toMatch(
    /in-process.*3, last.*gateway.*1, last.*verified.*no start/s,
  );
  expect(await card(page, 'Queue').textContent()).toMatch(new RegExp(`Running${report.running}In doubt0`));
  expect(await card(page, 'Decision point').textContent()).toContain(report.evaluator.engine);
  await page.getByText(/every attempt was stopped/).waitFor();
  const [notice] = await stage.operator.notices();
  await page
    .getByRole('button', { name: new RegExp(`Proof of entry ${notice!.index}: logged`) })
    .first()
    .waitFor();
  // Throughput in the table twin of the chart adds up to what was asked.
  await page.getByText('Figures').nth(1).click();
  const rows = page.getByRole('group', { name: /Figures of Decisions/ }).getByRole('row');
  const cells = await rows.evaluateAll((all) =>
    all.slice(1).map((row) => [...row.querySelectorAll('td')].map((cell) => Number(cell.textContent))),
  );
  expect([1, 2, 3].map((at) => cells.reduce((sum, row) => sum + row[at]!, 0))).toEqual([4, 1, 0]);
  await watched.settle();
  await watched.close();
});

test('the log is seen to grow, and each step is proven consistent in the page', async () => {
  const watched = await aPage(stage);
  const { page } = watched;
  await page.goto(`${stage.url}/health`);
  await card(page, 'Log').getByText('One tree seen so far').waitFor();
  const { size: before } = await stage.plane.status();
  await write('d');
  // Start and outcome may be seen together or one by one; each step that is seen is proven by itself.
  await card(page, 'Log')
    .getByText(/^[1-9]\d* steps? proven consistent here\.$/)
    .waitFor();
  const shown = async (): Promise<number> =>
    Number(/Entries(\d+)/.exec((await card(page, 'Log').textContent()) ?? '')?.[1]);
  await expect
    .poll(async () => (await shown()) === (await stage.plane.status()).size, { timeout: 20_000 })
    .toBe(true);
  expect(await shown()).toBe(before + 3);
  await watched.close();
});

test('ranges by key and address; a part has a page of its own; both listeners, narrow and dark', async () => {
  for (const [base, options] of [
    [stage.url, {}],
    [stage.publicUrl, { width: 390, dark: true }],
  ] as const) {
    const watched = await aPage(stage, options);
    const { page } = watched;
    await page.goto(`${base}/health`);
    await card(page, 'Store').waitFor();
    await page.keyboard.press('4');
    await page.waitForURL(/range=6h/);
    expect(await page.getByRole('button', { name: 'Last 6h, key 4' }).getAttribute('aria-pressed')).toBe(
      'true',
    );
    await watched.settle();
    await page.goto(`${base}/health/component/doors`);
    await page.getByText('coverage is shown, never assumed').waitFor();
    await watched.settle();
    await watched.close();
  }
});

test('rule 42: the public page names nobody and nothing', async () => {
  const watched = await aPage(stage);
  const { page } = watched;
  const bodies: string[] = [];
  page.on('response', (response) => {
    if (response.url().includes('.json'))
      void response.text().then(
        (text) => bodies.push(text),
        () => undefined,
      );
  });
  await page.goto(`${stage.publicUrl}/health`);
  await card(page, 'Store').waitFor();
  const text = `${await page.locator('main').textContent()} ${bodies.join(' ')}`;
  for (const secret of [stage.workspace, 'write_file', 'passwd', 'u-operator', 'a-default'])
    expect(text).not.toContain(secret);
  await watched.close();
});

test('observing is said aloud', async () => {
  const other = await aStage({ observe: true });
  const watched = await aPage(other);
  await watched.page.goto(`${other.url}/health`);
  await watched.page
    .getByRole('region', { name: 'State of the whole' })
    .getByText('Observing: nothing is being stopped.')
    .waitFor();
  await watched.settle();
  await watched.close();
  await other.close();
});

test('a plane that is gone is fail-closed: leases count down to their signed end, and data stops where it stopped', async () => {
  const other = await aStage();
  await ask(other, {
    action: 'files/write_file',
    arguments: { path: `${other.workspace}/a.txt`, content: 'hi' },
  });
  const watched = await aPage(other);
  const { page } = watched;
  await page.goto(`${other.url}/health`);
  await card(page, 'Queue').getByText('Running').waitFor();
  await other.close();
  const state = page.getByRole('region', { name: 'State of the whole' });
  await state.getByText('The plane does not answer.').waitFor();
  await state
    .getByText(/1 lease runs on to the signed end; the last ends in|No lease is known to run any more/)
    .waitFor();
  await state.getByText(/Data stops at/).waitFor();
  await card(page, 'Decision point').getByText('does not work').waitFor();
  await card(page, 'Store').getByText('not known').waitFor();
  await state.getByText('No lease is known to run any more.').waitFor({ timeout: 30_000 });
  await watched.close();
});
