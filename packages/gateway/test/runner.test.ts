// Goal: a command runs exactly as given and inherits nothing else. Method: real commands, real process list.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { GATEWAY_ERRORS, detectConfinement, measureExecutable, run } from '../src/index.ts';
import { parseReport } from '../src/runner/report.ts';
import { PATH, aMarker, carriers, sh, sleep, start, text } from './fixtures/runner-kit.ts';

describe('a plain command', () => {
  test('prints, ends with its exit code and takes measurable time', async () => {
    const result = await (await sh('echo out; echo err >&2; sleep 0.1; exit 7')).done;
    expect(result).toMatchObject({ exit: 7, signal: null, truncated: false });
    expect(result.halted).toBeUndefined();
    expect([text(result.stdout), text(result.stderr)]).toEqual(['out\n', 'err\n']);
    expect(result.durationMs).toBeGreaterThanOrEqual(90);
  });

  test('that dies of a signal says which', async () => {
    expect(await (await sh('kill -SEGV $$')).done).toMatchObject({ exit: null, signal: 'SIGSEGV' });
  });

  test('gets its arguments as they are: nothing is expanded, split or quoted', async () => {
    const argv = [
      'printf',
      '%s|',
      '$HOME',
      '`id`',
      '; rm -rf /nowhere',
      'two words',
      '*',
      '"',
      "'",
      '\n',
      '',
      'ä',
    ];
    const result = await (await start(argv)).done;
    expect(text(result.stdout)).toBe(
      argv
        .slice(2)
        .map((part) => `${part}|`)
        .join(''),
    );
  });

  test('reads exactly the bytes of stdin, and nothing when there are none', async () => {
    const stdin = new Uint8Array(300_000).map((_, index) => index % 251);
    expect((await (await start(['cat'], { stdin })).done).stdout).toEqual(stdin);
    expect((await (await start(['cat'])).done).stdout).toEqual(new Uint8Array());
  });

  test('that does not read its stdin is no failure', async () => {
    expect(await (await start(['true'], { stdin: new Uint8Array(2_000_000) })).done).toMatchObject({
      exit: 0,
    });
  });

  test('runs in the given directory', async () => {
    expect(text((await (await start(['pwd'], { cwd: '/usr' })).done).stdout)).toBe('/usr\n');
  });

  test('streams its output while it runs', async () => {
    const chunks: string[] = [];
    const handle = await sh('echo first; sleep 5', { onStdout: (chunk) => chunks.push(text(chunk)) });
    await expect.poll(() => chunks.join('')).toBe('first\n');
    await handle.halt('seen enough', 0);
  });

  test('is halted when the reader of its output throws', async () => {
    const handle = await sh('echo x; sleep 30', {
      onStdout: () => {
        throw new Error('reader broke');
      },
    });
    expect(await handle.done).toMatchObject({ halted: 'output_handler_failed' });
  });

  test('that floods its output is drained, and the first bytes are kept', async () => {
    const result = await (await sh('head -c 30000000 /dev/zero; echo end >&2')).done;
    expect(result).toMatchObject({ exit: 0, truncated: true });
    expect(result.stdout.length).toBe(8 * 1024 * 1024);
    expect(text(result.stderr)).toBe('end\n');
    const small = await (await sh('printf 12345', { maxOutputBytes: 5 })).done;
    expect([text(small.stdout), small.truncated]).toEqual(['12345', false]);
    const cut = await (await sh('printf 123456', { maxOutputBytes: 5 })).done;
    expect([text(cut.stdout), cut.truncated]).toEqual(['12345', true]);
  });

  test('takes a megabyte of arguments; more than the system takes is refused by name', async () => {
    const argv = ['sh', '-c', 'echo $#', 'sh', ...Array.from({ length: 10_000 }, () => 'x'.repeat(100))];
    expect(text((await (await start(argv)).done).stdout)).toBe('10000\n');
    await expect(start(['true', 'x'.repeat(3_000_000)])).rejects.toMatchObject({ code: 'ERR_RUNNER_SPAWN' });
  });

  test('leaves nothing behind when its first process ends', async () => {
    const marker = aMarker();
    const result = await (await sh('setsid sleep 300 & sleep 300 & echo done', { marker })).done;
    expect([result.exit, text(result.stdout)]).toEqual([0, 'done\n']);
    expect(carriers(marker)).toEqual([]);
  });
});

