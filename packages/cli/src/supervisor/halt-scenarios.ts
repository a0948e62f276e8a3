// Scenarios of work that is stopped while it runs: its identity is revoked, or its run is contained with all that it
// started.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { guard, Halted } from '@licet/sdk';
import { see, until } from '../demo/claim.ts';
import { thrown, type Scenario } from './scenario.ts';
import { freeTree, processesOf } from './sides.ts';

export const revoked: Scenario = {
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
      async (args: { readonly path: string; readonly content: string }, { signal }) => {
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

export const contained: Scenario = {
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
