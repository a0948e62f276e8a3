// Goal: a person makes a passkey, signs in by it and approves with it, in a real browser with an authenticator (Chromium's
// virtual one, over CDP); a stranger's verifier then says so. Method: a real plane, whose trust file names this address.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Stage,
  type Watched,
  aPage,
  aStage,
  ask,
  closeBrowser,
  freePort,
  signIn,
  withAuthenticator,
} from './browser.ts';
import { LICET } from '../../../tests/support/command.ts';

let stage: Stage;
let watched: Watched;
const folder = mkdtempSync(join(tmpdir(), 'passkeys-'));

beforeAll(async () => {
  // The port is chosen before the plane is made: passkeys are bound to it.
  stage = await aStage({ controlPort: await freePort() });
  watched = await aPage(stage);
  await withAuthenticator(watched);
});
afterAll(async () => {
  await watched?.close();
  await closeBrowser();
  await stage?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function aHeldMove(name: string): Promise<string> {
  const asked = await ask(stage, {
    action: 'files/move_file',
    arguments: { source: join(stage.workspace, name), destination: join(stage.workspace, `${name}.filed`) },
  });
  if (asked.verdict !== 'hold') throw new Error(`expected a hold: ${JSON.stringify(asked)}`);
  return asked.executionId;
}

/** Reads to the end, types the action, and answers. */
async function approve(page: Page, exec: string): Promise<void> {
  await page.goto(`${stage.url}/approvals/${exec}`);
  await page.getByRole('region', { name: 'Arguments, to be read to the end' }).focus();
  await page.keyboard.press('End');
  await page.getByLabel(/^Type the action to confirm/).fill('files/move_file');
}

test('made, signed out, signed in by it, approved with it: and the evidence says so offline', async () => {
  const { page, settle } = watched;
  await signIn(page, stage, '/you');
  await page.getByText('by token: for setting up', { exact: false }).waitFor();
  await page.getByRole('button', { name: 'Make a passkey' }).click();
  await page.getByText('The passkey is registered.').waitFor();
  await settle();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await page.getByRole('link', { name: 'You, by passkey' }).waitFor();
  await page.getByText('by passkey', { exact: true }).waitFor();
  await settle();

  const exec = await aHeldMove('minutes.txt');
  await approve(page, exec);
  await page.getByText('You sign').waitFor();
  await page.getByText('over this entry, these arguments, operators, approve', { exact: false }).waitFor();
  await settle();
  if (process.env['LICET_SHOTS'] !== undefined)
    await page.screenshot({ path: join(process.env['LICET_SHOTS'], 'approve.png'), fullPage: true });
  await page.getByRole('button', { name: 'Approve with your passkey' }).click();
  await page.getByText('All approvals are given.', { exact: false }).waitFor();

  const again = await stage.plane.decide(exec, {
    idempotencyKey: 'BBBBBBBBBBBBBBBBBBBBBA',
    instance: 'AAAAAAAAAAAAAAAAAAAAAA',
    start: true,
  });
  expect(again.verdict).toBe('allow');
  const file = join(folder, 'evidence.json');
  writeFileSync(file, await stage.operator.evidence(exec));
  const trust = join(folder, 'trust.json');
  writeFileSync(trust, stage.trust);
  // Another process, which knows the file and the trust and nothing else.
  const ran = await promisify(execFile)(
    process.execPath,
    [LICET, 'verify', file, '--trust', trust, '--require', 'approvals', '--json'],
    { env: { ...process.env, LICET_STATE: join(folder, 'stranger'), LICET_DATA: join(folder, 'nowhere') } },
  );
  const { rungs } = JSON.parse(ran.stdout) as {
    readonly rungs: readonly { readonly name: string; readonly status: string }[];
  };
  expect(rungs.find(({ name }) => name === 'approvals')).toMatchObject({ status: 'pass' });
});

test('an invited person makes theirs on a phone, and an operator takes it away again', async () => {
  const { subject } = await stage.operator.register({
    kind: 'user',
    name: 'Ada',
    roles: ['approver'],
    groups: ['operators'],
  });
  const { invitation } = await stage.operator.invite(subject!);
  const phone = await aPage(stage, { width: 390, height: 844 });
  try {
    await withAuthenticator(phone);
    await phone.page.goto(`${stage.url}/you#invitation=${invitation}`);
    await phone.page.getByRole('button', { name: 'Make a passkey' }).click();
    await phone.page.getByText('The passkey is registered.').waitFor();
    expect(new URL(phone.page.url()).hash).toBe('');
    await phone.page.getByRole('button', { name: 'Sign in with it' }).click();
    await phone.page.getByText('by passkey', { exact: true }).waitFor();
    await phone.settle();
    const exec = await aHeldMove('budget.txt');
    await approve(phone.page, exec);
    await phone.page.getByText('over this entry, these arguments', { exact: false }).waitFor();
    await phone.settle();
    if (process.env['LICET_SHOTS'] !== undefined)
      await phone.page.screenshot({ path: join(process.env['LICET_SHOTS'], 'phone.png'), fullPage: true });
    await phone.page.getByRole('button', { name: 'Reject with your passkey' }).click();
    await phone.page
      .getByText(/Your answer is in the log|Not held any more/)
      .first()
      .waitFor();
    expect((await stage.operator.execution(exec)).state).toBe('denied');
  } finally {
    await phone.close();
  }
  const { page, settle } = watched;
  await page.goto(`${stage.url}/agents/${subject}`);
  await page.getByRole('button', { name: 'Take away passkey 1' }).click();
  await page.getByText('None yet.').waitFor();
  await settle();
});
