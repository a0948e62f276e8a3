// Goal: the lineage of a run in a browser: lanes, tree, focus graph, scrubber, proof, containment, export, both modes.
// Method: a real run by several agents of a real plane; every figure is compared with what was counted while making it.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Lineage, LineageNode } from '@licet/evidence';
import { fromExecutions } from '../src/surfaces/lineage/from-executions.ts';
import { aRun, type MadeRun } from './a-run.ts';
import { aPage, aStage, closeBrowser, signIn, trustIn, type Stage } from './browser.ts';

const SIZE = { agents: 30, executions: 420 };
let stage: Stage;
let run: MadeRun;
beforeAll(async () => {
  stage = await aStage();
  run = await aRun(stage, SIZE);
}, 180_000);
afterAll(async () => {
  await closeBrowser();
  await run?.close();
  await stage?.close();
}, 60_000);

const painted = 'canvas[data-painted]';

test('the lanes are painted, and every figure is that of the run', async () => {
  const watched = await aPage(stage);
  const { page } = watched;
  await signIn(page, stage, `/lineage/${run.run}`);
  await page.locator(painted).waitFor();
  await page
    .getByText(`${run.executions} executions in 24 lanes, ${run.agents - 24} agents folded`)
    .waitFor();
  const legend = page.getByRole('list', { name: 'Executions by mark' });
  await legend.getByText(`${run.denied} denied`).waitFor();
  await legend.getByText(`${run.held} held`).waitFor();
  await legend.getByText(`${run.halted} halted`).waitFor();
  await legend.getByText('0 gaps in the record').waitFor();
  await watched.settle();
  await watched.close();
});

test('folded agents unfold, by a button that says how many', async () => {
  const watched = await aPage(stage);
  const { page } = watched;
  await signIn(page, stage, `/lineage/${run.run}`);
  const fold = page.getByRole('button', { name: /^Unfold \+\d+ agents of/ }).first();
  await fold.waitFor();
  const lanes = page.getByRole('list', { name: 'Lanes, one per agent' }).getByRole('listitem');
  expect(await lanes.count()).toBe(24);
  await fold.click();
  await expect.poll(() => lanes.count()).toBeGreaterThan(24);
  await watched.close();
});

test('by keys alone: an execution is chosen, its cause, its focus, its proof', async () => {
  const watched = await aPage(stage);
  const { page } = watched;
  await trustIn(watched.context, stage);
  await signIn(page, stage, `/lineage/${run.run}?node=${run.aHalted}`);
  const panel = page.getByRole('region', { name: 'Execution' });
  await panel.getByText('halted').first().waitFor();
  const view = await stage.operator.execution(run.aHalted);
  await panel.getByRole('button', { name: `Proof of entry ${view.permit!.index}: logged` }).waitFor();
  await panel.getByRole('button', { name: `Proof of entry ${view.outcome!.index}: logged` }).waitFor();
  for (const { id } of view.resources!) await panel.getByText(id).waitFor();
  const canvas = page.getByRole('application', { name: /^Lanes of/ });
  await canvas.focus();
  await page.keyboard.press('ArrowRight');
  await expect.poll(() => page.url()).not.toContain(run.aHalted);
  await page.goto(`${stage.url}/lineage/${run.run}?node=${run.aHalted}`);
  await panel.waitFor();
  await page.keyboard.press('u');
  await expect.poll(() => page.url()).toContain(`node=${view.parent}`);
  await page.keyboard.press('f');
  await expect.poll(() => page.url()).toContain('view=focus');
  await page
    .getByRole('region', { name: 'Focus graph' })
    .getByRole('button', { name: /more$/ })
    .first()
    .waitFor();
  await page
    .getByRole('button', { name: /^Proof of entry/ })
    .first()
    .focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: /^Entry / }).waitFor();
  await watched.settle();
  await watched.close();
});

test('the tree is complete for a screen reader: all rows counted, levels and sets said, reached by keys', async () => {
  const watched = await aPage(stage);
  const { page } = watched;
  await signIn(page, stage, `/lineage/${run.run}?view=tree`);
  const grid = page.getByRole('treegrid', { name: 'Executions of the run' });
  await grid.waitFor();
  await page.getByRole('button', { name: 'Expand all' }).click();
  await expect.poll(() => grid.getAttribute('aria-rowcount')).toBe(String(run.executions + 1));
  const first = grid.locator('[role=row][aria-rowindex="2"]');
  expect(await first.getAttribute('aria-level')).toBe('1');
  await first.focus();
  await page.keyboard.press('End');
  await expect
    .poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-rowindex')))
    .toBe(String(run.executions + 1));
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowLeft');
  await expect.poll(() => grid.getAttribute('aria-rowcount')).toBe('2');
  await page.keyboard.press('e');
  await expect.poll(() => grid.getAttribute('aria-rowcount')).toBe(String(run.executions + 1));
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect.poll(() => page.url()).toContain('node=');
  const sets = await grid
    .locator('[role=row][aria-level]')
    .evaluateAll((rows) =>
      rows.every(
        (row) =>
          Number(row.getAttribute('aria-posinset')) >= 1 &&
          Number(row.getAttribute('aria-posinset')) <= Number(row.getAttribute('aria-setsize')),
      ),
    );
  expect(sets).toBe(true);
  await watched.settle();
  await watched.close();
});

