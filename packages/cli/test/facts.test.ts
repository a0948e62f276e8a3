/** Goal: what an operator states decides what is asked from then on, and a slip of the pen states nothing. */
import { once } from 'node:events';
import { type ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { aPlace, type Place, type Ran } from './process.ts';

let place: Place;
let up: ChildProcess;
beforeAll(async () => {
  place = await aPlace();
  expect((await place.run('init', '--solo')).code).toBe(0);
  up = place.start('up', '--json', '--port', '0', '--public-port', '0');
  await once(up.stdout!, 'data');
}, 60_000);
afterAll(async () => {
  up.kill();
  await once(up, 'exit');
});

const echo = (): Promise<Ran> => place.run('exec', '--cwd', place.workspace, '--', '/usr/bin/echo', 'x');

it('a freeze is declared by the starter, stated for a time, obeyed, and over when it is cleared', async () => {
  expect((await place.run('facts')).stdout).toContain('not stated');
  expect((await echo()).code).toBe(0);
  expect((await place.run('facts', 'set', 'freeze=true', '--for', '1h')).code).toBe(0);
  const listed = (await place.run('facts', 'list', '--json')).json<{ items: object[] }>();
  expect(listed.items).toMatchObject([{ name: 'freeze', value: true }]);
  const denied = await echo();
  expect(denied).toMatchObject({ code: 3, stdout: '' });
  expect(denied.stderr).toContain('freeze');
  expect((await place.run('facts', 'clear', 'freeze')).code).toBe(0);
  expect((await echo()).code).toBe(0);
});

it('a name that no policy declares, a value of another type and a span that is none state nothing', async () => {
  for (const [words, code, exit] of [
    [['freeez=true', '--for', '1h'], 'conflict', 1],
    [['freeze=maybe', '--for', '1h'], 'conflict', 1],
    [['freeze', '--for', '1h'], 'ERR_CLI_USAGE', 2],
    [['freeze=true', '--for', 'ever'], 'ERR_CLI_USAGE', 2],
    [['freeze=true'], 'ERR_CLI_USAGE', 2],
  ] as const) {
    const ran = await place.run('facts', 'set', ...words, '--json');
    expect([ran.code, ran.error().code], words.join(' ')).toEqual([exit, code]);
  }
  expect((await place.run('facts', '--json')).json()).toMatchObject({ items: [] });
});
