// Claims about tool calls through the gateway: what is permitted happens, what is denied leaves no trace.
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { see } from './claim.ts';
import type { Scenario } from './scenario.ts';
import { pinTools, there } from './world.ts';

export const tools: Scenario = async ({ world, claim, keep }) => {
  await pinTools(world);
  const agent = await world.agent('Ada’s assistant');
  const session = await world.toolSession(agent);
  const at = (name: string): string => join(world.workspace, name);

  await claim('a permitted read and write', async () => {
    const read = await session.call('read_text_file', { path: at('notes.txt') });
    see(!read.isError && read.text.includes('Buy oats'), `the read answered ${read.text}`);
    const write = await session.call('write_file', { path: at('plan.txt'), content: 'oats, then Ada\n' });
    see(!write.isError, `the write answered ${write.text}`);
    const written = await readFile(at('plan.txt'), 'utf8');
    see(written === 'oats, then Ada\n', `plan.txt holds ${JSON.stringify(written)}`);
    return 'notes.txt was read through the gateway; plan.txt is on disk with exactly the committed text';
  });

  await claim('a write outside the workspace is denied', async () => {
    const target = join(world.folder, 'outside', 'planted.txt');
    const answer = await session.call('write_file', { path: target, content: 'x' });
    see(answer.isError && !there(target), `answered ${answer.text}; file there: ${there(target)}`);
    return `no file at ${target}; the agent was told: ${firstLine(answer.text)}`;
  });

  await claim('a path that climbs out is denied', async () => {
    const answer = await session.call('write_file', {
      path: `${world.workspace}/../outside/climbed.txt`,
      content: 'x',
    });
    const target = join(world.folder, 'outside', 'climbed.txt');
    see(answer.isError && !there(target), `answered ${answer.text}; file there: ${there(target)}`);
    see(answer.text.includes('not_canonical'), `denied for another reason: ${answer.text}`);
    return 'no file outside; the path was refused before any policy was asked';
  });

  await claim('a symlink that leads out is denied', async () => {
    await symlink(join(world.folder, 'outside'), at('shortcut'));
    const answer = await session.call('write_file', { path: at('shortcut/linked.txt'), content: 'x' });
    const target = join(world.folder, 'outside', 'linked.txt');
    see(answer.isError && !there(target), `answered ${answer.text}; file there: ${there(target)}`);
    return 'the link lies in the workspace and points out; no file appeared behind it';
  });

  await claim('a move whose destination alone is outside is denied', async () => {
    const target = join(world.folder, 'outside', 'plan.txt');
    const answer = await session.call('move_file', { source: at('plan.txt'), destination: target });
    see(
      answer.isError && !there(target) && there(at('plan.txt')),
      `answered ${answer.text}; moved: ${there(target)}`,
    );
    return 'plan.txt is where it was: both ends of a move are decided';
  });

  await claim('a held move runs after a person approves it', async () => {
    const [source, destination] = [at('plan.txt'), at('plan-of-today.txt')];
    const moving = session.call('move_file', { source, destination });
    const operator = await world.operator();
    const held = await waitForHold(operator, agent.subject);
    see(there(source) && !there(destination), 'the file moved before anybody approved');
    const approved = await world.cli(['approve', held, '--data', world.data, '--json']);
    see(approved.code === 0, `approve ended with ${approved.code}: ${approved.stderr}${approved.stdout}`);
    const answer = await moving;
    see(!answer.isError && there(destination) && !there(source), `after approval it answered ${answer.text}`);
    keep('held', held);
    return 'the file stayed until the approval was in the log, and then moved';
  });

  const { items } = await (await world.operator()).executions({ agent: agent.subject, verdict: 'allow' });
  const write = items.find(({ action }) => action === 'files/write_file');
  see(write !== undefined, 'the write is not among the executions');
  keep('execution', write.executionId);
  keep('run', write.run);
  await session.close();
};

async function waitForHold(
  operator: Awaited<ReturnType<Parameters<Scenario>[0]['world']['operator']>>,
  agent: string,
): Promise<string> {
  for (let tries = 0; tries < 100; tries += 1) {
    const found = (await operator.approvals()).find(({ chain }) => chain.at(-1)?.id === agent);
    if (found !== undefined) return found.executionId;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('no hold appeared');
}

const firstLine = (text: string): string => text.split('\n')[0] ?? '';
