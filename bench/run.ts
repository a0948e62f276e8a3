/**
 * `npm run bench`: durable permits per second, over HTTP, over the unix socket and in process, with 1, 64 and 256 in
 * flight, each beside a bare Fastify echo and Cerbos' check in the same minute. What counts is the ratio: machines
 * differ, and so do minutes. Writes `bench/out/latest.json` and from it the tables and the plot of `docs/BENCHMARKS.md`.
 *
 *     npm run bench                 3 rounds, about 7 minutes; nothing else should run
 *     npm run bench -- --quick      1 short round, less than 2 minutes; writes nothing
 *     npm run bench -- --million    also with 10^6 entries in the log: minutes more
 *
 * LICET_BENCH_STORE: the address of an empty PostgreSQL schema, in place of a server of the run's own.
 * LICET_BENCH_ROUNDS, LICET_BENCH_MS (per row).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { median, WARM_UP_MS } from './load.ts';
import { table, writePage } from './page.ts';
import { rowsOf, type BenchResult, type Round } from './result.ts';
import {
  cerbosRound,
  echoRound,
  growth,
  inProcessRound,
  postgresRound,
  productRound,
  singleRound,
  type Times,
} from './rounds.ts';

const quick = process.argv.includes('--quick');
const million = process.argv.includes('--million');
const rounds = Number(process.env['LICET_BENCH_ROUNDS'] ?? (quick ? 1 : 3));
const times: Times = {
  warmUpMs: quick ? 1_500 : WARM_UP_MS,
  forMs: Number(process.env['LICET_BENCH_MS'] ?? (quick ? 800 : 2_000)),
};
const policies = quick ? [20, 200] : [20, 200, 2_000];
const entries = quick ? [1_000] : million ? [1_000, 100_000, 1_000_000] : [1_000, 100_000];

/** A part that fails is said aloud and leaves its rows out; what the others found is kept, and the exit code is 1. */
async function tried(name: string, part: () => Promise<Round>): Promise<Round> {
  try {
    return await part();
  } catch (error) {
    process.stderr.write(`${name} failed, and is left out: ${String(error).slice(0, 2_000)}\n`);
    process.exitCode = 1;
    return {};
  }
}

const before = loadavg()[0]!;
const measured: Round[] = [];
for (let number = 0; number < rounds; number += 1) {
  // Another order every round: what comes first must not always be the colder one.
  const parts = { echoRound, productRound, inProcessRound, cerbosRound, postgresRound, singleRound };
  const all = Object.entries(parts);
  let round: Round = {};
  for (const [name, part] of [...all.slice(number % all.length), ...all.slice(0, number % all.length)]) {
    process.stderr.write(`round ${number + 1} of ${rounds}: ${name}\n`);
    round = { ...round, ...(await tried(name, () => part(times))) };
  }
  measured.push(round);
}
process.stderr.write('growth\n');
measured[0] = { ...measured[0], ...(await tried('growth', () => growth(times, policies, entries))) };

const result: BenchResult = {
  machine: `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}, ${process.platform}`,
  at: new Date().toISOString(),
  rounds,
  load: [Number(before.toFixed(1)), Number(loadavg()[0]!.toFixed(1))],
  rows: rowsOf(measured, median),
};
console.log(`${result.machine}\nload average ${result.load.join(' → ')}\n${table(result.rows)}`);
const out = join(import.meta.dirname, 'out');
mkdirSync(out, { recursive: true });
// A quick look is not a measurement to keep.
const name = quick ? 'quick.json' : 'latest.json';
writeFileSync(join(out, name), `${JSON.stringify(result, null, 2)}\n`);
if (!quick) await writePage();