describe('what is refused before anything runs', () => {
  test.each([
    ['an empty argv', { argv: [] }, 'ERR_RUNNER_SPEC'],
    ['a NUL in an argument', { argv: ['true', 'a\0b'] }, 'ERR_RUNNER_SPEC'],
    ['a relative directory', { cwd: 'tmp' }, 'ERR_RUNNER_CWD'],
    ['a directory that is not there', { cwd: '/nowhere' }, 'ERR_RUNNER_CWD'],
    ['a file as directory', { cwd: '/etc/passwd' }, 'ERR_RUNNER_CWD'],
    ['a variable without a name', { env: { '': 'x' } }, 'ERR_RUNNER_SPEC'],
    ['a variable with = in its name', { env: { 'A=B': 'x' } }, 'ERR_RUNNER_SPEC'],
    ['a NUL in a variable', { env: { A: 'x\0LICET_TOKEN=y' } }, 'ERR_RUNNER_SPEC'],
    ['another marker in the environment', { env: { LICET_EXECUTION: 'of-another' } }, 'ERR_RUNNER_SPEC'],
  ])('%s', async (_title, change, code) => {
    const measured = await measureExecutable('true', { cwd: '/', path: PATH });
    const spec = { argv: ['true'], cwd: '/', env: {}, ...change };
    await expect(run(spec, { measured, marker: aMarker() })).rejects.toMatchObject({ code });
  });

  test.each(['', 'short', 'has space in it', 'a=b=c=d=e=f', 'x'.repeat(201)])(
    'the marker %j',
    async (marker) => {
      await expect(start(['true'], { marker })).rejects.toMatchObject({ code: 'ERR_RUNNER_SPEC' });
    },
  );

  test('an execution aborted before it starts', async () => {
    await expect(start(['true'], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_RUNNER_HALTED',
    });
  });

  test('an execution aborted while it starts never hands out a handle, or one that is halted', async () => {
    for (const delayMs of [0, 10, 30]) {
      const marker = aMarker();
      const abort = new AbortController();
      setTimeout(() => abort.abort(), delayMs);
      const outcome = await sh('sleep 300', { marker, signal: abort.signal }).then(
        async (handle) => (await handle.done).halted,
        (error: { code: string }) => error.code,
      );
      expect(['aborted', 'ERR_RUNNER_HALTED']).toContain(outcome);
      expect(carriers(marker)).toEqual([]);
    }
  });
});

describe('what a governed child inherits', () => {
  test('rule 28: its environment is exactly the given one and the marker', async () => {
    const marker = aMarker();
    const result = await (
      await start(['env', '-0'], { env: { A: '1', B: 'x=y\nz', __proto__x: '2' }, marker })
    ).done;
    expect(text(result.stdout).split('\0').filter(Boolean).sort()).toEqual(
      ['A=1', 'B=x=y\nz', `LICET_EXECUTION=${marker}`, '__proto__x=2'].sort(),
    );
  });

  test('rule 28: a variable of the product is refused even when it is asked for', async () => {
    for (const name of ['LICET_TOKEN', 'LICET_DATA', 'LICET_SOCKET']) {
      await expect(start(['env'], { env: { [name]: 'secret' } })).rejects.toMatchObject({
        code: 'ERR_RUNNER_SPEC',
      });
    }
  });

  test('rule 28: neither a secret in the door’s environment nor a descriptor it leaks reaches the child', async () => {
    const { namespace } = await detectConfinement();
    for (const confinement of namespace
      ? (['namespace', 'group-only'] as const)
      : (['group-only'] as const)) {
      const script = `env; for fd in /proc/$$/fd/*; do echo $fd; done; ${
        confinement === 'namespace' ? 'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline' : 'true'
      }`;
      const job = { argv: ['sh', '-c', script], cwd: '/', env: { PATH }, marker: aMarker(), confinement };
      const door = spawn(
        process.execPath,
        [fileURLToPath(new URL('./fixtures/door.ts', import.meta.url)), JSON.stringify(job)],
        {
          env: { LICET_TOKEN: 'hush-hush', NODE_V8_COVERAGE: '', SSH_AUTH_SOCK: '/hush-hush' },
          // Descriptors 3 to 30 are open in the door and not marked to close.
          stdio: ['ignore', 'pipe', 'inherit', ...Array.from({ length: 28 }, () => 'ignore' as const)],
        },
      );
      let output = '';
      door.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
      await new Promise((resolve) => door.once('close', resolve));
      const result = JSON.parse(output.trim().split('\n')[1] ?? '') as { exit: number; stdout: string };
      expect(result.exit).toBe(0);
      expect(result.stdout).not.toContain('hush-hush');
      const descriptors = [...result.stdout.matchAll(/\/proc\/\d+\/fd\/(\d+)$/gm)].map((match) =>
        Number(match[1]),
      );
      // The shell may hold its own directory listing open, never more.
      expect(descriptors.filter((fd) => fd <= 2)).toEqual([0, 1, 2]);
      expect(descriptors.length).toBeLessThanOrEqual(4);
    }
  });

  test('rule 28: a child cannot open a debugger in its guardian', async () => {
    const { namespace } = await detectConfinement();
    for (const confinement of namespace ? (['namespace', 'swept'] as const) : (['swept'] as const)) {
      const marker = aMarker();
      const result = await (await sh('kill -USR1 $PPID; sleep 0.3; exit 9', { marker, confinement })).done;
      expect(result.exit).toBe(9);
      expect(text(result.stderr)).not.toContain('Debugger');
      expect(carriers(marker)).toEqual([]);
    }
  });

  test('rule 29: a child that kills its guardian, where it can, ends itself', async () => {
    const marker = aMarker();
    const script = 'setsid sleep 300 & sleep 0.2; kill -KILL $PPID; sleep 300';
    const result = await (await sh(script, { marker, confinement: 'swept' })).done;
    expect(result).toMatchObject({ exit: null, halted: 'guardian_lost' });
    expect(carriers(marker)).toEqual([]);
  });

  test('rule 29: a guardian killed before it can say that the command started leaves nobody, and no claim that nothing ran', async () => {
    for (const confinement of ['swept', 'group-only'] as const) {
      const marker = aMarker();
      const outcome = await sh('kill -KILL $PPID; sleep 300', { marker, confinement }).then(
        async (handle) => (await handle.done).halted,
        (error: { code: string }) => error.code,
      );
      expect(['guardian_lost', 'ERR_RUNNER_GUARDIAN']).toContain(outcome);
      expect(carriers(marker)).toEqual([]);
    }
  });
});

