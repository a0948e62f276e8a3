// Goal: the governance console shows and does what the plane says and does: feed, decision judged again, approvals,
// containment, identities, policies, public view, fail-closed. Method: a real plane and browser; every figure is
// compared with what the plane answered in this run.
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Answer } from '@licet/api';
import { aPage, ask, aStage, closeBrowser, signIn, trustIn, type Stage, type Watched } from './browser.ts';

let stage: Stage;
let watched: Watched | undefined;
let written: Answer;
let refused: Answer;
/** Bidirectional override: would show `report` + `gpj.exe` turned round. */
const TRICK = 'report\u202Egpj.exe';

beforeAll(async () => {
  stage = await aStage();
  written = await ask(stage, {
    action: 'files/write_file',
    arguments: { path: `${stage.workspace}/a.txt`, content: TRICK },
  });
  refused = await ask(stage, {
    action: 'files/write_file',
    arguments: { path: '/etc/passwd', content: 'root' },
  });
});
afterEach(async () => {
  await watched?.close();
  watched = undefined;
});
afterAll(async () => {
  await closeBrowser();
  await stage?.close();
});

/** A signed-in page that brought its trust. */
async function open(path: string, options: Parameters<typeof aPage>[1] = {}): Promise<Watched> {
  watched = await aPage(stage, options);
  await trustIn(watched.context, stage);
  await signIn(watched.page, stage, path);
  return watched;
}

describe('the feed', () => {
  test('counts and lists what the plane recorded, and hears of more by itself', async () => {
    const { page, settle } = await open('/console');
    const { items } = await stage.operator.executions({ limit: 200 });
    const permitted = items.filter(({ verdict }) => verdict === 'allow').length;
    await page
      .getByRole('link', { name: new RegExp(`^permitted\\s*${permitted}\\s*of the newest ${items.length}`) })
      .waitFor();
    await page
      .getByRole('table', { name: /Decisions/ })
      .getByRole('row', { name: /denied.*files\/write_file/ })
      .first()
      .waitFor();
    await settle();
    await ask(stage, { action: 'files/read_file', arguments: { path: `${stage.workspace}/live.txt` } });
    await page
      .getByRole('row', { name: /permitted.*files\/read_file/ })
      .first()
      .waitFor();
  });

  test('a filter is in the address, and only what fits is shown', async () => {
    const { page } = await open('/console');
    await page.getByLabel('Verdict').selectOption('deny');
    await page.waitForURL(/verdict=deny/);
    const rows = page.getByRole('table').getByRole('row');
    await rows.filter({ hasText: 'denied' }).first().waitFor();
    expect(await rows.filter({ hasText: 'permitted' }).count()).toBe(0);
  });

  test('space pauses and counts what waits', async () => {
    const { page } = await open('/console');
    await page
      .getByRole('row', { name: /files\/write_file/ })
      .first()
      .waitFor();
    await page.keyboard.press(' ');
    await page.getByText('Paused.').waitFor();
    await ask(stage, { action: 'files/read_file', arguments: { path: `${stage.workspace}/paused.txt` } });
    await page.getByText('1 newer decision waits.').waitFor();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByText('Paused.').waitFor({ state: 'detached' });
  });

  test('keys alone lead from row to decision to proof', async () => {
    const { page } = await open('/console');
    await page
      .getByRole('row', { name: /files\/write_file/ })
      .first()
      .waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('p');
    await page.getByRole('heading', { name: /^Entry \d+$/ }).waitFor();
    await page.getByText(/^Included in the tree of size \d+/).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { name: /^Entry/ }).waitFor({ state: 'detached' });
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/decisions\//);
  });
});

describe('a decision', () => {
  test('is judged again here: same verdict, policy text, argument text with its tricks visible', async () => {
    const { page, settle } = await open(`/decisions/${written.executionId}`);
    await page.getByText('Same.').waitFor({ timeout: 20_000 });
    await page.getByText('assistants-write-in-workspace').first().waitFor();
    await page.getByText('U+202E', { exact: true }).first().waitFor();
    expect(await page.getByRole('main').textContent()).not.toContain('\u202E');
    await page.getByText(/verified under the trust named for/).waitFor();
    await settle();
  });

  test('with another path the verdict changes, and nothing is recorded', async () => {
    const { page } = await open(`/decisions/${written.executionId}`);
    const recorded = async () =>
      (await stage.operator.executions({ limit: 200 })).items
        .map(({ executionId }) => executionId)
        .toSorted();
    const before = await recorded();
    const args = page.getByLabel('Arguments, JSON');
    await args.waitFor({ timeout: 20_000 });
    await args.fill(JSON.stringify({ path: '/etc/passwd', content: 'x' }));
    await page.getByRole('button', { name: 'Decide here' }).click();
    await page.getByText(/denied.*instead of.*permitted/).waitFor();
    expect(await recorded()).toEqual(before);
    await page.getByRole('button', { name: 'Make it a test' }).click();
    await page.getByText('"verdict": "allow"').waitFor();
  });

  test('a denial names its failed link and says the same here', async () => {
    const { page, settle } = await open(`/decisions/${refused.executionId}`);
    await page.getByText('Same.').waitFor({ timeout: 20_000 });
    await page.getByText('no policy permits it').first().waitFor();
    await settle();
  });
});

