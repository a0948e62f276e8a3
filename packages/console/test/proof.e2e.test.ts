// Goal: the proof viewer says what is true and on whose word, asks nobody while it does, and cannot be fooled.
// Method: evidence of a real plane and the published vectors, in a real browser; requests are counted.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatEvidence, fromUtf8, parseEvidence, RUNG_NAMES, type EvidenceParts } from '@licet/evidence';
import { RUNGS } from '../src/surfaces/proof/rungs.ts';
import { aPage, ask, aStage, closeBrowser, trustIn, type Stage, type Watched } from './browser.ts';

const OFFLINE = join(import.meta.dirname, '..', 'dist', 'licet-proof.html');
const VECTORS = join(import.meta.dirname, '..', '..', '..', 'vectors', 'evidence');
const LOADED = /Verifier and cedar\/.* are loaded/;

let stage: Stage;
let exec: string;
let evidence: Uint8Array;
beforeAll(async () => {
  stage = await aStage();
  const path = `${stage.workspace}/a.txt`;
  const instance = 'AAAAAAAAAAAAAAAAAAAAAA';
  const answer = await ask(stage, {
    action: 'files/write_file',
    arguments: { path, content: 'hello' },
    instance,
  });
  exec = answer.executionId;
  await stage.plane.report(exec, { instance, status: 'completed', result: { wrote: 5 } });
  evidence = await stage.operator.evidence(exec);
}, 120_000);
afterAll(async () => {
  await closeBrowser();
  await stage?.close();
});

const banner = (page: Page) => page.getByRole('status', { name: 'Verdict on this file' });
const rung = (page: Page, name: (typeof RUNG_NAMES)[number], status: string) =>
  page.getByRole('button', { name: new RegExp(`^${RUNGS[name].title} ?${status}`, 'i') });
const give = (page: Page, bytes: Uint8Array, name = 'evidence.json') =>
  page
    .getByLabel('Open an evidence bundle')
    .setInputFiles({ name, mimeType: 'application/json', buffer: Buffer.from(bytes) });

/** Counts requests from now on and cuts the network. */
async function cut(context: BrowserContext, page: Page): Promise<readonly string[]> {
  const requests: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith('blob:') && !request.url().startsWith('data:'))
      requests.push(request.url());
  });
  await context.setOffline(true);
  return requests;
}
async function open(path = '/proof'): Promise<Watched> {
  const watched = await aPage(stage);
  await watched.page.goto(`${stage.url}${path}`);
  await watched.page.getByText(LOADED).waitFor();
  return watched;
}