describe('halting', () => {
  test('lets a command that listens end by itself within the grace', async () => {
    const handle = await sh('trap "echo bye; exit 5" TERM; echo up; while :; do sleep 0.05; done');
    await sleep(200);
    await handle.halt('enough', 2_000);
    expect(await handle.done).toMatchObject({ exit: 5, signal: null, halted: 'enough' });
    expect(text((await handle.done).stdout)).toBe('up\nbye\n');
  });

  test('kills one that does not after the grace, and a second call may shorten it', async () => {
    const handle = await sh('trap "" TERM; while :; do sleep 0.05; done');
    await sleep(100);
    const long = handle.halt('first', 60_000);
    await handle.halt('second', 50);
    await long;
    expect(await handle.done).toMatchObject({ exit: null, signal: 'SIGKILL', halted: 'first' });
  });

  test('happens when the signal aborts', async () => {
    const abort = new AbortController();
    const handle = await sh('sleep 300', { signal: abort.signal });
    abort.abort();
    expect(await handle.done).toMatchObject({ signal: 'SIGTERM', halted: 'aborted' });
  });

  test('after the end changes nothing', async () => {
    const handle = await start(['true']);
    const result = await handle.done;
    await handle.halt('late');
    expect(await handle.done).toBe(result);
    expect(result.halted).toBeUndefined();
  });
});

describe('what the guardian says is foreign input', () => {
  test.each([
    '',
    'null',
    '[]',
    '{}',
    'not json',
    '{"is":"started"}',
    '{"is":"started","pid":0}',
    '{"is":"started","pid":-1}',
    '{"is":"started","pid":"1"}',
    '{"is":"ended"}',
    '{"is":"ended","exit":"0","signal":null}',
    '{"is":"ended","exit":0.5,"signal":null}',
    '{"is":"refused","code":"toString","message":"x"}',
    '{"is":"refused","code":"ERR_RUNNER_SPAWN"}',
  ])('%s is no report', (line) => {
    expect(parseReport(line)).toBeUndefined();
  });

  test('the three reports are read as they are', () => {
    for (const report of [
      { is: 'refused', code: 'ERR_RUNNER_CHANGED', message: 'why' },
      { is: 'started', pid: 2 },
      { is: 'ended', exit: null, signal: 'SIGKILL' },
    ]) {
      expect(parseReport(JSON.stringify(report))).toEqual(report);
    }
  });
});

test('every error code of the runner is used, and its source names it', () => {
  const read = (name: string): string =>
    readFileSync(new URL(`../src/runner/${name}`, import.meta.url), 'utf8');
  const source = ['run.ts', 'spec.ts', 'measure.ts', 'confinement.ts', 'guardian.mjs'].map(read).join('');
  for (const code of Object.keys(GATEWAY_ERRORS).filter((name) => name.startsWith('ERR_RUNNER_'))) {
    expect(source).toContain(`'${code}'`);
  }
});
