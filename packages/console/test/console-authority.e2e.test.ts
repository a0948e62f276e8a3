// Goal: who may what, and on whose word, is decided and read in the console: a second person's publication, the limits it
// brings, what has to be attested, and roles. Method: a plane that takes two people, two browsers, one of them by passkey.
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { base64url, verifyBundle } from '@licet/evidence';
import { nodeCrypto } from '@licet/evidence/node';
import { makeStatement, newPrivateJwk, publicHalf, type PrivateJwk } from '@licet/api';
import { aBundle } from './a-bundle.ts';
import {
  type Stage,
  type Watched,
  aPage,
  aStage,
  ask,
  closeBrowser,
  freePort,
  signIn,
  trustIn,
  withAuthenticator,
} from './browser.ts';

const SHOTS = process.env['LICET_SHOTS'];
const READ = 'files/list_directory';
const WRITE = 'files/write_file';

let stage: Stage;
let owner: Watched;
let second: Watched;
let grace: string;
let verifier: PrivateJwk;

beforeAll(async () => {
  // The port is chosen before the plane is made: passkeys are bound to it.
  stage = await aStage({ solo: false, controlPort: await freePort() });
  [owner, second] = [await aPage(stage), await aPage(stage)];
  for (const { context } of [owner, second]) await trustIn(context, stage);
  verifier = await newPrivateJwk();
  await stage.operator.register({ kind: 'verifier', name: 'Admission', keys: [publicHalf(verifier)] });
  const made = await stage.operator.register({
    kind: 'user',
    name: 'Grace',
    roles: ['viewer', 'author', 'approver'],
    groups: ['operators'],
  });
  grace = made.subject!;
  await signIn(owner.page, stage, '/agents');
  await enterByPasskey(second, (await stage.operator.invite(grace)).invitation);
});
afterAll(async () => {
  await owner?.close();
  await second?.close();
  await closeBrowser();
  await stage?.close();
});

async function enterByPasskey({ context, page }: Watched, invitation: string): Promise<void> {
  await withAuthenticator({ context, page });
  await page.goto(`${stage.url}/you#invitation=${invitation}`);
  await page.getByRole('button', { name: 'Make a passkey' }).click();
  await page.getByRole('button', { name: 'Sign in with it' }).click();
  await page.getByRole('link', { name: 'You, by passkey' }).waitFor();
}

