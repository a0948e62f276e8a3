// Claims about the plane being gone: the door says no within its deadline, a running lease ends by itself, an impostor
// is not believed, and after the restart nothing is lost and nothing is guessed.
import { createServer } from 'node:http';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createDoor, Denied, guard, Halted } from '@licet/sdk';
import { see, until } from './claim.ts';
import type { Scenario } from './scenario.ts';
import { there } from './world.ts';

export const outage: Scenario = async ({ world, claim, tell }) => {
  const agent = await world.agent('Night shift');
  const warnings: Error[] = [];
  const door = createDoor(agent.plane, agent.plane.pinned, {
    onWarning: (warning) => void warnings.push(warning),
  });
  const path = join(world.workspace, 'shift.txt');
  let beats = 0;
  let stop = false;
  const work = guard(
    door,
    'files/write_file',
    async (args: { path: string; content: string }, { signal }) => {
      while (!signal.aborted && !stop) {
        beats += 1;
        await writeFile(args.path, `beat ${beats}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw signal.reason as Error;
    },
  );
  const running = work({ path, content: 'beat 0' }).then(
    () => undefined,
    (error: unknown) => error,
  );
  see(await until(() => beats > 2, 5_000), 'the work never began');
  const deny = async (name: string): Promise<Denied> => {
    const target = join(world.workspace, name);
    const write = guard(door, 'files/write_file', (args: { path: string; content: string }) =>
      writeFile(args.path, args.content),
    );
    const error = await write({ path: target, content: 'x' }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    see(!there(target), `${name} was written`);
    see(error instanceof Denied, `it failed with ${String(error)}`);
    return error;
  };

  tell('The plane is killed with SIGKILL while an execution runs.');
  await world.plane.kill();

  await claim('with the plane killed, the door denies within its deadline', async () => {
    const began = performance.now();
    const denied = await deny('while-dead.txt');
    const tookMs = Math.round(performance.now() - began);
    see(tookMs <= 3_000, `the denial took ${tookMs} ms`);
    return `no file; denied after ${tookMs} ms: ${denied.code}`;
  });

  await claim('something else answering on its port is refused', async () => {
    const impostor = createServer((request, response) => {
      request.resume();
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          verdict: 'allow',
          executionId: '01900000-0000-7000-8000-000000000000',
          permit: { entry: '{}', proof: '' },
          disclosures: { arguments: [], resources: [] },
        }),
      );
    });
    await new Promise<void>((resolve) =>
      impostor.listen(Number(new URL(world.plane.url).port), '127.0.0.1', resolve),
    );
    try {
      const denied = await deny('by-impostor.txt');
      return `a server that says yes to everything answered on the plane's port; no file; the door said: ${denied.code}`;
    } finally {
      impostor.closeAllConnections();
      await new Promise((resolve) => impostor.close(resolve));
    }
  });

  await claim('the running lease ends by itself', async () => {
    const ended = await Promise.race([
      running,
      new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), 45_000)),
    ]);
    const at = beats;
    stop = true;
    see(ended !== 'late' && ended instanceof Halted, `the work ended with ${String(ended)}`);
    await new Promise((resolve) => setTimeout(resolve, 300));
    see(beats === at, 'it still beats');
    see(
      await until(() => warnings.some(({ message }) => message.includes('in doubt')), 5_000),
      'nobody was told that its outcome could not be reported',
    );
    return `after ${at} beats the work stopped by its own clock; nobody was there to take its report, and the door says so`;
  });

  tell('The plane is started again on the same folder.');
  await world.plane.restart();

  await claim('after the restart the log is whole, and what is in doubt is listed and resolved', async () => {
    const operator = await world.operator();
    let doubt: string | undefined;
    const listed = await until(async () => {
      doubt = (await operator.executions({ state: 'in_doubt', agent: agent.subject })).items[0]?.executionId;
      return doubt !== undefined;
    }, 10_000);
    see(listed && doubt !== undefined, 'nothing is listed as in doubt');
    const resolved = await world.cli([
      'runs',
      'resolve',
      doubt,
      '--as',
      'halted',
      '--reason',
      'plane_lost',
      '--data',
      world.data,
      '--json',
    ]);
    see(resolved.code === 0, `resolve ended with ${resolved.code}: ${resolved.stderr}${resolved.stdout}`);
    const now = await operator.execution(doubt);
    see(now.state === 'halted', `its state is ${now.state}`);
    const fsck = await world.cli(['log', 'fsck', '--data', world.data, '--json']);
    see(fsck.code === 0, `fsck ended with ${fsck.code}: ${fsck.stderr}${fsck.stdout}`);
    const { items } = await operator.executions({ state: 'in_doubt' });
    see(items.length === 0, `${items.length} more in doubt`);
    return `every entry re-computed; the cut-off execution was listed in doubt and a person said what became of it`;
  });
};
