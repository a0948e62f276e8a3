/**
 * The parts of a round. Each starts what it measures as a process of its own, with new folders, warms it, and ends it:
 * what is measured has the machine to itself, but for the load generator, which is this process.
 */
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { utf8 } from '@licet/evidence';
import { hasPostgres, startCluster } from '../packages/store/test/cluster.ts';
import { clientOf, known, makeFolders, registerAgent, startServer } from '../tests/support/server-process.ts';
import { CHECK, checkOf, startCerbos } from './cerbos.ts';
import { httpCaller, type HttpCaller } from './http.ts';
import type { Work } from './in-process.ts';
import { cpuOf, load, type Stretch } from './load.ts';
import { aRequest } from './request.ts';
import type { Round } from './result.ts';
import { openSession } from './session.ts';

/** Milliseconds: before anything is measured, and for each row. */
export interface Times {
  readonly warmUpMs: number;
  readonly forMs: number;
}

const EXECUTIONS = '/v1/executions';
const IN_FLIGHT = [1, 64, 256] as const;
/** RULE 38 caps the permits that one identity leaves unspent: so many take turns, and every stretch brings its own. */
const AGENTS = 8;
/** Times that one request is asked before the machine is too busy to measure anything on it. */
const TRIES = 20;
const PAUSE_MS = 50;
/** As much text as a request of the product carries. */
const CONTENT = 'x'.repeat(600);

/** A bare Fastify that sends the same body back. */
export async function echoRound({ warmUpMs, forMs }: Times): Promise<Round> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'echo.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = new Promise((resolve) => child.once('close', resolve));
  try {
    const line = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).once('line', resolve);
      child.once('close', (code) => reject(new Error(`the echo ended with ${code}`)));
    });
    const { url } = JSON.parse(line) as { readonly url: string };
    const echo = (http: HttpCaller, n: number): Promise<unknown> =>
      http.post('/echo', {}, utf8(JSON.stringify(aRequest('/workspace', n, true))));
    return await overHttp('echo-http', url, child.pid!, echo, { warmUpMs: warmUpMs / 2, forMs });
  } finally {
    child.kill();
    await gone;
  }
}

/** Cerbos' check; nothing where it cannot be had. */
export async function cerbosRound(times: Times): Promise<Round> {
  const cerbos = await startCerbos();
  if (cerbos === undefined) return {};
  try {
    const check = async (http: HttpCaller, n: number): Promise<void> => {
      const answer = await http.post(CHECK, {}, utf8(checkOf(n, CONTENT)));
      if (!answer.includes('EFFECT_ALLOW')) throw new Error(answer.toString());
    };
    return await overHttp('cerbos-http', cerbos.url, cerbos.pid, check, times);
  } finally {
    await cerbos.stop();
  }
}

async function overHttp(
  name: string,
  url: string,
  pid: number,
  once: (http: HttpCaller, n: number) => Promise<unknown>,
  { warmUpMs, forMs }: Times,
): Promise<Round> {
  const stretch = async (inFlight: number, ms: number): Promise<Stretch> => {
    const http = httpCaller(url, inFlight);
    const result = await load((n) => once(http, n), { inFlight, forMs: ms, cpuUs: () => cpuOf(pid) });
    http.close();
    return result;
  };
  await stretch(64, warmUpMs);
  const round: Record<string, Stretch> = {};
  for (const inFlight of IN_FLIGHT) round[`${name}-${inFlight}`] = await stretch(inFlight, forMs);
  return round;
}