describe('an approval', () => {
  test('needs the arguments read and the action typed, and is then in the log', async () => {
    const held = await ask(stage, {
      action: 'files/move_file',
      arguments: { source: `${stage.workspace}/a.txt`, destination: `${stage.workspace}/b.txt` },
    });
    expect(held.verdict).toBe('hold');
    const { page, settle } = await open('/approvals');
    await page.getByRole('link', { name: 'files/move_file' }).click();
    await page
      .getByRole('region', { name: /Arguments/ })
      .getByText(`${stage.workspace}/b.txt`)
      .waitFor();
    await settle();
    const approve = page.getByRole('button', { name: 'Approve once' });
    await expect.poll(() => approve.getAttribute('aria-disabled')).toBe('true');
    await page.getByLabel(/Type the action/).fill('files/move_file');
    await approve.click();
    await page.getByRole('heading', { name: 'Recorded' }).waitFor();
    const { state } = await stage.operator.execution(held.executionId);
    expect(state).toBe('approved');
  });
});

describe('containment', () => {
  test('shows its reach, takes the typed name and two seconds of holding, and can be lifted', async () => {
    const running = await ask(stage, {
      action: 'files/read_file',
      arguments: { path: `${stage.workspace}/run.txt` },
    });
    const { page, settle } = await open(`/containment?kind=run&id=${running.executionId}`);
    await page.getByText('Stops 1 running execution').waitFor();
    const hold = page.getByRole('button', { name: 'Contain this run' });
    expect(await hold.getAttribute('aria-disabled')).toBe('true');
    await settle();
    await page.getByLabel(/to confirm/).fill(running.executionId);
    await hold.focus();
    await page.keyboard.down('Enter');
    await page.waitForTimeout(400);
    await page.keyboard.up('Enter');
    expect((await stage.operator.containments()).active).toEqual([]);
    await page.keyboard.down('Enter');
    await page.getByText('Contained; recorded and in force.').waitFor();
    await page.keyboard.up('Enter');
    const { active } = await stage.operator.containments();
    expect(active.map(({ scope }) => scope)).toEqual([{ kind: 'run', id: running.executionId }]);
    await page.getByRole('button', { name: 'Lift …' }).click();
    await page.getByRole('button', { name: 'Lift now' }).click();
    await page.getByText('Nothing is contained.').waitFor();
    expect((await stage.operator.containments()).active).toEqual([]);
  });
});

describe('identities and policies', () => {
  test('every identity of the plane is listed', async () => {
    const { page, settle } = await open('/agents');
    for (const { subject } of await stage.operator.identities())
      await page
        .getByRole('cell', { name: new RegExp(`${subject}$`) })
        .first()
        .waitFor();
    await settle();
    await page.getByRole('link', { name: 'Default agent' }).click();
    await page.getByRole('heading', { level: 1, name: 'Default agent' }).waitFor();
    await page.getByText('Newest decisions').waitFor();
    await settle();
  });

  test('an edit is checked by Cedar and replayed over what was decided', async () => {
    const { page, settle } = await open('/policies');
    await page.getByRole('link', { name: 'version 1', exact: true }).click();
    await page.getByRole('link', { name: 'Editor, tests and replay' }).click();
    await page.getByText(/^It loads/).waitFor();
    await settle();
    const editor = page.getByRole('textbox', { name: 'Policy policy.cedar' });
    await editor.click();
    await page.keyboard.press('Control+End');
    await page.keyboard.insertText(
      '\n@id("no-writes") forbid (principal, action == Action::"files/write_file", resource',
    );
    await page.getByRole('status').getByText('policy.cedar:', { exact: false }).first().waitFor();
    await page.keyboard.insertText(');\n');
    await page.getByText(/^It loads/).waitFor();
    await page.getByRole('button', { name: 'Replay' }).click();
    await page.getByText(/^Would flip [1-9]\d* of \d+ decisions/).waitFor();
    await page.getByRole('link', { name: 'What changed' }).waitFor();
  });
});

