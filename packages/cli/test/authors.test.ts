// Goal: authors come, change their keys and go, from the command line. Method: real processes and two state folders; each
// step by what the plane says of it after; by effect in the plane's own tests.
import { once } from 'node:events';
import { cp, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { aPlace, type Ran } from './process.ts';

/** The key's id, as a vkey says it. */
const authorOf = (vkey: string): string => vkey.split('+')[1]!;

interface Listed {
  readonly authors: readonly { readonly id: string; readonly subject?: string; readonly counts: boolean }[];
}

test('a second author is let in, asks over the network, and is retired by the first, who rotated', async () => {
  const place = await aPlace();
  const ok = (ran: Ran): Ran => {
    expect(ran.code, ran.stderr).toBe(0);
    return ran;
  };
  const { token } = ok(await place.run('init', '--solo', '--json')).json<{ readonly token: string }>();

  // Somebody else: a state folder of their own, with whom to believe and a token, and no author key.
  const state = join(place.folder, 'other');
  const folder = join(state, 'planes', dirname(token).split('/').at(-1)!);
  await mkdir(folder, { recursive: true });
  await cp(join(place.folder, 'state', 'trust.json'), join(state, 'trust.json'));
  await cp(token, join(folder, 'operator.token'));
  const up = place.start('up', '--json', '--port', '0', '--public-port', '0');
  const [line] = (await once(up.stdout!, 'data')) as [Buffer];
  const { url } = JSON.parse(line.toString()) as { readonly url: string };
  const other = (...args: readonly string[]): Promise<Ran> => place.runAs('other', ...args, '--url', url);
  const made = ok(await other('authors', 'key', '--json')).json<{
    readonly key: string;
    readonly counts: boolean;
  }>();
  expect(made.counts).toBe(false);

  ok(await place.run('authors', 'add', made.key, '--for', 'u-operator', '--json'));
  expect(ok(await other('authors', 'key', '--json')).json()).toMatchObject({ key: made.key, counts: true });
  ok(await place.run('authors', 'rotate', '--yes', '--json'));
  ok(await place.run('authors', 'retire', authorOf(made.key), '--yes', '--json'));
  const { authors } = ok(await place.run('authors', '--json')).json<Listed>();
  expect(authors.map(({ subject, counts }) => [subject, counts])).toEqual([
    [undefined, false],
    ['u-operator', false],
    ['u-operator', true],
  ]);
  up.kill();
  await once(up, 'exit');
  await rm(place.folder, { recursive: true, force: true });
}, 180_000);
