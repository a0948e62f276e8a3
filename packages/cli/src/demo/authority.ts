// Claims about who may act and how far: an agent's own key, a budget, and an operator's word.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createDoor, Denied, guard, Halted, openExecution } from '@licet/sdk';
import { connect, newPrivateJwk, publicHalf, type PrivateJwk } from '@licet/api';
import { jwkThumbprint } from '@licet/evidence';
import { see, until } from './claim.ts';
import type { Scenario } from './scenario.ts';
import { there, type Agent, type World } from './world.ts';

export const authority: Scenario = async ({ world, claim }) => {
  const at = (name: string): string => join(world.workspace, name);

  await claim('an agent enrols with a key of its own, and nobody else can use its name', async () => {
    const enrolled = await world.cli(['agents', 'enroll', 'Courier', '--data', world.data, '--json']);
    see(enrolled.code === 0, `enroll ended with ${enrolled.code}: ${enrolled.stderr}`);
    const { subject, key } = JSON.parse(enrolled.stdout) as {
      readonly subject: string;
      readonly key: string;
    };
    const own = await connect({
      url: world.plane.url,
      trust: world.trust,
      key: JSON.parse(await readFile(key, 'utf8')) as PrivateJwk,
    });
    const write = writerOf(own);
    await write({ path: at('courier.txt'), content: 'delivered' });
    see(there(at('courier.txt')), 'courier.txt was not written');
    const stranger = await connect({ url: world.plane.url, trust: world.trust, key: await newPrivateJwk() });
    const refused = await writerOf(stranger)({ path: at('stranger.txt'), content: 'x' }).then(
      () => undefined,
      (error: unknown) => error,
    );
    see(!there(at('stranger.txt')), 'a key that nobody enrolled wrote stranger.txt');
    see(refused instanceof Denied, `the stranger ended with ${String(refused)}`);
    return `${subject} proved its key and wrote courier.txt; a key that nobody enrolled wrote nothing: ${refused.code}`;
  });

  await claim('a freeze set by an operator denies, and ends what runs', async () => {
    const agent = await world.agent('Editor');
    const door = createDoor(agent.plane, agent.plane.pinned);
    let beats = 0;
    const draft = guard(
      door,
      'files/write_file',
      async (args: { path: string; content: string }, { signal }) => {
        while (!signal.aborted) {
          beats += 1;
          await writeFile(args.path, `${args.content} ${beats}`);
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        throw signal.reason as Error;
      },
    );
    const running = draft({ path: at('draft.txt'), content: 'beat' }).then(
      () => undefined,
      (error: unknown) => error,
    );
    see(await until(() => beats > 3, 5_000), 'the editor never wrote');
    await facts(world, 'set', 'freeze=true', '--for', '1h');
    const ended = await running;
    see(ended instanceof Halted, `the running edit ended with ${String(ended)}`);
    const write = writerOf(agent.plane);
    const refused = await write({ path: at('frozen.txt'), content: 'x' }).then(
      () => undefined,
      (error: unknown) => error,
    );
    see(!there(at('frozen.txt')), 'frozen.txt was written during the freeze');
    see(String(refused).includes('freeze'), `refused for another reason: ${String(refused)}`);
    await facts(world, 'clear', 'freeze');
    await write({ path: at('thawed.txt'), content: 'x' });
    see(there(at('thawed.txt')), 'after the freeze nothing was written either');
    return `the edit stopped after ${beats} beats and nothing new was written; when the freeze was over, it was`;
  });

  await claim('a budget spent to zero denies', async () => {
    await publishBudget(world);
    const agent = await world.agent('Collector');
    const session = await world.toolSession(agent);
    for (const name of ['one', 'two', 'three']) {
      const made = await session.call('create_directory', { path: at(name) });
      see(!made.isError && there(at(name)), `the folder ${name} was not made: ${made.text}`);
    }
    const fourth = await session.call('create_directory', { path: at('four') });
    await session.close();
    see(fourth.isError && !there(at('four')), `the fourth folder: ${fourth.text}`);
    see(fourth.text.includes('limit'), `refused for another reason: ${fourth.text}`);
    return `three folders a day were allowed and are there; the fourth is not: ${fourth.text.split('\n')[0]}`;
  });

  await claim('a sub-agent gets a mandate and is stopped exactly at its bound', async () => {
    const planner = await world.agent('Lead');
    const helper = await world.agent('Helper');
    const out = at('out');
    await mkdir(out, { recursive: true });
    const given = await world.cli([
      'mandates',
      'grant',
      '--data',
      world.data,
      '--from',
      planner.subject,
      '--to',
      helper.subject,
      '--may',
      `files in ${out}`,
      '--budget',
      'new_folders=1',
      '--depth',
      '0',
      '--for',
      '1h',
      '--yes',
      '--json',
    ]);
    see(given.code === 0, `the mandate was not granted: ${given.stderr}${given.stdout}`);
    const parent = await openExecution(createDoor(planner.plane, planner.plane.pinned), {
      action: 'licet/session',
      arguments: {},
      child: { agent: helper.subject, jkt: jwkThumbprint(publicHalf(helper.key)) },
      claim: { grade: 'in-process', confine: 'none', bound: ['input', 'resource'] },
    });
    const below = { parent: parent.executionId };
    const write = writerOf(helper.plane);
    const door = createDoor(helper.plane, helper.plane.pinned);
    const make = guard(door, 'files/create_directory', (args: { path: string }) => mkdir(args.path));
    const said = (run: Promise<unknown>): Promise<string> =>
      run.then(
        () => 'done',
        (error: unknown) => (error instanceof Denied ? error.code : String(error)),
      );
    const steps = [
      await said(write({ path: join(out, 'draft.txt'), content: 'x' }, below)),
      await said(write({ path: at('beyond.txt'), content: 'x' }, below)),
      await said(make({ path: join(out, 'first') }, below)),
      await said(make({ path: join(out, 'second') }, below)),
    ];
    const done = [join(out, 'draft.txt'), at('beyond.txt'), join(out, 'first'), join(out, 'second')].map(
      there,
    );
    see(
      done.join() === 'true,false,true,false',
      `on disk: ${done.join(', ')}; the plane said ${steps.join(', ')}`,
    );
    const { id } = JSON.parse(given.stdout) as { readonly id: string };
    const ended = await world.cli(['mandates', 'revoke', id, '--data', world.data, '--yes', '--json']);
    see(ended.code === 0, `the mandate was not revoked: ${ended.stderr}${ended.stdout}`);
    const after = await said(write({ path: join(out, 'late.txt'), content: 'x' }, below));
    see(!there(join(out, 'late.txt')), 'after its mandate was revoked the helper still wrote');
    await parent.report({ status: 'completed' });
    return `it wrote in ${out} and nowhere else (${steps[1]}), made one folder of one (${steps[3]}), and nothing after the mandate was revoked (${after})`;
  });
};

/** A governed way to write a file, in this process. */
const writerOf = (plane: Agent['plane']) =>
  guard(createDoor(plane, plane.pinned), 'files/write_file', (args: { path: string; content: string }) =>
    writeFile(args.path, args.content),
  );

async function facts(world: World, ...words: readonly string[]): Promise<void> {
  const ran = await world.cli(['facts', ...words, '--data', world.data, '--json']);
  see(ran.code === 0, `facts ${words.join(' ')} ended with ${ran.code}: ${ran.stderr}${ran.stdout}`);
}

/** Publishes the policy in force with a budget of three new folders a day for each agent, as its author would. */
async function publishBudget(world: World): Promise<void> {
  const folder = join(world.folder, 'policy');
  const words = ['--workspace', world.workspace, '--program', join(world.folder, 'bin', 'busy-tree')];
  const made = await world.cli(['policy', 'init', folder, '--data', world.data, ...words, '--json']);
  see(made.code === 0, `policy init ended with ${made.code}: ${made.stderr}`);
  const file = join(folder, 'bundle.json');
  const head = JSON.parse(await readFile(file, 'utf8')) as {
    readonly actions: Readonly<Record<string, object>>;
  };
  const actions = {
    ...head.actions,
    'files/create_directory': {
      ...head.actions['files/create_directory'],
      meters: [{ limit: 'new_folders' }],
    },
  };
  const limits = { new_folders: { kind: 'count', per: 'agent', max: 3, window: '1d' } };
  await writeFile(file, `${JSON.stringify({ ...head, actions, limits }, null, 2)}\n`);
  const published = await world.cli(['policy', 'publish', folder, '--data', world.data, '--yes', '--json']);
  see(published.code === 0, `publish ended with ${published.code}: ${published.stderr}${published.stdout}`);
}
