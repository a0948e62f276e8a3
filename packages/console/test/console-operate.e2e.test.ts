// Goal: what operators and authors do in the console is done by the plane, and refused to people of lesser roles there
// too. Method: a real plane, a real browser, the real command line for what happens on the author's machine.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { newPrivateJwk, publicHalf, type Answer } from '@licet/api';
import { sha256, utf8, type Json } from '@licet/evidence';
import { ed25519NoteSigner } from '@licet/evidence/node';
import { signAuthorChange } from '@licet/server';
import { aPage, ask, aStage, closeBrowser, signIn, trustIn, type Stage, type Watched } from './browser.ts';
import { LICET } from '../../../tests/support/command.ts';

const SHADOW = `
@id("shadow-no-writes") @mode("shadow")
forbid (principal, action == Action::"files/write_file", resource);
`;

let stage: Stage;
let watched: Watched | undefined;
let forgotten: Answer;
const folder = mkdtempSync(join(tmpdir(), 'operate-'));

beforeAll(async () => {
  stage = await aStage();
  // Started, and never heard of again: in doubt when its lease is over.
  forgotten = await ask(stage, {
    action: 'files/write_file',
    arguments: { path: `${stage.workspace}/doubt.txt`, content: 'x' },
  });
});
afterEach(async () => {
  await watched?.close();
  watched = undefined;
});
afterAll(async () => {
  await closeBrowser();
  await stage?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function open(path: string): Promise<Watched> {
  watched = await aPage(stage);
  await trustIn(watched.context, stage);
  await signIn(watched.page, stage, path);
  return watched;
}

/** What the command line prints where the author's key is. */
async function onAuthorsMachine(...args: readonly string[]): Promise<string> {
  const env = { ...process.env, LICET_STATE: dirname(stage.plane.trustPath) };
  return (await promisify(execFile)(process.execPath, [LICET, ...args], { env })).stdout;
}

test('a policy is edited, tested here, signed on the author’s machine, published, and its shadow findings are listed', async () => {
  const { page, settle } = await open('/policies');
  await page.getByText('No policy in shadow would have decided otherwise.').waitFor();
  await page.getByRole('link', { name: 'version 1', exact: true }).click();
  await page.getByRole('link', { name: 'Editor, tests and replay' }).click();
  await page.getByText(/^It loads/).waitFor();
  const editor = page.getByRole('textbox', { name: 'Policy policy.cedar' });
  await editor.click();
  await page.keyboard.press('Control+End');
  await page.keyboard.insertText(SHADOW);
  await page.getByText(/^It loads/).waitFor();

  // The engine of the plane runs the tests in this page; one that does not hold says what was found.
  const test = (verdict: string): string =>
    JSON.stringify({
      tests: [
        {
          name: 'agents write in the workspace',
          given: {
            user: 'u-owner',
            agent: 'a-default',
            groups: ['assistants'],
            action: 'files/write_file',
            args: { path: `${stage.workspace}/a.txt`, content: 'hi' },
          },
          expect: { verdict },
        },
      ],
    });
  await page.getByLabel('Or tests, JSON').fill(test('allow'));
  await page.getByRole('button', { name: 'Run tests' }).click();
  await page.getByText('1 of 1 tests hold.').waitFor();
  await page.getByLabel('Or tests, JSON').fill(test('deny'));
  await page.getByRole('button', { name: 'Run tests' }).click();
  await page.getByText('0 of 1 tests hold.').waitFor();
  await page.getByText('verdict: expected "deny", found "allow"').waitFor();
  await page.getByLabel('Or tests, JSON').fill('{"tests":[]}');
  await page.getByRole('button', { name: 'Run tests' }).click();
  await page.getByRole('status').getByText('ERR_TEST_FORMAT').waitFor();
  await settle();

  const taken = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Take the bundle to sign' }).click();
  const bundle = join(folder, 'bundle.json');
  await (await taken).saveAs(bundle);
  const signed = page.getByLabel('Signed bundle, JSON');
  // Unsigned, the plane itself refuses it.
  const unsigned = { bundle: JSON.parse(readFileSync(bundle, 'utf8')) as Json, sigs: [] };
  await expect(stage.operator.publish(unsigned)).rejects.toThrow(/sig/);
  expect((await stage.operator.bundles()).map(({ version }) => version)).toEqual([1]);

  await signed.fill(await onAuthorsMachine('policy', 'sign', bundle));
  // Without a test the plane would not publish it, and the page does not ask.
  await page.getByLabel('Or tests, JSON').fill('');
  await page.getByText('Open or paste tests: they go with it.').first().waitFor();
  await page.getByLabel('Or tests, JSON').fill(test('allow'));
  await page.getByRole('button', { name: 'Publish' }).click();
  await page.getByText('Published and in force.').waitFor();
  expect((await stage.operator.bundles()).find(({ active }) => active)?.version).toBe(2);

  const written = await ask(stage, {
    action: 'files/write_file',
    arguments: { path: `${stage.workspace}/shadowed.txt`, content: 'x' },
  });
  // Recorded without effect (RULE 1).
  expect(written.verdict).toBe('allow');
  await page.goto(`${stage.url}/policies`);
  const finding = page
    .getByRole('region', { name: 'Shadow findings' })
    .getByRole('row', { name: /permitted.*denied.*shadow-no-writes.*files\/write_file/ });
  await finding.first().waitFor();
  await settle();
  await finding.first().getByRole('link').click();
  await page.waitForURL(new RegExp(`/decisions/${written.executionId}`));
});

test('rule 20: an author is let in and retired by what an author signed elsewhere; what nobody signed changes nothing', async () => {
  const { page, settle } = await open('/policies');
  const authors = page.getByRole('region', { name: 'Authors, table' });
  const form = page.getByLabel('Signed change, JSON');
  const hand = async (text: string): Promise<void> => {
    await form.fill(text);
    await page.getByRole('button', { name: 'Change the authors' }).click();
  };
  const { origin } = stage.plane;
  const [newcomer, stranger] = ['newcomer', 'stranger'].map((name) =>
    ed25519NoteSigner(`${origin}/author`, sha256(utf8(`${name} ${origin}`))),
  );
  const id = newcomer!.vkey.split('+')[1]!;
  const change = { op: 'add', key: stranger!.vkey, subject: 'u-operator' } as const;
  const own = {
    id: stranger!.vkey.split('+')[1]!,
    key: stranger!.vkey,
    seed: sha256(utf8(`stranger ${origin}`)),
  };
  const more = ['--print', '--url', stage.url];
  await hand(await onAuthorsMachine('authors', 'add', newcomer!.vkey, '--for', 'u-operator', ...more));
  await page.getByText('Recorded, and counts from now on.').waitFor();
  const row = authors.getByRole('row').filter({ hasText: id });
  await row.getByText('counts', { exact: true }).waitFor();
  await settle();
  await hand(await onAuthorsMachine('authors', 'retire', id, '--yes', ...more));
  await row.getByText('counts no more').waitFor();
  await hand(JSON.stringify([signAuthorChange(own, origin, change)]));
  await page.getByRole('alert').getByText('author_key_signature', { exact: false }).waitFor();
  expect((await stage.operator.authors()).map(({ counts }) => counts)).toEqual([true, false]);
});

test('an operator’s fact can be changed in a what-if, and what is malformed is said', async () => {
  const { page } = await open(`/decisions/${forgotten.executionId}`);
  await page.getByText('Same.').waitFor();
  const facts = page.getByLabel('Operators’ facts, JSON');
  expect(await facts.inputValue()).toBe('{}');
  await facts.fill('{"no-such-fact":true}');
  await page.getByRole('button', { name: 'Decide here' }).click();
  // The bundle declares no such fact, so no policy can read it.
  await page.getByRole('status').getByText('as recorded:').waitFor();
  await facts.fill('{');
  await page.getByRole('button', { name: 'Decide here' }).click();
  await page.getByRole('status').getByText(/JSON/).first().waitFor();
});

test('what is in doubt is resolved by a person, in the log, once', async () => {
  const { page, settle } = await open('/in-doubt');
  const short = `${forgotten.executionId.slice(0, 8)}…${forgotten.executionId.slice(-4)}`;
  const became = page.getByRole('combobox', { name: `What became of files/write_file ${short}` });
  await became.waitFor({ timeout: 40_000 });
  await settle();
  await became.selectOption('failed');
  await page.getByRole('listitem').filter({ has: became }).getByRole('button', { name: 'Resolve' }).click();
  await became.waitFor({ state: 'detached' });
  const { state, outcome } = await stage.operator.execution(forgotten.executionId);
  expect([state, outcome?.status]).toEqual(['failed', 'failed']);
}, 90_000);

test('a freeze stated here denies at once, and is over when it is ended here', async () => {
  const { page, settle } = await open('/facts');
  const write = () =>
    ask(stage, {
      action: 'files/write_file',
      arguments: { path: `${stage.workspace}/frozen.txt`, content: 'x' },
    });
  await page.getByText('is not stated').waitFor();
  await settle();
  await page.getByRole('button', { name: 'State it' }).click();
  await page.getByText('It is in the log.').waitFor();
  await page.getByRole('button', { name: 'End it' }).waitFor();
  await settle();
  expect(await write()).toMatchObject({ verdict: 'deny', policies: ['nothing-changes-during-a-freeze'] });
  await page.getByRole('button', { name: 'End it' }).click();
  await page.getByText('is not stated').waitFor();
  expect((await write()).verdict).not.toBe('deny');
}, 60_000);

test('revoking an agent ends it: its next question is refused', async () => {
  const { page, settle } = await open('/agents/a-default');
  await page.getByLabel(/to confirm|Type/).fill('a-default');
  await page.getByRole('button', { name: /^Revoke/ }).click();
  await page
    .getByText(/Revoked/)
    .first()
    .waitFor();
  await settle();
  await expect(
    ask(stage, { action: 'files/read_file', arguments: { path: `${stage.workspace}/a.txt` } }),
  ).rejects.toMatchObject({ code: expect.stringMatching(/unidentified|session_ended/) });
});

test('a person of lesser roles sees the same, with each control disabled and its reason beside it', async () => {
  // The last test: who takes a role away from themselves does not get it back by themselves.
  const me = (await stage.operator.identities()).find(({ roles }) => roles.includes('operator'))!;
  // Somebody else stays: the last operator keeps the role.
  const other = { kind: 'user', name: 'Second', roles: ['operator'] } as const;
  const key = publicHalf(await newPrivateJwk());
  expect((await stage.operator.register({ ...other, keys: [key] })).verdict).toBe('done');
  const changed = await stage.operator.changeIdentity(me.subject, 'update', { roles: ['viewer'] });
  expect(changed.verdict).toBe('done');
  const { page, settle } = await open('/containment');
  for (const [path, name] of [
    [`/containment?kind=run&id=${forgotten.executionId}`, 'Contain this run'],
    ['/agents/u-owner', /^Revoke/],
  ] as const) {
    await page.goto(`${stage.url}${path}`);
    const button = page.getByRole('button', { name }).first();
    await button.waitFor();
    expect(await button.getAttribute('aria-disabled'), path).toBe('true');
    await page.getByText('You do not have the role operator.').first().waitFor();
  }
  await page.goto(`${stage.url}/policies`);
  await page.getByRole('link', { name: 'version 2', exact: true }).click();
  await page.getByRole('link', { name: 'Editor, tests and replay' }).click();
  await page.getByText('You do not have the role author.').first().waitFor();
  await settle();
  // The page is only polite; the plane decides.
  await expect(stage.operator.contain({ kind: 'everything', id: '*' })).rejects.toMatchObject({
    code: 'forbidden',
  });
});