/** The product over HTTP and over its unix socket, on SQLite. */
export async function productRound({ warmUpMs, forMs }: Times): Promise<Round> {
  const folders = makeFolders('bench');
  const server = await startServer(folders);
  try {
    const plane = await known(folders);
    const operator = await clientOf(plane, server.url, { token: plane.operatorToken });
    let agents = 0;
    const stretch = async (
      way: 'http' | 'unix',
      inFlight: number,
      start: boolean,
      ms: number,
    ): Promise<Stretch> => {
      // Calls over the socket are signed for the name that its clients use.
      const url = way === 'http' ? server.url : 'http://localhost';
      const http = httpCaller(url, inFlight, way === 'http' ? undefined : join(folders.data, 'plane.sock'));
      const sessions: Awaited<ReturnType<typeof openSession>>[] = [];
      for (let i = 0; i < AGENTS; i += 1) {
        const key = await registerAgent(operator, `a-bench-${(agents += 1)}`);
        sessions.push(await openSession(http, url, plane, key));
      }
      const ask = async (n: number): Promise<void> => {
        const headers = sessions[n % AGENTS]!;
        for (let tries = 1; ; tries += 1) {
          const body = utf8(JSON.stringify(aRequest(folders.workspace, n, start)));
          const answer = await http
            .post(EXECUTIONS, headers(EXECUTIONS, body), body)
            .then(String, ({ message }: Error) => message);
          if (answer.includes('"verdict":"allow"')) return;
          // What an overloaded machine could not decide in time is asked again, as a caller would, on the same clock.
          // Any other denial is an answer too, and would be measured as one.
          if (tries === TRIES || !/"code":"(contended|overloaded)"/.test(answer)) throw new Error(answer);
          // Refused unbegun: a real caller would wait the second that it is told.
          if (answer.includes('"overloaded"')) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        }
      };
      const result = await load(ask, { inFlight, forMs: ms, cpuUs: () => cpuOf(server.pid) });
      http.close();
      return result;
    };
    await stretch('http', 64, true, warmUpMs);
    // The path of one alone is another one (Cedar is asked in the main thread): it too is warm before it is measured.
    await stretch('http', 1, true, warmUpMs / 2);
    const round: Record<string, Stretch> = {};
    for (const inFlight of IN_FLIGHT)
      round[`permit-http-${inFlight}`] = await stretch('http', inFlight, false, forMs);
    for (const inFlight of [1, 64]) {
      round[`permit-unix-${inFlight}`] = await stretch('unix', inFlight, false, forMs);
      round[`start-http-${inFlight}`] = await stretch('http', inFlight, true, forMs);
    }
    await operator.close();
    return round;
  } finally {
    await server.stop();
    folders.remove();
  }
}

/** The product in process, on SQLite. */
export function inProcessRound({ warmUpMs, forMs }: Times): Promise<Round> {
  const permits = IN_FLIGHT.map((inFlight) => ({
    name: `permit-inprocess-${inFlight}`,
    inFlight,
    start: false,
  }));
  const starts = [1, 64].map((inFlight) => ({ name: `start-inprocess-${inFlight}`, inFlight, start: true }));
  return inChild({ warmUpMs, forMs, stretches: [...permits, ...starts] });
}

/**
 * The product in process, on PostgreSQL: that of LICET_BENCH_STORE (an empty schema of it), else one of its own, where
 * the machine has the programs. CPU is the plane's alone, without the server's.
 */
export async function postgresRound({ warmUpMs, forMs }: Times): Promise<Round> {
  const stretches = [1, 64].map((inFlight) => ({
    name: `permit-postgres-${inFlight}`,
    inFlight,
    start: false,
  }));
  const given = process.env['LICET_BENCH_STORE'];
  if (given !== undefined) return inChild({ warmUpMs, forMs, stretches, store: given });
  if (!hasPostgres) {
    process.stderr.write('without PostgreSQL: its programs are not on this machine; its rows are left out\n');
    return {};
  }
  const cluster = await startCluster();
  try {
    return await inChild({ warmUpMs, forMs, stretches, store: cluster.url('bench') });
  } finally {
    await cluster.dispose();
  }
}

/** How the cost of a decision grows with the policies in force, of which 20 apply, and with the log. */
export async function growth(
  times: Times,
  policies: readonly number[],
  entries: readonly number[],
): Promise<Round> {
  let round: Round = {};
  const one = async (name: string, more: Pick<Work, 'policies' | 'entries'>): Promise<void> => {
    const stretches = [{ name, inFlight: 64, start: false }];
    round = { ...round, ...(await inChild({ ...times, stretches, ...more })) };
  };
  for (const count of policies) await one(`permit-inprocess-64-policies-${count}`, { policies: count });
  for (const count of entries) await one(`permit-inprocess-64-entries-${count}`, { entries: count });
  return round;
}

/** What one thread does without a plane around it. */
export async function singleRound({ forMs }: Times): Promise<Round> {
  return JSON.parse(await child('single.ts', String(forMs))) as Round;
}

async function inChild(work: Omit<Work, 'root'>): Promise<Round> {
  const folders = makeFolders('bench');
  try {
    return JSON.parse(await child('in-process.ts', JSON.stringify({ ...work, root: folders.root }))) as Round;
  } finally {
    folders.remove();
  }
}

async function child(program: string, argument: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(import.meta.dirname, program),
    argument,
  ]);
  return stdout;
}
