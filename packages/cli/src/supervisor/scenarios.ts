// The fixed scenarios (RULE 46). Each runs a real governed execution, and beside it the same deed without a door.
import { randomBytes } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { base64url } from '@licet/evidence';
import { Denied, guard, Halted, openExecution, type Door } from '@licet/sdk';
import type { PlaneClient } from '@licet/api';
import { see, until } from '../demo/claim.ts';
import { there } from '../demo/world.ts';
import { impostor } from './impostor.ts';
import type { Recorder } from './recorder.ts';
import { freeTree, processesOf } from './sides.ts';
import type { Theatre } from './theatre.ts';

/** What a button does. `run` ends the recorder itself. */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly what: string;
  /** Whether it needs a living plane; the others show what a dead one means. */
  readonly needsPlane: boolean;
  run(theatre: Theatre, recorder: Recorder): Promise<void>;
}

const CLAIM = { grade: 'in-process', confine: 'none', bound: ['input', 'resource'] } as const;
type FileArguments = { readonly path: string; readonly content: string };

/** Ends a run with how the call failed; rethrows what is no refusal. */
async function refused(
  theatre: Theatre,
  recorder: Recorder,
  error: unknown,
  checked: string,
  free: string,
): Promise<void> {
  if (!(error instanceof Denied)) throw error;
  recorder.say(`door → ${error.code}: ${error.reason}`);
  // The door may refuse what the plane permitted: then it ends at Execute, and the decision stands.
  const decided = recorder.view.stages[1]!.state === 'done';
  const facts = [
    ['Door says', error.code],
    ['Why', error.reason],
  ] as const;
  recorder.stage(
    decided ? 'Execute' : 'Decision',
    'stopped',
    decided || recorder.view.executionId === undefined ? facts : [],
  );
  recorder.stage('Report', 'done', [
    ['The agent is told', error.code],
    ['Next', error.next],
  ]);
  recorder.end('deny', checked, free, await theatre.look());
}

const write = (recorder: Recorder, door: Door) =>
  guard(door, 'files/write_file', (args: FileArguments) => {
    recorder.say(`effect → write ${args.path}`);
    return writeFile(args.path, args.content);
  });
const post = async (url: string, body: string): Promise<void> => {
  await (await fetch(url, { method: 'POST', body })).text();
};
const thrown = (done: Promise<unknown>): Promise<unknown> =>
  done.then(
    () => undefined,
    (error: unknown) => error ?? new Error('it failed without a reason'),
  );

const permitted: Scenario = {
  id: 'permitted',
  title: 'Permitted',
  what: 'Writes a plan into the workspace.',
  needsPlane: false,
  async run(theatre, recorder) {
    const { standing, standingDoor } = theatre;
    const content = 'oats, then Ada\n';
    const door = { ...standingDoor, client: recorder.tap(standing.plane) };
    await writeFile(join(theatre.free.workspace, 'plan.txt'), content);
    const error = await thrown(
      write(recorder, door)({ path: join(theatre.governed.workspace, 'plan.txt'), content }),
    );
    if (error !== undefined)
      return refused(
        theatre,
        recorder,
        error,
        'No file was written, because nobody could permit it.',
        'Wrote plan.txt: nobody was asked.',
      );
    recorder.end(
      'allow',
      'plan.txt is on disk with exactly the committed text.',
      'Wrote plan.txt too. Nothing says who did, or why.',
      await theatre.look(),
    );
  },
};

const denied: Scenario = {
  id: 'denied',
  title: 'Denied',
  what: 'Overwrites a file outside the workspace.',
  needsPlane: false,
  async run(theatre, recorder) {
    const { standing, standingDoor } = theatre;
    const content = 'overwritten by an agent\n';
    await writeFile(join(theatre.free.outside, 'secret.txt'), content);
    const door = { ...standingDoor, client: recorder.tap(standing.plane) };
    const error = await thrown(
      write(recorder, door)({ path: join(theatre.governed.outside, 'secret.txt'), content }),
    );
    await refused(
      theatre,
      recorder,
      error,
      'secret.txt is untouched; the refusal is in the log.',
      'Overwrote secret.txt.',
    );
  },
};

