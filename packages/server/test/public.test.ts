// Goal: the public listener shows no argument, resource, principal, name, action or token (RULE 42). Method: canaries
// in every place where such words come in, and every public route read in full.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { aPlane, anIdentity, aRequest, proved, raw, type Fixture } from './fixture.ts';

const CANARY = 'canary-7f3a';
let fixture: Fixture;
let exec: string;
beforeAll(async () => {
  fixture = await aPlane();
  await fixture.operator.register({ kind: 'user', name: `Person ${CANARY}` });
  const path = join(fixture.folder.workspace, `${CANARY}.txt`);
  const request = aRequest(fixture, { arguments: { path, content: CANARY } });
  const answer = await fixture.plane.request(request);
  expect(answer.verdict).toBe('allow');
  exec = answer.executionId;
  await fixture.plane.report(exec, {
    instance: request.instance,
    status: 'completed',
    result: { said: CANARY },
  });
  await fixture.plane.request(aRequest(fixture, { arguments: { path: `/etc/${CANARY}`, content: '' } }));
});
afterAll(() => fixture.close());

test('rule 42: no canary, identity, action or path comes out of any public route or metric', async () => {
  const targets = [
    '/status',
    '/checkpoint',
    '/tile/0/000.p/1',
    '/health.json',
    '/v1/public/feed?limit=200',
    `/v1/public/executions/${exec}`,
    `/v1/public/lineage/${exec}`,
  ];
  const texts: string[] = [(await raw(fixture.url, 'GET', '/metrics')).text];
  for (const target of targets) {
    const answer = await raw(fixture.publicUrl, 'GET', target);
    expect(answer.status, target).toBe(200);
    texts.push(answer.text);
  }
  const all = texts.join('\n');
  for (const secret of [
    CANARY,
    'a-default',
    'u-owner',
    'u-operator',
    'write_file',
    fixture.folder.workspace,
    fixture.token,
    '"jkt"',
    '"args"',
  ]) {
    expect(all.includes(secret), secret).toBe(false);
  }
  expect(all).toContain(exec);
});

test('rule 42: entry bundles need an auditor on the control listener', async () => {
  const target = '/tile/entries/000.p/3';
  expect((await raw(fixture.publicUrl, 'GET', target)).status).toBe(404);
  expect(
    (await raw(fixture.publicUrl, 'GET', target, { headers: { authorization: `Bearer ${fixture.token}` } }))
      .status,
  ).toBe(404);
  expect((await raw(fixture.url, 'GET', target)).status).toBe(404);
  const viewer = await anIdentity(fixture, 'user', ['viewer']);
  expect(
    (await raw(fixture.url, 'GET', target, { headers: await proved(viewer.key, fixture.url, 'GET', target) }))
      .status,
  ).toBe(404);
  const auditor = await anIdentity(fixture, 'user', ['auditor']);
  expect(
    (
      await raw(fixture.url, 'GET', target, {
        headers: await proved(auditor.key, fixture.url, 'GET', target),
      })
    ).status,
  ).toBe(200);
});

test('rule 42: where genesis declares the log public, its entries are', async () => {
  const open = await aPlane({ public: true });
  expect((await raw(open.publicUrl, 'GET', '/tile/entries/000.p/3')).status).toBe(200);
  await open.close();
});

test('what belongs to another agent does not exist for this one', async () => {
  const other = await fixture.plane.as(await anIdentity(fixture, 'agent'));
  await expect(other.execution(exec)).rejects.toMatchObject({ code: 'not_found' });
  await expect(other.evidence(exec)).rejects.toMatchObject({ code: 'not_found' });
  await expect(other.lineage(exec)).rejects.toMatchObject({ code: 'not_found' });
  expect((await other.executions({ agent: 'a-default' })).items).toEqual([]);
});

test('a viewer sees executions without their arguments, and no evidence bundle', async () => {
  const viewer = await fixture.plane.as(await anIdentity(fixture, 'user', ['viewer']));
  const view = await viewer.execution(exec);
  expect([view.state, view.arguments]).toEqual(['completed', undefined]);
  await expect(viewer.evidence(exec)).rejects.toMatchObject({ code: 'forbidden' });
  expect(JSON.stringify(await fixture.plane.execution(exec))).toContain(CANARY);
});