describe('a true bundle', () => {
  test('rule 43: passes under the visitor’s trust with the network cut, and asks nobody anything', async () => {
    const watched = await open();
    const { page, context } = watched;
    const requests = await cut(context, page);
    await page.getByRole('button', { name: 'Bring a trust file' }).click();
    await page.getByLabel('Trust file', { exact: true }).fill(stage.trust);
    await page.getByRole('button', { name: 'Trust this' }).click();
    await give(page, evidence);
    await banner(page)
      .getByText(/of 17 .*trusting/)
      .waitFor();
    const { origin } = await stage.plane.status();
    expect(await banner(page).textContent()).toContain(origin);
    await rung(page, 're-decision', 'pass').waitFor();
    await rung(page, 'inclusion', 'pass').click();
    await page.getByRole('img', { name: /leads to it/ }).waitFor();
    await page.waitForTimeout(3_000);
    expect(requests).toEqual([]);
    await watched.settle();
    await watched.close();
  });

  test('rule 43: without a trust file it is consistent with itself and its signer unknown', async () => {
    const watched = await open();
    await give(watched.page, evidence);
    await banner(watched.page).getByText('Consistent with itself; signer unknown').waitFor();
    await rung(watched.page, 'checkpoint-signature', '(operator’s word|not checked)').waitFor();
    await watched.settle();
    await watched.close();
  });

  test('travels in the fragment of an address, which no server sees', async () => {
    const watched = await aPage(stage);
    const { page, context } = watched;
    await trustIn(context, stage);
    await page.goto(`${stage.url}/proof`);
    await page.getByText(LOADED).waitFor();
    await give(page, evidence);
    await page.getByRole('button', { name: 'Copy link with the evidence' }).click();
    await page.getByText(/Copied/).waitFor();
    const link = await page.evaluate(() => navigator.clipboard.readText());
    expect(link).toContain('/proof#evidence=');
    const other = await context.newPage();
    const asked: string[] = [];
    other.on('request', (request) => asked.push(request.url()));
    await other.goto(link);
    await banner(other)
      .getByText(/trusting/)
      .waitFor();
    expect(asked.some((url) => url.includes('evidence='))).toBe(false);
    await watched.close();
  });

  test('is compared with what the visitor holds', async () => {
    const watched = await open();
    const { page } = watched;
    await give(page, evidence);
    await banner(page).waitFor();
    await page
      .getByLabel('The arguments as you know them, JSON')
      .fill(JSON.stringify({ path: `${stage.workspace}/a.txt`, content: 'HELLO' }));
    await page.getByRole('button', { name: 'Compare arguments' }).click();
    const found = page.getByRole('list', { name: 'Compared with your arguments' });
    expect(await found.getByRole('listitem').filter({ hasText: 'path' }).textContent()).toMatch(/^same/);
    expect(await found.getByRole('listitem').filter({ hasText: 'content' }).textContent()).toMatch(
      /^DIFFERENT/,
    );
    await page
      .getByLabel('or a file of yours')
      .setInputFiles({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') });
    await page
      .getByRole('list', { name: 'Compared with a.txt' })
      .getByText(/is its 5 bytes exactly/)
      .waitFor();
    await watched.settle();
    await watched.close();
  });
});

describe('prove us wrong', () => {
  /** One page for all rungs: what is opened after another must be judged by itself. */
  let forged: Watched | undefined;
  afterAll(() => forged?.close());

  test('every forged file is refused, at the rungs it must fail', async () => {
    const watched = await open('/proof?view=forgeries');
    const { page } = watched;
    const rows = page.getByRole('row').filter({ has: page.getByRole('button') });
    const count = await rows.count();
    await page.getByText(`${count} of ${count} refused`).waitFor();
    expect(count).toBeGreaterThanOrEqual(17);
    for (const cells of await rows.evaluateAll((all) =>
      all.map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent)),
    ))
      expect(cells[2]).toBe(cells[1]);
    await watched.settle();
    await watched.close();
  });

  test.each(RUNG_NAMES.filter((name) => name !== 're-decision'))(
    '%s fails by a bundle of its own',
    async (name) => {
      forged ??= await open('/proof?view=forgeries');
      const { page, faults } = forged;
      await page.getByRole('button', { name: 'Prove us wrong' }).click();
      await page.getByRole('button', { name: `Open fail-${name}`, exact: true }).click();
      await rung(page, name, 'fail').waitFor();
      expect(await banner(page).textContent()).toMatch(/FAILED at/);
      expect(faults).toEqual([]);
    },
  );

  test('policy re-decision fails when the recorded facts would give another verdict', async () => {
    const { digest: _digest, ...parts } = parseEvidence(evidence);
    const record = parts.executions[exec]!;
    const disclosed = record.inputs.disclosed.map(([salt, name, value]) => [
      salt,
      name,
      JSON.parse(JSON.stringify(value).replace('"assistants"', '"strangers"')) as never,
    ]);
    const forged = {
      ...parts,
      executions: { ...parts.executions, [exec]: { ...record, inputs: { ...record.inputs, disclosed } } },
    };
    const watched = await open();
    await give(watched.page, formatEvidence(forged as unknown as EvidenceParts));
    await rung(watched.page, 're-decision', 'fail').waitFor();
    await rung(watched.page, 'format', 'pass').waitFor();
    await watched.close();
  });

  test('rule 43: the self-made, internally perfect forgery is refused under trust', async () => {
    const watched = await open('/proof?view=forgeries');
    await watched.page.getByRole('button', { name: 'Open forgery', exact: true }).click();
    await banner(watched.page).getByText('FAILED at checkpoint signature').waitFor();
    await rung(watched.page, 'inclusion', 'pass').waitFor();
    await watched.settle();
    await watched.close();
  });

  test.each([
    ['no JSON', 'not json'],
    ['no evidence', '{"v":1}'],
    ['a newer version', '{"v":2,"type":"licet/evidence"}'],
    ['nine thousand brackets', ''.padEnd(9_000, '[')],
  ])('garbage is no pass: %s', async (_name, text) => {
    const watched = await open();
    await give(watched.page, new TextEncoder().encode(text));
    await banner(watched.page).getByText('FAILED at format').waitFor();
    expect(watched.faults).toEqual([]);
    await watched.close();
  });
});

