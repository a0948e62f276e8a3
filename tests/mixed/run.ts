/**
 * Goal: a plane that is used for a long time holds no more at the end than after its first minutes. Method: real server
 * processes, one on SQLite and two replicas over PostgreSQL, under a mixed and paced load at the same time; each is looked
 * at every five seconds from inside and from outside; then the logs are read. `node tests/mixed/run.ts MINUTES`, for
 * `npm run soak -- mixed`. The last line is the verdict.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { newPrivateJwk, publicHalf, type Answer, type ExecutionRequest, type PinnedPlane } from '@licet/api';
import { hasPostgres, startCluster } from '../../packages/store/test/cluster.ts';
import { audit } from '../kill/audit.ts';
import { noteAnswer, newLedger, redeem, type Ledger } from '../kill/load.ts';
import {
  clientOf,
  fsck,
  known,
  makeFolders,
  registerAgent,
  startServer,
  type Folders,
  type Known,
  type ServerProcess,
} from '../support/server-process.ts';
import { verdictOf, type Sample } from './verdict.ts';

const minutes = Number(process.argv[2] ?? 2);
const SAMPLER = new URL('./sampler.ts', import.meta.url).href;
const WATCHED = ['--expose-gc', '--import', SAMPLER];
/** Between two steps of one worker. Paced: a leak shows by the number of requests, not by their speed. */
const PACE_MS = 250;
const WORKERS = 2;
const FOLLOW_MS = 20_000;
const DOOR = { grade: 'gateway', confine: 'none' } as const;
const nonce = (): string => randomBytes(16).toString('base64url');

interface Watched {
  readonly server: ServerProcess;
  readonly samples: Sample[];
}

interface System {
  readonly name: string;
  readonly folders: Folders & { remove(): void };
  readonly plane: Known;
  readonly watched: readonly Watched[];
  readonly ledger: Ledger;
  /** What was done, by kind. */
  readonly done: Map<string, number>;
}

async function aSystem(name: string, replicas: number, store?: string): Promise<System> {
  const folders = makeFolders(`mixed-${name}`);
  const base: Folders = { ...folders, ...(store === undefined ? {} : { store }) };
  const watched: Watched[] = [{ server: await startServer(base, WATCHED), samples: [] }];
  for (let n = 1; n < replicas; n += 1) {
    const data = join(folders.root, `replica-${n}`);
    mkdirSync(data, { mode: 0o700 });
    for (const file of ['plane.json', 'keys', 'store.json'])
      cpSync(join(folders.data, file), join(data, file), { recursive: true });
    watched.push({ server: await startServer({ ...base, data }, WATCHED), samples: [] });
  }
  return {
    name,
    folders,
    plane: await known(folders),
    watched,
    ledger: newLedger(),
    done: new Map(),
  };
}

/** Adds what was measured since the last look. */
function look({ folders, watched }: System): void {
  for (const { server, samples } of watched) {
    let lines: readonly string[];
    try {
      lines = readFileSync(join(folders.root, `samples-${server.pid}.jsonl`), 'utf8')
        .trim()
        .split('\n');
    } catch {
      // Nothing yet; a process without samples has no verdict.
      continue;
    }
    const descriptors = readdirSync(`/proc/${server.pid}/fd`).length;
    for (const line of lines.slice(samples.length))
      samples.push({ ...(JSON.parse(line) as Omit<Sample, 'descriptors'>), descriptors });
  }
}

const aRequest = ({ workspace }: Folders, more: Partial<ExecutionRequest> = {}): ExecutionRequest => ({
  action: 'files/write_file',
  arguments: { path: join(workspace, `f-${Math.floor(Math.random() * 500)}.txt`), content: 'x'.repeat(300) },
  idempotencyKey: nonce(),
  instance: nonce(),
  start: true,
  door: DOOR,
  ...more,
});

/** Does one thing that people and agents do; returns its name. */
async function step(system: System, n: number, agent: PinnedPlane, operator: PinnedPlane): Promise<string> {
  const { folders, ledger } = system;
  switch (n % 8) {
    case 0: {
      const request = aRequest(folders, { start: false });
      const answer = await agent.request(request);
      noteAnswer(ledger, answer, request.instance);
      if (answer.verdict === 'allow') {
        const instance = nonce();
        if ((await redeem(ledger, agent, answer, instance)) === true)
          await agent.report(answer.executionId, { instance, status: 'completed' });
      }
      return 'redeemed';
    }
    case 1: {
      const request = aRequest(folders, { arguments: { path: '/etc/passwd', content: 'x' } });
      noteAnswer(ledger, await agent.request(request), request.instance);
      return 'denied';
    }
    case 2:
    case 3: {
      const path = join(folders.workspace, `m-${n}`);
      const request = aRequest(folders, {
        action: 'files/move_file',
        arguments: { source: path, destination: `${path}-2` },
        start: false,
      });
      const held = await agent.request(request);
      if (held.verdict !== 'hold') throw new Error(`not held: ${JSON.stringify(held)}`);
      const verdict = n % 8 === 2 ? 'approve' : 'reject';
      const { hold } = await operator.execution(held.executionId);
      await operator.approve(held.executionId, { hold: hold!.leaf, group: 'operators', verdict });
      const instance = nonce();
      const again = (): Promise<Answer> =>
        agent.decide(held.executionId, { idempotencyKey: nonce(), instance, start: true });
      let answer = await again();
      // What a person said at one replica the other hears a moment later; until then it is held there.
      while (answer.verdict === 'hold') {
        await sleep(PACE_MS);
        answer = await again();
      }
      if ((answer.verdict === 'allow') !== (verdict === 'approve'))
        throw new Error(`${verdict}, and then ${answer.verdict}`);
      if (answer.verdict === 'allow')
        await agent.report(answer.executionId, { instance, status: 'completed' });
      return verdict === 'approve' ? 'approved' : 'rejected';
    }
    case 4: {
      // Somebody new, who is taken away again.
      const key = await newPrivateJwk();
      const root = { perDay: 10, concurrent: 10 };
      const made = await operator.register({
        kind: 'agent',
        name: 'One',
        groups: ['assistants'],
        for: 'u-owner',
        keys: [publicHalf(key)],
        root,
      });
      if (made.verdict !== 'done') throw new Error(made.code);
      await operator.changeIdentity(made.subject!, 'revoke', {});
      return 'revoked';
    }
    case 5: {
      const request = aRequest(folders);
      const answer = await agent.request(request);
      noteAnswer(ledger, answer, request.instance);
      if (answer.verdict !== 'allow') throw new Error(answer.code);
      const { instance } = request;
      const renewed = await agent.renew(answer.executionId, { instance, counter: 1, nonce: nonce() });
      await agent.report(answer.executionId, { instance, status: 'completed' });
      return renewed.verdict;
    }
    case 6: {
      const request = aRequest(folders);
      const answer = await agent.request(request);
      if (answer.verdict !== 'allow') throw new Error(answer.code);
      const contained = await operator.contain({ kind: 'execution', id: answer.executionId });
      if (contained.verdict === 'done') await operator.lift(contained.leaf!);
      return 'contained';
    }
    default:
      await operator.executions({ limit: 20 });
      await operator.health();
      return 'looked';
  }
}

