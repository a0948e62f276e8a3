// Goal: people decide in the console what waits for them: two for one hold, a refusal with its reason, a word in advance,
// several at once with everything opened. Method: a real plane and browser; the second person has a token of their own.
import { dirname, join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { publicHalf, tokenKey, type PinnedPlane } from '@licet/api';
import { assembleBundle, starterPolicy } from '@licet/policy';
import { readPlaneFolder, readSeed, signBundle, statePaths } from '@licet/server';
import { aPage, ask, aStage, closeBrowser, signIn, trustIn, type Stage, type Watched } from './browser.ts';

const TWO_PEOPLE = `
@id("folders-need-two") @hold("finance")
forbid (principal, action == Action::"files/create_directory", resource)
unless { context.approvals.contains("finance") };
`;
const FINANCE = {
  quorum: 2,
  wait: '2h',
  escalation: [{ after: '30m', to: 'chiefs' }],
  reason: 'required',
};
const A_TOKEN = 'B'.repeat(43);

let stage: Stage;
let ada: PinnedPlane;
let watched: Watched | undefined;
let asked = 0;

beforeAll(async () => {
  stage = await aStage();
  await publish();
  await stage.operator.changeIdentity('u-operator', 'update', { groups: ['operators', 'finance'] });
  const registered = await stage.operator.register({
    kind: 'user',
    name: 'Ada',
    roles: ['approver'],
    groups: ['finance'],
    keys: [publicHalf(await tokenKey(A_TOKEN))],
  });
  expect(registered.verdict).toBe('done');
  ada = await stage.plane.as({ token: A_TOKEN });
});
afterEach(async () => {
  await watched?.close();
  watched = undefined;
});
afterAll(async () => {
  await closeBrowser();
  await ada?.close();
  await stage?.close();
});

/** The starter's policies, and one that two people of finance lift. */
async function publish(): Promise<void> {
  const folder = dirname(stage.workspace);
  const { vkeys, origin, tenant } = await readPlaneFolder(join(folder, 'data'));
  const files = starterPolicy({ workspace: stage.workspace, origin, tenant });
  const head = JSON.parse(files['bundle.json']!) as Record<string, unknown>;
  const bundle = assembleBundle({
    ...files,
    'bundle.json': JSON.stringify({ ...head, version: 2, approvals: { finance: FINANCE } }),
    'policy.cedar': files['policy.cedar'] + TWO_PEOPLE,
  });
  const seed = await readSeed(statePaths(join(folder, 'state'), origin).authorSeed);
  const published = await stage.operator.publish(signBundle(bundle, seed, vkeys.author) as never, {
    'folders.test.json': {
      tests: [
        {
          name: 'folders wait for people',
          given: {
            user: 'u-owner',
            agent: 'a-default',
            groups: ['assistants'],
            action: 'files/create_directory',
            args: { path: join(stage.workspace, 'x') },
          },
          expect: { verdict: 'hold' },
        },
      ],
    },
  });
  expect(published.verdict).toBe('done');
}

const aMove = (name: string) => ({
  action: 'files/move_file',
  arguments: { source: join(stage.workspace, name), destination: join(stage.workspace, `${name}.filed`) },
});
async function held(call: Parameters<typeof ask>[1]): Promise<string> {
  const answer = await ask(stage, call);
  if (answer.verdict !== 'hold') throw new Error(`expected a hold: ${JSON.stringify(answer)}`);
  return answer.executionId;
}
const aFolder = () =>
  held({
    action: 'files/create_directory',
    arguments: { path: join(stage.workspace, `folder-${(asked += 1)}`) },
  });
/** The caller is there again. */
const comesBack = (executionId: string) =>
  stage.plane.decide(executionId, {
    idempotencyKey: crypto.randomUUID().replaceAll('-', ''),
    instance: 'AAAAAAAAAAAAAAAAAAAAAA',
    start: true,
  });

async function open(path: string, options: Parameters<typeof aPage>[1] = {}): Promise<Watched> {
  watched = await aPage(stage, options);
  await trustIn(watched.context, stage);
  await signIn(watched.page, stage, path);
  return watched;
}
const isOff = (page: Page, name: string) => async () =>
  (await page.getByRole('button', { name, exact: true }).getAttribute('aria-disabled')) === 'true';
async function shot(page: Page, name: string): Promise<void> {
  const folder = process.env['LICET_SHOTS'];
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

test('two people of finance: the page says who has approved, who may later and who may not; then it runs', async () => {
  const exec = await aFolder();
  const { page, settle } = await open(`/approvals/${exec}`);
  const finance = page.getByRole('group', { name: 'What finance is asked' });
  await finance.getByText('0 of 2 approved').waitFor();
  const [group] = (await stage.operator.execution(exec)).hold!.groups;
  const chiefs = new Date(group!.also![0]!.at).toISOString();
  await finance.getByText('Members of chiefs may answer as well from').waitFor();
  expect(await finance.locator(`time[datetime="${chiefs}"]`).count()).toBe(1);
  await page.getByText('May not answer, since it is done in their name: Owner.').waitFor();

  const { hold } = await stage.operator.execution(exec);
  const first = await ada.approve(exec, { hold: hold!.leaf, group: 'finance', verdict: 'approve' });
  expect(first.complete).toBe(false);
  await finance.getByText('1 of 2 approved').waitFor();
  await finance.getByRole('link', { name: 'Ada' }).waitFor();
  await settle();
  await shot(page, 'quorum');

  await page.getByLabel(/^Type the action to confirm/).fill('files/create_directory');
  await page.getByRole('button', { name: 'Approve once' }).click();
  await page.getByText('All approvals are given.', { exact: false }).waitFor();
  await settle();
  expect((await comesBack(exec)).verdict).toBe('allow');
});

test('who rejects for finance says why, and the caller that comes back reads it', async () => {
  const exec = await aFolder();
  const { page, settle } = await open(`/approvals/${exec}`);
  await page.getByText('finance asks for a reason: choose one.').waitFor();
  expect(await isOff(page, 'Reject')()).toBe(true);
  await page.getByLabel('Reason to reject').selectOption('too_much');
  await page.getByLabel(/^In words/).fill('One folder is enough.');
  await settle();
  await page.getByRole('button', { name: 'Reject', exact: true }).click();
  await page.getByText('Your rejection is in the log.', { exact: false }).waitFor();
  expect(await comesBack(exec)).toMatchObject({
    verdict: 'deny',
    code: 'denied_by_person',
    reason: 'A person rejected it (too_much): One folder is enough.',
  });
  await page.goto(`${stage.url}/decisions/${exec}`);
  await page.getByText('One folder is enough.').waitFor();
  await settle();
});

test('several are opened and answered together, each over its own leaf; nothing unread is approved', async () => {
  const deep = Array.from({ length: 20 }, (_, at) => `${'folder-'.repeat(8)}${at}`).join('/');
  const short = await held(aMove('short'));
  const long = await held(aMove(deep));
  const { page, settle } = await open('/approvals', { width: 390, height: 844 });
  const boxes = page.getByRole('checkbox', { name: /^Select files\/move_file of Default agent/ });
  await boxes.first().check();
  expect(await isOff(page, 'Open together')()).toBe(true);
  await boxes.nth(1).check();
  await settle();
  await shot(page, 'queue-narrow');
  await page.getByRole('button', { name: 'Open 2 together' }).click();
  for (const text of [`${stage.workspace}/short.filed`, 'folder-19.filed'])
    await page
      .getByRole('region', { name: /^Arguments [12] of 2/ })
      .filter({ hasText: text })
      .waitFor();
  await page.getByLabel(/^Type to confirm/).fill('approve 2');
  await page.getByText('Read the arguments of each to their end first.').waitFor();
  for (const at of [1, 2]) {
    await page.getByRole('region', { name: `Arguments ${at} of 2, to be read to the end` }).focus();
    await page.keyboard.press('End');
  }
  await expect.poll(isOff(page, 'Approve these 2')).toBe(false);
  await settle();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await shot(page, 'together-narrow');
  // Somebody is faster with one of them: it fails alone.
  const { hold } = await stage.operator.execution(long);
  await stage.operator.approve(long, { hold: hold!.leaf, group: 'operators', verdict: 'reject' });
  await page.getByRole('button', { name: 'Approve these 2' }).click();
  const came = page.getByRole('list', { name: 'What came of each' }).getByRole('listitem');
  await came.filter({ hasText: 'It starts when its caller is there again.' }).waitFor();
  await came.filter({ hasText: 'not recorded' }).waitFor();
  await settle();
  expect((await comesBack(short)).verdict).toBe('allow');
  expect((await comesBack(long)).verdict).toBe('deny');
});

test('this one and the next: what is like it runs unasked, the page counts it, and its end ends it', async () => {
  const exec = await held(aMove('first'));
  const { page, settle } = await open(`/approvals/${exec}`);
  await page.getByLabel(/^Type the action to confirm/).fill('files/move_file');
  await page.getByLabel('Approve the next ones like it as well').check();
  await page.getByLabel('How many').fill('0');
  await page.getByText('Say how many in advance, from 1 to 1,000.').waitFor();
  await page.getByLabel('How many').fill('2');
  await page.getByLabel('Touching').selectOption(`anything in ${stage.workspace}`);
  await settle();
  await shot(page, 'ahead');
  await page.getByRole('button', { name: 'Approve this and the next 2' }).click();
  await page.getByText('Approved in advance.').waitFor();
  await settle();
  expect((await ask(stage, aMove('second'))).verdict).toBe('allow');

  await page.getByRole('link', { name: 'Standing approvals' }).click();
  const grant = page.getByRole('listitem', { name: 'files/move_file for operators' });
  await grant.getByText('1 of 2', { exact: true }).waitFor();
  await grant.getByText('1 left', { exact: false }).waitFor();
  await grant.getByText(stage.workspace, { exact: true }).waitFor();
  await settle();
  await shot(page, 'standing');
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await shot(page, 'standing-narrow');
  await grant.getByRole('button', { name: 'End it …' }).click();
  await grant.getByRole('button', { name: 'End it now' }).click();
  await grant.getByText('ended', { exact: false }).waitFor();
  await settle();
  expect((await ask(stage, aMove('third'))).verdict).toBe('hold');
});

test('who is no member, and whose it is, are told so and cannot answer', async () => {
  const exec = await aFolder();
  await stage.operator.changeIdentity('u-operator', 'update', { groups: ['operators', 'chiefs'] });
  const { page, settle } = await open(`/approvals/${exec}`, { width: 390, height: 844, dark: true });
  await page
    .getByText(/^Members of chiefs, such as you, may answer for finance from \d{4}-/)
    .first()
    .waitFor();
  expect([await isOff(page, 'Approve once')(), await isOff(page, 'Reject')()]).toEqual([true, true]);
  await settle();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await shot(page, 'not-yet-narrow-dark');
  await stage.operator.changeIdentity('u-operator', 'update', { groups: ['operators'] });
  await page.getByText('You are not a member of finance.').first().waitFor();
});
