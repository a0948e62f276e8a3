/**
 * Where the time of a permit goes: the server under load with Node's sampling profiler in every thread, self time by
 * part, then the functions of this repository that take most. `node bench/profile.ts [seconds] [in flight]`
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '@licet/evidence';
import { clientOf, known, makeFolders, registerAgent, startServer } from '../tests/support/server-process.ts';
import { httpCaller } from './http.ts';
import { cpuOf, load, threadsOf, WARM_UP_MS } from './load.ts';
import { aRequest } from './request.ts';
import { openSession } from './session.ts';

const EXECUTIONS = '/v1/executions';
const ROOT = join(import.meta.dirname, '..');

interface Frame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: Frame;
    readonly children?: readonly number[];
  }[];
  /** Microseconds of the monotonic clock, which all processes of a machine share. */
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** From when to when, microseconds of the monotonic clock: what was done to start is no part of a permit. */
interface Window {
  readonly from: number;
  readonly to: number;
}
const monotonicUs = (): number => Number(process.hrtime.bigint() / 1_000n);

/** Parts by who owns the code, the first that matches; a native function belongs to whoever called it. */
const PARTS: readonly (readonly [string, RegExp])[] = [
  ['Cedar', /cedar-wasm|wasm:\/\//],
  ['canonical form, JSON in', /evidence\/src\/(canonical|json|shape|bytes)\.ts/],
  ['hash', /evidence\/src\/(sha256|node|merkle|frontier)\.ts|@noble\/hashes/],
  ['sign, seal', /evidence\/src\/(note|signing)\.ts|store\/src\/seal\.ts|log\/src\/signer\.ts/],
  ['SQLite', /packages\/store\/|node:sqlite/],
  ['policy around Cedar', /packages\/policy\/|node_modules\/ajv/],
  ['plane', /packages\/control-plane\//],
  ['evidence, the rest', /packages\/evidence\//],
  ['log', /packages\/log\//],
  [
    'HTTP',
    /node_modules\/(fastify|@fastify|find-my-way|avvio|light-my-request)|node:(_http|http|net|internal\/stream)|packages\/(api|server)\//,
  ],
];

interface Share {
  readonly name: string;
  readonly ms: number;
}

const placeOf = ({ url, functionName, lineNumber }: Frame): string =>
  `${url.replace('file://', '').replace(`${ROOT}/`, '')}:${lineNumber + 1} ${functionName}`;

/** Self time by part and by function of one thread, milliseconds. */
function read(
  path: string,
  { from, to }: Window,
): {
  readonly parts: readonly Share[];
  readonly functions: readonly Share[];
  /** With all that they call; these overlap. */
  readonly inclusive: readonly Share[];
  readonly ms: number;
} {
  const { nodes, samples, timeDeltas, startTime } = JSON.parse(readFileSync(path, 'utf8')) as Profile;
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parent = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
  const parts = new Map<string, number>();
  const functions = new Map<string, number>();
  const inclusive = new Map<string, number>();
  const add = (map: Map<string, number>, name: string, ms: number): unknown =>
    map.set(name, (map.get(name) ?? 0) + ms);
  let total = 0;
  let at = startTime;
  samples.forEach((id, i) => {
    const ms = timeDeltas[i]! / 1_000;
    at += timeDeltas[i]!;
    if (at < from || at > to) return;
    const { functionName } = byId.get(id)!.callFrame;
    if (functionName === '(idle)' || functionName === '(program)' || functionName === '(root)') return;
    total += ms;
    if (functionName === '(garbage collector)') return void add(parts, 'garbage collection', ms);
    const above = new Set<string>();
    for (let node: number | undefined = id; node !== undefined; node = parent.get(node)) {
      const { callFrame } = byId.get(node)!;
      if (callFrame.url.includes('/packages/')) above.add(placeOf(callFrame));
    }
    for (const place of above) add(inclusive, place, ms);
    // Upwards until somebody owns it: `crypto.hash` inside `sha256.ts` is the hash's, not Node's.
    for (let node: number | undefined = id; node !== undefined; node = parent.get(node)) {
      const { url } = byId.get(node)!.callFrame;
      const part = PARTS.find(([, pattern]) => pattern.test(url));
      if (part === undefined) continue;
      add(parts, part[0], ms);
      return void add(functions, placeOf(byId.get(node)!.callFrame), ms);
    }
    add(parts, 'other', ms);
  });
  const shares = (map: Map<string, number>): readonly Share[] =>
    [...map].map(([name, ms]) => ({ name, ms })).toSorted((a, b) => b.ms - a.ms);
  return { parts: shares(parts), functions: shares(functions), inclusive: shares(inclusive), ms: total };
}

const [seconds = '5', inFlight = '64'] = process.argv.slice(2);
const profiles = mkdtempSync(join(tmpdir(), 'licet-profile-'));
const folders = makeFolders('profile');
const { pid, asked, refused, stretch, window, cpuBefore, cpuAfter } = await underLoad();

/** Starts the server, loads it, and ends it whatever happens. */
async function underLoad() {
  const server = await startServer(folders, ['--cpu-prof', `--cpu-prof-dir=${profiles}`]);
  const { pid } = server;
  const http = httpCaller(server.url, Number(inFlight));
  let [asked, refused] = [0, 0];
  try {
    const plane = await known(folders);
    const operator = await clientOf(plane, server.url, { token: plane.operatorToken });
    const key = await registerAgent(operator, 'a-bench');
    await operator.close();
    const headers = await openSession(http, server.url, plane, key);
    const ask = async (n: number): Promise<void> => {
      const body = utf8(JSON.stringify(aRequest(folders.workspace, n, true)));
      const answer = await http
        .post(EXECUTIONS, headers(EXECUTIONS, body), body)
        .then(String, ({ message }: Error) => message);
      if (answer.includes('"verdict":"allow"')) asked += 1;
      // Refused unbegun: under the profiler a server is slow, and says so.
      else if (answer.includes('"overloaded"')) refused += 1;
      else throw new Error(answer);
    };
    const options = { inFlight: Number(inFlight), cpuUs: () => cpuOf(pid) };
    await load(ask, { ...options, forMs: WARM_UP_MS });
    [asked, refused] = [0, 0];
    const cpuBefore = threadsOf(pid);
    const from = monotonicUs();
    const stretch = await load(ask, { ...options, forMs: Number(seconds) * 1_000 });
    const window = { from, to: monotonicUs() };
    return { pid, asked, refused, stretch, window, cpuBefore, cpuAfter: threadsOf(pid) };
  } finally {
    http.close();
    await server.stop();
  }
}

console.log(
  `${asked} permits with start (${refused} refused as too many), ${stretch.perSecond.toFixed(0)} answers per second, ${stretch.cpuUsPerRequest.toFixed(0)} µs CPU each, under the profiler\n`,
);
console.log(
  'CPU of the threads, µs a permit (sampled shares below count waiting too: for fsync, for a core):',
);
for (const [id, { name, us }] of cpuAfter) {
  const each = (us - (cpuBefore.get(id)?.us ?? 0)) / asked;
  if (each >= 1) console.log(`  ${each.toFixed(0).padStart(6)}  ${name} ${id === pid ? '(main)' : id}`);
}
console.log('');
for (const file of readdirSync(profiles).toSorted()) {
  const { parts, functions, inclusive, ms } = read(join(profiles, file), window);
  console.log(`thread ${file.split('.').at(-3)}: ${ms.toFixed(0)} ms of work`);
  for (const { name, ms: own } of parts)
    console.log(`  ${((own / ms) * 100).toFixed(1).padStart(5)} %  ${name}`);
  console.log('');
  for (const [title, list] of [
    ['own', functions],
    ['with what they call', inclusive],
  ] as const) {
    console.log(`  ${title}`);
    for (const { name, ms: took } of list.slice(0, 20))
      console.log(
        `  ${((took / ms) * 100).toFixed(1).padStart(5)} %  ${((took * 1_000) / asked).toFixed(0).padStart(5)} µs  ${name}`,
      );
  }
  console.log('');
}
rmSync(profiles, { recursive: true, force: true });
folders.remove();