const held: Scenario = {
  id: 'held',
  title: 'Needs approval',
  what: 'Moves a file, which a person has to approve.',
  needsPlane: true,
  async run(theatre, recorder) {
    const agent = await theatre.agent();
    const name = `draft-${recorder.view.id}.txt`;
    const at = (folder: string, file: string): string => join(folder, file);
    for (const side of [theatre.governed, theatre.free])
      await writeFile(at(side.workspace, name), 'a draft\n');
    await rename(at(theatre.free.workspace, name), at(theatre.free.workspace, `final-${name}`));
    recorder.set({ before: await theatre.look() });
    const stop = new AbortController();
    const cleanup = (): void => stop.abort();
    theatre.cleanups.add(cleanup);
    const door = theatre.door(recorder.tap(agent.plane), agent);
    const move = guard(
      door,
      'files/move_file',
      (args: { readonly source: string; readonly destination: string }) =>
        rename(args.source, args.destination),
    );
    const error = await thrown(
      move(
        {
          source: at(theatre.governed.workspace, name),
          destination: at(theatre.governed.workspace, `final-${name}`),
        },
        { signal: stop.signal },
      ),
    );
    theatre.cleanups.delete(cleanup);
    if (error !== undefined)
      return refused(
        theatre,
        recorder,
        error,
        'The file stayed where it was: nobody approved the move.',
        'Moved it at once; nobody was asked.',
      );
    recorder.end(
      'allow',
      'The file stayed until the approval was in the log, and then moved.',
      'Moved it at once; nobody was asked.',
      await theatre.look(),
    );
  },
};

const replayed: Scenario = {
  id: 'replayed',
  title: 'Replayed permit',
  what: 'Places an order, then uses the same permit again.',
  needsPlane: true,
  async run(theatre, recorder) {
    const agent = await theatre.agent();
    const plane = recorder.tap(agent.plane);
    const url = `${theatre.target.url}/governed/orders`;
    const body = `one order ${recorder.view.id}`;
    for (let twice = 0; twice < 2; twice += 1) await post(`${theatre.target.url}/free/orders`, body);
    const answer = await plane.request({
      action: 'http/post',
      arguments: { url, body },
      idempotencyKey: random(),
      instance: random(),
      door: CLAIM,
    });
    see(answer.verdict === 'allow', `no permit: ${JSON.stringify(answer)}`);
    const spend = async (instance: string): Promise<string> => {
      const spent = await plane.redeem(answer.executionId, { permit: answer.permit, instance, door: CLAIM });
      if (spent.verdict !== 'started') return spent.code;
      await post(url, body);
      return 'started';
    };
    const [first, second] = [random(), random()];
    see((await spend(first)) === 'started', 'the first use was refused');
    const again = await spend(second);
    see(again !== 'started', 'the second use was let through');
    // A replay contains its run, so the outcome of the first use may come late; it is reported all the same.
    await plane
      .report(answer.executionId, { instance: first, status: 'completed' })
      .catch((error: unknown) => recorder.say(`outcome → ${String(error)}`));
    recorder.stage('Report', 'done', [['Second use', again]]);
    recorder.end(
      'deny',
      `The order arrived once; the second use was refused: ${again}.`,
      'The order arrived twice.',
      await theatre.look(),
    );
  },
};

