/**
 * `npm run bench`: durable permits per second, over HTTP and in process, one and 64 in flight, each beside a bare
 * Fastify echo of the same body by the same client in the same minute. What counts is the ratio: machines differ, and
 * so do minutes. Writes `bench/out/latest.json`.
 *
 *     permit-…   a permit, decided, durable, proven            start-…   the same and started in the same commit
 *
 * LICET_BENCH_ROUNDS (default 5) rounds, each with a new plane, LICET_BENCH_MS (default 2,000) per stretch.
 */
import { spawn, execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { utf8 } from '@licet/evidence';
import { clientOf, known, makeFolders, registerAgent, startServer } from '../tests/support/server-process.ts';
import { httpCaller } from './http.ts';
import { cpuOf, load, median, WARM_UP_MS, type Stretch } from './load.ts';
import { aRequest } from './request.ts';
import { openSession } from './session.ts';

const EXECUTIONS = '/v1/executions';
const IN_FLIGHT = [1, 64] as const;

/** One row of the result: medians over the rounds. */
export interface Row extends Stretch {
  readonly name: string;
  /** Answers per second beside those of the echo with as many in flight. */
  readonly ratioToEcho: number;
}
type Round = Readonly<Record<string, Stretch>>;

export interface BenchResult {
  readonly machine: string;
  readonly at: string;
  readonly rounds: number;
  readonly rows: readonly Row[];
}

/** Measures, and writes `bench/out/latest.json`. */
export async function bench(rounds: number, forMs: number): Promise<BenchResult> {
  const measured: Round[] = [];
  for (let round = 0; round < rounds; round += 1) {
    // Another order every round: what comes first must not always be the colder one.
    const parts = [echoRound, httpRound, inProcessRound];
    const turned = [...parts.slice(round % 3), ...parts.slice(0, round % 3)];
    let whole: Round = {};
    for (const part of turned) whole = { ...whole, ...(await part(forMs)) };
    measured.push(whole);
  }
  const names = Object.keys(measured[0]!).toSorted();
  const of = (name: string, field: keyof Stretch): number => median(measured.map((one) => one[name]![field]));
  const rows = names.map((name): Row => {
    const echo = `echo-http-${name.endsWith('-64') ? 64 : 1}`;
    // Of each round its own ratio: the two were measured in the same minute.
    const ratios = measured.map((one) => one[name]!.perSecond / one[echo]!.perSecond);
    return {
      name,
      perSecond: Math.round(of(name, 'perSecond')),
      p50Ms: rounded(of(name, 'p50Ms'), 2),
      p99Ms: rounded(of(name, 'p99Ms'), 2),
      cpuUsPerRequest: Math.round(of(name, 'cpuUsPerRequest')),
      ratioToEcho: rounded(median(ratios), 3),
    };
  });
  const result = { machine: machine(), at: new Date().toISOString(), rounds, rows };
  const out = join(import.meta.dirname, 'out');
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'latest.json'), `${JSON.stringify(result, null, 2)}\n`);
  return result;
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));
/** What the numbers were measured on. */
export const machine = (): string =>
  `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}, ${process.platform}`;

async function echoRound(forMs: number): Promise<Round> {
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
    const round: Record<string, Stretch> = {};
    const stretch = async (inFlight: number, ms: number): Promise<Stretch> => {
      const http = httpCaller(url, inFlight);
      const echo = (n: number): Promise<unknown> =>
        http.post('/echo', {}, utf8(JSON.stringify(aRequest('/workspace', n, true))));
      const result = await load(echo, { inFlight, forMs: ms, cpuUs: () => cpuOf(child.pid!) });
      http.close();
      return result;
    };
    await stretch(64, WARM_UP_MS);
    for (const inFlight of IN_FLIGHT) round[`echo-http-${inFlight}`] = await stretch(inFlight, forMs);
    return round;
  } finally {
    child.kill();
    await gone;
  }
}

/** RULE 38 caps the permits that one identity leaves unspent: so many take turns, and every stretch brings its own. */
const AGENTS = 8;

async function httpRound(forMs: number): Promise<Round> {
  const folders = makeFolders('bench');
  const server = await startServer(folders);
  try {
    const plane = await known(folders);
    const operator = await clientOf(plane, server.url, { token: plane.operatorToken });
    let agents = 0;
    const stretch = async (inFlight: number, start: boolean, ms: number): Promise<Stretch> => {
      const http = httpCaller(server.url, inFlight);
      const sessions: Awaited<ReturnType<typeof openSession>>[] = [];
      for (let i = 0; i < AGENTS; i += 1) {
        const key = await registerAgent(operator, `a-bench-${(agents += 1)}`);
        sessions.push(await openSession(http, server.url, plane, key));
      }
      const ask = async (n: number): Promise<void> => {
        const headers = sessions[n % AGENTS]!;
        const body = utf8(JSON.stringify(aRequest(folders.workspace, n, start)));
        const answer = await http.post(EXECUTIONS, headers(EXECUTIONS, body), body);
        // A denial is an answer too, and would be measured as one.
        if (!answer.includes('"verdict":"allow"')) throw new Error(answer.toString());
      };
      const result = await load(ask, { inFlight, forMs: ms, cpuUs: () => cpuOf(server.pid) });
      http.close();
      return result;
    };
    await stretch(64, true, WARM_UP_MS);
    const round: Record<string, Stretch> = {};
    for (const [name, start] of [
      ['permit', false],
      ['start', true],
    ] as const)
      for (const inFlight of IN_FLIGHT)
        round[`${name}-http-${inFlight}`] = await stretch(inFlight, start, forMs);
    await operator.close();
    return round;
  } finally {
    await server.stop();
    folders.remove();
  }
}

async function inProcessRound(forMs: number): Promise<Round> {
  const folders = makeFolders('bench');
  try {
    const program = join(import.meta.dirname, 'in-process.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [program, folders.root, String(forMs)]);
    return JSON.parse(stdout) as Round;
  } finally {
    folders.remove();
  }
}

/** Returns the rows as a table for people. */
export function table({ rows }: BenchResult): string {
  const head = ['', 'per second', 'p50 ms', 'p99 ms', 'CPU µs', '× echo'];
  const lines = rows.map((row) => [
    row.name,
    String(row.perSecond),
    String(row.p50Ms),
    String(row.p99Ms),
    String(row.cpuUsPerRequest),
    String(row.ratioToEcho),
  ]);
  const widths = head.map((name, i) => Math.max(name.length, ...lines.map((line) => line[i]!.length)));
  return [head, ...lines]
    .map((line) =>
      line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
    )
    .join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const rounds = Number(process.env['LICET_BENCH_ROUNDS'] ?? 5);
  const result = await bench(rounds, Number(process.env['LICET_BENCH_MS'] ?? 2_000));
  console.log(`${result.machine}\n${table(result)}`);
}
