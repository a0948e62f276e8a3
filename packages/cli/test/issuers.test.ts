/** Goal: an operator trusts an issuer, sees it, changes it and ends it from the command line; half settings trust nobody. */
import { once } from 'node:events';
import { type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { IssuerSettings, misfit } from '@licet/api';
import { EXAMPLES } from '../src/issuer-examples.ts';
import { aPlace, type Place } from './process.ts';

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

it('every example is whole settings', () => {
  for (const [profile, settings] of Object.entries(EXAMPLES)) {
    expect(misfit(IssuerSettings, settings), profile).toBeUndefined();
    expect(settings.profile).toBe(profile);
  }
});

it('is added from a file, listed, changed, and revoked', async () => {
  const file = join(place.workspace, 'ci.json');
  const printed = await place.run('issuers', 'example', 'github');
  expect(printed.code).toBe(0);
  writeFileSync(file, printed.stdout);
  const added = await place.run('issuers', 'add', 'CI', file, '--json');
  expect(added.code).toBe(0);
  const { subject } = added.json<{ subject: string }>();
  const listed = (await place.run('issuers', '--json')).json<object[]>();
  expect(listed).toMatchObject([{ subject, name: 'CI', settings: EXAMPLES.github, keys: 0, failing: false }]);

  writeFileSync(file, JSON.stringify({ ...EXAMPLES.github, algorithms: ['HS256'] }));
  expect((await place.run('issuers', 'update', subject, file)).stderr).toContain('algorithms');
  writeFileSync(file, JSON.stringify({ ...EXAMPLES.github, algorithms: ['PS256'] }));
  expect((await place.run('issuers', 'rotate', subject, file)).code).toBe(0);
  expect((await place.run('issuers', 'revoke', subject, '--yes')).code).toBe(0);
  expect((await place.run('issuers', '--json')).json()).toEqual([]);
}, 60_000);