/** Follows the log as the console does, and comes anew from time to time. */
async function follow(system: System, operator: PinnedPlane, until: number): Promise<void> {
  let after = -1;
  while (performance.now() < until) {
    const end = AbortSignal.timeout(FOLLOW_MS);
    try {
      for await (const { index } of operator.events({ after, signal: end })) {
        if (after >= 0 && index <= after) throw new Error(`event ${index} after ${after}`);
        after = index;
        count(system, 'event');
      }
    } catch (error) {
      if (!end.aborted) throw error;
    }
  }
}

const count = ({ done }: System, what: string): void => void done.set(what, (done.get(what) ?? 0) + 1);

async function use(system: System, until: number): Promise<void> {
  const { plane, watched } = system;
  const client = (n: number, credential: Parameters<typeof clientOf>[2]): Promise<PinnedPlane> =>
    clientOf(plane, watched[n % watched.length]!.server.url, credential);
  const token = plane.operatorToken;
  const operators = await Promise.all(watched.map((_, n) => client(n, { token })));
  const agents: PinnedPlane[] = [];
  for (let n = 0; n < WORKERS * watched.length; n += 1)
    agents.push(await client(n, { key: await registerAgent(operators[0]!, `a-mixed-${n}`) }));
  const workers = agents.map(async (agent, at) => {
    for (let n = at; performance.now() < until; n += 1) {
      try {
        // The operator sits at the other replica.
        count(system, await step(system, n, agent, operators[(at + 1) % operators.length]!));
      } catch (error) {
        // Refused before it was begun, on a machine that does other things too: no answer, and no permit.
        const { code } = error as { readonly code?: string };
        if (code !== 'overloaded' && !/contended|overload/.test(String(error))) throw error;
        count(system, 'busy');
      }
      await sleep(PACE_MS);
    }
  });
  await Promise.all([...workers, ...operators.map((operator) => follow(system, operator, until))]);
  for (const one of [...agents, ...operators]) await one.close();
}

/** Bytes of SQLite's write-ahead log; a database keeps its own. */
function walOf({ folders }: System): number {
  const files = readdirSync(folders.data).filter((name) => name.endsWith('-wal'));
  return files.reduce((sum, name) => sum + statSync(join(folders.data, name)).size, 0);
}

const cluster = hasPostgres ? await startCluster() : undefined;
const systems: System[] = [];
try {
  systems.push(await aSystem('sqlite', 1));
  if (cluster !== undefined) systems.push(await aSystem('postgresql', 2, cluster.url('mixed')));
  const until = performance.now() + minutes * 60_000;
  let mostWal = 0;
  const looking = (async () => {
    while (performance.now() < until) {
      await sleep(5_000);
      for (const system of systems) look(system);
      mostWal = Math.max(mostWal, walOf(systems[0]!));
    }
  })();
  await Promise.all([looking, ...systems.map((system) => use(system, until))]);
  const verdicts = [];
  for (const system of systems) {
    const { name, folders, watched, ledger, done } = system;
    for (const { server } of watched) await server.stop();
    // The log is whole, and everything that was acknowledged is in it, once.
    const { size, permits, starts } = await audit(folders.data, ledger);
    if ((await fsck(folders)).size !== size) throw new Error(`${name}: fsck counts otherwise`);
    const processes = watched.map(({ samples }) => verdictOf(samples));
    const log = { entries: size, permits, starts, violations: ledger.violations };
    verdicts.push({ store: name, done: Object.fromEntries(done), log, processes });
  }
  const holds =
    cluster !== undefined &&
    verdicts.every(
      ({ log, processes }) =>
        log.violations.length === 0 && processes.every(({ leaks }) => leaks.length === 0),
    );
  const mostWalMb = Math.round((mostWal / 1_048_576) * 100) / 100;
  console.log(JSON.stringify({ minutes, holds, mostWalMb, systems: verdicts }));
  process.exitCode = holds ? 0 : 1;
} finally {
  for (const { watched, folders } of systems) {
    for (const { server } of watched) await server.kill();
    folders.remove();
  }
  await cluster?.dispose();
}