test('the scrubber shows which policy decided then, from the entry itself', async () => {
  const watched = await aPage(stage);
  const { page } = watched;
  await signIn(page, stage, `/lineage/${run.run}`);
  const active = (await stage.operator.bundles()).find((one) => one.active)!;
  const then = page.getByRole('region', { name: 'What was permitted then' });
  await then.getByRole('link', { name: `version ${active.version}` }).waitFor();
  const slider = page.getByRole('slider', { name: 'Moment of the run' });
  await slider.focus();
  await page.keyboard.press('Home');
  await expect.poll(() => page.url()).toMatch(/[?&]t=\d+/);
  await then.getByText('1 permitted, 0 not').waitFor();
  await page.keyboard.press('.');
  await then.getByText('2 permitted, 0 not').waitFor();
  await watched.close();
});

test('containing from here says first what it would stop, and is confirmed on the operator’s page', async () => {
  const watched = await aPage(stage);
  const { page } = watched;
  await signIn(page, stage, `/lineage/${run.run}?node=${run.aDelegate}`);
  const { executions, agents } = await stage.operator.previewContainment({
    kind: 'subtree',
    id: run.aDelegate,
  });
  await page.getByRole('button', { name: 'Preview containing from here' }).click();
  await page
    .getByText(`Would stop ${executions.length} open executions of ${agents.length} agents`)
    .waitFor();
  await page.getByRole('link', { name: 'Go to the confirmation' }).click();
  await page.waitForURL(/\/containment\?kind=subtree/);
  // Looking is not containing.
  expect((await stage.operator.containments()).active).toEqual([]);
  await watched.close();
});

test('search finds within the run, and both exports hold every execution', async () => {
  const watched = await aPage(stage);
  const { page } = watched;
  await signIn(page, stage, `/lineage/${run.run}`);
  await page.getByRole('searchbox', { name: 'Find in this run' }).fill('deny');
  await page.getByText(`${run.denied} found`).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('region', { name: 'Execution' }).getByText('denied').first().waitFor();
  const save = async (name: string): Promise<unknown> => {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name }).click(),
    ]);
    return JSON.parse(readFileSync(await download.path(), 'utf8'));
  };
  expect(((await save('Export JSON')) as Lineage).nodes).toHaveLength(run.executions);
  expect(Object.keys(((await save('Export PROV')) as { readonly activity: object }).activity)).toHaveLength(
    run.executions,
  );
  await watched.close();
});

test('any execution of a run leads to it, and an unknown id says so', async () => {
  const watched = await aPage(stage);
  const { page } = watched;
  await signIn(page, stage, `/lineage/${run.aDenied}`);
  await page.getByText(`${run.executions} executions`).waitFor();
  await page.getByRole('region', { name: 'Execution' }).getByText('denied').first().waitFor();
  await page.goto(`${stage.url}/lineage`);
  await page
    .getByRole('link', { name: /Planner|Worker/ })
    .first()
    .waitFor();
  await watched.settle();
  await page.goto(`${stage.url}/lineage/01900000-0000-7000-8000-000000000000`);
  await page.getByText('There is no such run here.').waitFor();
  await watched.close();
});

test('rule 42: the public listener shows the run without names, actions or resources, and nothing can be done', async () => {
  const watched = await aPage(stage);
  const { page } = watched;
  await page.goto(`${stage.publicUrl}/lineage/${run.run}?node=${run.aDenied}`);
  await page.locator(painted).waitFor();
  await page.getByText(`${run.executions} executions`).waitFor();
  const text = (await page.locator('main').textContent())!;
  for (const secret of ['Planner', 'Worker', 'write_file', stage.workspace, 'u-owner'])
    expect(text).not.toContain(secret);
  const button = page.getByRole('button', { name: 'Preview containing from here' });
  expect(await button.getAttribute('aria-disabled')).toBe('true');
  await watched.settle();
  await watched.close();
});

test('what the rows tell at once, the entries tell again: causes, verdicts, places', async () => {
  const told = fromExecutions(await stage.operator.runExecutions(run.run));
  const folded = (await stage.operator.lineage(run.run)) as unknown as Lineage;
  const plain = ({ exec, parent, verdict, code, permit, start, outcome, chain }: LineageNode) => ({
    ...{ exec, parent, verdict, code, permit, start, outcome },
    chain: chain.map(({ id }) => id),
  });
  expect(told.nodes.length).toBe(run.executions);
  const byExec = new Map(folded.nodes.map((node) => [node.exec, plain(node)]));
  for (const node of told.nodes) expect(plain(node)).toEqual(byExec.get(node.exec));
  expect(new Set(told.nodes.map(({ exec }) => exec))).toEqual(new Set(byExec.keys()));
});

test('narrow and dark, it is whole', async () => {
  const watched = await aPage(stage, { width: 390, height: 844, dark: true });
  const { page } = watched;
  await signIn(page, stage, `/lineage/${run.run}?node=${run.aHeld}`);
  await page.locator(painted).waitFor();
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow).toBeLessThanOrEqual(0);
  await watched.settle();
  await watched.close();
});