/** For whoever changes these pages: as they are, wide and narrow, light and dark. */
async function shoot(page: Page, name: string): Promise<void> {
  if (SHOTS === undefined) return;
  const before = page.viewportSize()!;
  for (const [look, width, colorScheme] of [
    ['light', 1_360, 'light'],
    ['narrow', 390, 'light'],
    ['dark', 1_360, 'dark'],
  ] as const) {
    await page.setViewportSize({ width, height: 860 });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.screenshot({ path: join(SHOTS, `${name}-${look}.png`), fullPage: true });
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await page.setViewportSize(before);
}

/** Nothing on the page is wider than a phone. */
async function fitsNarrow(page: Page): Promise<void> {
  const before = page.viewportSize()!;
  await page.setViewportSize({ width: 390, height: 860 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await page.setViewportSize(before);
}

/** What a stranger says of the approvals of an execution. */
async function approvalsOf(executionId: string): Promise<string> {
  const file = await stage.operator.evidence(executionId);
  const { rungs } = await verifyBundle(file, stage.plane.pinned.trust, { crypto: nodeCrypto });
  const { status, why = '' } = rungs.find(({ name }) => name === 'approvals')!;
  return status === 'pass' ? status : `${status}: ${why}`;
}

const aKey = (): string => base64url(crypto.getRandomValues(new Uint8Array(16)));
const list = () => ask(stage, { action: READ, arguments: { path: stage.workspace } });

test('a publication waits for a second person, who reads what it changes and approves it here; then it is in force', async () => {
  await list();
  const [signed, tests] = await aBundle(stage, ({ actions }) => ({
    actions: { ...actions, [WRITE]: { ...actions[WRITE]!, meters: [{ limit: 'writes' }] } },
    limits: { writes: { kind: 'count', per: 'agent', max: 3 } },
    attest: { [READ]: [{ kind: 'container', maxAge: '10m', by: ['verifier'] }] },
  }));
  const asked = await stage.operator.publish(signed, tests);
  expect(asked.verdict).toBe('hold');

  const { page, settle } = second;
  await page.getByRole('link', { name: 'Policies' }).click();
  const waiting = page.getByRole('region', { name: 'Version 2 waits for a second person' });
  await waiting.getByText('1 holds, none fails', { exact: false }).waitFor();
  // Decided again under it: what was listed unattested would be no more.
  await waiting.getByRole('list', { name: 'Decisions that would fall otherwise' }).waitFor();
  await waiting.getByText('"limit": "writes"', { exact: false }).waitFor();
  await settle();
  await fitsNarrow(page);
  await shoot(page, 'proposal');

  // Its author is no second person.
  const author = await aPage(stage);
  await signIn(author.page, stage, '/policies');
  await author.page.getByRole('button', { name: 'Approve' }).click();
  await author.page.getByRole('status').getByText('may_not_approve', { exact: false }).waitFor();
  await author.close();

  await waiting.getByRole('button', { name: 'Approve' }).click();
  await page
    .getByRole('status')
    .getByText('Version 2 is approved: its author publishes it by asking again.')
    .waitFor();
  expect((await stage.operator.publish(signed, tests)).verdict).toBe('done');
  await page.getByRole('row', { name: /version 2.*in force/ }).waitFor();
  await waiting.waitFor({ state: 'detached' });
  await settle();
  // Their passkey signed it, over the bundle that was shown: the evidence of the publication says so.
  expect(await approvalsOf(asked.executionId)).toBe('pass');
}, 120_000);

test('several holds by one touch of a passkey, each proven by itself', async () => {
  const held = await Promise.all(
    ['a', 'b'].map((name) =>
      ask(stage, {
        action: 'files/move_file',
        arguments: {
          source: join(stage.workspace, name),
          destination: join(stage.workspace, `${name}.filed`),
        },
      }),
    ),
  );
  const { page, settle } = second;
  await page.goto(`${stage.url}/approvals`);
  const boxes = page.getByRole('checkbox', { name: /^Select files\/move_file/ });
  await boxes.nth(1).waitFor();
  for (const at of [0, 1]) await boxes.nth(at).check();
  await page.getByRole('button', { name: 'Open 2 together' }).click();
  await page.getByLabel(/^Type to confirm/).fill('approve 2');
  for (const at of [1, 2]) {
    await page.getByRole('region', { name: `Arguments ${at} of 2, to be read to the end` }).focus();
    await page.keyboard.press('End');
  }
  await page.getByRole('button', { name: 'Approve these 2' }).click();
  const came = page.getByRole('list', { name: 'What came of each' }).getByRole('listitem');
  await came.filter({ hasText: 'It starts when its caller is there again.' }).nth(1).waitFor();
  await settle();
  for (const { executionId } of held) {
    const again = await stage.plane.decide(executionId, {
      idempotencyKey: aKey(),
      instance: aKey(),
      start: true,
    });
    expect(again.verdict).toBe('allow');
    expect(await approvalsOf(executionId)).toBe('pass');
  }
}, 120_000);

test('a word in advance is signed as well: the next call like it runs unasked, and is proven', async () => {
  const move = (name: string) =>
    ask(stage, {
      action: 'files/move_file',
      arguments: { source: join(stage.workspace, name), destination: join(stage.workspace, `${name}.filed`) },
    });
  const { executionId } = await move('first');
  const { page, settle } = second;
  await page.goto(`${stage.url}/approvals/${executionId}`);
  await page.getByLabel(/^Type the action to confirm/).fill('files/move_file');
  await page.getByLabel('Approve the next ones like it as well').check();
  await page.getByLabel('Touching').selectOption(`anything in ${stage.workspace}`);
  await page.getByRole('button', { name: /^Approve/ }).click();
  await expect.poll(async () => (await stage.operator.standing()).length, { timeout: 20_000 }).toBe(1);
  await settle();
  const next = await move('next');
  expect(next.verdict).toBe('allow');
  expect(await approvalsOf(next.executionId)).toBe('pass');
}, 120_000);

test('a limit shows what this run has used of it and what is left', async () => {
  const write = (name: string) =>
    ask(stage, { action: WRITE, arguments: { path: join(stage.workspace, name), content: 'x' } });
  expect([(await write('a.txt')).verdict, (await write('b.txt')).verdict]).toEqual(['allow', 'allow']);
  const { page, settle } = owner;
  await page.getByRole('link', { name: 'Facts and limits' }).click();
  const table = page.getByRole('region', { name: 'Limits, table' });
  await table.getByRole('row', { name: /writes.*agent a-default.*1 of 3/ }).waitFor();
  await settle();
  await fitsNarrow(page);
  await shoot(page, 'limits');
  expect((await write('c.txt')).verdict).toBe('allow');
  expect(await write('d.txt')).toMatchObject({ verdict: 'deny', code: 'limit' });
  // Asked again by itself, as the figures move.
  await table.getByRole('row', { name: /writes.*used up of 3/ }).waitFor();
  await page.goto(`${stage.url}/health/component/limits`);
  await page.getByRole('region', { name: 'Limits' }).getByText('1 counter with nothing left').waitFor();
  await settle();
  expect((await stage.plane.health()).limits).toEqual({ counting: 1, spent: 1 });
}, 120_000);

test('a denial says which kind was not attested and what to do; what was counted is shown with its proof', async () => {
  const { page, settle } = owner;
  const denied = await list();
  expect(denied).toMatchObject({ verdict: 'deny', code: 'attestation_missing' });
  await page.goto(`${stage.url}/decisions/${denied.executionId}`);
  const panel = page.getByRole('region', { name: 'Attestation' });
  await panel.getByText('asked for: no older than 10 min', { exact: false }).waitFor();
  await panel.getByText('attestation_missing').waitFor();
  await panel.getByText('Nobody attested it. A registered verifier has to sign', { exact: false }).waitFor();
  await settle();

  const { subject, challenge, ticket } = await stage.plane.challenge({});
  const measured = { container: { digest: `sha256:${'ab'.repeat(32)}` } };
  const statement = await makeStatement(
    verifier,
    { nonce: challenge, subject, origin: stage.plane.origin, measured },
    Date.now(),
  );
  const evidence = { statement };
  const attested = await stage.plane.attest({ kind: 'container', challenge, ticket, evidence });
  expect(attested.status).toBe('affirming');
  const index = (await stage.operator.attestations(subject))[0]?.index;
  const allowed = await list();
  expect(allowed.verdict).toBe('allow');
  await page.goto(`${stage.url}/decisions/${allowed.executionId}`);
  const counted = panel.getByRole('list', { name: 'Asked for and counted' }).getByRole('listitem');
  await counted.getByText('by the word of a registered verifier').first().waitFor();
  await counted.getByText('affirming').waitFor();
  // The ticks are of the very entry that was counted.
  await counted.getByRole('button', { name: `Proof of entry ${index}: logged` }).waitFor();
  await settle();
  await fitsNarrow(page);
  await shoot(page, 'attestation');

  await page.goto(`${stage.url}/agents/${subject}`);
  await panel.getByText('container').waitFor();
  await panel.getByText('affirming').waitFor();
  await settle();
  await shoot(page, 'agent');
}, 120_000);

test('roles are changed here, with what that ends; the last operator is not demoted', async () => {
  const { page, settle } = owner;
  await page.goto(`${stage.url}/agents/${grace}`);
  const panel = page.getByRole('region', { name: 'Roles' });
  await panel.getByRole('checkbox', { name: /^author/ }).uncheck();
  await panel
    .getByRole('list', { name: 'What this change ends' })
    .getByText('publish policy', { exact: false })
    .waitFor();
  await settle();
  await fitsNarrow(page);
  await shoot(page, 'roles');
  await panel.getByRole('button', { name: 'Change roles' }).click();
  await panel.getByText('The roles are changed.').waitFor();
  const now = (await stage.operator.identities()).find((one) => one.subject === grace)!;
  expect([now.roles.toSorted(), now.groups]).toEqual([['approver', 'viewer'], ['operators']]);
  // In the log, under the person who did it.
  await panel.getByRole('link', { name: 'It is an execution of its own' }).waitFor();

  await page.goto(`${stage.url}/agents/u-operator`);
  await panel.getByRole('checkbox', { name: /^operator/ }).uncheck();
  await panel.getByText('This is you', { exact: false }).waitFor();
  await panel.getByRole('button', { name: 'Change roles' }).click();
  await panel.getByRole('alert').getByText('last_operator', { exact: false }).waitFor();
  const me = (await stage.operator.identities()).find((one) => one.subject === 'u-operator')!;
  expect(me.roles).toContain('operator');

  // Whoever is no operator sees the same, and may not.
  await second.page.goto(`${stage.url}/agents/${grace}`);
  const theirs = second.page.getByRole('region', { name: 'Roles' });
  await theirs.getByText('You do not have the role operator.').waitFor();
  expect(await theirs.getByRole('checkbox', { name: /^author/ }).isDisabled()).toBe(true);
  await second.settle();
}, 120_000);
