// Goal: a path is what its name says, or it is not let through (RULE 13). Method: a real folder with links of each kind.
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { hostResolver, pathObjection } from '../src/index.ts';
import { aFolder } from './fixture.ts';

const folder = aFolder();
afterAll(() => folder.remove());
const at = (...parts: readonly string[]): string => join(folder.workspace, ...parts);
mkdirSync(at('real'));
writeFileSync(at('real', 'file'), '');
symlinkSync(at('real'), at('link'));
symlinkSync(at('real', 'file'), at('real', 'file-link'));
symlinkSync('/nowhere/at/all', at('dangling'));
symlinkSync(at('loop'), at('loop'));

describe('rule 13: on this host', () => {
  test.each([['/'], [at('real')], [at('real', 'file')], [at('real', 'new')], [at('new', 'deeper', 'still')]])(
    '%s is itself',
    async (path) => {
      expect(await pathObjection(path)).toBeUndefined();
    },
  );
  test.each([
    [at('link'), 'the last component is a link'],
    [at('link', 'file'), 'a parent is a link'],
    [at('link', 'new'), 'a parent of something new is a link'],
    [at('real', 'file-link'), 'the file is a link'],
    [at('dangling'), 'a link to nowhere'],
    [at('dangling', 'new', 'file'), 'something new below a link to nowhere'],
    [at('link', 'new', 'file'), 'something new in something new below a link'],
    [at('loop'), 'a link to itself'],
    [at('loop', 'new'), 'something new below a link to itself'],
    [at('real', 'file', 'new', 'file'), 'something new below a file'],
    [`${folder.workspace}/new/../../etc`, 'it climbs out of something new'],
    [`${folder.workspace}/new/`, 'it ends in nothing'],
    [at('real', 'file', 'below'), 'a file stands where a folder has to be'],
    [`${folder.workspace}/real/../real`, 'it climbs'],
    [`${folder.workspace}//real`, 'an empty component'],
    ['relative', 'not absolute'],
    ['', 'nothing'],
    [at('nul\0'), 'a NUL'],
  ])('%j is refused: %s', async (path) => {
    expect(await pathObjection(path)).toMatch(/\w/);
  });
  test('a folder that cannot be looked into is a refusal, not a pass', async () => {
    mkdirSync(at('shut'));
    writeFileSync(at('shut', 'x'), '');
    chmodSync(at('shut'), 0o000);
    const objection = await pathObjection(at('shut', 'x'));
    chmodSync(at('shut'), 0o700);
    // Root looks into everything; anybody else is refused.
    if (process.getuid?.() !== 0) expect(objection).toMatch(/\w/);
  });
  test("the first resource that is not itself is named; other kinds are not this host's to judge", async () => {
    const resource = (type: string, id: string) => ({ uid: { type, id } }) as never;
    const good = resource('Folder', at('real'));
    const bad = resource('Folder', at('link'));
    expect(await hostResolver.confirm([good, bad])).toBe(bad);
    expect(await hostResolver.confirm([good, resource('Host', '../x')])).toBeUndefined();
  });
});
