// A run of any size by many agents, made by asking a real plane: delegation, refusals, holds, halts. What pages show of
// it is compared with what is counted here.
import { join } from 'node:path';
import { base64url, jwkThumbprint } from '@licet/evidence';
import { newPrivateJwk, PlaneError, publicHalf, type ExecutionRequest, type PinnedPlane } from '@licet/api';
import { createDoor, openExecution, processMemory, type OpenedExecution } from '@licet/sdk';
import { aBundle } from './a-bundle.ts';
import type { Stage } from './browser.ts';

/** What was made, by the count of whoever made it. */
export interface MadeRun {
  readonly run: string;
  readonly executions: number;
  readonly agents: number;
  readonly denied: number;
  readonly held: number;
  readonly halted: number;
  /** One execution of each, to be opened by tests. */
  readonly aDenied: string;
  readonly aHeld: string;
  readonly aHalted: string;
  /** The session of a sub-agent: it has a cause and effects. */
  readonly aDelegate: string;
  /** Ends the sessions; until then they keep their leases. */
  close(): Promise<void>;
}

const DOOR = { grade: 'in-process', confine: 'none', bound: ['input', 'resource'] } as const;
const random = (): string => base64url(crypto.getRandomValues(new Uint8Array(16)));

/** Asks again where a busy machine could not decide in time: nothing has happened then. */
async function untilDecided<T>(ask: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof PlaneError && error.code === 'overloaded')) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
}

interface Worker {
  readonly subject: string;
  readonly client: PinnedPlane;
  /** What its executions happen below: its own session, or the one in which another agent spawned it. */
  readonly session: OpenedExecution;
}

/** Makes a run. Denials of one run above 20 a minute would contain it, so the rule is taken out of the bundle first. */
export async function aRun(
  stage: Stage,
  size: { readonly agents: number; readonly executions: number },
): Promise<MadeRun> {
  await publishWithoutLimits(stage);
  const workers: Worker[] = [];
  // One memory for all doors of this process: they are one party.
  const memory = processMemory();
  for (let at = 0; at < size.agents; at += 1) {
    const key = await newPrivateJwk();
    const made = await stage.operator.register({
      kind: 'agent',
      name: at === 0 ? 'Planner' : `Worker ${at}`,
      groups: ['assistants'],
      keys: [publicHalf(key)],
      for: 'u-owner',
      root: { perDay: 1_000, concurrent: 64 },
    });
    if (made.verdict !== 'done' || made.subject === undefined)
      throw new Error(`no agent: ${JSON.stringify(made)}`);
    const client = await stage.plane.as({ key });
    const boss = workers[Math.floor((at - 1) / 6)];
    const door = boss?.client ?? client;
    const session = await openExecution(
      createDoor(door, { ...door.pinned, memory }, { deadlineMs: 30_000 }),
      {
        action: 'licet/session',
        arguments: {},
        claim: DOOR,
        ...(boss === undefined
          ? {}
          : {
              parent: boss.session.executionId,
              child: { agent: made.subject, jkt: jwkThumbprint(publicHalf(key)) },
            }),
      },
    );
    workers.push({ subject: made.subject, client, session });
  }
  let [executions, denied, held, halted] = [workers.length, 0, 0, 0];
  let [aDenied, aHeld, aHalted] = ['', '', ''];
  const one = async (order: number): Promise<void> => {
    const { client, session } = workers[order % workers.length]!;
    const kind =
      order % 41 === 7 ? 'deny' : order % 97 === 11 ? 'hold' : order % 131 === 17 ? 'halt' : 'allow';
    const path = join(stage.workspace, `f${order}.txt`);
    const instance = random();
    const request: ExecutionRequest = {
      action: kind === 'hold' ? 'files/move_file' : 'files/write_file',
      arguments:
        kind === 'hold'
          ? { source: path, destination: `${path}.moved` }
          : { path: kind === 'deny' ? `/outside/f${order}.txt` : path, content: 'x' },
      parent: session.executionId,
      idempotencyKey: random(),
      instance,
      start: true,
      door: DOOR,
    };
    const answer = await untilDecided(() => client.request(request));
    if (answer.verdict === 'deny') {
      if (kind !== 'deny')
        throw new Error(`denied: ${answer.code}, its session: ${session.haltReason ?? 'runs'}`);
      denied += 1;
      aDenied ||= answer.executionId;
      return;
    }
    if (answer.verdict === 'hold') {
      held += 1;
      aHeld ||= answer.executionId;
      return;
    }
    if (kind === 'halt') {
      halted += 1;
      aHalted ||= answer.executionId;
    }
    await client.report(answer.executionId, { instance, status: kind === 'halt' ? 'halted' : 'completed' });
  };
  const left = size.executions - executions;
  for (let at = 0; at < left; at += 16) {
    const batch = Math.min(16, left - at);
    await Promise.all(Array.from({ length: batch }, (_, step) => one(at + step)));
    executions += batch;
  }
  return {
    run: workers[0]!.session.run,
    executions,
    agents: workers.length,
    denied,
    held,
    halted,
    aDenied,
    aHeld,
    aHalted,
    aDelegate: workers[1]?.session.executionId ?? '',
    async close() {
      for (const { session } of workers.toReversed()) await session.report({ status: 'completed' });
      for (const { client } of workers) await client.close();
    },
  };
}

async function publishWithoutLimits(stage: Stage): Promise<void> {
  const published = await stage.operator.publish(...(await aBundle(stage, () => ({ containment: [] }))));
  if (published.verdict !== 'done') throw new Error(`not published: ${JSON.stringify(published)}`);
}