const altered: Scenario = {
  id: 'altered',
  title: 'Altered argument',
  what: 'Asks for an order of 10, then tries to send 9,999.',
  needsPlane: true,
  async run(theatre, recorder) {
    const agent = await theatre.agent();
    const url = (side: string): string => `${theatre.target.url}/${side}/orders`;
    await post(url('free'), 'order 9,999');
    const tapped = recorder.tap(agent.plane);
    // Between agent and plane somebody swaps the question; the permit that comes back is for the small order.
    const swapped = new Proxy(tapped, {
      get(target, name) {
        const member = Reflect.get(target, name) as unknown;
        if (name !== 'request')
          return typeof member === 'function'
            ? (member as (...words: unknown[]) => unknown).bind(target)
            : member;
        return (
          body: Parameters<PlaneClient['request']>[0],
          options: Parameters<PlaneClient['request']>[1],
        ) => target.request({ ...body, arguments: { url: url('governed'), body: 'order 10' } }, options);
      },
    });
    const error = await thrown(
      openExecution(theatre.door(swapped, agent), {
        action: 'http/post',
        arguments: { url: url('governed'), body: 'order 9,999' },
        claim: CLAIM,
      }).then((execution) => post(String(execution.args['url']), String(execution.args['body']))),
    );
    await refused(
      theatre,
      recorder,
      error,
      'Nothing arrived: the permit commits to other arguments, and the door computed that itself.',
      'An order of 9,999 arrived.',
    );
  },
};

const revoked: Scenario = {
  id: 'revoked',
  title: 'Revoked in mid-run',
  what: 'Writes on and on; then its identity is revoked.',
  needsPlane: true,
  async run(theatre, recorder) {
    const agent = await theatre.agent();
    const freeStop = beat(join(theatre.free.workspace, 'shift.txt'));
    theatre.cleanups.add(freeStop);
    let beats = 0;
    const path = join(theatre.governed.workspace, 'shift.txt');
    const work = guard(
      theatre.door(recorder.tap(agent.plane), agent),
      'files/write_file',
      async (args: FileArguments, { signal }) => {
        while (!signal.aborted) {
          beats += 1;
          await writeFile(args.path, `beat ${beats}\n`);
          await pause(100);
        }
        throw signal.reason as Error;
      },
    );
    const running = thrown(work({ path, content: 'beat 0' }));
    see(await until(() => beats > 8, 8_000), 'the work never began');
    recorder.say('operator → revokes the agent');
    const revoking = performance.now();
    const answer = await (await theatre.world.operator()).changeIdentity(agent.subject, 'revoke');
    see(answer.verdict === 'done', `revoking answered ${JSON.stringify(answer)}`);
    const error = await running;
    see(error instanceof Halted, `it ended with ${String(error)}`);
    const tookMs = Math.round(performance.now() - revoking);
    recorder.stage('Execute', 'stopped', [
      ['Stopped by', error.code],
      ['After', `${tookMs} ms`],
      ['Beats', String(beats)],
    ]);
    // A revoked identity is heard by nobody, its report neither: the plane ends the execution by itself.
    const operator = await theatre.world.operator();
    const { executionId } = recorder.view;
    see(executionId !== undefined, 'nothing was started');
    await until(async () => (await operator.execution(executionId)).outcome !== undefined, 15_000, 250);
    const { outcome } = await operator.execution(executionId);
    await operator.close();
    see(outcome !== undefined, 'the plane did not end it');
    recorder.stage('Audit', 'done', [['Outcome', `entry ${outcome.index}`]], outcome);
    recorder.stage('Report', 'done', [
      ['Status', outcome.status],
      ...(outcome.reason === undefined ? [] : [['Reason', outcome.reason] as const]),
    ]);
    const how =
      error.code === 'lease_ended'
        ? 'when its lease ran out: a revoked key renews nothing'
        : `by order (${error.code})`;
    recorder.end(
      'contain',
      `It stopped ${tookMs} ms after the revocation, at beat ${beats}, ${how}.`,
      'Still writing: nothing tells it to stop.',
      await theatre.look(),
    );
  },
};

