// Goal: the main job runs unchanged on PostgreSQL. Method: `licet demo --once --json --store` on a server of its own, as
// many times as the argument says; every claim must hold. For `npm run soak`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startCluster } from '../../packages/store/test/cluster.ts';

interface Report {
  readonly ok: boolean;
  readonly claims: readonly { readonly name: string; readonly ok: boolean; readonly how: string }[];
}

const MAIN = join(import.meta.dirname, '..', '..', 'packages', 'cli', 'src', 'main.ts');
const rounds = Number(process.argv[2] ?? 1);
const cluster = await startCluster();
try {
  for (let round = 1; round <= rounds; round++) {
    const args = [MAIN, 'demo', '--once', '--json', '--store', cluster.url(`demo${round}`)];
    const demo = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [said] = await Promise.all([text(demo.stdout), once(demo, 'exit')]);
    const report = JSON.parse(said) as Report;
    for (const { name, ok, how } of report.claims) if (!ok) console.log(`FAILS ${name}: ${how}`);
    const held = report.claims.filter(({ ok }) => ok).length;
    console.log(JSON.stringify({ store: 'postgresql', held, of: report.claims.length }));
    if (!report.ok) process.exitCode = 1;
  }
} finally {
  await cluster.dispose();
}
