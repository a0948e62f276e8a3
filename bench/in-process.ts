/**
 * Durable permits without HTTP, in a process of its own so that its time is its own: opens a plane, asks it through the
 * client that applications use, prints one line of JSON. Its one argument is {@link Work} as JSON.
 */
import { join } from 'node:path';
import { newPrivateJwk, publicHalf, type PlaneClient } from '@licet/api';
import type { Json } from '@licet/evidence';
import { assembleBundle, starterPolicy, testFiles } from '@licet/policy';
import { openPlane, OWNER, readPlaneFolder, readSeed, signBundle, statePaths } from '@licet/server';
import { load, ownCpu, type Stretch } from './load.ts';
import { aRequest } from './request.ts';

/** What is to be measured. */
export interface Work {
  readonly root: string;
  readonly warmUpMs: number;
  readonly forMs: number;
  readonly stretches: readonly {
    readonly name: string;
    readonly inFlight: number;
    readonly start: boolean;
  }[];
  /** Policies in force, of which about 20 apply. Default: the starter's. */
  readonly policies?: number;
  /** Entries that the log holds before anything is measured. */
  readonly entries?: number;
  /** PostgreSQL instead of SQLite: its address. */
  readonly store?: string;
}

const { root, warmUpMs, forMs, stretches, policies, entries, store } = JSON.parse(process.argv[2]!) as Work;
const workspace = join(root, 'workspace');
const [data, stateDir] = [join(root, 'data'), join(root, 'state')];
const place = store === undefined ? {} : { store };
const plane = await openPlane({
  ...place,
  data,
  stateDir,
  workspace,
  solo: true,
  socket: false,
  deadlineMs: 60_000,
});
const operator = await plane.as({ token: plane.operatorToken! });
/** RULE 38 caps the permits that one identity leaves unspent: so many take turns, and every stretch brings its own. */
const AGENTS = 8;
/** Times that one request is asked before the machine is too busy to measure anything on it. */
const TRIES = 20;
const BUSY: readonly string[] = ['contended', 'overloaded'];
/** What was refused unbegun is asked again later; a real caller would wait the second that it is told. */
const PAUSE_MS = 50;
/** Policies that bear on the request that is measured. */
const APPLY = 20;
const PER_FILE = 500;
let agents = 0;

async function anAgent(): Promise<PlaneClient> {
  const key = await newPrivateJwk();
  const registered = await operator.register({
    subject: `a-bench-${(agents += 1)}`,
    kind: 'agent',
    name: 'bench',
    groups: ['assistants'],
    for: OWNER,
    keys: [publicHalf(key)],
    root: { perDay: 10_000_000, concurrent: 10_000_000 },
  });
  if (registered.verdict !== 'done') throw new Error(registered.code);
  return plane.as({ key });
}

async function stretch(inFlight: number, start: boolean, ms: number): Promise<Stretch> {
  const clients = await Promise.all(Array.from({ length: AGENTS }, anAgent));
  const ask = async (n: number): Promise<void> => {
    for (let tries = 1; ; tries += 1) {
      const answer = await clients[n % AGENTS]!.request(aRequest(workspace, n, start)).catch(
        (error: { readonly code?: string }) => error,
      );
      if ('verdict' in answer && answer.verdict === 'allow') return;
      // What an overloaded machine could not decide in time is asked again, on the same clock.
      const { code = '' } = answer as { readonly code?: string };
      if (tries === TRIES || !BUSY.includes(code)) throw new Error(`not permitted: ${code}`);
      if (code === 'overloaded') await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  };
  return load(ask, { inFlight, forMs: ms, cpuUs: ownCpu });
}

/** Publishes the starter with further permits: some for the action that is measured, the others for another one. */
async function publish(count: number): Promise<void> {
  const { origin, tenant, vkeys } = await readPlaneFolder(data);
  const files = starterPolicy({ workspace, origin, tenant });
  const own = assembleBundle(files).policies.flatMap(
    ({ text }) => text.match(/^(?:permit|forbid) /gm) ?? [],
  ).length;
  const more = Array.from({ length: Math.max(0, count - own) }, (_, i) => {
    const action = i < APPLY ? 'files/write_file' : 'files/read_file';
    return `@id("more-${i}")\npermit (principal in AgentGroup::"team-${i}", action == Action::"${action}", resource in Folder::"/srv/${i}");\n`;
  });
  // A file of policies has at most 200,000 characters.
  const parts = Array.from({ length: Math.ceil(more.length / PER_FILE) }, (_, i) => [
    `more-${i}.cedar`,
    more.slice(i * PER_FILE, (i + 1) * PER_FILE).join('\n'),
  ]);
  const bundle = assembleBundle({ ...files, ...Object.fromEntries(parts) });
  const seed = await readSeed(statePaths(stateDir, origin).authorSeed);
  const next = { ...bundle, version: bundle.version + 1 };
  const signed = signBundle(next, seed, vkeys.author) as unknown as Json;
  const answer = await operator.publish(signed, testFiles(files));
  if (answer.verdict !== 'done') throw new Error(`not published: ${JSON.stringify(answer)}`);
}

/** Makes the log longer, by the cheapest entry there is: the refusal of an action that no bundle describes. */
async function fill(size: number): Promise<void> {
  const clients = await Promise.all(Array.from({ length: AGENTS }, anAgent));
  let left = size - (await plane.status()).size;
  await Promise.all(
    Array.from({ length: 512 }, async (_, n) => {
      while (left-- > 0)
        await clients[n % AGENTS]!.request({ ...aRequest(workspace, n, false), action: 'bench/unknown' });
    }),
  );
}

if (policies !== undefined) await publish(policies);
if (entries !== undefined) await fill(entries);
await stretch(64, true, warmUpMs);
const result: Record<string, Stretch> = {};
for (const { name, inFlight, start } of stretches) {
  // The path of one alone is another one: it too is warm before it is measured.
  if (inFlight === 1) await stretch(inFlight, start, warmUpMs / 2);
  result[name] = await stretch(inFlight, start, forMs);
}
await plane.close();
process.stdout.write(`${JSON.stringify(result)}\n`);
