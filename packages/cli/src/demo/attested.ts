// The claim about what runs: the program that was measured is the program that runs, or nothing runs.
import { chmod, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { see, until } from './claim.ts';
import type { Scenario } from './scenario.ts';
import type { World } from './world.ts';

/** Appends a line to its file every tenth of a second, so many times. */
const WORKER = `#!/bin/sh
i=0
while [ $i -lt "$2" ]; do echo beat >> "$1"; i=$((i+1)); sleep 0.1; done
`;

export const attested: Scenario = async ({ world, claim }) => {
  await claim('a changed executable halts what runs, and is not started again', async () => {
    const program = join(world.folder, 'bin', 'worker');
    const beats = join(world.workspace, 'worker.beats');
    await put(program, WORKER);
    const measured = await world.cli(['attest', 'measure', program, '--json']);
    see(measured.code === 0, `measuring ended with ${measured.code}: ${measured.stderr}`);
    const { digest } = JSON.parse(measured.stdout) as { readonly digest: string };
    await publishAttested(world, program, digest);

    const agent = await world.agent('Worker');
    const words = (times: number): readonly string[] =>
      ['exec', '--data', world.data, '--agent', agent.subject, '--cwd', world.workspace, '--json'].concat(
        '--',
        program,
        beats,
        String(times),
      );
    const child = world.spawnCli(words(1_000_000));
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
    see(await until(async () => (await sizeOf(beats)) > 50, 20_000), `the worker never beat: ${output}`);
    const before = await alive(program);
    see(before.length > 0, 'the worker is not in the process list');

    // As an update would do it: another file under the name. What runs is still the old one.
    await put(`${program}.new`, `${WORKER}# changed\n`);
    await rename(`${program}.new`, program);
    const gone = await until(async () => (await alive(program)).length === 0, 15_000);
    see(gone, `${(await alive(program)).length} processes of the changed program are alive after 15 s`);
    const code = await ended;
    see(code === 3 && output.includes('attestation_contraindicated'), `it ended with ${code}: ${output}`);

    const size = await sizeOf(beats);
    const again = await world.cli(words(3));
    see(again.code === 3 && (await sizeOf(beats)) === size, `the changed program ran: ${again.stdout}`);
    await put(program, WORKER);
    const restored = await world.cli(words(3));
    see(restored.code === 0, `as it was measured it ended with ${restored.code}: ${restored.stderr}`);
    return `${before.length} process(es) before the file changed, none after; the changed file was not started, the measured one was`;
  });
};

async function put(file: string, content: string): Promise<void> {
  await writeFile(file, content);
  await chmod(file, 0o755);
}

const sizeOf = (file: string): Promise<number> =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  );

/** Processes that execute the program; the door that launched them has `exec` among its words. */
async function alive(program: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (words.includes(program) && !words.includes('exec')) found.push(pid);
  }
  return found;
}

/** Publishes the policy in force with the program's digest as the only one that commands may have. */
async function publishAttested(world: World, program: string, digest: string): Promise<void> {
  const folder = join(world.folder, 'policy-attested');
  const programs = [join(world.folder, 'bin', 'busy-tree'), program];
  const made = await world.cli([
    'policy',
    'init',
    folder,
    '--data',
    world.data,
    '--workspace',
    world.workspace,
    ...programs.flatMap((path) => ['--program', path]),
    '--json',
  ]);
  see(made.code === 0, `policy init ended with ${made.code}: ${made.stderr}`);
  const file = join(folder, 'bundle.json');
  const head = JSON.parse(await readFile(file, 'utf8')) as {
    readonly actions: Readonly<Record<string, object>>;
  };
  const actions = {
    ...head.actions,
    'shell/exec': { ...head.actions['shell/exec'], floor: { lease: '2s', max: '5m' } },
  };
  const attest = { 'shell/exec': [{ kind: 'executable', maxAge: '10s', allow: [digest] }] };
  await writeFile(file, `${JSON.stringify({ ...head, actions, attest }, null, 2)}\n`);
  // The starter's own tests run other programs, and attest nothing.
  await writeFile(
    join(folder, 'policy.test.json'),
    `${JSON.stringify({ tests: [attestedTest(world, program, digest)] })}\n`,
  );
  const published = await world.cli(['policy', 'publish', folder, '--data', world.data, '--yes', '--json']);
  see(published.code === 0, `publish ended with ${published.code}: ${published.stderr}${published.stdout}`);
}

function attestedTest(world: World, program: string, digest: string): object {
  const executable = { status: 'affirming', measured: digest, ageMs: 0, leftMs: 60_000, by: 'self' };
  return {
    name: 'the measured program runs in the workspace',
    given: {
      agent: 'agent-1',
      groups: ['assistants'],
      user: 'user-1',
      action: 'shell/exec',
      args: { argv: [program], cwd: world.workspace, env: {}, stdin: null },
      attestation: { executable },
      door: { bound: ['input', 'resource', `program:${digest}`] },
    },
    expect: { verdict: 'allow' },
  };
}
