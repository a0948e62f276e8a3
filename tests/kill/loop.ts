/**
 * The kill loop: start the server, load it, SIGKILL at a random moment, audit what is on disk, start again, ask every
 * question again that got no answer. Which moments it hits is chance; what must hold holds at all of them.
 */
import type { Answer, PinnedPlane, PrivateJwk } from '@licet/api';
import {
  clientOf,
  fsck,
  known,
  makeFolders,
  registerAgent,
  startServer,
  type Folders,
} from '../support/server-process.ts';
import { audit, decisionOf, type Audit } from './audit.ts';
import { acknowledge, client, newLedger, noteAnswer, redeem, rivals, type Ledger } from './load.ts';

/** What a loop did; `violations` must be empty. */
export interface KillReport {
  readonly kills: number;
  readonly entries: number;
  readonly permits: number;
  readonly starts: number;
  readonly acknowledged: number;
  /** Questions that got no answer, and how many of those had been decided before the kill. */
  readonly unanswered: number;
  readonly decidedUnseen: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}

const CLIENTS = 16;
/** `licet log fsck` is a process of its own: too slow for every round. */
const FSCK_EVERY = 5;

/** Kills a loaded server `kills` times, each within `withinMs` of its first answer. */
export async function killLoop(kills: number, withinMs = 500): Promise<KillReport> {
  const folders = makeFolders('kill');
  const ledger = newLedger();
  let count = 0;
  let unanswered = 0;
  let decidedUnseen = 0;
  let server = await startServer(folders);
  let last: Audit | undefined;
  try {
    const plane = await known(folders);
    const operator = await clientOf(plane, server.url, { token: plane.operatorToken });
    const key = await registerAgent(operator, 'a-load');
    const rivalKeys: PrivateJwk[] = [];
    for (let round = 0; round < kills; round += 1)
      rivalKeys.push(await registerAgent(operator, `a-rival-${round}`));
    await operator.close();
    for (let round = 0; round < kills; round += 1) {
      const agent = await clientOf(plane, server.url, { key });
      if (last !== undefined) decidedUnseen += await askAgain(ledger, agent, last);
      const rival = await clientOf(plane, server.url, { key: rivalKeys[round]! });
      const stop = new AbortController();
      const load = Array.from({ length: CLIENTS }, () =>
        client(ledger, agent, folders.workspace, () => (count += 1), stop.signal),
      );
      await firstAnswer(ledger, load);
      load.push(rivals(ledger, rival, folders.workspace));
      await new Promise((resolve) => setTimeout(resolve, Math.random() * withinMs));
      await server.kill();
      stop.abort();
      await Promise.all(load);
      await Promise.all([agent.close(), rival.close()]);
      unanswered += ledger.unanswered.length + ledger.unansweredRedeems.length;
      last = await look(folders, ledger, round);
      if (ledger.violations.length > 0) break;
      server = await startServer(folders);
    }
    // The questions of the last kill, too, are asked again; then the log is looked at once more.
    if (ledger.violations.length === 0 && last !== undefined) {
      const agent = await clientOf(plane, server.url, { key });
      decidedUnseen += await askAgain(ledger, agent, last);
      await agent.close();
      await server.stop();
      last = await look(folders, ledger, 0);
    }
  } finally {
    await server.kill();
    folders.remove();
  }
  return {
    kills,
    entries: last?.size ?? 0,
    permits: last?.permits ?? 0,
    starts: last?.starts ?? 0,
    acknowledged: ledger.acknowledged.size,
    unanswered,
    decidedUnseen,
    refused: Object.fromEntries(ledger.refused),
    violations: ledger.violations,
  };
}

/** Resolves when the server has answered one more time, or every client has given up. */
async function firstAnswer(ledger: Ledger, load: readonly Promise<void>[]): Promise<void> {
  const before = ledger.acknowledged.size;
  let over = false;
  void Promise.all(load).then(() => (over = true));
  while (ledger.acknowledged.size === before && !over) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Audits, and now and then has the command judge the same files. */
async function look(folders: Folders, ledger: Ledger, round: number): Promise<Audit> {
  if (round % FSCK_EVERY === 0) await fsck(folders);
  return audit(folders.data, ledger);
}

/** Asks each open question twice: the same decision each time, and the one in the log where one was made. */
export async function askAgain(ledger: Ledger, agent: PinnedPlane, last: Audit): Promise<number> {
  const { unanswered, unansweredRedeems } = ledger;
  ledger.unanswered = [];
  ledger.unansweredRedeems = [];
  let decidedBefore = 0;
  await eightAtATime(unanswered, async ({ request }) => {
    const before = decisionOf(last, agent.pinned.jkt, request.idempotencyKey);
    if (before !== undefined) decidedBefore += 1;
    const first = await patiently(() => agent.request(request));
    const second = await patiently(() => agent.request(request));
    noteAnswer(ledger, first, request.instance);
    noteAnswer(ledger, second, request.instance);
    if (first.executionId !== second.executionId)
      ledger.violations.push(`asked again, ${request.idempotencyKey} became another execution`);
    const indexes = [decisionIndex(ledger, first), decisionIndex(ledger, second)];
    for (const index of indexes)
      if (before !== undefined && index !== undefined && index !== before)
        ledger.violations.push(`${request.idempotencyKey} was decided at ${before} and again at ${index}`);
  });
  await eightAtATime(unansweredRedeems, async ({ permitted, instance }) => {
    await redeem(ledger, agent, permitted, instance);
  });
  return decidedBefore;
}

/** Asks again what a busy machine has refused before beginning it, as any caller would. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if ((error as { readonly code?: unknown }).code !== 'overloaded') throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function eightAtATime<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

/** Index of the decision that an answer shows. */
function decisionIndex(ledger: Ledger, answer: Answer): number | undefined {
  if (answer.verdict === 'allow') return acknowledge(ledger, answer.permit);
  return answer.refusal === undefined ? undefined : acknowledge(ledger, answer.refusal);
}
