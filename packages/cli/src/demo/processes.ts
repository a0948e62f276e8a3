// Claims about what is stopped: real process trees, looked for in the process list.
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { guard, Halted, openExecution, createDoor } from '@licet/sdk';
import { see, until } from './claim.ts';
import type { Scenario } from './scenario.ts';

/** Twenty processes that want to live: some in sessions of their own, some deaf to SIGTERM, some orphaned. */
export const BUSY_TREE = `#!/bin/sh
# Keeps a tree of processes busy. Each appends to its own file while it lives.
beat() { while :; do echo "$1" >> "$2/beat-$1"; sleep 0.2; done; }
dir="$1"
i=0
while [ $i -lt 10 ]; do beat "plain-$i" "$dir" & i=$((i+1)); done
i=0
while [ $i -lt 5 ]; do setsid sh -c 'while :; do echo s >> "$1/beat-setsid-$2"; sleep 0.2; done' busy-tree "$dir" "$i" & i=$((i+1)); done
i=0
while [ $i -lt 5 ]; do ( trap '' TERM; while :; do echo d >> "$dir/beat-deaf-$i"; sleep 0.2; done ) & i=$((i+1)); done
# Double fork: the parent leaves, the child is nobody's.
( ( while :; do echo o >> "$dir/beat-orphan"; sleep 0.2; done ) & )
wait
`;

export const processes: Scenario = async ({ world, claim, keep }) => {
  const program = join(world.folder, 'bin', 'busy-tree');
  await writeFile(program, BUSY_TREE);
  await chmod(program, 0o755);

  await claim('a long command with twenty stubborn processes is contained in mid-run', async () => {
    const agent = await world.agent('Builder');
    const child = world.spawnCli([
      'exec',
      '--data',
      world.data,
      '--agent',
      agent.subject,
      '--cwd',
      world.workspace,
      '--json',
      '--',
      program,
      world.workspace,
    ]);
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
    const beats = async (): Promise<readonly string[]> =>
      (await readdir(world.workspace)).filter((name) => name.startsWith('beat-'));
    const grown = await until(async () => (await beats()).length >= 21, 20_000);
    see(grown, `only ${(await beats()).length} of 21 processes came up: ${output}`);
    const before = await alive(world.workspace);
    const operator = await world.operator();
    const { items } = await operator.executions({
      agent: agent.subject,
      action: 'shell/exec',
      state: 'running',
    });
    const run = items[0]?.run;
    see(run !== undefined, 'the command is not among the running executions');
    keep('exec', items[0]!.executionId);
    const contained = await world.cli(['contain', `run:${run}`, '--data', world.data, '--yes', '--json']);
    see(contained.code === 0, `contain ended with ${contained.code}: ${contained.stderr}${contained.stdout}`);
    const gone = await until(async () => (await alive(world.workspace)).length === 0, 5_000);
    const left = await alive(world.workspace);
    see(gone, `${left.length} processes are alive after 5 s: ${left.join(', ')}`);
    await ended;
    const again = await world.cli([
      'exec',
      '--data',
      world.data,
      '--agent',
      agent.subject,
      '--cwd',
      world.workspace,
      '--',
      program,
      world.workspace,
    ]);
    see(again.code === 3, `a new command of the contained agent ended with ${again.code}`);
    return `${before.length} processes before, none in the process list after; the same agent may start nothing new`;
  });

  await claim('a child stops when its parent is contained', async () => {
    const agent = await world.agent('Planner');
    const door = createDoor(agent.plane, agent.plane.pinned);
    const parent = await openExecution(door, {
      action: 'licet/session',
      arguments: {},
      claim: { grade: 'in-process', confine: 'none', bound: ['input', 'resource'] },
    });
    let effects = 0;
    const path = join(world.workspace, 'counter.txt');
    const count = guard(
      door,
      'files/write_file',
      async (args: { path: string; content: string }, { signal }) => {
        while (!signal.aborted) {
          effects += 1;
          await writeFile(args.path, String(effects));
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        throw signal.reason as Error;
      },
    );
    const running = count({ path, content: '0' }, { parent: parent.executionId }).then(
      () => undefined,
      (error: unknown) => error,
    );
    see(await until(() => effects > 3, 5_000), 'the child never ran');
    const operator = await world.operator();
    const contained = await operator.contain({ kind: 'execution', id: parent.executionId });
    see(contained.verdict === 'done', `containing answered ${JSON.stringify(contained)}`);
    const error = await running;
    const last = await readFile(path, 'utf8');
    await new Promise((resolve) => setTimeout(resolve, 500));
    see((await readFile(path, 'utf8')) === last, 'the child still writes');
    see(error instanceof Halted, `the child ended with ${String(error)}`);
    await parent.report({ status: 'halted', reason: 'contained' });
    return `the counter stood still at ${last}; the child was halted because of its parent`;
  });
};

/** Processes whose command line names the marker. */
async function alive(marker: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const words = line.split('\0');
    // The tree's own processes run the script or its `sh -c`; the doors that launched it are not part of it.
    if (words.some((word) => word.endsWith('busy-tree')) && words.includes(marker) && !words.includes('exec'))
      found.push(pid);
  }
  return found;
}
