/**
 * Durable permits without HTTP, in a process of its own so that its time is its own: opens a plane on SQLite, asks it
 * through the client that applications use, prints one line of JSON. Arguments: folder, milliseconds per stretch.
 */
import { join } from 'node:path';
import { newPrivateJwk, publicHalf, type PlaneClient } from '@licet/api';
import { openPlane, OWNER } from '@licet/server';
import { load, ownCpu, WARM_UP_MS, type Stretch } from './load.ts';
import { aRequest } from './request.ts';

const [root, forMs] = process.argv.slice(2);
if (root === undefined) throw new Error('usage: in-process.ts FOLDER MILLISECONDS');
const workspace = join(root, 'workspace');
const plane = await openPlane({
  data: join(root, 'data'),
  stateDir: join(root, 'state'),
  workspace,
  solo: true,
  socket: false,
});
const operator = await plane.as({ token: plane.operatorToken! });
/** RULE 38 caps the permits that one identity leaves unspent: so many take turns, and every stretch brings its own. */
const AGENTS = 8;
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

async function stretch(inFlight: number, start: boolean, ms = Number(forMs)): Promise<Stretch> {
  const clients = await Promise.all(Array.from({ length: AGENTS }, anAgent));
  const ask = async (n: number): Promise<void> => {
    const answer = await clients[n % AGENTS]!.request(aRequest(workspace, n, start));
    if (answer.verdict !== 'allow') throw new Error(`not permitted: ${answer.code}`);
  };
  return load(ask, { inFlight, forMs: ms, cpuUs: ownCpu });
}

await stretch(64, true, WARM_UP_MS);
const result = {
  'permit-inprocess-1': await stretch(1, false),
  'permit-inprocess-64': await stretch(64, false),
  'start-inprocess-1': await stretch(1, true),
  'start-inprocess-64': await stretch(64, true),
};
await plane.close();
process.stdout.write(`${JSON.stringify(result)}\n`);
