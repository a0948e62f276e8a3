// Claims about permits themselves, with an agent that speaks to the plane directly: what is bound cannot be changed,
// and what is spent is spent.
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { base64url } from '@licet/evidence';
import { createDoor, Denied, openExecution } from '@licet/sdk';
import type { Permitted, PlaneClient } from '@licet/api';
import { see } from './claim.ts';
import type { Scenario } from './scenario.ts';
import { there, type Agent } from './world.ts';

export const permits: Scenario = async ({ world, claim }) => {
  const agent = await world.agent('Mallory');

  await claim('arguments altered after the permit are refused', async () => {
    const [asked, altered] = ['asked.txt', 'altered.txt'].map((name) => join(world.workspace, name)) as [
      string,
      string,
    ];
    // A permit for one file is handed to a door that was asked for another.
    const switched = switchAnswer(agent, { path: asked, content: 'asked' });
    let ran = false;
    const refused = await openExecution(createDoor(switched, agent.plane.pinned), {
      action: 'files/write_file',
      arguments: { path: altered, content: 'altered' },
      claim: { grade: 'in-process', confine: 'none', bound: ['input', 'resource'] },
    }).then(
      async (execution) => {
        ran = true;
        await writeFile(String(execution.args['path']), String(execution.args['content']));
        return undefined;
      },
      (error: unknown) => error,
    );
    see(!ran && !there(altered), 'the altered call ran');
    see(refused instanceof Denied, `it failed with ${String(refused)}`);
    return `no altered.txt; the door said: ${refused.code}`;
  });

  await claim('a permit used twice is refused the second time', async () => {
    const path = join(world.workspace, 'once.txt');
    const permit = await askPermit(agent, { path, content: 'once' });
    const door = { grade: 'in-process', confine: 'none', bound: ['input', 'resource'] } as const;
    let effects = 0;
    const instances = [0, 1].map(() => base64url(randomBytes(16)));
    const spend = async (instance: string): Promise<string> => {
      const answer = await agent.plane.redeem(permit.executionId, { permit: permit.permit, instance, door });
      if (answer.verdict !== 'started') return answer.code;
      effects += 1;
      await writeFile(path, `written ${effects} time(s)`);
      return 'started';
    };
    const first = await spend(instances[0]!);
    const second = await spend(instances[1]!);
    await agent.plane.report(permit.executionId, { instance: instances[0]!, status: 'completed' });
    see(
      first === 'started' && second !== 'started' && effects === 1,
      `first: ${first}, second: ${second}, effects: ${effects}`,
    );
    return `once.txt was written once; the second redemption was refused: ${second}`;
  });
};

async function askPermit(
  agent: Agent,
  args: { readonly path: string; readonly content: string },
): Promise<Permitted> {
  const answer = await agent.plane.request({
    action: 'files/write_file',
    arguments: args,
    idempotencyKey: base64url(randomBytes(16)),
    instance: base64url(randomBytes(16)),
    door: { grade: 'in-process', confine: 'none', bound: ['input', 'resource'] },
  });
  see(answer.verdict === 'allow', `no permit: ${JSON.stringify(answer)}`);
  return answer;
}

/** The plane as seen through a liar on the way: every request gets the permit for other arguments. */
function switchAnswer(
  agent: Agent,
  others: { readonly path: string; readonly content: string },
): PlaneClient {
  return new Proxy(agent.plane, {
    get(target, name, receiver) {
      if (name !== 'request') return Reflect.get(target, name, receiver) as unknown;
      return (body: Parameters<PlaneClient['request']>[0], options: Parameters<PlaneClient['request']>[1]) =>
        target.request({ ...body, arguments: { ...others } }, options);
    },
  });
}
