// Goal: exactly the committed command runs, and it ends when it may no longer run. Method: real processes behind the
// runner, and a plane with a real log whose answers a test can bend.
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { base64url, sha256, utf8 } from '@licet/evidence';
import type { Denial } from '@licet/api';
import { createDoor, Denied, processMemory, type Door } from '@licet/sdk';
import { anAdversary, type Adversary, type Bends } from '../../sdk/test/adversary.ts';
import { detectConfinement, execGoverned, measureExecutable } from '../src/index.ts';

const folders: string[] = [];
function aFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'licet-exec-')));
  folders.push(folder);
  return folder;
}
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
function aPlane(bends: Bends = {}): { readonly plane: Adversary; readonly door: Door } {
  const plane = anAdversary({ ttlMs: 5_000, ...bends });
  return {
    plane,
    door: createDoor(
      plane.client,
      { trust: plane.trust, jkt: plane.jkt, memory: processMemory() },
      { onWarning: () => undefined },
    ),
  };
}
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const deny: Denial = {
  verdict: 'deny',
  code: 'policy',
  decisionId: 'd',
  executionId: 'e',
  reason: 'No.',
  policies: [],
  next: 'Stop.',
};

describe('the command door', () => {
  it('runs the measured program with the listed environment only, and reports exit and output by digest', async () => {
    const { plane, door } = aPlane();
    const cwd = aFolder();
    const end = await execGoverned({
      plane: door,
      argv: ['sh', '-c', 'cat; env | grep -v LICET_EXECUTION | sort; pwd'],
      cwd,
      env: { PATH: '/usr/bin:/bin', A: '1' },
      stdin: utf8('in\n'),
    });
    expect(end.exit).toBe(0);
    const output = text(end.stdout);
    expect(output.startsWith('in\n')).toBe(true);
    expect(output).toContain('A=1\n');
    expect(output).not.toContain('HOME=');
    expect(output.endsWith(`${cwd}\n`)).toBe(true);
    const measured = await measureExecutable('sh', { cwd });
    const [request] = plane.requests;
    expect(request).toMatchObject({
      action: 'shell/exec',
      arguments: {
        argv: [measured.path, '-c', 'cat; env | grep -v LICET_EXECUTION | sort; pwd'],
        cwd,
        env: { PATH: '/usr/bin:/bin', A: '1' },
        stdin: `sha256:${base64url(sha256(utf8('in\n')))}`,
      },
      door: {
        grade: 'in-process',
        confine: (await detectConfinement()).best,
        bound: ['input', 'resource', `program:${measured.digest}`],
      },
    });
    expect(plane.reports).toMatchObject([
      {
        status: 'completed',
        exit: 0,
        result: {
          stdout: { digest: base64url(sha256(end.stdout)), bytes: end.stdout.length },
          stderr: { bytes: 0 },
        },
      },
    ]);
  });

  it('a command that fails is reported as failed with its exit code', async () => {
    const { plane, door } = aPlane();
    expect((await execGoverned({ plane: door, argv: ['sh', '-c', 'exit 3'] })).exit).toBe(3);
    expect(plane.reports).toMatchObject([{ status: 'failed', reason: 'exit', exit: 3 }]);
  });

  it('what is denied does not run, nor what is permitted otherwise than asked', async () => {
    const cwd = aFolder();
    const mark = join(cwd, 'ran');
    const bends: readonly Bends[] = [
      { answer: () => deny },
      { commitArguments: (asked) => ({ ...asked, argv: ['/bin/sh', '-c', 'true'] }) },
      { commitArguments: (asked) => ({ ...asked, env: { EVIL: '1' } }) },
      { permit: (entry) => ({ ...entry, bound: ['input', 'resource'] }) },
      { permit: (entry) => ({ ...entry, confine: 'none' }) },
      { answer: () => new Promise(() => undefined) },
    ];
    for (const bend of bends) {
      await expect(
        execGoverned({ plane: aPlane(bend).door, argv: ['sh', '-c', `touch ${mark}`], cwd }),
      ).rejects.toBeInstanceOf(Denied);
    }
    expect(existsSync(mark)).toBe(false);
  });

  it('a program that was changed between measuring and starting does not run', async () => {
    const cwd = aFolder();
    const program = join(cwd, 'program');
    const mark = join(cwd, 'ran');
    writeFileSync(program, '#!/bin/sh\ntrue\n', { mode: 0o755 });
    const { plane, door } = aPlane({
      answer: (answer) => {
        writeFileSync(program, `#!/bin/sh\ntouch ${mark}\n`);
        return answer;
      },
    });
    await expect(execGoverned({ plane: door, argv: [program], cwd })).rejects.toMatchObject({
      code: 'ERR_RUNNER_CHANGED',
    });
    expect(existsSync(mark)).toBe(false);
    expect(plane.reports).toMatchObject([{ status: 'failed', reason: 'not_started' }]);
  });

  it('a refused renewal ends the command and what it started', async () => {
    const { plane, door } = aPlane({ ttlMs: 3_000, renew: () => ({ ...deny, code: 'contained' }) });
    const from = performance.now();
    const end = await execGoverned({ plane: door, argv: ['sh', '-c', 'sleep 30 & sleep 30'] });
    expect(end).toMatchObject({ haltCode: 'contained' });
    expect(performance.now() - from).toBeLessThan(20_000);
    expect(plane.reports).toMatchObject([{ status: 'halted', reason: 'contained' }]);
  });

  it('variables of the product never reach a command, not even on request', async () => {
    const { door } = aPlane();
    await expect(
      execGoverned({ plane: door, argv: ['true'], env: { LICET_TOKEN: 'x' } }),
    ).rejects.toMatchObject({ code: 'ERR_RUNNER_SPEC' });
  });
});