const contained: Scenario = {
  id: 'contained',
  title: 'Contained tree',
  what: 'Starts 21 stubborn processes; then its run is contained.',
  needsPlane: true,
  async run(theatre, recorder) {
    const { world } = theatre;
    const agent = await theatre.agent();
    const tree = freeTree(theatre.program, theatre.free.workspace);
    theatre.cleanups.add(() => tree.stop());
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
      theatre.program,
      world.workspace,
    ]);
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
    const cleanup = (): void => void child.kill('SIGTERM');
    theatre.cleanups.add(cleanup);
    const up = await until(async () => (await processesOf(world.workspace)).length >= 16, 25_000, 200);
    see(up, `the processes did not come up: ${output.slice(0, 400)}`);
    const operator = await world.operator();
    const { items } = await operator.executions({
      agent: agent.subject,
      action: 'shell/exec',
      state: 'running',
    });
    const one = items[0];
    see(one !== undefined, 'the command is not among the running executions');
    recorder.set({ executionId: one.executionId, before: await theatre.look() });
    recorder.stage(
      'Decision',
      'done',
      [
        ['Verdict', 'permitted'],
        ['Policies', one.reasons.join(', ')],
      ],
      one.decision,
    );
    recorder.stage(
      'Authorize',
      'done',
      one.permit === undefined
        ? []
        : [
            ['Permit', `entry ${one.permit.index}`],
            ['Confined by', one.confine],
          ],
      one.permit,
    );
    const before = (await processesOf(world.workspace)).length;
    recorder.stage('Execute', 'busy', [['Processes', String(before)]], one.start);
    recorder.say(`operator → contain run:${one.run}`);
    const began = performance.now();
    const answer = await operator.contain({ kind: 'run', id: one.run });
    see(answer.verdict === 'done', `containing answered ${JSON.stringify(answer)}`);
    const gone = await until(async () => (await processesOf(world.workspace)).length === 0, 10_000, 50);
    const tookMs = Math.round(performance.now() - began);
    await ended;
    theatre.cleanups.delete(cleanup);
    const left = (await processesOf(world.workspace)).length;
    see(gone && left === 0, `${left} processes are alive`);
    const after = await operator.execution(one.executionId);
    recorder.stage('Execute', 'stopped', [
      ['Left', '0'],
      ['After', `${tookMs} ms`],
    ]);
    if (after.outcome !== undefined)
      recorder.stage('Audit', 'done', [['Outcome', `entry ${after.outcome.index}`]], after.outcome);
    recorder.stage('Report', 'done', [
      ['Status', after.state],
      ...(after.outcome?.reason === undefined ? [] : [['Reason', after.outcome.reason] as const]),
    ]);
    const freeLeft = (await processesOf(theatre.free.workspace)).length;
    recorder.end(
      'contain',
      `${before} processes before, none in the process list ${tookMs} ms after.`,
      `${freeLeft} processes run on; nothing stops them.`,
      await theatre.look(),
    );
  },
};

const forged: Scenario = {
  id: 'forged',
  title: 'Forged answer',
  what: 'Somebody else answers “yes” in the plane’s place.',
  needsPlane: true,
  async run(theatre, recorder) {
    const agent = await theatre.agent();
    const path = join(theatre.governed.workspace, 'forged.txt');
    await writeFile(join(theatre.free.workspace, 'forged.txt'), 'believed it\n');
    const liar = impostor(agent.plane);
    const error = await thrown(
      write(recorder, theatre.door(recorder.tap(liar), agent))({ path, content: 'believed it\n' }),
    );
    see(!there(path), 'forged.txt was written');
    await refused(
      theatre,
      recorder,
      error,
      'No file: the yes was not signed by the log that this door trusts.',
      'Believed it and wrote forged.txt.',
    );
  },
};

/** The scenarios in order of their keys. */
export const SCENARIOS: readonly Scenario[] = [
  permitted,
  denied,
  held,
  replayed,
  altered,
  revoked,
  contained,
  forged,
];

const random = (): string => base64url(randomBytes(16));
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Writes on and on, without a door; ended by a reset, or after a minute. */
function beat(path: string): () => void {
  let beats = 0;
  const timer = setInterval(() => {
    beats += 1;
    void writeFile(path, `beat ${beats}\n`);
    if (beats > 600) clearInterval(timer);
  }, 100);
  return () => clearInterval(timer);
}
