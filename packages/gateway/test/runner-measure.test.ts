// Goal: the file that was measured is the file that runs, and nothing that needs a shell to start is accepted.
// Method: real files in a temporary folder.

import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { measureExecutable, run } from '../src/index.ts';
import { PATH, aMarker, start, text } from './fixtures/runner-kit.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'licet-measure-')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function aFile(name: string, content: string | Uint8Array, mode = 0o755): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('base64url');

describe('measuring an executable', () => {
  test('a bare name is found on the given PATH, links resolved, and hashed', async () => {
    const real = realpathSync('/bin/sh');
    const measured = await measureExecutable('sh', { cwd: '/', path: '/nowhere:/bin' });
    expect(measured).toEqual({ path: real, digest: sha256(real) });
  });

  test('a name with a slash is relative to the working directory of the command', async () => {
    const path = aFile('hello.sh', '#!/bin/sh\necho hello\n');
    expect(await measureExecutable('./hello.sh', { cwd: folder })).toEqual({ path, digest: sha256(path) });
    const result = await (await start(['./hello.sh'], { cwd: folder })).done;
    expect(text(result.stdout)).toBe('hello\n');
  });

  test('rule 29: the working directory never chooses the program through an empty or relative PATH entry', async () => {
    aFile('planted', '#!/bin/sh\necho planted\n');
    for (const path of ['', ':', '.', './:.']) {
      await expect(measureExecutable('planted', { cwd: folder, path })).rejects.toMatchObject({
        code: 'ERR_RUNNER_NOT_FOUND',
      });
    }
  });

  test('a symbolic link is measured as the file behind it and still sees its own name as argv[0]', async () => {
    symlinkSync(realpathSync('/bin/sh'), join(folder, 'link'));
    const measured = await measureExecutable('./link', { cwd: folder });
    expect(measured.path).toBe(realpathSync('/bin/sh'));
    const result = await (await start(['./link', '-c', 'echo $0'], { cwd: folder })).done;
    expect(text(result.stdout)).toBe('./link\n');
  });

  test.each([
    ['nothing of that name', 'absent-program', 'ERR_RUNNER_NOT_FOUND'],
    ['no such path', './absent-program', 'ERR_RUNNER_NOT_FOUND'],
    ['a directory', './', 'ERR_RUNNER_NOT_EXECUTABLE'],
    ['an empty name', '', 'ERR_RUNNER_SPEC'],
    ['a name with a NUL', 'sh\0', 'ERR_RUNNER_SPEC'],
  ])('%s is refused', async (_title, argv0, code) => {
    await expect(measureExecutable(argv0, { cwd: folder, path: PATH })).rejects.toMatchObject({ code });
  });

  test('a file without execute permission is refused', async () => {
    aFile('plain.sh', '#!/bin/sh\n', 0o644);
    await expect(measureExecutable('./plain.sh', { cwd: folder })).rejects.toMatchObject({
      code: 'ERR_RUNNER_NOT_EXECUTABLE',
    });
  });

  test('rule 29: a text file without #! is refused, because only a shell would run it', async () => {
    aFile('bare', 'echo a shell ran this\n');
    aFile('through', `#!${join(folder, 'bare')}\n`);
    for (const name of ['./bare', './through']) {
      await expect(measureExecutable(name, { cwd: folder })).rejects.toMatchObject({
        code: 'ERR_RUNNER_NOT_EXECUTABLE',
      });
    }
  });

  test('a script whose interpreter is missing is refused', async () => {
    aFile('lost', '#!/nowhere/interpreter\n');
    await expect(measureExecutable('./lost', { cwd: folder })).rejects.toMatchObject({
      code: 'ERR_RUNNER_NOT_FOUND',
    });
  });
});

describe('what was measured is what runs', () => {
  test('rule 29: a script changed between measuring and running is refused', async () => {
    const path = aFile('deploy.sh', '#!/bin/sh\necho agreed\n');
    const measured = await measureExecutable(path, { cwd: '/' });
    writeFileSync(path, '#!/bin/sh\necho something else\n');
    await expect(start([path], { measured })).rejects.toMatchObject({ code: 'ERR_RUNNER_CHANGED' });
  });

  test('rule 29: a program replaced between measuring and running is refused', async () => {
    const path = aFile('tool', readFileSync(realpathSync('/bin/true')));
    const measured = await measureExecutable(path, { cwd: '/' });
    renameSync(aFile('other', readFileSync(realpathSync('/bin/false'))), path);
    await expect(start([path], { measured })).rejects.toMatchObject({ code: 'ERR_RUNNER_CHANGED' });
  });

  test('rule 29: a program that vanished or became a directory is refused', async () => {
    const path = aFile('gone', '#!/bin/sh\n');
    const measured = await measureExecutable(path, { cwd: '/' });
    rmSync(path);
    await expect(start([path], { measured })).rejects.toMatchObject({ code: 'ERR_RUNNER_NOT_FOUND' });
    mkdirSync(path);
    await expect(start([path], { measured })).rejects.toMatchObject({ code: 'ERR_RUNNER_NOT_EXECUTABLE' });
  });

  test('a made-up digest is refused and nothing runs', async () => {
    const measured = { path: realpathSync('/bin/sh'), digest: 'A'.repeat(43) };
    const mark = join(folder, 'ran');
    await expect(
      run({ argv: ['sh', '-c', `echo > ${mark}`], cwd: '/', env: {} }, { measured, marker: aMarker() }),
    ).rejects.toMatchObject({ code: 'ERR_RUNNER_CHANGED' });
    expect(() => readFileSync(mark)).toThrow();
  });
});