describe('rule 42: the public view', () => {
  test('shows every entry with its proof and neither arguments, names nor controls', async () => {
    watched = await aPage(stage);
    await trustIn(watched.context, stage);
    const { page, settle } = watched;
    await page.goto(`${stage.publicUrl}/console`);
    await page.getByRole('cell', { name: 'refusal' }).first().waitFor();
    const text = (await page.getByRole('main').textContent()) ?? '';
    for (const secret of ['files/write_file', 'a-default', 'Default agent', stage.workspace, 'gpj.exe'])
      expect(text).not.toContain(secret);
    await page
      .getByRole('button', { name: /Proof of entry \d+: logged/ })
      .first()
      .waitFor();
    await settle();
    await page.goto(`${stage.publicUrl}/containment`);
    await page.getByRole('heading', { name: 'For operators' }).waitFor();
    await settle();
  });
});

describe('narrow and dark', () => {
  test.each(['/console', '/approvals', '/containment', '/agents', '/policies', '/facts', '/in-doubt'])(
    '%s fits 390 pixels in dark without a violation',
    async (path) => {
      const { page, settle } = await open(path, { width: 390, height: 844, dark: true });
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.waitForLoadState('networkidle').catch(() => undefined);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
      await settle();
    },
  );
});

test('with the plane gone the frame says fail-closed and keeps what it knew', async () => {
  const other = await aStage();
  const { executionId } = await ask(other, {
    action: 'files/write_file',
    arguments: { path: `${other.workspace}/last.txt`, content: 'x' },
  });
  watched = await aPage(other);
  const { page } = watched;
  await signIn(page, other);
  await page
    .getByRole('row', { name: /files\/write_file/ })
    .first()
    .waitFor();
  await page.waitForTimeout(1_000);
  await other.close();
  await page
    .getByRole('alert')
    .getByText(/FAIL-CLOSED: no new permits are being issued/)
    .waitFor({ timeout: 6_000 });
  await page.getByText(/1 lease remains, the last known ends in/).waitFor();
  await page
    .getByRole('row', { name: /files\/write_file/ })
    .first()
    .waitFor();
  expect(executionId).toMatch(/^[0-9a-f-]{36}$/);
});

test('several tabs share one event stream, and each hears of what is new', async () => {
  watched = await aPage(stage);
  let streams = 0;
  watched.context.on('request', (request) => {
    if (new URL(request.url()).pathname === '/v1/events') streams += 1;
  });
  const { page } = watched;
  await signIn(page, stage);
  const second = await watched.context.newPage();
  await second.goto(`${stage.url}/console`);
  for (const tab of [page, second])
    await tab
      .getByRole('row', { name: /files\/write_file/ })
      .first()
      .waitFor();
  await ask(stage, {
    action: 'files/list_directory',
    arguments: { path: stage.workspace },
  });
  for (const tab of [page, second])
    await tab
      .getByRole('row', { name: /files\/list_directory/ })
      .first()
      .waitFor({ timeout: 5_000 });
  expect(streams).toBe(1);
});

test('the first page needs at most 150 kB of JavaScript, compressed, and no WebAssembly', async () => {
  watched = await aPage(stage);
  const names: string[] = [];
  watched.page.on('request', (request) => names.push(new URL(request.url()).pathname));
  await watched.page.goto(`${stage.url}/console`);
  await watched.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect(names.some((name) => name.endsWith('.wasm'))).toBe(false);
  const html = await (await fetch(`${stage.url}/console`)).text();
  const initial = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+\.js)"/g)].map((match) => match[1]!);
  const sizes = await Promise.all(
    initial.map(
      async (path) =>
        gzipSync(new Uint8Array(await (await fetch(stage.url + path)).arrayBuffer()), { level: 9 }).length,
    ),
  );
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(150_000);
  expect(sizes.length).toBeGreaterThan(0);
});

test('rule 42: pages come under a policy without anything inline, and the deciding worker has no network', async () => {
  for (const base of [stage.url, stage.publicUrl]) {
    const page = await fetch(`${base}/console`);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self' 'wasm-unsafe-eval'");
    expect(policy).not.toContain('unsafe-inline');
    expect(policy).not.toContain("'unsafe-eval'");
    const html = await page.text();
    expect(html).not.toMatch(/<style|style=|<script(?![^>]*src=)/);
    expect(html).toContain(`name="licet-listener" content="${base === stage.url ? 'control' : 'public'}"`);
    expect((await fetch(`${base}/assets/..%2Findex.html`)).status).toBe(404);
    expect((await fetch(`${base}/console`, { method: 'POST' })).status).toBeGreaterThanOrEqual(400);
  }
});
