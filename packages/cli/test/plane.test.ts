/**
 * Goal: the whole way of an operator, as a script: make a plane, run it, govern a command, look, prove, stop, publish.
 * Method: real processes against one plane; each step checks exit code and JSON.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tilePath } from '@licet/evidence';
import type { Exported } from '../src/export-tiles.ts';
import { engineUnderTest } from '../../store/test/under-test.ts';
import { aPlace, type Place, type Ran } from './process.ts';

let place: Place;
let up: ChildProcess | undefined;
let ready: { readonly url: string; readonly publicUrl: string; readonly origin: string };

async function startUp(): Promise<void> {
  up = place.start('up', '--json', '--port', '0', '--public-port', '0');
  const [line] = (await once(createInterface({ input: up.stdout! }), 'line')) as [string];
  ready = JSON.parse(line) as typeof ready;
}
async function stopUp(): Promise<number | null> {
  if (up === undefined || up.exitCode !== null) return null;
  const ended = once(up, 'exit') as Promise<[number | null]>;
  up.kill('SIGTERM');
  return (await ended)[0];
}
const exec = (...words: readonly string[]): Promise<Ran> =>
  place.run('exec', '--cwd', place.workspace, '--', ...words);

beforeAll(async () => {
  place = await aPlace();
  const made = await place.run('init', '--solo', '--json');
  expect(made.stderr).toBe('');
  expect(made.json()).toMatchObject({ ok: true, state: 'enforcing', data: place.data });
  await startUp();
}, 60_000);
afterAll(async () => void (await stopUp()));

describe('a plane, as its operator meets it', () => {
  let allowed = '';
  let denied = '';

  it('init makes nothing twice, and the token is for its owner only', async () => {
    const again = await place.run('init', '--json');
    expect(again.code).toBe(1);
    expect(again.error().code).toBe('ERR_CLI_EXISTS');
    const token = join(place.folder, 'state', 'planes', ready.origin.replaceAll('/', '_'), 'operator.token');
    expect((await stat(token)).mode & 0o777).toBe(0o600);
  });

  it('a second up says who runs the plane and where', async () => {
    const ran = await place.run('up', '--json');
    expect(ran.code).toBe(1);
    expect(ran.error().code).toBe('ERR_CLI_EXISTS');
    expect(ran.error().still).toContain(ready.url);
  });

  it('a permitted command runs; another is denied with 3 and nothing ran', async () => {
    const ran = await exec('/usr/bin/echo', 'hello');
    expect(ran).toMatchObject({ code: 0, stdout: 'hello\n' });
    const no = await place.run(
      'exec',
      '--cwd',
      place.workspace,
      '--json',
      '--',
      '/usr/bin/touch',
      join(place.workspace, 'x'),
    );
    expect(no).toMatchObject({ code: 3, stdout: '' });
    expect(no.error()).toMatchObject({ code: 'policy', still: 'It did not run.' });
    await expect(stat(join(place.workspace, 'x'))).rejects.toThrow();
    const { items } = (await place.run('runs', 'list', '--action', 'shell/exec', '--json')).json<{
      items: { executionId: string; verdict: string }[];
    }>();
    allowed = items.find(({ verdict }) => verdict === 'allow')!.executionId;
    denied = items.find(({ verdict }) => verdict === 'deny')!.executionId;
  });

  it('evidence is exported and verified by somebody else under a trust file from outside', async () => {
    const out = join(place.folder, 'e.json');
    expect((await place.run('evidence', allowed, '-o', out, '--json')).json()).toMatchObject({
      ok: true,
      subject: allowed,
    });
    const again = await place.run('evidence', allowed, '-o', out, '--json');
    expect(again.error().code).toBe('ERR_CLI_EXISTS');
    const trust = join(place.folder, 'state', 'trust.json');
    const checked = await place.runAs(
      'stranger',
      'verify',
      out,
      '--trust',
      trust,
      '--require',
      're-decision',
      '--json',
    );
    expect(checked.code).toBe(0);
    expect((await place.runAs('stranger', 'verify', out)).code).toBe(5);
  });

  it('a denial is explained, and becomes a policy test that holds', async () => {
    const told = (await place.run('explain', denied, '--json')).json();
    expect(told).toMatchObject({ verdict: 'deny', code: 'policy', action: 'shell/exec' });
    expect((await place.run('policy', 'init', 'policy')).code).toBe(0);
    const made = await place.run(
      'policy',
      'explain',
      denied,
      '--as-test',
      '-o',
      join('policy', 'denied.test.json'),
    );
    expect(made.code).toBe(0);
    const tested = await place.run('policy', 'test', 'policy', '--json');
    expect(tested.json()).toMatchObject({ ok: true, failed: 0 });
  });

  it('a run is shown as a tree whose nodes name their proof', async () => {
    const shown = await place.run('runs', 'show', allowed);
    expect(shown.stdout).toMatch(/completed +shell\/exec/);
    expect(shown.stdout).toMatch(/permit #\d+ · start #\d+ · outcome #\d+/);
    expect((await place.run('runs', 'show', '01900000-0000-7000-8000-000000000000', '--json')).code).toBe(1);
  });

  it('rule 8: trust check remembers, then proves append-only, from the plane, the public address and an export', async () => {
    expect((await place.run('trust', 'check', '--json')).json()).toMatchObject({ ok: true });
    await exec('/usr/bin/echo', 'more');
    expect((await place.run('trust', 'check', '--from', ready.publicUrl, '--json')).json()).toMatchObject({
      status: 'pass',
    });
    expect((await place.run('log', 'export', 'tree', '--json')).code).toBe(0);
    expect((await place.run('trust', 'check', '--from', 'tree', '--json')).json()).toMatchObject({
      status: 'pass',
    });
  });

  it('an export goes on where it was cut short, keeps what is there, and promises nothing that is not', async () => {
    const tree = join(place.folder, 'tree');
    const exported = async () => (await place.run('log', 'export', 'tree', '--json')).json<Exported>();
    const whole = await exported();
    const before = await readFile(join(tree, 'checkpoint'), 'utf8');
    expect(whole.written).toBeLessThan(whole.files);
    // Nothing new: the checkpoint alone is written again.
    expect(await exported()).toMatchObject({ size: whole.size, written: 1 });

    // Cut short: a tile is gone, half of another lies beside its name.
    const tile = join(tree, tilePath({ level: 0, index: 0, width: whole.size }));
    await rm(tile);
    await writeFile(`${tile}.new`, 'half');
    expect(await exported()).toMatchObject({ size: whole.size, written: 2 });

    // A tile that is not of this log: the checkpoint that is there stays.
    const bytes = await readFile(tile);
    bytes[0]! ^= 1;
    await writeFile(tile, bytes);
    const refused = await place.run('log', 'export', 'tree', '--json');
    expect([refused.code, refused.error().code]).toEqual([4, 'ERR_CLI_LOG']);
    expect(await readFile(join(tree, 'checkpoint'), 'utf8')).toBe(before);

    // Another log's folder is not touched.
    await rm(tile);
    await writeFile(join(tree, 'checkpoint'), before.replace(whole.origin, 'licet.test/another'));
    expect((await place.run('log', 'export', 'tree', '--json')).error().code).toBe('ERR_CLI_EXISTS');
  });

  it('fsck computes the log again while the plane runs', async () => {
    const ran = (await place.run('log', 'fsck', '--json')).json<{
      ok: boolean;
      counts: { permit: number; start: number };
    }>();
    expect(ran.ok).toBe(true);
    expect(ran.counts.permit).toBeGreaterThan(0);
    const tail = await place.run('log', 'tail', '-n', '3', '--json');
    expect(tail.stdout.trim().split('\n')).toHaveLength(3);
  });

  it('contain asks, then stops and bars; lift ends it', async () => {
    const asked = await place.run('contain', 'agent:a-default', '--json');
    expect(asked.code).toBe(1);
    expect(asked.error().code).toBe('ERR_CLI_CONFIRM');
    expect((await place.run('contain', 'agent:a-default', '--yes', '--json')).json()).toMatchObject({
      verdict: 'done',
    });
    expect((await exec('/usr/bin/echo', 'no')).code).toBe(3);
    const { active } = (await place.run('contain', '--json')).json<{ active: { leaf: string }[] }>();
    expect((await place.run('lift', active[0]!.leaf, '--json')).json()).toMatchObject({ verdict: 'done' });
    expect((await exec('/usr/bin/echo', 'yes')).code).toBe(0);
    expect((await place.run('contain', 'nonsense', '--json')).code).toBe(2);
  });

  it('rule 34: stop needs no token, bars everything, and its lift takes the file away', async () => {
    const noToken = { ...place.env, LICET_TOKEN: 'not-a-token-at-all-0123456789' };
    const { runProcess } = await import('./process.ts');
    const stopped = await runProcess(['stop', '--json'], noToken, place.folder);
    expect(stopped.json()).toMatchObject({
      ok: true,
      socket: { delivered: true },
      file: { delivered: true },
    });
    expect((await exec('/usr/bin/echo', 'no')).code).toBe(3);
    const { active } = (await place.run('contain', '--json')).json<{ active: { leaf: string }[] }>();
    expect((await place.run('lift', active[0]!.leaf)).code).toBe(0);
    await expect(stat(join(place.data, 'STOP'))).rejects.toThrow();
    expect((await exec('/usr/bin/echo', 'yes')).code).toBe(0);
  });

  it('publish shows the difference, raises the version, and decides from then on', async () => {
    const path = join(place.folder, 'policy', 'policy.cedar');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('@id("run-listed-programs")', '@id("run-a-few-programs")'));
    const asked = await place.run('policy', 'publish', 'policy');
    expect(asked.code).toBe(1);
    expect(asked.stdout).toContain('+@id("run-a-few-programs")');
    expect((await place.run('policy', 'publish', 'policy', '--yes')).code).toBe(0);
    const head = JSON.parse(await readFile(join(place.folder, 'policy', 'bundle.json'), 'utf8')) as {
      version: number;
    };
    expect(head.version).toBe(2);
  });

  it('agents are enrolled with a key of their own, act, and are revoked', async () => {
    const made = (await place.run('agents', 'enroll', 'Ada', '--json')).json<{
      subject: string;
      key: string;
    }>();
    expect((await stat(made.key)).mode & 0o777).toBe(0o600);
    const run = (): Promise<Ran> =>
      place.run('exec', '--agent', made.subject, '--cwd', place.workspace, '--', '/usr/bin/echo', 'Ada');
    expect((await run()).stdout).toBe('Ada\n');
    expect((await place.run('agents', 'revoke', made.subject, '--yes')).code).toBe(0);
    expect((await run()).code).toBe(3);
  });

  it('without the operator token people can do nothing, and are told so', async () => {
    const ran = await place.runAs('stranger', 'approvals', '--json');
    expect(ran).toMatchObject({ code: 3, stdout: '' });
    expect(ran.error().code).toBe('ERR_CLI_TOKEN');
  });

  it('ends gracefully on SIGTERM; commands then open the folder themselves', async () => {
    expect(await stopUp()).toBe(0);
    const ran = await place.run('approvals', '--json');
    expect(ran).toMatchObject({ code: 0, stdout: '[]\n' });
  });

  // LOST: a copy of the folder is a second log only where the folder keeps the log; a database that was set back is refused
  // in packages/store/test/replicas.test.ts.
  it.skipIf(engineUnderTest === 'postgresql')(
    'rule 8: two histories of one log end with 4, and both checkpoints are kept',
    async () => {
      const twin = join(place.folder, 'twin');
      await cp(place.data, twin, { recursive: true });
      expect((await place.run('trust', 'check', '--json')).code).toBe(0);
      const forked = await place.run('trust', 'check', '--data', twin, '--json');
      expect(forked.code).toBe(4);
      expect(forked.error().code).toBe('ERR_CLI_FORK');
      const { detail } = forked.error() as unknown as { detail: { evidence: string } };
      expect((JSON.parse(await readFile(detail.evidence, 'utf8')) as { notes: string[] }).notes).toHaveLength(
        2,
      );
      const fsck = await place.run('log', 'fsck', '--data', twin, '--json');
      expect(fsck.code).toBe(4);
    },
  );
});
