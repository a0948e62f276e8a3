/** Goal: a policy folder can be made, checked and tested offline, and a broken one never looks good. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { aPlace, type Place } from './process.ts';

let place: Place;
const file = (name: string): string => join(place.folder, 'policy', name);
beforeAll(async () => {
  place = await aPlace();
  expect((await place.run('policy', 'init', 'policy', '--workspace', '/srv/work')).code).toBe(0);
});

describe('policy', () => {
  it('the starter is checked and its tests hold', async () => {
    const checked = await place.run('policy', 'check', 'policy', '--json');
    expect(checked.code).toBe(0);
    expect(checked.json()).toMatchObject({ ok: true, version: 1, observing: false, problems: [] });
    const tested = await place.run('policy', 'test', 'policy', '--json');
    expect(tested.code).toBe(0);
    expect(tested.json()).toMatchObject({ ok: true, failed: 0 });
  });

  it('nothing is overwritten by init', async () => {
    const ran = await place.run('policy', 'init', 'policy', '--json');
    expect(ran.code).toBe(1);
    expect(ran.error().code).toBe('ERR_CLI_EXISTS');
  });

  it('the observing variant says that it stops nothing', async () => {
    await place.run('policy', 'init', 'watch', '--observe');
    expect((await place.run('policy', 'check', 'watch')).stdout).toContain(
      'Observing: nothing is being stopped.',
    );
  });

  it('a test that does not hold is exit 1 and says what was found', async () => {
    const tests = JSON.parse(await readFile(file('policy.test.json'), 'utf8')) as {
      tests: { expect: { verdict: string } }[];
    };
    tests.tests[0]!.expect.verdict = 'deny';
    await writeFile(file('wrong.test.json'), JSON.stringify({ tests: [tests.tests[0]] }));
    const ran = await place.run('policy', 'test', 'policy', '--json');
    expect(ran.code).toBe(1);
    expect(ran.json()).toMatchObject({ ok: false, failed: 1 });
    await rm(file('wrong.test.json'));
  });

  it('a bundle with problems is refused with every problem, its file and line', async () => {
    const text = await readFile(file('policy.cedar'), 'utf8');
    await writeFile(
      file('policy.cedar'),
      `${text}\n@id("x") permit (principal, action == Action::"no/such", resource);\n`,
    );
    const ran = await place.run('policy', 'check', 'policy', '--json');
    expect(ran).toMatchObject({ code: 1, stdout: '' });
    expect(ran.error()).toMatchObject({ code: 'ERR_BUNDLE_INVALID' });
    expect(
      (ran.error() as unknown as { detail: { problems: unknown[] } }).detail.problems.length,
    ).toBeGreaterThan(0);
    await writeFile(file('policy.cedar'), text);
  });

  it('a folder whose tests were lost has not passed them', async () => {
    await place.run('policy', 'init', 'untested');
    await rm(join(place.folder, 'untested', 'policy.test.json'));
    expect((await place.run('policy', 'test', 'untested')).code).toBe(1);
  });
});