test('tamper mode: one flipped bit breaks its rungs and says which still hold; the keyboard is enough', async () => {
  const watched = await open();
  const { page } = watched;
  await page.getByRole('button', { name: 'Try a good sample' }).focus();
  await page.keyboard.press('Enter');
  await banner(page)
    .getByText(/trusting the sample keys/)
    .waitFor();
  await page.keyboard.press('t');
  await page.getByLabel('repair the file’s own digest').check();
  await page.getByLabel('Go to').selectOption({ label: 'an inclusion proof' });
  const grid = page.getByRole('grid');
  await grid.focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.getByText(/Broke: Inclusion\. Still hold: Format, Entry hashes, Checkpoint signature/).waitFor();
  await banner(page).getByText('FAILED at inclusion').waitFor();
  await watched.settle();
  await grid.focus();
  await page.keyboard.press('Enter');
  await banner(page)
    .getByText(/trusting the sample keys/)
    .waitFor();
  const current = page.locator('[aria-current="step"]');
  await current.waitFor();
  const first = await current.textContent();
  await page.keyboard.press(']');
  await expect.poll(() => current.textContent()).not.toBe(first);
  await page.keyboard.press('[');
  await expect.poll(() => current.textContent()).toBe(first);
  await watched.close();
});

test('permalinks of an entry and of a checkpoint are checked against the log itself', async () => {
  const watched = await aPage(stage);
  const { page, context } = watched;
  await trustIn(context, stage);
  const view = await stage.operator.execution(exec);
  await page.goto(`${stage.url}/proof/entry/${view.decision.index}`);
  await page.getByText(view.decision.leaf).first().waitFor();
  await page.getByText(/Included in the tree of size/).waitFor();
  await page.goto(`${stage.url}/proof/checkpoint/2`);
  await page.getByText(/consistency proof verified here/).waitFor();
  // The text of an entry is refused to whoever is not signed in; that refusal is all the browser may complain about.
  expect(watched.faults.filter((fault) => !fault.includes('404'))).toEqual([]);
  await watched.close();
});

describe('the offline file', () => {
  test('works from a disk, under a policy that reaches nothing, and decides again', async () => {
    const watched = await aPage(stage);
    const page = await watched.context.newPage();
    const faults: string[] = [];
    page.on(
      'console',
      (message) => void (['error', 'warning'].includes(message.type()) && faults.push(message.text())),
    );
    page.on('pageerror', (error) => faults.push(error.message));
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await watched.context.setOffline(true);
    await page.goto(pathToFileURL(OFFLINE).href);
    await page.getByText(LOADED).waitFor();
    await give(page, evidence);
    await banner(page).getByText('Consistent with itself; signer unknown').waitFor();
    await page.getByRole('button', { name: 'Bring a trust file' }).click();
    await page.getByLabel('Trust file', { exact: true }).fill(stage.trust);
    await page.getByRole('button', { name: 'Trust this' }).click();
    await banner(page)
      .getByText(/of 17 .*trusting/)
      .waitFor();
    await rung(page, 're-decision', 'pass').waitFor();
    await page.getByRole('button', { name: 'Prove us wrong' }).click();
    await page.getByText(/^(\d+) of \1 refused$/).waitFor();
    expect(asked.filter((url) => !/^(blob|data):/.test(url))).toEqual([pathToFileURL(OFFLINE).href]);
    expect(faults).toEqual([]);
    // What it cannot do: a request of its own, to anywhere.
    const sent = await page.evaluate(() =>
      fetch('https://example.com').then(
        () => true,
        () => false,
      ),
    );
    expect(sent).toBe(false);
    await watched.close();
  });

  test('refuses the forgery as the served page does', async () => {
    const vector = JSON.parse(readFileSync(join(VECTORS, 'forgery.json'), 'utf8')) as {
      readonly input: { readonly file: string; readonly trust: string };
    };
    const watched = await aPage(stage);
    const page = await watched.context.newPage();
    await page.goto(pathToFileURL(OFFLINE).href);
    await page.getByText(LOADED).waitFor();
    await page.getByRole('button', { name: 'Bring a trust file' }).click();
    await page.getByLabel('Trust file', { exact: true }).fill(vector.input.trust);
    await page.getByRole('button', { name: 'Trust this' }).click();
    await give(page, new TextEncoder().encode(vector.input.file));
    await banner(page).getByText('FAILED at checkpoint signature').waitFor();
    await watched.close();
  });

  test('holds a strict policy and no address of any server', () => {
    const html = fromUtf8(readFileSync(OFFLINE));
    const policy = /Content-Security-Policy" content="([^"]+)"/.exec(html)![1]!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'none'");
    expect(policy).not.toContain("'unsafe-inline'");
    expect(html).not.toMatch(/<(script|link|img|iframe)[^>]+(src|href)="(?!data:)/);
  });
});
