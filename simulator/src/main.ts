/**
 * `npm run simulate -- --seed=7 [--steps=80]` runs one seed, `--seeds=FROM..TO` a range. A seed that breaks a promise
 * prints what broke, the last steps, and the one command that repeats it; the exit code is then 1.
 */
import { simulate, type SimulationReport } from './simulate.ts';

const TRACE_LINES = 60;

function options(argv: readonly string[]): {
  readonly from: number;
  readonly to: number;
  readonly steps: number;
  readonly verbose: boolean;
} {
  const named = new Map(argv.map((word) => [word.split('=')[0]!, word.split('=')[1] ?? '']));
  const unknown = [...named.keys()].find(
    (name) => !['--seed', '--seeds', '--steps', '--verbose'].includes(name),
  );
  const [from, to] = (
    named.get('--seeds') ?? `${named.get('--seed') ?? '1'}..${named.get('--seed') ?? '100'}`
  )
    .split('..')
    .map(Number);
  const steps = Number(named.get('--steps') ?? 80);
  if (unknown !== undefined || ![from, to, steps].every((value) => Number.isSafeInteger(value)))
    throw new Error('expected --seed=N or --seeds=FROM..TO, and --steps=N');
  return { from: from!, to: to!, steps, verbose: named.has('--verbose') };
}

function show(report: SimulationReport): void {
  console.log(`seed ${report.seed}: ${report.violations.length} broken promise(s)`);
  for (const violation of report.violations.slice(0, 10)) console.log(`  ${violation}`);
  console.log(`last of ${report.trace.length} lines:`);
  for (const line of report.trace.slice(-TRACE_LINES)) console.log(`  ${line}`);
  console.log(`again: npm run simulate -- --seed=${report.seed} --steps=${report.steps}`);
}

async function main(): Promise<number> {
  const { from, to, steps, verbose } = options(process.argv.slice(2));
  const began = performance.now();
  const totals: Record<string, number> = {};
  let failed = 0;
  for (let seed = from; seed <= to; seed += 1) {
    const report = await simulate({ seed, steps });
    for (const [name, count] of Object.entries(report.counts)) totals[name] = (totals[name] ?? 0) + count;
    if (verbose) for (const line of report.trace) console.log(line);
    if (report.violations.length > 0) {
      failed += 1;
      show(report);
    } else if (from === to) console.log(`seed ${seed}: size ${report.size}, root ${report.root}`);
  }
  const seconds = (performance.now() - began) / 1_000;
  const seeds = to - from + 1;
  console.log(
    `${seeds} seed(s) of ${steps} steps in ${seconds.toFixed(1)} s (${(seeds / seconds).toFixed(1)} a second): ${failed} broken`,
  );
  console.log(
    Object.entries(totals)
      .map(([name, count]) => `${count} ${name}`)
      .join(', '),
  );
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
