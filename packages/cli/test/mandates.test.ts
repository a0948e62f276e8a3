/** Goal: authority handed down from the command line binds by effect, is proven offline, and ends when it is revoked. */
import { once } from 'node:events';
import { type ChildProcess } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { aPlace, type Place, type Ran } from './process.ts';

let place: Place;
let up: ChildProcess;
let helper: string;
beforeAll(async () => {
  place = await aPlace();
  expect((await place.run('init', '--solo')).code).toBe(0);
  up = place.start('up', '--json', '--port', '0', '--public-port', '0');
  await once(up.stdout!, 'data');
  helper = (await place.run('agents', 'enroll', 'Helper', '--json')).json<{ subject: string }>().subject;
}, 60_000);
afterAll(async () => {
  up.kill();
  await once(up, 'exit');
});

const exec = (program: string): Promise<Ran> =>
  place.run('exec', '--agent', helper, '--cwd', place.workspace, '--', program, 'x');
const grant = (...words: readonly string[]): Promise<Ran> =>
  place.run('mandates', 'grant', '--to', helper, '--yes', '--json', ...words);

const broken = (ran: Ran): readonly string[] =>
  ran
    .json<{ rungs: { name: string; status: string }[] }>()
    .rungs.filter(({ status }) => status === 'fail')
    .map(({ name }) => name);

it('an agent may do what it was given and nothing else, provably, until it is taken away', async () => {
  expect((await exec('/usr/bin/uname')).code).not.toBe(3);
  const may = ['--may', 'shell running /usr/bin/echo', `shell in ${place.workspace}`, '--for', '1h'];
  const { id } = (await grant(...may)).json<{ id: string }>();
  expect(await exec('/usr/bin/echo')).toMatchObject({ code: 0, stdout: 'x\n' });
  const denied = await exec('/usr/bin/uname');
  expect(denied.code).toBe(3);
  expect(denied.stderr).toContain('mandate');

  const { items } = (await place.run('runs', 'list', '--json')).json<{
    items: { executionId: string; action: string; state: string; chain: { id: string }[] }[];
  }>();
  const own = items.filter(({ action, chain }) => action === 'shell/exec' && chain.at(-1)?.id === helper);
  for (const state of ['completed', 'refused']) {
    const { executionId } = own.find((one) => one.state === state)!;
    const file = join(place.folder, `${state}.json`);
    expect((await place.run('evidence', executionId, '-o', file)).code).toBe(0);
    const trust = join(place.folder, 'state', 'trust.json');
    const verified = await place.runAs('stranger', 'verify', file, '--trust', trust, '--json');
    expect(verified.code, verified.stdout).toBe(0);
    const rungs = verified.json<{ rungs: { name: string; status: string }[] }>().rungs;
    const status = (name: string) => rungs.find((rung) => rung.name === name)?.status;
    expect([status('principal-chain'), status('re-decision')]).toEqual(['pass', 'pass']);
    // The words of the mandate are part of the proof: others are not the ones that were signed.
    const evidence = JSON.parse(await readFile(file, 'utf8')) as { mandates: [{ body: object }] };
    const other = JSON.stringify(evidence.mandates[0].body).replace('/usr/bin/echo', '/usr/bin/uname');
    evidence.mandates[0].body = JSON.parse(other) as object;
    await writeFile(`${file}.other`, JSON.stringify(evidence));
    const forged = await place.runAs('stranger', 'verify', `${file}.other`, '--trust', trust, '--json');
    expect(forged.code).toBe(4);
    expect(broken(forged)).toContain('principal-chain');
  }

  expect((await place.run('mandates')).stdout).toContain(id);
  expect((await place.run('mandates', 'revoke', id, '--yes')).code).toBe(0);
  expect((await exec('/usr/bin/echo')).code).toBe(3);
  expect((await place.run('mandates', '--json')).json()).toEqual({ items: [] });
}, 120_000);

it('a mandate without an end, without a sentence, or about nothing the policy knows is not granted', async () => {
  for (const [words, code] of [
    [['--may', 'files'], 'ERR_CLI_USAGE'],
    [['--for', '1h'], 'ERR_CLI_USAGE'],
    [['--may', 'files', '--for', '1h', '--until', '23:59'], 'ERR_CLI_USAGE'],
    [['--may', 'files', '--until', '2020-01-01'], 'ERR_CLI_USAGE'],
    [['--may', 'files', '--for', '1h', '--budget', 'x'], 'ERR_CLI_USAGE'],
    [['--may', 'no/such', '--for', '1h'], 'conflict'],
    [['--may', 'files', '--for', '1h', '--budget', 'wishes=3'], 'conflict'],
    [['--may', 'files', '--for', '1h', '--from', 'u-nobody'], 'ERR_SERVER_STATE'],
  ] as const) {
    const ran = await grant(...words);
    expect(ran.error().code, words.join(' ')).toBe(code);
  }
}, 120_000);
